-- Who we are and where: recorded with every entry.
SELECT session_user, current_user, pg_catalog.host(pg_catalog.inet_client_addr()),
    (SELECT system_identifier FROM pg_catalog.pg_control_system()) || '/' || d.oid,
    pg_catalog.current_setting('server_version')
FROM pg_catalog.pg_database AS d
WHERE d.datname = pg_catalog.current_database()
