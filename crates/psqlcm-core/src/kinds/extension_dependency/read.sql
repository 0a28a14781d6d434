select d.refobjid, d.classid, d.objid, e.extname, i.type || ' ' || i.identity
  from pg_catalog.pg_depend as d
  join pg_catalog.pg_extension as e on e.oid = d.refobjid
 cross join lateral pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) as i
 where d.deptype = 'x' and d.refclassid = 3079
