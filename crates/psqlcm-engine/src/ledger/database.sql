-- What the ledger last recorded of what belongs to no schema.
SELECT l.number, l.id, l.evidence->>'database_after', l.evidence->>'database_structure_after', l.server_version,
    l.evidence->>'database_ignored'
FROM ONLY :table AS l
WHERE l.evidence ? 'database_after' AND l.number IS NOT NULL
ORDER BY l.id DESC LIMIT 1