select t.oid, t.typnamespace, t.typname, t.typarray, t.typowner, t.typacl::text,
       case when t.typacl is not null then pg_catalog.acldefault('T', t.typowner)::text end,
       pg_catalog.format_type(r.rngsubtype, null),
       case when not o.opcdefault then pg_catalog.quote_ident(os.nspname) || '.' || pg_catalog.quote_ident(o.opcname) end,
       case when r.rngcollation <> s.typcollation
            then (select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.collname)
                    from pg_catalog.pg_collation as c join pg_catalog.pg_namespace as n on n.oid = c.collnamespace
                   where c.oid = r.rngcollation) end,
       nullif(r.rngcanonical::pg_catalog.oid, 0)::pg_catalog.regproc::text,
       nullif(r.rngsubdiff::pg_catalog.oid, 0)::pg_catalog.regproc::text,
       pg_catalog.quote_ident(mn.nspname) || '.' || pg_catalog.quote_ident(m.typname), m.oid, m.typarray
  from pg_catalog.pg_type as t
  join pg_catalog.pg_range as r on r.rngtypid = t.oid
  join pg_catalog.pg_type as s on s.oid = r.rngsubtype
  join pg_catalog.pg_opclass as o on o.oid = r.rngsubopc
  join pg_catalog.pg_namespace as os on os.oid = o.opcnamespace
  join pg_catalog.pg_type as m on m.oid = r.rngmultitypid
  join pg_catalog.pg_namespace as mn on mn.oid = m.typnamespace
 where t.typtype = 'r' and t.oid >= 16384
