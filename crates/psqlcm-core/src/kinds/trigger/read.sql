-- A partition has a copy of each row trigger of its parent; before 15 they are marked internal, as the triggers that
-- enforce constraints are. Copies come after what they were copied from. One that fires when its parent's does
-- has no definition here.
select t.oid, t.tgrelid, t.tgname, t.tgenabled,
       case when t.tgparentid = 0 or t.tgenabled <> u.tgenabled then pg_catalog.pg_get_triggerdef(t.oid, false) end,
       t.tgparentid, t.tgconstraint
  from pg_catalog.pg_trigger as t
  join pg_catalog.pg_class as c on c.oid = t.tgrelid
  left join pg_catalog.pg_trigger as u on u.oid = t.tgparentid
 where c.relpersistence <> 't' and t.oid >= 16384
   and case when t.tgparentid = 0 then not t.tgisinternal
            else not exists (select from pg_catalog.pg_constraint as k where k.oid = t.tgconstraint and k.contype <> 't') end
 order by t.oid
