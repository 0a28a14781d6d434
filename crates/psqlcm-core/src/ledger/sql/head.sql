-- The end of a ledger, and what must not have changed when the run's entry comes: see check.sql.
SELECT v.rows, v.versions, v.guard, v.now, v.last_id, l.id, l.number, l.hash, l.instance
FROM (:check) AS v
LEFT JOIN LATERAL (SELECT id, number, hash, instance FROM ONLY :"schema".:"table"
                    WHERE hash IS NOT NULL ORDER BY id DESC LIMIT 1) AS l ON true
