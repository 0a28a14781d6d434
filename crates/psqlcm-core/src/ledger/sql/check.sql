-- What must not change between the start of a run and its entry. The sum over the row versions (xmin) tells an update, a
-- delete and an insert, whatever they wrote; the versions of trigger and function tell a guard that was taken off and put
-- back. A difference of ages is xmin as a number (less 3) and costs half of what a cast through text does; rows that
-- pg_upgrade froze have the greatest age whatever the time, and are counted only.
SELECT pg_catalog.count(*) AS rows,
    pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647)) AS versions,
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', t.tgrelid, t.oid, t.xmin, t.tgenabled, p.oid, p.xmin),
                                  ',' ORDER BY t.oid)
       FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
      WHERE t.tgrelid = :'relation'::pg_catalog.regclass AND NOT t.tgisinternal) AS guard,
    pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS now,
    pg_catalog.max(id) AS last_id
FROM ONLY :"schema".:"table"
