-- Initdb records in pg_init_privs what it granted on public.
select n.oid, n.nspname, n.nspowner, coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))::text,
       coalesce(i.initprivs, pg_catalog.acldefault('n', n.nspowner))::text
  from pg_catalog.pg_namespace as n
  left join pg_catalog.pg_init_privs as i on i.classoid = 2615 and i.objoid = n.oid and i.objsubid = 0
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
