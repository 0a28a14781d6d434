-- Only a column of an index that is an expression can have some; so most indexes need no look at their columns.
select a.attrelid, pg_catalog.array_agg(a.attnum || '=' || a.attstattarget order by a.attnum)::text
  from pg_catalog.pg_attribute as a
  join pg_catalog.pg_class as c on c.oid = a.attrelid
 where a.attrelid in (select indexrelid from pg_catalog.pg_index where indexprs is not null and indexrelid >= 16384)
   and c.relpersistence <> 't' and a.attnum > 0 and a.attstattarget >= 0
 group by a.attrelid
