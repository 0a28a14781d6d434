select p.oid, p.prsnamespace, p.prsname, p.prsstart::pg_catalog.regproc::text, p.prstoken::pg_catalog.regproc::text,
       p.prsend::pg_catalog.regproc::text, nullif(p.prsheadline::pg_catalog.oid, 0)::pg_catalog.regproc::text,
       p.prslextype::pg_catalog.regproc::text
  from pg_catalog.pg_ts_parser as p
 where p.oid >= 16384
