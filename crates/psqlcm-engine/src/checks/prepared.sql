-- The prepared transactions of this database.
SELECT pg_catalog.quote_literal(x.gid), x.owner FROM pg_catalog.pg_prepared_xacts AS x
WHERE x.database = pg_catalog.current_database()
ORDER BY x.prepared
