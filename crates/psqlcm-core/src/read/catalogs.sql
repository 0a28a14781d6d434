-- The columns of the catalogs that every database has by itself: asked only of a server that is newer than what is known.
select c.relname, a.attname, a.atttypid in (26, 24), a.atttypid = 18,
       pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
  from pg_catalog.pg_class as c
  join pg_catalog.pg_attribute as a on a.attrelid = c.oid
 where c.relnamespace = 11 and c.relkind = 'r' and not c.relisshared and a.attnum > 0 and not a.attisdropped
