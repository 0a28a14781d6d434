select d.oid, d.dictnamespace, d.dictname, d.dictowner,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.tmplname), d.dictinitoption
  from pg_catalog.pg_ts_dict as d
  join pg_catalog.pg_ts_template as t on t.oid = d.dicttemplate
  join pg_catalog.pg_namespace as n on n.oid = t.tmplnamespace
 where d.oid >= 16384
