-- The rule _RETURN of a view or materialized view is its query, which was read with it.
select r.oid, r.ev_class, r.rulename, r.ev_enabled,
       case when r.rulename <> '_RETURN' then pg_catalog.pg_get_ruledef(r.oid) end
  from pg_catalog.pg_rewrite as r
  join pg_catalog.pg_class as c on c.oid = r.ev_class
 where r.oid >= 16384 and c.relpersistence <> 't'
