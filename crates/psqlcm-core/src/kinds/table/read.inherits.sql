-- In the order in which the parents were named, which is the order INHERITS takes them in.
select i.inhrelid, i.inhparent, i.inhseqno, false
  from pg_catalog.pg_inherits as i
  join pg_catalog.pg_class as c on c.oid = i.inhrelid
 where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and c.oid >= 16384
 order by i.inhrelid, i.inhseqno
