select a.attrelid, pg_catalog.array_agg(a.attnum || '=' || a.attstattarget order by a.attnum)::text
  from pg_catalog.pg_attribute as a
  join pg_catalog.pg_class as c on c.oid = a.attrelid
 where c.relkind in ('i', 'I') and c.relpersistence <> 't' and c.oid >= 16384 and a.attnum > 0 and a.attstattarget >= 0
 group by a.attrelid
