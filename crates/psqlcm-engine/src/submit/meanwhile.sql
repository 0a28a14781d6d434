-- Objects of which another transaction has written a catalog row, and committed it, since a snapshot was taken: schema
-- and name. What others removed cannot be seen. A row's full transaction id is reckoned from the ages of both; what this
-- transaction and its savepoints wrote is still in progress.
WITH start AS (
    SELECT s.snapshot, pg_catalog.pg_snapshot_xmin(s.snapshot) AS oldest,
        pg_catalog.age(pg_catalog.pg_snapshot_xmin(s.snapshot)::pg_catalog.xid) AS age
    FROM (SELECT :'snapshot'::pg_catalog.pg_snapshot) AS s (snapshot)
), written AS (
    SELECT c.relnamespace AS namespace, coalesce(t.relname, c.relname) AS name, c.xmin AS xid
    FROM pg_catalog.pg_class AS c
    LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid LEFT JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
    UNION ALL
    SELECT c.relnamespace, c.relname, a.xmin
    FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid WHERE a.attnum > 0
    UNION ALL
    SELECT c.relnamespace, c.relname, o.xmin
    FROM pg_catalog.pg_constraint AS o JOIN pg_catalog.pg_class AS c ON c.oid = o.conrelid
    UNION ALL
    SELECT c.relnamespace, c.relname, t.xmin
    FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
    UNION ALL
    SELECT p.pronamespace, p.proname, p.xmin FROM pg_catalog.pg_proc AS p
    UNION ALL
    SELECT t.typnamespace, t.typname, t.xmin FROM pg_catalog.pg_type AS t
)
SELECT DISTINCT n.nspname, w.name
FROM start AS s
JOIN written AS w ON pg_catalog.age(w.xid) <= s.age
CROSS JOIN LATERAL (SELECT (s.oldest::text::numeric + s.age - pg_catalog.age(w.xid))::text::pg_catalog.xid8) AS x (id)
JOIN pg_catalog.pg_namespace AS n ON n.oid = w.namespace AND n.nspname !~ '^pg_'
WHERE NOT pg_catalog.pg_visible_in_snapshot(x.id, s.snapshot) AND pg_catalog.pg_xact_status(x.id) = 'committed'
