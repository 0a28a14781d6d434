-- Invalid indexes that nobody is building, of one table or of all.
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname !~ '^pg_'
    AND (:'table'::text IS NULL OR i.indrelid = pg_catalog.to_regclass(:'table'))
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS p
                    WHERE p.index_relid = i.indexrelid AND p.pid <> pg_catalog.pg_backend_pid())
