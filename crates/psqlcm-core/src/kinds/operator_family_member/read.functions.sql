select p.oid, p.amprocfamily, 'function ' || p.amprocnum,
       pg_catalog.format_type(p.amproclefttype, null) || ', ' || pg_catalog.format_type(p.amprocrighttype, null),
       'FUNCTION ' || p.amprocnum || ' (' || pg_catalog.format_type(p.amproclefttype, null) || ', '
         || pg_catalog.format_type(p.amprocrighttype, null) || ') ' || p.amproc::pg_catalog.oid::pg_catalog.regprocedure::text
  from pg_catalog.pg_amproc as p
 where p.oid >= 16384
   and not exists (select from pg_catalog.pg_depend as d where d.classid = 2603 and d.objid = p.oid and d.refclassid = 2616)
