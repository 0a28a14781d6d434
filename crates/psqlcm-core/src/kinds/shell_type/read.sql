select t.oid, t.typnamespace, t.typname, t.typowner
  from pg_catalog.pg_type as t
 where t.typtype = 'p' and not t.typisdefined and t.oid >= 16384
