-- The last entry of each change in several parts.
SELECT DISTINCT ON (l.evidence->>'change_digest') l.id, l.entry_kind, l.evidence->>'part', l.evidence->>'parts',
    l.evidence->>'outcome', l.evidence->>'source', l.change_id
FROM ONLY :table AS l
WHERE l.evidence ? 'parts'
ORDER BY l.evidence->>'change_digest', l.id DESC