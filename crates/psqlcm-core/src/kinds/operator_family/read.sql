select f.oid, f.opfnamespace, f.opfname, f.opfowner, m.amname
  from pg_catalog.pg_opfamily as f
  join pg_catalog.pg_am as m on m.oid = f.opfmethod
 where f.oid >= 16384
