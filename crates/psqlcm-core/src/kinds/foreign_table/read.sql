select c.oid, c.relnamespace, c.relname, s.srvname, f.ftoptions::text,
       case when c.relispartition then pg_catalog.pg_get_expr(c.relpartbound, c.oid) end,
       c.reltype, (select t.typarray from pg_catalog.pg_type as t where t.oid = c.reltype), c.relowner, c.relacl::text,
       case when c.relacl is not null then pg_catalog.acldefault('r', c.relowner)::text end
  from pg_catalog.pg_class as c
  join pg_catalog.pg_foreign_table as f on f.ftrelid = c.oid
  join pg_catalog.pg_foreign_server as s on s.oid = f.ftserver
 where c.relkind = 'f' and c.relpersistence <> 't' and c.oid >= 16384
