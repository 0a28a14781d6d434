-- What a column has as its type has it is left out.
select a.attrelid, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
       case when a.attcollation <> t.typcollation
            then (select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.collname)
                    from pg_catalog.pg_collation as o join pg_catalog.pg_namespace as n on n.oid = o.collnamespace
                   where o.oid = a.attcollation) end,
       a.attnotnull, a.attidentity, case when a.attstorage <> t.typstorage then a.attstorage end, a.attcompression,
       a.attstattarget, a.attoptions::text, a.attislocal, c.relowner, a.attacl::text
  from pg_catalog.pg_attribute as a
  join pg_catalog.pg_class as c on c.oid = a.attrelid
  join pg_catalog.pg_type as t on t.oid = a.atttypid
 where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'c') and c.relpersistence <> 't'
   and c.oid >= 16384
