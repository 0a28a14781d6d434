select o.oid, o.amopfamily, 'operator ' || o.amopstrategy,
       pg_catalog.format_type(o.amoplefttype, null) || ', ' || pg_catalog.format_type(o.amoprighttype, null),
       'OPERATOR ' || o.amopstrategy || ' ' || o.amopopr::pg_catalog.regoperator::text
         || coalesce(' FOR ORDER BY ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(f.opfname), '')
  from pg_catalog.pg_amop as o
  left join pg_catalog.pg_opfamily as f on f.oid = o.amopsortfamily
  left join pg_catalog.pg_namespace as n on n.oid = f.opfnamespace
 where o.oid >= 16384
   and not exists (select from pg_catalog.pg_depend as d where d.classid = 2602 and d.objid = o.oid and d.refclassid = 2616)
