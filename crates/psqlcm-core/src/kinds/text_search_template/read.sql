select t.oid, t.tmplnamespace, t.tmplname, nullif(t.tmplinit::pg_catalog.oid, 0)::pg_catalog.regproc::text,
       t.tmpllexize::pg_catalog.regproc::text
  from pg_catalog.pg_ts_template as t
 where t.oid >= 16384
