-- Event triggers that fire in a session of ours, which is no replica; those of extensions aside.
SELECT pg_catalog.format('%I', e.evtname), e.evtevent, p.oid::pg_catalog.regprocedure
FROM pg_catalog.pg_event_trigger AS e
JOIN pg_catalog.pg_proc AS p ON p.oid = e.evtfoid
WHERE e.evtenabled IN ('O', 'A') AND e.evtevent <> 'login'
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AND d.objid = e.oid AND d.deptype = 'e')
ORDER BY e.evtname
