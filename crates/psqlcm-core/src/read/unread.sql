-- What an object is that stands in a catalog and that nothing read; `objects` lists catalog.oid.
select o.catalog, o.oid, i.type, i.identity
  from (select pg_catalog.split_part(item, '.', 1) as catalog, pg_catalog.split_part(item, '.', 2) as oid
          from pg_catalog.unnest(pg_catalog.string_to_array(:'objects', ' ')) as item) as o
 cross join lateral pg_catalog.pg_identify_object(o.catalog::pg_catalog.oid, o.oid::pg_catalog.oid, 0) as i
