select o.oid, o.oprnamespace, o.oprname, o.oprowner,
       case when o.oprleft <> 0 then pg_catalog.format_type(o.oprleft, null) end,
       case when o.oprright <> 0 then pg_catalog.format_type(o.oprright, null) end,
       nullif(o.oprcode::pg_catalog.oid, 0)::pg_catalog.regproc::text,
       'OPERATOR(' || pg_catalog.quote_ident(cn.nspname) || '.' || c.oprname || ')',
       'OPERATOR(' || pg_catalog.quote_ident(nn.nspname) || '.' || n.oprname || ')',
       nullif(o.oprrest::pg_catalog.oid, 0)::pg_catalog.regproc::text,
       nullif(o.oprjoin::pg_catalog.oid, 0)::pg_catalog.regproc::text, o.oprcanhash, o.oprcanmerge
  from pg_catalog.pg_operator as o
  left join pg_catalog.pg_operator as c on c.oid = o.oprcom
  left join pg_catalog.pg_namespace as cn on cn.oid = c.oprnamespace
  left join pg_catalog.pg_operator as n on n.oid = o.oprnegate
  left join pg_catalog.pg_namespace as nn on nn.oid = n.oprnamespace
 where o.oid >= 16384
