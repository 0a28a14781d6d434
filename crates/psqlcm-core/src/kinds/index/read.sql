-- An index of a partitioned table is invalid until each partition has its own: that is no failed build.
select i.indexrelid, i.indrelid, c.relname, pg_catalog.pg_get_indexdef(i.indexrelid),
       i.indisvalid or c.relkind = 'I', s.spcname, i.indisclustered, i.indisreplident
  from pg_catalog.pg_index as i
  join pg_catalog.pg_class as c on c.oid = i.indexrelid
  join pg_catalog.pg_class as t on t.oid = i.indrelid
  left join pg_catalog.pg_tablespace as s on s.oid = c.reltablespace
  left join pg_catalog.pg_constraint as k
    on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
 where i.indexrelid >= 16384 and t.relkind in ('r', 'p', 'm') and t.relpersistence <> 't'
   and k.oid is null
