select c.oid, c.relnamespace, c.relname, c.relpersistence, c.reloptions::text, tc.reloptions::text, c.relreplident,
       c.relrowsecurity, c.relforcerowsecurity, s.spcname, m.amname,
       case when c.reloftype <> 0 then pg_catalog.format_type(c.reloftype, null) end,
       case when c.relispartition then pg_catalog.pg_get_expr(c.relpartbound, c.oid) end,
       case when c.relkind = 'p' then pg_catalog.pg_get_partkeydef(c.oid) end,
       c.reltype, (select t.typarray from pg_catalog.pg_type as t where t.oid = c.reltype), c.relowner, c.relacl::text,
       case when c.relacl is not null then pg_catalog.acldefault('r', c.relowner)::text end
  from pg_catalog.pg_class as c
  left join pg_catalog.pg_class as tc on tc.oid = c.reltoastrelid
  left join pg_catalog.pg_tablespace as s on s.oid = c.reltablespace
  left join pg_catalog.pg_am as m on m.oid = c.relam
 where c.relkind in ('r', 'p') and c.relpersistence <> 't' and c.oid >= 16384
