-- The shape and the protection of the ledger's table in each of the wanted schemas; one row a schema.
SELECT w.schema,
    n.oid IS NOT NULL AS schema_exists,
    c.relkind, c.relpersistence, c.relrowsecurity, c.relhasrules,
    c.relispartition OR EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE c.oid IN (i.inhrelid, i.inhparent)),
    (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull) ORDER BY a.attnum)
       FROM pg_catalog.pg_attribute AS a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    EXISTS (SELECT FROM pg_catalog.pg_index AS i
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'id'
            WHERE i.indrelid = c.oid AND i.indisprimary AND i.indnatts = 1 AND i.indkey[0] = a.attnum),
    EXISTS (SELECT FROM pg_catalog.pg_index AS i
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'previous_hash'
            WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indnatts = 1
              AND i.indkey[0] = a.attnum AND i.indpred IS NULL),
    g.oid IS NOT NULL AS guard_function_exists,
    g.prosrc,
    pg_catalog.array_to_string(g.proconfig, ';'),
    (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                t.tgname, t.tgenabled, t.tgtype, t.tgfoid = g.oid, t.tgqual IS NULL) ORDER BY t.tgname)
       FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
FROM pg_catalog.json_array_elements_text(:'schemas'::pg_catalog.json) WITH ORDINALITY AS w (schema, place)
LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = w.schema
LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = :'table'
LEFT JOIN pg_catalog.pg_proc AS g ON g.pronamespace = n.oid AND g.proname = :'guard' AND g.pronargs = 0
ORDER BY w.place
