-- What default privileges gave to others on the tool's own objects, as the statements that take it away.
SELECT pg_catalog.format('REVOKE ALL ON %s FROM %s;', o.object,
    CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END)
FROM pg_catalog.json_to_recordset(:'objects'::pg_catalog.json) AS w (schema text, whole boolean)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = w.schema
CROSS JOIN LATERAL (
    SELECT pg_catalog.format('TABLE %I.%I', n.nspname, c.relname), c.relowner, c.relacl
      FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid AND c.relname = :'table' AND w.whole
    UNION ALL
    SELECT pg_catalog.format('SEQUENCE %I.%I', n.nspname, s.relname), s.relowner, s.relacl
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.refobjid = c.oid AND d.classid = d.refclassid AND d.deptype IN ('a', 'i')
      JOIN pg_catalog.pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
     WHERE c.relnamespace = n.oid AND c.relname = :'table' AND w.whole
    UNION ALL
    SELECT pg_catalog.format('FUNCTION %I.%I()', n.nspname, p.proname), p.proowner, p.proacl
      FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = n.oid AND p.proname = :'guard' AND p.pronargs = 0
) AS o (object, owner, acl)
CROSS JOIN LATERAL (SELECT DISTINCT x.grantee FROM pg_catalog.aclexplode(o.acl) AS x) AS a
WHERE a.grantee <> o.owner
ORDER BY 1
