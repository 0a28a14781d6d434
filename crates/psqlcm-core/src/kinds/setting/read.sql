select d.oid, s.setrole, s.setconfig::text
  from pg_catalog.pg_db_role_setting as s
  join pg_catalog.pg_database as d on d.oid = s.setdatabase
 where d.datname = pg_catalog.current_database()
