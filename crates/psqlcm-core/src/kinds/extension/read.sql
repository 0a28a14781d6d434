-- Of the extension's configuration tables (documentation 38.17.3) those that hold rows are named.
select e.oid, e.extname, e.extnamespace, n.nspname, e.extversion,
       (select pg_catalog.string_agg(c.oid::pg_catalog.regclass::text, ', ' order by c.oid)
          from pg_catalog.pg_class as c
         where c.oid = any (e.extconfig) and pg_catalog.pg_relation_size(c.oid) > 0)
  from pg_catalog.pg_extension as e
  join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
 where e.oid >= 16384
