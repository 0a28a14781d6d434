select t.oid, t.typnamespace, t.typname, t.typarray, t.typowner, t.typacl::text,
       case when t.typacl is not null then pg_catalog.acldefault('T', t.typowner)::text end,
       array(select e.enumlabel::text from pg_catalog.pg_enum as e where e.enumtypid = t.oid order by e.enumsortorder)
  from pg_catalog.pg_type as t
 where t.typtype = 'e' and t.oid >= 16384
