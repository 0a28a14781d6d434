-- An index of a partitioned table is invalid until each partition has its own: that is no failed build. What most indexes
-- are, columns of a b-tree and nothing else, is put together here as pg_get_indexdef does it, which looks each up by itself; a
-- class of operators that takes options (its function 5) may have been given some.
with plain as materialized (
  select i.indexrelid,
         pg_catalog.string_agg(
             pg_catalog.quote_ident(a.attname)
             || case i.indoption[key.number - 1] when 0 then '' when 1 then ' DESC NULLS LAST' when 2 then ' NULLS FIRST' else ' DESC' end,
             ', ' order by key.number) as columns
    from pg_catalog.pg_index as i
    join pg_catalog.pg_class as c on c.oid = i.indexrelid
   cross join lateral pg_catalog.unnest(i.indkey) with ordinality as key (attribute, number)
    join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = key.attribute
    join pg_catalog.pg_opclass as o on o.oid = i.indclass[key.number - 1]
   where i.indexrelid >= 16384 and c.relkind = 'i' and c.relam = 403 and c.reloptions is null
     and not i.indisunique and i.indexprs is null and i.indpred is null and i.indnkeyatts = i.indnatts
   group by i.indexrelid, i.indnatts
  having pg_catalog.count(*) = i.indnatts
     and pg_catalog.bool_and(o.opcdefault and o.opcintype = a.atttypid and i.indcollation[key.number - 1] = a.attcollation
           and o.opcfamily not in (select amprocfamily from pg_catalog.pg_amproc where amprocnum = 5))
)
select i.indexrelid, i.indrelid, c.relname,
       case when plain.columns is null then pg_catalog.pg_get_indexdef(i.indexrelid)
            else 'CREATE INDEX ' || pg_catalog.quote_ident(c.relname) || ' ON ' || pg_catalog.quote_ident(n.nspname) || '.'
                 || pg_catalog.quote_ident(t.relname) || ' USING btree (' || plain.columns || ')' end as definition,
       i.indisvalid or c.relkind = 'I', s.spcname, i.indisclustered, i.indisreplident
  from pg_catalog.pg_index as i
  join pg_catalog.pg_class as c on c.oid = i.indexrelid
  join pg_catalog.pg_class as t on t.oid = i.indrelid
  join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
  left join pg_catalog.pg_tablespace as s on s.oid = c.reltablespace
  left join plain on plain.indexrelid = i.indexrelid
 where i.indexrelid >= 16384 and t.relkind in ('r', 'p', 'm') and t.relpersistence <> 't'
   and i.indexrelid not in (select conindid from pg_catalog.pg_constraint where contype in ('p', 'u', 'x'))
