select r.oid, r.prpubid, n.nspname, c.relname, null, null
  from pg_catalog.pg_publication_rel as r
  join pg_catalog.pg_class as c on c.oid = r.prrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
