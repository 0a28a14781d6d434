-- What tells whether any catalog that a capture reads was written since: of each the versions of its rows (VERSIONS in capture.rs). What
-- initdb made is not captured and is left out where there is much of it. Not everybody may read pg_authid, pg_user_mapping and all of
-- pg_subscription: of them it is the contents of their views, or of the columns that all may read.
SELECT 'pg_class', :versions FROM pg_catalog.pg_class WHERE oid >= 16384
UNION ALL SELECT 'pg_attribute', :versions FROM pg_catalog.pg_attribute WHERE attrelid >= 16384
UNION ALL SELECT 'pg_attrdef', :versions FROM pg_catalog.pg_attrdef
UNION ALL SELECT 'pg_constraint', :versions FROM pg_catalog.pg_constraint WHERE oid >= 16384
UNION ALL SELECT 'pg_index', :versions FROM pg_catalog.pg_index
UNION ALL SELECT 'pg_inherits', :versions FROM pg_catalog.pg_inherits
UNION ALL SELECT 'pg_partitioned_table', :versions FROM pg_catalog.pg_partitioned_table
UNION ALL SELECT 'pg_sequence', :versions FROM pg_catalog.pg_sequence
UNION ALL SELECT 'pg_trigger', :versions FROM pg_catalog.pg_trigger
UNION ALL SELECT 'pg_rewrite', :versions FROM pg_catalog.pg_rewrite WHERE oid >= 16384
UNION ALL SELECT 'pg_policy', :versions FROM pg_catalog.pg_policy
UNION ALL SELECT 'pg_proc', :versions FROM pg_catalog.pg_proc WHERE oid >= 16384
UNION ALL SELECT 'pg_aggregate', :versions FROM pg_catalog.pg_aggregate WHERE aggfnoid::oid >= 16384
UNION ALL SELECT 'pg_type', :versions FROM pg_catalog.pg_type WHERE oid >= 16384
UNION ALL SELECT 'pg_enum', :versions FROM pg_catalog.pg_enum
UNION ALL SELECT 'pg_range', :versions FROM pg_catalog.pg_range
UNION ALL SELECT 'pg_operator', :versions FROM pg_catalog.pg_operator WHERE oid >= 16384
UNION ALL SELECT 'pg_opclass', :versions FROM pg_catalog.pg_opclass WHERE oid >= 16384
UNION ALL SELECT 'pg_collation', :versions FROM pg_catalog.pg_collation WHERE oid >= 16384
UNION ALL SELECT 'pg_cast', :versions FROM pg_catalog.pg_cast WHERE oid >= 16384
UNION ALL SELECT 'pg_am', :versions FROM pg_catalog.pg_am WHERE oid >= 16384
UNION ALL SELECT 'pg_opfamily', :versions FROM pg_catalog.pg_opfamily WHERE oid >= 16384
UNION ALL SELECT 'pg_amop', :versions FROM pg_catalog.pg_amop WHERE oid >= 16384
UNION ALL SELECT 'pg_amproc', :versions FROM pg_catalog.pg_amproc WHERE oid >= 16384
UNION ALL SELECT 'pg_language', :versions FROM pg_catalog.pg_language
UNION ALL SELECT 'pg_transform', :versions FROM pg_catalog.pg_transform
UNION ALL SELECT 'pg_conversion', :versions FROM pg_catalog.pg_conversion WHERE oid >= 16384
UNION ALL SELECT 'pg_statistic_ext', :versions FROM pg_catalog.pg_statistic_ext
UNION ALL SELECT 'pg_ts_parser', :versions FROM pg_catalog.pg_ts_parser
UNION ALL SELECT 'pg_ts_template', :versions FROM pg_catalog.pg_ts_template
UNION ALL SELECT 'pg_ts_dict', :versions FROM pg_catalog.pg_ts_dict WHERE oid >= 16384
UNION ALL SELECT 'pg_ts_config', :versions FROM pg_catalog.pg_ts_config WHERE oid >= 16384
UNION ALL SELECT 'pg_ts_config_map', :versions FROM pg_catalog.pg_ts_config_map WHERE mapcfg >= 16384
UNION ALL SELECT 'pg_foreign_data_wrapper', :versions FROM pg_catalog.pg_foreign_data_wrapper
UNION ALL SELECT 'pg_foreign_server', :versions FROM pg_catalog.pg_foreign_server
UNION ALL SELECT 'pg_foreign_table', :versions FROM pg_catalog.pg_foreign_table
UNION ALL SELECT 'pg_publication', :versions FROM pg_catalog.pg_publication
UNION ALL SELECT 'pg_publication_rel', :versions FROM pg_catalog.pg_publication_rel
UNION ALL SELECT 'pg_subscription', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(
    pg_catalog.row_to_json(ROW(subname, subowner, subenabled, subslotname, subpublications))::text, 0))
  FROM pg_catalog.pg_subscription
  WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
UNION ALL SELECT 'pg_largeobject_metadata', :versions FROM pg_catalog.pg_largeobject_metadata
UNION ALL SELECT 'pg_event_trigger', :versions FROM pg_catalog.pg_event_trigger
UNION ALL SELECT 'pg_user_mappings', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(m::text, 0)) FROM pg_catalog.pg_user_mappings AS m
UNION ALL SELECT 'pg_namespace', :versions FROM pg_catalog.pg_namespace
UNION ALL SELECT 'pg_extension', :versions FROM pg_catalog.pg_extension
UNION ALL SELECT 'pg_depend', :versions FROM pg_catalog.pg_depend
UNION ALL SELECT 'pg_description', :versions FROM pg_catalog.pg_description
UNION ALL SELECT 'pg_shdescription', :versions FROM pg_catalog.pg_shdescription
UNION ALL SELECT 'pg_seclabel', :versions FROM pg_catalog.pg_seclabel
UNION ALL SELECT 'pg_shseclabel', :versions FROM pg_catalog.pg_shseclabel
UNION ALL SELECT 'pg_init_privs', :versions FROM pg_catalog.pg_init_privs
UNION ALL SELECT 'pg_default_acl', :versions FROM pg_catalog.pg_default_acl
UNION ALL SELECT 'pg_db_role_setting', :versions FROM pg_catalog.pg_db_role_setting
UNION ALL SELECT 'pg_database', :versions FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
UNION ALL SELECT 'pg_tablespace', :versions FROM pg_catalog.pg_tablespace
UNION ALL SELECT 'pg_roles', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(r::text, 0)) FROM pg_catalog.pg_roles AS r
