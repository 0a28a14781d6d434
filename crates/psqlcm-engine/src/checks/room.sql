-- How many more sessions the login role may begin, by each limit that there is. Superusers are bound by the server's
-- own only. See "Connection Settings" in PostgreSQL's documentation, and pg_roles.rolconnlimit.
WITH me AS (
    SELECT r.oid, r.rolsuper, r.rolconnlimit FROM pg_catalog.pg_roles AS r WHERE r.rolname = session_user
), used AS (
    SELECT pg_catalog.count(*) AS all_roles, pg_catalog.count(*) FILTER (WHERE a.usesysid = me.oid) AS mine
    FROM pg_catalog.pg_stat_activity AS a CROSS JOIN me
    WHERE a.backend_type = 'client backend' AND a.pid <> pg_catalog.pg_backend_pid()
)
SELECT 'max_connections = ' || pg_catalog.current_setting('max_connections'),
    pg_catalog.current_setting('max_connections')::integer - used.all_roles
        - CASE WHEN me.rolsuper THEN 0 ELSE pg_catalog.current_setting('superuser_reserved_connections')::integer
            + coalesce(pg_catalog.current_setting('reserved_connections', true)::integer, 0) END
FROM me CROSS JOIN used
UNION ALL
SELECT 'the limit of ' || me.rolconnlimit || ' connections of role ' || session_user, me.rolconnlimit - used.mine
FROM me CROSS JOIN used WHERE me.rolconnlimit >= 0 AND NOT me.rolsuper
