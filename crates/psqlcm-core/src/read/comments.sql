-- The comment of public goes without saying where it is the one that it has in every new database.
with public as (
  select n.oid, d.description
    from pg_catalog.pg_namespace as n
    left join pg_catalog.pg_description as d on d.classoid = 2615 and d.objoid = n.oid
   where n.nspname = 'public'
)
select classoid, objoid, objsubid, description
  from pg_catalog.pg_description
-- Whoever makes a large object may choose its number.
 where (objoid >= 16384 or classoid = 2613)
   and (classoid <> 2615 or objoid not in (select oid from public))
union all
select 2615, oid, 0, coalesce(description, '')
  from public
 where description is distinct from 'standard public schema'
union all
select s.classoid, s.objoid, 0, s.description
  from pg_catalog.pg_shdescription as s
  join pg_catalog.pg_database as d on d.oid = s.objoid
 where s.classoid = 1262 and d.datname = pg_catalog.current_database()
