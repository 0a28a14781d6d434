-- An index of a partitioned table is invalid until each partition has its own: that is no failed build. What most indexes
-- are, columns of a b-tree and nothing else, is put together by definition.rs, as the server's function looks each name up by itself.
select i.indexrelid, i.indrelid, i.relname,
       case when not i.is_plain then pg_catalog.pg_get_indexdef(i.indexrelid) end as definition,
       case when i.is_plain then i.indkey::text end, case when i.is_plain then i.indclass::text end,
       case when i.is_plain then i.indcollation::text end, case when i.is_plain then i.indoption::text end,
       i.indisvalid or i.relkind = 'I', s.spcname, i.indisclustered, i.indisreplident
  from (
    select i.*, c.relkind = 'i' and c.relam = 403 and c.reloptions is null
           and not i.indisunique and i.indexprs is null and i.indpred is null and i.indnkeyatts = i.indnatts as is_plain,
           c.relname, c.relkind, c.reltablespace
      from pg_catalog.pg_index as i
      join pg_catalog.pg_class as c on c.oid = i.indexrelid
     where i.indexrelid >= 16384
  ) as i
  join pg_catalog.pg_class as t on t.oid = i.indrelid
  left join pg_catalog.pg_tablespace as s on s.oid = i.reltablespace
 where t.relkind in ('r', 'p', 'm') and t.relpersistence <> 't'
   and i.indexrelid not in (select conindid from pg_catalog.pg_constraint where contype in ('p', 'u', 'x'))
