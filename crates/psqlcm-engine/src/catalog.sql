-- What tells whether any catalog that a capture reads was written since: of each the number of rows and the sum of their
-- versions (xmin). Whoever removes a row and adds another adds a newer one, so no change leaves both as they were. What
-- initdb made is not captured and is left out where there is much of it. Not everybody may read pg_authid: of roles it is
-- the contents of pg_roles. A difference of ages is xmin as a number (less 3); see the ledger's check.sql.
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
