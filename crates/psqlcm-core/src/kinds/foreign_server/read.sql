select s.oid, s.srvname, s.srvowner, s.srvacl::text,
       case when s.srvacl is not null then pg_catalog.acldefault('S', s.srvowner)::text end,
       w.fdwname, s.srvtype, s.srvversion, s.srvoptions::text
  from pg_catalog.pg_foreign_server as s
  join pg_catalog.pg_foreign_data_wrapper as w on w.oid = s.srvfdw
 where s.oid >= 16384
