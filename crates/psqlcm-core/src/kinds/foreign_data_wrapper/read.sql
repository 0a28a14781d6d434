select w.oid, w.fdwname, w.fdwowner, w.fdwacl::text,
       case when w.fdwacl is not null then pg_catalog.acldefault('F', w.fdwowner)::text end,
       nullif(w.fdwhandler, 0)::pg_catalog.regproc::text, nullif(w.fdwvalidator, 0)::pg_catalog.regproc::text,
       w.fdwoptions::text
  from pg_catalog.pg_foreign_data_wrapper as w
 where w.oid >= 16384
