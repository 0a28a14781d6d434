select c.oid, c.relnamespace, c.relname, c.reloptions::text, tc.reloptions::text, pg_catalog.pg_get_viewdef(c.oid),
       s.spcname, m.amname, c.relispopulated, c.reltype,
       (select t.typarray from pg_catalog.pg_type as t where t.oid = c.reltype), c.relowner, c.relacl::text,
       case when c.relacl is not null then pg_catalog.acldefault('r', c.relowner)::text end
  from pg_catalog.pg_class as c
  left join pg_catalog.pg_class as tc on tc.oid = c.reltoastrelid
  left join pg_catalog.pg_tablespace as s on s.oid = c.reltablespace
  left join pg_catalog.pg_am as m on m.oid = c.relam
 where c.relkind = 'm' and c.relpersistence <> 't' and c.oid >= 16384
