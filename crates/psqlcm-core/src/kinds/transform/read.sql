select t.oid, pg_catalog.format_type(t.trftype, null), l.lanname, nullif(t.trffromsql, 0)::pg_catalog.regprocedure::text,
       nullif(t.trftosql, 0)::pg_catalog.regprocedure::text
  from pg_catalog.pg_transform as t
  join pg_catalog.pg_language as l on l.oid = t.trflang
  join pg_catalog.pg_type as y on y.oid = t.trftype
  join pg_catalog.pg_namespace as n on n.oid = y.typnamespace
 where t.oid >= 16384 and n.nspname !~ '^pg_temp_'
