select a.oid, a.amname, a.amtype, a.amhandler::pg_catalog.regproc::text
  from pg_catalog.pg_am as a
 where a.oid >= 16384
