-- What came with an extension is made by CREATE EXTENSION, and is no fact of its own.
select classid, objid, refobjid
  from pg_catalog.pg_depend
 where deptype = 'e' and refclassid = 3079
