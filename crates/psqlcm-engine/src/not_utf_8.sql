-- Names and texts of the user's with bytes beyond ASCII: what they are of, and the bytes in hex.
SELECT what, pg_catalog.encode(pg_catalog.convert_to(pg_catalog.left(text, 200), 'SQL_ASCII'), 'hex')
FROM (
    SELECT 1 AS place, 'schema' AS what, nspname::text AS text FROM pg_catalog.pg_namespace WHERE oid >= 16384
    UNION ALL
    SELECT 2, 'relation', relname::text FROM pg_catalog.pg_class WHERE oid >= 16384
    UNION ALL
    SELECT 3, 'column', attname::text FROM pg_catalog.pg_attribute WHERE attrelid >= 16384 AND attnum > 0
    UNION ALL
    SELECT 4, 'type', typname::text FROM pg_catalog.pg_type WHERE oid >= 16384 AND typtype <> 'c' AND typelem = 0
    UNION ALL
    SELECT 5, 'function', proname::text FROM pg_catalog.pg_proc WHERE oid >= 16384
    UNION ALL
    SELECT 6, 'the body of a function', prosrc FROM pg_catalog.pg_proc WHERE oid >= 16384
    UNION ALL
    SELECT 7, 'constraint', conname::text FROM pg_catalog.pg_constraint WHERE oid >= 16384
    UNION ALL
    SELECT 8, 'label', enumlabel::text FROM pg_catalog.pg_enum
    UNION ALL
    SELECT 9, 'role', rolname::text FROM pg_catalog.pg_roles
    UNION ALL
    SELECT 10, 'comment', description FROM pg_catalog.pg_description WHERE objoid >= 16384
) AS texts
WHERE text ~ '[^\x01-\x7f]'
ORDER BY place, text
