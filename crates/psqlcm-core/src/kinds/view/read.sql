select c.oid, c.relnamespace, c.relname, c.reloptions::text, pg_catalog.pg_get_viewdef(c.oid), c.reltype,
       (select t.typarray from pg_catalog.pg_type as t where t.oid = c.reltype), c.relowner, c.relacl::text,
       case when c.relacl is not null then pg_catalog.acldefault('r', c.relowner)::text end
  from pg_catalog.pg_class as c
 where c.relkind = 'v' and c.relpersistence <> 't' and c.oid >= 16384
