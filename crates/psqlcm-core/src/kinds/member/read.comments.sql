-- Comments on what came with an extension that did not come with it: they were made by other transactions than its
-- objects. An extension whose members each have a transaction of their own was moved here by pg_upgrade, and tells
-- nothing.
with member as materialized (
  select classid, objid, refobjid as extension, xmin::text as made_by from pg_catalog.pg_depend
   where deptype = 'e' and refclassid = 3079
), extension as materialized (
  select extension, pg_catalog.array_agg(distinct made_by) as made_by,
         count(*) > 3 and 2 * count(distinct made_by) > count(*) as is_moved
    from member group by extension
)
select m.extension, i.type, i.identity, d.description
  from member as m
  join extension as e on e.extension = m.extension and not e.is_moved
  join pg_catalog.pg_description as d on d.classoid = m.classid and d.objoid = m.objid and d.xmin::text <> all (e.made_by)
 cross join lateral pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) as i
