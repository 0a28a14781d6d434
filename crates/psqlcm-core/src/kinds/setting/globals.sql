-- What is set in a database stands with the database.
select s.setdatabase, s.setrole, s.setconfig::text
  from pg_catalog.pg_db_role_setting as s
 where s.setdatabase = 0
