-- A default has no columns in it, and what has none is printed without its table, which then need not be opened. Only what is
-- generated mostly has some; that it is generated the columns have told.
select d.oid, d.adrelid, d.adnum,
       pg_catalog.pg_get_expr(d.adbin, case when d.adbin::text like '%{VAR %' then d.adrelid else 0 end)
  from pg_catalog.pg_attrdef as d
 where d.oid >= 16384
