-- What a column has as its type has it is left out, unless a parent that gives it the column has it otherwise; and so is what most
-- columns have. A dropped column has no name, and no type.
select a.attrelid, a.attnum, case when not a.attisdropped then a.attname end, pg_catalog.format_type(a.atttypid, a.atttypmod),
       case when a.attcollation <> t.typcollation
            then (select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.collname)
                    from pg_catalog.pg_collation as o join pg_catalog.pg_namespace as n on n.oid = o.collnamespace
                   where o.oid = a.attcollation) end,
       nullif(a.attnotnull, false), nullif(a.attidentity, ''), nullif(a.attgenerated, ''),
       case when a.attstorage <> t.typstorage
                 or not a.attislocal and not c.relispartition
                    and a.attstorage <> (select p.attstorage
                                           from pg_catalog.pg_inherits as i
                                           join pg_catalog.pg_attribute as p on p.attrelid = i.inhparent and p.attname = a.attname
                                          where i.inhrelid = a.attrelid order by i.inhseqno limit 1)
            then a.attstorage end,
       null,
       nullif(a.attstattarget, -1), a.attoptions::text, nullif(a.attislocal, true), a.attfdwoptions::text,
       case when a.attacl is not null then c.relowner end, a.attacl::text,
       case when a.attcollation = t.typcollation then a.atttypid end
  from pg_catalog.pg_attribute as a
  join pg_catalog.pg_class as c on c.oid = a.attrelid
  left join pg_catalog.pg_type as t on t.oid = a.atttypid
 where a.attnum > 0 and c.relkind in ('r', 'p', 'v', 'm', 'c', 'f') and c.relpersistence <> 't'
   and c.oid >= 16384
