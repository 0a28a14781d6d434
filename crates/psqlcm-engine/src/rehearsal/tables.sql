-- Tables that can have rows, with what somebody who makes some up has to know, as JSON.
WITH domain_check AS MATERIALIZED (
    -- Once: statistics say that nearly every constraint has no domain, so each column would read all of them.
    SELECT contypid, oid FROM pg_catalog.pg_constraint WHERE contypid <> 0 AND contype = 'c'
)
SELECT pg_catalog.json_build_object(
    'schema', n.nspname,
    'name', c.relname,
    'columns', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
            'name', a.attname,
            'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
            'base', pg_catalog.format_type(b.oid, NULL),
            'category', b.typcategory,
            'not_null', a.attnotnull OR b.not_null,
            'is_generated', a.attgenerated <> '',
            'is_given', a.attidentity <> '' OR a.attgenerated <> ''
                OR coalesce(pg_catalog.strpos(pg_catalog.pg_get_expr(d.adbin, d.adrelid), 'nextval(') > 0, false),
            'labels', (
                SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder)
                FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = b.oid
            ),
            'parts', (
                SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute AS p
                WHERE p.attrelid = b.typrelid AND p.attnum > 0 AND NOT p.attisdropped
            ),
            'checks', (
                SELECT pg_catalog.json_agg(pg_catalog.pg_get_constraintdef(k.oid))
                FROM (
                    SELECT oid FROM pg_catalog.pg_constraint
                    WHERE conrelid = c.oid AND contype = 'c' AND a.attnum = ANY (conkey)
                    UNION ALL
                    SELECT oid FROM domain_check
                    WHERE contypid = ANY (b.domains) AND pg_catalog.cardinality(b.domains) > 1
                ) AS k
            )
        ) ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a
        LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        CROSS JOIN LATERAL (
            WITH RECURSIVE chain AS (
                SELECT t.oid, t.typbasetype, t.typtype, t.typcategory, t.typrelid, t.typnotnull AS not_null,
                    ARRAY[t.oid] AS domains
                FROM pg_catalog.pg_type AS t WHERE t.oid = a.atttypid
                UNION ALL
                SELECT t.oid, t.typbasetype, t.typtype, t.typcategory, t.typrelid, chain.not_null OR t.typnotnull,
                    chain.domains || t.oid
                FROM chain JOIN pg_catalog.pg_type AS t ON t.oid = chain.typbasetype
            )
            SELECT * FROM chain WHERE typtype <> 'd'
        ) AS b
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ),
    'keys', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
            'schema', rn.nspname,
            'table', r.relname,
            'columns', (
                SELECT pg_catalog.json_agg(pg_catalog.json_build_array(own.attname, other.attname))
                FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey)) AS pair (own, other)
                JOIN pg_catalog.pg_attribute AS own ON own.attrelid = k.conrelid AND own.attnum = pair.own
                JOIN pg_catalog.pg_attribute AS other ON other.attrelid = k.confrelid AND other.attnum = pair.other
            )
        ))
        FROM pg_catalog.pg_constraint AS k
        JOIN pg_catalog.pg_class AS r ON r.oid = k.confrelid
        JOIN pg_catalog.pg_namespace AS rn ON rn.oid = r.relnamespace
        WHERE k.conrelid = c.oid AND k.contype = 'f'
    ),
    'bound', pg_catalog.pg_get_expr(c.relpartbound, c.oid),
    'bound_columns', (
        SELECT pg_catalog.json_agg(key.attname)
        FROM pg_catalog.pg_inherits AS i
        JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = i.inhparent
        JOIN pg_catalog.pg_attribute AS key ON key.attrelid = p.partrelid AND key.attnum = ANY (p.partattrs)
        WHERE i.inhrelid = c.oid
    )
)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r'
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend AS e
        WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid AND e.deptype = 'e'
    )
ORDER BY n.nspname, c.relname
