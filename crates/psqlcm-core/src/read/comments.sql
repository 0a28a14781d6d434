-- Initdb's own comment on the schema public is part of every new database.
select classoid, objoid, objsubid, description
  from pg_catalog.pg_description
-- Whoever makes a large object may choose its number.
 where objoid >= 16384 or classoid = 2613
    or (objoid = 2200 and classoid = 2615 and description <> 'standard public schema')
union all
select 2615, 2200, 0, ''
  from pg_catalog.pg_namespace as n
 where n.oid = 2200
   and not exists (select from pg_catalog.pg_description where objoid = 2200 and classoid = 2615)
union all
select s.classoid, s.objoid, 0, s.description
  from pg_catalog.pg_shdescription as s
  join pg_catalog.pg_database as d on d.oid = s.objoid
 where s.classoid = 1262 and d.datname = pg_catalog.current_database()
