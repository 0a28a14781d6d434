-- How a ledger stands: its last entry, and the last one with a fingerprint.
SELECT e.id, e.number, e.at, e.entry_kind, e.is_base, e.implementer,
    f.id, f.fingerprint_after, f.structure, f.server_version, f.ignored
FROM (SELECT) AS one
LEFT JOIN LATERAL (SELECT l.id, l.number, l.entry_kind, l.is_base, l.implementer,
        pg_catalog.to_char(l.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at
    FROM ONLY :table AS l ORDER BY l.id DESC LIMIT 1) AS e ON true
LEFT JOIN LATERAL (SELECT l.id, l.fingerprint_after, l.evidence->>'structure_after' AS structure, l.server_version,
        l.evidence->>'ignored' AS ignored
    FROM ONLY :table AS l WHERE l.fingerprint_after IS NOT NULL ORDER BY l.id DESC LIMIT 1) AS f ON true
