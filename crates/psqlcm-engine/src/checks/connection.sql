-- Who we are to the server, and how what we say gets there. Behind a pooler it is the pooler's way, not ours.
SELECT session_user, current_user, pg_catalog.current_setting('server_version'),
    (SELECT s.version FROM pg_catalog.pg_stat_ssl AS s WHERE s.pid = pg_catalog.pg_backend_pid() AND s.ssl),
    CASE WHEN pg_catalog.inet_server_addr() IS NULL THEN 'socket'
         WHEN pg_catalog.inet_server_addr() <<= '127.0.0.0/8' OR pg_catalog.inet_server_addr() = '::1' THEN 'loopback'
         ELSE 'network' END
