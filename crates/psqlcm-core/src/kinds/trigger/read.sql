-- Before 15 a partition's copy is marked internal, as the triggers of foreign keys are; only copies have a
-- parent that is not internal.
select t.oid, t.tgrelid, t.tgname, t.tgenabled, pg_catalog.pg_get_triggerdef(t.oid, false), t.tgparentid,
       t.tgconstraint
  from pg_catalog.pg_trigger as t
  join pg_catalog.pg_class as c on c.oid = t.tgrelid
  left join pg_catalog.pg_trigger as u on u.oid = t.tgparentid
 where c.relpersistence <> 't' and t.oid >= 16384
   and ((t.tgparentid = 0 and not t.tgisinternal) or (not u.tgisinternal and t.tgenabled <> u.tgenabled))
 order by t.tgparentid
