-- What tells whether any catalog that a capture reads was written since: of each the number of rows and the sum of their
-- versions (xmin). Whoever removes a row and adds another adds a newer one, so no change leaves both as they were. What
-- initdb made is not captured and is left out where there is much of it. Not everybody may read pg_authid and pg_user_mapping: of
-- them it is the contents of their views. A difference of ages is xmin as a number (less 3); see the ledger's check.sql.
SELECT 'pg_class', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_class WHERE oid >= 16384
UNION ALL SELECT 'pg_attribute', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_attribute WHERE attrelid >= 16384
UNION ALL SELECT 'pg_attrdef', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_attrdef
UNION ALL SELECT 'pg_constraint', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_constraint WHERE oid >= 16384
UNION ALL SELECT 'pg_index', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_index
UNION ALL SELECT 'pg_inherits', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_inherits
UNION ALL SELECT 'pg_partitioned_table', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_partitioned_table
UNION ALL SELECT 'pg_sequence', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_sequence
UNION ALL SELECT 'pg_trigger', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_trigger
UNION ALL SELECT 'pg_rewrite', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_rewrite WHERE oid >= 16384
UNION ALL SELECT 'pg_policy', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_policy
UNION ALL SELECT 'pg_proc', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_proc WHERE oid >= 16384
UNION ALL SELECT 'pg_aggregate', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_aggregate WHERE aggfnoid::oid >= 16384
UNION ALL SELECT 'pg_type', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_type WHERE oid >= 16384
UNION ALL SELECT 'pg_enum', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_enum
UNION ALL SELECT 'pg_range', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_range
UNION ALL SELECT 'pg_operator', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_operator WHERE oid >= 16384
UNION ALL SELECT 'pg_opclass', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_opclass WHERE oid >= 16384
UNION ALL SELECT 'pg_collation', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_collation WHERE oid >= 16384
UNION ALL SELECT 'pg_cast', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_cast WHERE oid >= 16384
UNION ALL SELECT 'pg_am', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_am WHERE oid >= 16384
UNION ALL SELECT 'pg_opfamily', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_opfamily WHERE oid >= 16384
UNION ALL SELECT 'pg_amop', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_amop WHERE oid >= 16384
UNION ALL SELECT 'pg_amproc', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_amproc WHERE oid >= 16384
UNION ALL SELECT 'pg_language', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_language
UNION ALL SELECT 'pg_transform', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_transform
UNION ALL SELECT 'pg_conversion', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_conversion WHERE oid >= 16384
UNION ALL SELECT 'pg_statistic_ext', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_statistic_ext
UNION ALL SELECT 'pg_ts_parser', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_ts_parser
UNION ALL SELECT 'pg_ts_template', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_ts_template
UNION ALL SELECT 'pg_ts_dict', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_ts_dict WHERE oid >= 16384
UNION ALL SELECT 'pg_ts_config', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_ts_config WHERE oid >= 16384
UNION ALL SELECT 'pg_ts_config_map', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_ts_config_map WHERE mapcfg >= 16384
UNION ALL SELECT 'pg_foreign_data_wrapper', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_foreign_data_wrapper
UNION ALL SELECT 'pg_foreign_server', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_foreign_server
UNION ALL SELECT 'pg_foreign_table', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_foreign_table
UNION ALL SELECT 'pg_publication', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_publication
UNION ALL SELECT 'pg_publication_rel', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_publication_rel
UNION ALL SELECT 'pg_event_trigger', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_event_trigger
UNION ALL SELECT 'pg_user_mappings', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(m::text, 0)) FROM pg_catalog.pg_user_mappings AS m
UNION ALL SELECT 'pg_namespace', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_namespace
UNION ALL SELECT 'pg_extension', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_extension
UNION ALL SELECT 'pg_depend', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_depend
UNION ALL SELECT 'pg_description', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_description
UNION ALL SELECT 'pg_shdescription', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_shdescription
UNION ALL SELECT 'pg_seclabel', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_seclabel
UNION ALL SELECT 'pg_shseclabel', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_shseclabel
UNION ALL SELECT 'pg_init_privs', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_init_privs
UNION ALL SELECT 'pg_default_acl', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_default_acl
UNION ALL SELECT 'pg_db_role_setting', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_db_role_setting
UNION ALL SELECT 'pg_database', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
UNION ALL SELECT 'pg_tablespace', pg_catalog.count(*), pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))
  FROM pg_catalog.pg_tablespace
UNION ALL SELECT 'pg_roles', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(r::text, 0)) FROM pg_catalog.pg_roles AS r
