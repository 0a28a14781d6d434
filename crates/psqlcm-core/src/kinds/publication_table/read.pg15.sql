select r.oid, r.prpubid, n.nspname, c.relname,
       case when r.prattrs is not null
            then array(select a.attname::text from pg_catalog.pg_attribute as a
                        where a.attrelid = r.prrelid and a.attnum = any (r.prattrs) order by a.attnum)::text end,
       pg_catalog.pg_get_expr(r.prqual, r.prrelid)
  from pg_catalog.pg_publication_rel as r
  join pg_catalog.pg_class as c on c.oid = r.prrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
