select t.oid, t.typnamespace, t.typname, t.typarray, t.typowner, t.typacl::text,
       case when t.typacl is not null then pg_catalog.acldefault('T', t.typowner)::text end, c.oid
  from pg_catalog.pg_type as t
  join pg_catalog.pg_class as c on c.oid = t.typrelid and c.relkind = 'c'
 where t.typtype = 'c' and t.oid >= 16384
