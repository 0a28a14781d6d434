select i.inhrelid, i.inhparent
  from pg_catalog.pg_inherits as i
  join pg_catalog.pg_class as c on c.oid = i.inhrelid
 where c.relkind in ('i', 'I') and c.relpersistence <> 't' and c.oid >= 16384
