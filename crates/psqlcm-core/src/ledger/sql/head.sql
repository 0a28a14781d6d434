-- What must not have changed between the start of a run and its entry. Row versions (xmin) tell an edit that kept every
-- value that is looked at; those of trigger and function tell a guard that was taken off and put back.
SELECT v.rows, v.versions, v.last_id, l.id, l.number, l.hash, l.instance,
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', t.tgrelid, t.oid, t.xmin, t.tgenabled, p.oid, p.xmin),
                                  ',' ORDER BY t.oid)
       FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
      WHERE t.tgrelid = :'relation'::pg_catalog.regclass AND NOT t.tgisinternal) AS guard,
    pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS now
FROM (SELECT pg_catalog.count(*) AS rows, pg_catalog.sum(xmin::text::bigint) AS versions, pg_catalog.max(id) AS last_id
        FROM ONLY :"schema".:"table") AS v
LEFT JOIN LATERAL (SELECT id, number, hash, instance FROM ONLY :"schema".:"table"
                    WHERE hash IS NOT NULL ORDER BY id DESC LIMIT 1) AS l ON true
