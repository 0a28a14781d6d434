select d.oid, d.adrelid, d.adnum, pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attgenerated
  from pg_catalog.pg_attrdef as d
  join pg_catalog.pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
  join pg_catalog.pg_class as c on c.oid = d.adrelid
 where d.oid >= 16384 and c.relpersistence <> 't'
