-- What the capture of the database may have to lock, all in one transaction.
SELECT pg_catalog.count(*) FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'i', 'I', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
