-- What the functions that print definitions may have looked at: of each catalog the versions of its rows (VERSIONS in capture.rs) and the
-- newest OID. Those functions see the newest catalog and not the transaction's snapshot; what is only read from rows, such as
-- comments and dependencies, is as it was at the snapshot, and is not looked at here.
--
-- The first look is the last statement of the transaction that read, the second is made after it, of what was there at the
-- first: `:newest` is the newest OID of the first, and in the first itself the newest that there can be. What was made since cannot have been printed.
--
-- The first row says whether a second look is needed at all: it is not where no transaction that writes was at work at the
-- snapshot and none has begun since; nothing is counted then. age() knows the next transaction as it is when first called in a
-- transaction. In the second look all is counted. On a standby a snapshot does not tell who is at work.
--
-- Left out are temporary objects, of relations what TRUNCATE, REFRESH and the like change, and the roles that nothing here
-- belongs or is granted to: roles come and go all the time where each session of an application gets its own.
WITH moment AS MATERIALIZED (
    SELECT ':newest' = (1::bigint << 32) - 1 AND NOT pg_catalog.pg_is_in_recovery()
        AND pg_catalog.age(pg_catalog.pg_snapshot_xmax(now)::pg_catalog.xid) = 0
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_snapshot_xip(now)) AS is_quiet
    FROM pg_catalog.pg_current_snapshot() AS now
), temporary_schema AS MATERIALIZED (
    SELECT oid FROM pg_catalog.pg_namespace WHERE nspname ~ '^pg_(toast_)?temp_' AND NOT (SELECT is_quiet FROM moment)
), temporary AS MATERIALIZED (
    SELECT oid FROM pg_catalog.pg_class WHERE relpersistence = 't' AND NOT (SELECT is_quiet FROM moment)
)
SELECT 'quiet', is_quiet::int, null::numeric, null::bigint FROM moment
UNION ALL SELECT 'pg_class', pg_catalog.count(*),
    pg_catalog.sum(pg_catalog.hashtextextended(relname::text || relnamespace || coalesce(reloptions::text, ''), oid::bigint)),
    pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_class WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
    AND relpersistence <> 't' AND relkind <> 't'
UNION ALL SELECT 'pg_attribute', :versions, pg_catalog.max(attrelid::bigint)
  FROM pg_catalog.pg_attribute WHERE NOT (SELECT is_quiet FROM moment) AND attrelid >= 16384 AND attrelid <= ':newest'
    AND attnum > 0 AND attrelid NOT IN (SELECT oid FROM temporary)
UNION ALL SELECT 'pg_constraint', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_constraint WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
    AND conrelid NOT IN (SELECT oid FROM temporary)
UNION ALL SELECT 'pg_index', :versions, pg_catalog.max(indexrelid::bigint)
  FROM pg_catalog.pg_index WHERE NOT (SELECT is_quiet FROM moment) AND indexrelid >= 16384 AND indexrelid <= ':newest'
    AND indrelid NOT IN (SELECT oid FROM temporary)
UNION ALL SELECT 'pg_partitioned_table', :versions, pg_catalog.max(partrelid::bigint)
  FROM pg_catalog.pg_partitioned_table WHERE NOT (SELECT is_quiet FROM moment) AND partrelid >= 16384 AND partrelid <= ':newest'
    AND partrelid NOT IN (SELECT oid FROM temporary)
UNION ALL SELECT 'pg_trigger', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_trigger WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
    AND tgrelid NOT IN (SELECT oid FROM temporary)
UNION ALL SELECT 'pg_rewrite', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_rewrite WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
    AND ev_class NOT IN (SELECT oid FROM temporary)
UNION ALL SELECT 'pg_statistic_ext', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_statistic_ext WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_type', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_type WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
    AND typnamespace NOT IN (SELECT oid FROM temporary_schema)
UNION ALL SELECT 'pg_enum', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_enum WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_range', :versions, pg_catalog.max(rngtypid::bigint)
  FROM pg_catalog.pg_range WHERE NOT (SELECT is_quiet FROM moment) AND rngtypid >= 16384 AND rngtypid <= ':newest'
UNION ALL SELECT 'pg_proc', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_proc WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
    AND pronamespace NOT IN (SELECT oid FROM temporary_schema)
UNION ALL SELECT 'pg_aggregate', :versions, pg_catalog.max(aggfnoid::oid::bigint)
  FROM pg_catalog.pg_aggregate WHERE NOT (SELECT is_quiet FROM moment) AND aggfnoid::oid >= 16384 AND aggfnoid::oid <= ':newest'
UNION ALL SELECT 'pg_operator', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_operator WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_opclass', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_opclass WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_collation', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_collation WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_language', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_language WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_am', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_am WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_ts_config', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_ts_config WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_ts_dict', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_ts_dict WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_ts_parser', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_ts_parser WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_ts_template', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_ts_template WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_foreign_server', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_foreign_server WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_foreign_data_wrapper', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_foreign_data_wrapper WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
UNION ALL SELECT 'pg_namespace', :versions, pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_namespace WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
    AND oid NOT IN (SELECT oid FROM temporary_schema)
UNION ALL SELECT 'pg_roles', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(rolname::text, oid::bigint)),
    pg_catalog.max(oid::bigint)
  FROM pg_catalog.pg_roles WHERE NOT (SELECT is_quiet FROM moment) AND oid >= 16384 AND oid <= ':newest'
    AND oid IN (SELECT d.refobjid FROM pg_catalog.pg_shdepend AS d
                  JOIN pg_catalog.pg_database AS b ON b.datname = pg_catalog.current_database()
                 WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
                   AND (d.dbid = b.oid OR d.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND d.objid = b.oid))
