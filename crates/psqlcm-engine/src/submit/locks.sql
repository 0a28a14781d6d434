-- The strongest lock that a process holds on each of the user's relations that other sessions see.
SELECT DISTINCT ON (n.nspname COLLATE "C", c.relname COLLATE "C")
    pg_catalog.format('%I.%I', n.nspname, c.relname),
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'i' THEN 'index'
        WHEN 'I' THEN 'partitioned index' WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
        WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'composite type' ELSE c.relkind::text END,
    m.words
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN (VALUES (1, 'AccessShareLock', 'ACCESS SHARE'), (2, 'RowShareLock', 'ROW SHARE'),
    (3, 'RowExclusiveLock', 'ROW EXCLUSIVE'), (4, 'ShareUpdateExclusiveLock', 'SHARE UPDATE EXCLUSIVE'),
    (5, 'ShareLock', 'SHARE'), (6, 'ShareRowExclusiveLock', 'SHARE ROW EXCLUSIVE'),
    (7, 'ExclusiveLock', 'EXCLUSIVE'), (8, 'AccessExclusiveLock', 'ACCESS EXCLUSIVE')) AS m (strength, mode, words)
    ON m.mode = l.mode
WHERE l.pid = :'pid'::integer AND l.granted AND l.locktype = 'relation'
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
    AND c.oid >= 16384 AND c.relkind <> 't' AND n.nspname !~ '^pg_'
    AND NOT (c.relname = :'table' OR EXISTS (SELECT FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid WHERE i.indexrelid = c.oid AND t.relname = :'table')
        OR EXISTS (SELECT FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_class AS t ON t.oid = d.refobjid
        WHERE d.objid = c.oid AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND t.relname = :'table'))
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C", m.strength DESC
