select d.oid, pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, datlocprovider, daticulocale, null,
       d.datconnlimit, d.datistemplate, d.datallowconn, t.spcname, d.datdba, d.datacl::text,
       case when d.datacl is not null then pg_catalog.acldefault('d', d.datdba)::text end,
       exists (select from pg_catalog.pg_namespace where nspname = 'public')
  from pg_catalog.pg_database as d
  join pg_catalog.pg_tablespace as t on t.oid = d.dattablespace
 where d.datname = pg_catalog.current_database()
