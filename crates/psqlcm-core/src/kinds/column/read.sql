-- What a column has as its type has it is left out, unless a parent that gives it the column has it otherwise.
-- Numbers of dropped columns are not counted.
select a.attrelid, a.attnum, pg_catalog.row_number() over (partition by a.attrelid order by a.attnum), a.attname,
       pg_catalog.format_type(a.atttypid, a.atttypmod),
       case when a.attcollation <> t.typcollation
            then (select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.collname)
                    from pg_catalog.pg_collation as o join pg_catalog.pg_namespace as n on n.oid = o.collnamespace
                   where o.oid = a.attcollation) end,
       a.attnotnull, a.attidentity, case when a.attstorage <> t.typstorage or p.storage <> a.attstorage then a.attstorage end, '',
       a.attstattarget, a.attoptions::text, a.attislocal, a.attfdwoptions::text, c.relowner, a.attacl::text
  from pg_catalog.pg_attribute as a
  join pg_catalog.pg_class as c on c.oid = a.attrelid
  join pg_catalog.pg_type as t on t.oid = a.atttypid
  left join (select distinct on (i.inhrelid, pa.attname) i.inhrelid, pa.attname, pa.attstorage as storage
               from pg_catalog.pg_inherits as i
               join pg_catalog.pg_class as child on child.oid = i.inhrelid and not child.relispartition
               join pg_catalog.pg_attribute as pa on pa.attrelid = i.inhparent
              order by i.inhrelid, pa.attname, i.inhseqno) as p
    on p.inhrelid = a.attrelid and p.attname = a.attname and not a.attislocal
 where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'c', 'f') and c.relpersistence <> 't'
   and c.oid >= 16384
