-- The location of a tablespace within the data directory is a relative path.
select t.oid, t.spcname, t.spcowner, pg_catalog.pg_tablespace_location(t.oid), t.spcoptions::text, t.spcacl::text,
       case when t.spcacl is not null then pg_catalog.acldefault('t', t.spcowner)::text end
  from pg_catalog.pg_tablespace as t
