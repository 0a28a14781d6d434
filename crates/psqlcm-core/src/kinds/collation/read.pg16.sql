select c.oid, c.collnamespace, c.collname, c.collowner, c.collprovider, c.colliculocale,
       c.collcollate, c.collctype, c.collisdeterministic, c.collicurules
  from pg_catalog.pg_collation as c
 where c.oid >= 16384
   and c.collencoding in (-1, (select d.encoding from pg_catalog.pg_database as d
                                where d.datname = pg_catalog.current_database()))
