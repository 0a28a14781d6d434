-- What came with an extension is made by CREATE EXTENSION, and is no fact of its own. Until 17 the array of such a type
-- does not say so itself.
select classid, objid, refobjid
  from pg_catalog.pg_depend
 where deptype = 'e' and refclassid = 3079
union
select d.classid, t.typarray, d.refobjid
  from pg_catalog.pg_depend as d join pg_catalog.pg_type as t on t.oid = d.objid
 where d.deptype = 'e' and d.refclassid = 3079 and d.classid = 1247 and t.typarray <> 0
