-- A range type makes its own constructors, which depend on it internally.
select p.oid, p.pronamespace, p.proname, p.prokind, pg_catalog.oidvectortypes(p.proargtypes),
       pg_catalog.pg_get_function_identity_arguments(p.oid), pg_catalog.pg_get_function_result(p.oid),
       pg_catalog.pg_get_functiondef(p.oid), p.proowner, p.proacl::text,
       case when p.proacl is not null then pg_catalog.acldefault('f', p.proowner)::text end
  from pg_catalog.pg_proc as p
 where p.oid >= 16384 and p.prokind in ('f', 'p', 'w')
   and not exists (select from pg_catalog.pg_depend as d
                    where d.classid = 1255 and d.objid = p.oid and d.deptype in ('i', 'e'))
