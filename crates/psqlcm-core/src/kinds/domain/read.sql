select t.oid, t.typnamespace, t.typname, t.typarray, t.typowner, t.typacl::text,
       case when t.typacl is not null then pg_catalog.acldefault('T', t.typowner)::text end,
       pg_catalog.format_type(t.typbasetype, t.typtypmod),
       case when t.typcollation <> b.typcollation
            then (select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.collname)
                    from pg_catalog.pg_collation as c join pg_catalog.pg_namespace as n on n.oid = c.collnamespace
                   where c.oid = t.typcollation) end,
       coalesce(pg_catalog.pg_get_expr(t.typdefaultbin, 0), pg_catalog.quote_literal(t.typdefault)), t.typnotnull
  from pg_catalog.pg_type as t
  join pg_catalog.pg_type as b on b.oid = t.typbasetype
 where t.typtype = 'd' and t.oid >= 16384
