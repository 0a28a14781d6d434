-- Where a relation of the ledger's name stands; whether it is a ledger is for state.sql to say.
SELECT n.nspname
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = :'table' AND c.relkind = 'r' AND c.relpersistence = 'p'
ORDER BY n.nspname COLLATE "C"
