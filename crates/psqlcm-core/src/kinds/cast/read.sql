-- A range type makes the casts to its multirange.
select c.oid, pg_catalog.format_type(c.castsource, null), pg_catalog.format_type(c.casttarget, null), c.castmethod,
       nullif(c.castfunc, 0)::pg_catalog.regprocedure::text, c.castcontext
  from pg_catalog.pg_cast as c
  join pg_catalog.pg_type as s on s.oid = c.castsource
  join pg_catalog.pg_type as t on t.oid = c.casttarget
  join pg_catalog.pg_namespace as sn on sn.oid = s.typnamespace
  join pg_catalog.pg_namespace as tn on tn.oid = t.typnamespace
 where c.oid >= 16384 and sn.nspname !~ '^pg_temp_' and tn.nspname !~ '^pg_temp_'
   and not exists (select from pg_catalog.pg_depend as d where d.classid = 2605 and d.objid = c.oid and d.deptype = 'i')
