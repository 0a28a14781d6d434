select p.oid, p.pnpubid, n.nspname
  from pg_catalog.pg_publication_namespace as p
  join pg_catalog.pg_namespace as n on n.oid = p.pnnspid
