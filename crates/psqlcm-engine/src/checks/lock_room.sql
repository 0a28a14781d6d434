-- The locks of this session, those of all others, and how many the shared lock table is made for (max_locks_per_transaction in
-- "Lock Management" of PostgreSQL's documentation; the sum is that of MaxBackends in its sources, which version 18 counts
-- by autovacuum_worker_slots). Locks on the fast path take no room there, but more than a few of a session do.
SELECT pg_catalog.count(*) FILTER (WHERE l.pid = :'pid'::integer),
    pg_catalog.count(*) FILTER (WHERE l.pid <> :'pid'::integer AND NOT l.fastpath),
    pg_catalog.current_setting('max_locks_per_transaction')::integer
    * (pg_catalog.current_setting('max_connections')::integer
        + coalesce(pg_catalog.current_setting('autovacuum_worker_slots', true),
            pg_catalog.current_setting('autovacuum_max_workers'))::integer
        + pg_catalog.current_setting('max_worker_processes')::integer
        + pg_catalog.current_setting('max_wal_senders')::integer + 1
        + pg_catalog.current_setting('max_prepared_transactions')::integer)
FROM pg_catalog.pg_locks AS l
