-- Transactions in this database that have been open for so many seconds. Those of others show only to who may see them.
SELECT a.pid, a.usename, a.state,
    pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start) / 60)::bigint
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
  AND a.backend_type = 'client backend'
  AND a.xact_start <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => :seconds)
ORDER BY a.xact_start
