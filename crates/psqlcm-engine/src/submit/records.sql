-- The entries of one ledger that belong to changes of these digests, oldest first. Rows of version 0.2.2 have none.
SELECT d.digest, l.id,
    pg_catalog.to_char(l.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    l.entry_kind, l.evidence->>'part', l.evidence->>'outcome'
FROM ONLY :table AS l
CROSS JOIN LATERAL (SELECT coalesce(l.evidence->>'change_digest', l.digest,
    pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(l.content, 'UTF8')), 'hex')) AS digest) AS d
WHERE d.digest IN (:digests) AND NOT l.is_base AND coalesce(l.entry_kind, 'change') IN ('change', 'before', 'after')
ORDER BY l.id
