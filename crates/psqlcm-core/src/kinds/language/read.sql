select l.oid, l.lanname, l.lanowner, l.lanacl::text,
       case when l.lanacl is not null then pg_catalog.acldefault('l', l.lanowner)::text end, l.lanpltrusted,
       nullif(l.lanplcallfoid, 0)::pg_catalog.regproc::text, nullif(l.laninline, 0)::pg_catalog.regproc::text,
       nullif(l.lanvalidator, 0)::pg_catalog.regproc::text
  from pg_catalog.pg_language as l
 where l.oid >= 16384
