-- The privileges on ledgers that the role lacks, a row each.
WITH ledger AS (
    SELECT c.oid, n.oid AS schema, pg_catalog.format('%I', n.nspname) AS schema_name,
           pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
           -- Something else of that name may have none, which `format` takes for an error.
           CASE WHEN s.oid IS NOT NULL THEN pg_catalog.format('%I.%I', n.nspname, s.relname) END AS sequence_name,
           s.oid AS sequence
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_depend AS d
         ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
        AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
        AND (SELECT r.relkind FROM pg_catalog.pg_class AS r WHERE r.oid = d.objid) = 'S'
    LEFT JOIN pg_catalog.pg_class AS s ON s.oid = d.objid
    WHERE c.relname = 'TABLE' AND c.relkind = 'r'
)
SELECT lacking FROM (
    SELECT 'USAGE on the schema ' || schema_name AS lacking FROM ledger
    WHERE NOT pg_catalog.has_schema_privilege(schema, 'USAGE')
    UNION ALL
    SELECT 'SELECT on ' || name FROM ledger WHERE NOT pg_catalog.has_table_privilege(oid, 'SELECT')
    UNION ALL
    SELECT 'SELECT on the sequence ' || sequence_name FROM ledger
    WHERE sequence IS NOT NULL AND NOT pg_catalog.has_sequence_privilege(sequence, 'SELECT')
    UNION ALL
    SELECT needed.privilege || ' on the sequence ' || sequence_name
    FROM ledger CROSS JOIN (VALUES ('USAGE'), ('UPDATE')) AS needed (privilege)
    WHERE sequence IS NOT NULL AND NOT pg_catalog.has_sequence_privilege(sequence, needed.privilege)
    UNION ALL
    SELECT 'INSERT on ' || name FROM ledger WHERE NOT pg_catalog.has_table_privilege(oid, 'INSERT')
) AS found
ORDER BY lacking
