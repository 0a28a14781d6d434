-- Only the parser knows the names of its types of tokens.
select c.oid, c.cfgnamespace, c.cfgname, c.cfgowner,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.prsname),
       array(select (select pg_catalog.quote_ident(t.alias) from pg_catalog.ts_token_type(p.oid) as t where t.tokid = m.maptokentype)
                    || ' WITH '
                    || pg_catalog.string_agg(m.mapdict::pg_catalog.regdictionary::text, ', ' order by m.mapseqno)
               from pg_catalog.pg_ts_config_map as m
              where m.mapcfg = c.oid
              group by m.maptokentype
              order by m.maptokentype)::text
  from pg_catalog.pg_ts_config as c
  join pg_catalog.pg_ts_parser as p on p.oid = c.cfgparser
  join pg_catalog.pg_namespace as n on n.oid = p.prsnamespace
 where c.oid >= 16384
