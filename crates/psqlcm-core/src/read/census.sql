-- First the objects of each catalog that kinds read: those that were not read are looked up by unread.sql. Then, one
-- by one, what no kind reads, and what was changed where no kind looks. Temporary objects, and what only serves
-- another object (TOAST, internal triggers, copies for partitions), are none of them. Members of extensions are
-- made by CREATE EXTENSION; what was added to them or changed later is told by the transaction: an extension's
-- objects come with it, or with an update of it. An extension whose members each have a transaction of their own
-- was moved here by pg_upgrade, and tells nothing.
--
-- What is looked up beside another condition is a list (IN) and no EXISTS: a list is read once, however little the server knows
-- of its catalogs, as in a database that was made a moment ago.
with member as materialized (
  select classid, objid, refobjid as extension, xmin::text as made_by from pg_catalog.pg_depend
   where deptype = 'e' and refclassid = 3079
), extension as materialized (
  select extension, pg_catalog.array_agg(distinct made_by) as made_by,
         count(*) > 3 and 2 * count(distinct made_by) > count(*) as is_moved
    from member group by extension
), temporary as (
  select oid from pg_catalog.pg_namespace where nspname ~ '^pg_(toast_)?temp_'
), stranger as materialized (
  select oid from pg_catalog.pg_class
   where oid >= 16384
     and (relpersistence = 't' or relnamespace = 99 and relkind not in ('t', 'i') or oid in (select objid from member where classid = 1259)
          or reltype in (select objid from member where classid = 1247))
), relation as materialized (
  select oid, relkind from pg_catalog.pg_class
   where oid >= 16384 and relnamespace <> 99 and oid not in (select oid from stranger)
), type as materialized (
  select t.oid from pg_catalog.pg_type as t
   where t.oid >= 16384 and t.typnamespace not in (select oid from temporary)
     and (t.typtype in ('d', 'e', 'r', 'p') or t.typrelid in (select oid from relation where relkind = 'c')
          or (t.typtype = 'b' and not exists (select from pg_catalog.pg_type as e where e.typarray = t.oid)))
     and not exists (select from member where classid = 1247 and objid = t.oid)
), present (catalog, oid) as (
  select 2615, o.oid from pg_catalog.pg_namespace as o
   where o.oid >= 16384 and o.oid not in (select oid from temporary)
     and not exists (select from member where classid = 2615 and objid = o.oid)
  union all
  select 1259, o.oid from relation as o
   where o.relkind in ('r', 'p', 'v', 'm', 'S', 'c', 'f')
      or (o.relkind in ('i', 'I')
          and o.oid not in (select indexrelid from pg_catalog.pg_index where indrelid < 16384 or indrelid in (select oid from stranger)))
  union all
  select 1247, oid from type
  union all
  select 1255, o.oid from pg_catalog.pg_proc as o
   where o.oid >= 16384 and o.pronamespace not in (select oid from temporary)
     and not exists (select from member where classid = 1255 and objid = o.oid)
     and not exists (select from pg_catalog.pg_depend as d
                      where d.classid = 1255 and d.objid = o.oid and d.deptype = 'i' and d.refclassid = 1247)
  union all
  select 2618, o.oid from pg_catalog.pg_rewrite as o
   where o.ev_class >= 16384 and o.ev_class not in (select oid from stranger)
     and not exists (select from member where classid = 2618 and objid = o.oid)
  union all
  select 2620, o.oid from pg_catalog.pg_trigger as o
   where not o.tgisinternal and o.tgparentid = 0 and o.tgrelid >= 16384 and o.tgrelid not in (select oid from stranger)
  union all
  select 2606, o.oid from pg_catalog.pg_constraint as o
   where (o.contype <> 'f' or o.conparentid = 0)
     and (o.conrelid >= 16384 and o.conrelid not in (select oid from stranger) or o.contypid in (select oid from type))
  union all
  select 2604, o.oid from pg_catalog.pg_attrdef as o where o.adrelid >= 16384 and o.adrelid not in (select oid from stranger)
  union all
  select 3256, o.oid from pg_catalog.pg_policy as o where o.polrelid >= 16384 and o.polrelid not in (select oid from stranger)
  union all
  select 3079, oid from pg_catalog.pg_extension where oid >= 16384
  union all
  select o.catalog, o.oid
    from (
      select 2601 as catalog, oid, 0::pg_catalog.oid as namespace from pg_catalog.pg_am
      union all
      select 2605, c.oid, case when s.typnamespace in (select oid from temporary) then s.typnamespace else t.typnamespace end
        from pg_catalog.pg_cast as c
        join pg_catalog.pg_type as s on s.oid = c.castsource
        join pg_catalog.pg_type as t on t.oid = c.casttarget
       where not exists (select from pg_catalog.pg_depend as d where d.classid = 2605 and d.objid = c.oid and d.deptype = 'i')
      union all select 2602, o.oid, f.opfnamespace from pg_catalog.pg_amop as o join pg_catalog.pg_opfamily as f on f.oid = o.amopfamily
       where not exists (select from member where classid = 2753 and objid = f.oid)
      union all select 2603, o.oid, f.opfnamespace from pg_catalog.pg_amproc as o join pg_catalog.pg_opfamily as f on f.oid = o.amprocfamily
       where not exists (select from member where classid = 2753 and objid = f.oid)
      union all select 1417, oid, 0 from pg_catalog.pg_foreign_server
      union all select 1418, umid, 0 from pg_catalog.pg_user_mappings
      union all select 2328, oid, 0 from pg_catalog.pg_foreign_data_wrapper
      union all select 3466, oid, 0 from pg_catalog.pg_event_trigger
      union all select 6104, oid, 0 from pg_catalog.pg_publication
      union all select 6106, oid, 0 from pg_catalog.pg_publication_rel
      -- Before 15 there is no such catalog.
      union all select distinct 6237, objid, 0 from pg_catalog.pg_depend where classid = 6237
      union all select 2616, oid, opcnamespace from pg_catalog.pg_opclass
      union all select 2617, oid, oprnamespace from pg_catalog.pg_operator
      union all select 2753, oid, opfnamespace from pg_catalog.pg_opfamily
      union all select 2607, oid, connamespace from pg_catalog.pg_conversion
      union all select 2612, oid, 0 from pg_catalog.pg_language
      union all select 3381, oid, stxnamespace from pg_catalog.pg_statistic_ext
      union all select 3456, oid, collnamespace from pg_catalog.pg_collation
      union all
      select 3576, o.oid, t.typnamespace from pg_catalog.pg_transform as o join pg_catalog.pg_type as t on t.oid = o.trftype
      union all select 3600, oid, dictnamespace from pg_catalog.pg_ts_dict
      union all select 3601, oid, prsnamespace from pg_catalog.pg_ts_parser
      union all select 3602, oid, cfgnamespace from pg_catalog.pg_ts_config
      union all select 3764, oid, tmplnamespace from pg_catalog.pg_ts_template
    ) as o
   where o.oid >= 16384 and o.namespace not in (select oid from temporary)
     and not exists (select from member where member.classid = o.catalog and member.objid = o.oid)
), added (classid, objid, extension) as (
  select distinct d.classid, d.objid, m.extension
    from member as m
    join extension as e on e.extension = m.extension and not e.is_moved
    join pg_catalog.pg_depend as d on d.refclassid = 1259 and d.refobjid = m.objid and d.deptype in ('a', 'i')
     and d.xmin::text <> all (e.made_by)
   where m.classid = 1259
     and (d.classid in (2606, 2618, 3256)
          or (d.classid = 1259 and exists (select from pg_catalog.pg_index where indexrelid = d.objid))
          or (d.classid = 2620 and exists (select from pg_catalog.pg_trigger where oid = d.objid and not tgisinternal)))
  union all
  select d.classid, d.objid, m.extension
    from member as m
    join extension as e on e.extension = m.extension and not e.is_moved
    join pg_catalog.pg_depend as d on d.refclassid = m.classid and d.refobjid = m.objid and d.classid in (2602, 2603)
     and d.deptype in ('a', 'i') and d.xmin::text <> all (e.made_by)
   where m.classid in (2616, 2753)
)
select catalog::text, pg_catalog.array_agg(oid)::text as objects, null as kind, null as identity, null as reason
  from present group by catalog
union all
select o.classid::text, o.objid::text, i.type, i.identity, null
  from (
    select 1259 as classid, oid as objid from pg_catalog.pg_class
     where relkind not in ('r', 'p', 'v', 'm', 'S', 'c', 'i', 'I', 't', 'f') and relpersistence <> 't'
  ) as o
 cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) as i
 where o.objid >= 16384
   and i.schema !~ '^pg_(toast_)?temp' is not false
   and not exists (select from member where member.classid = o.classid and member.objid = o.objid)
union all
-- Data, like rows.
select '2613', null, 'contents of large objects', pg_catalog.count(*)::text, 'they are data, and are not captured'
  from pg_catalog.pg_largeobject_metadata
having pg_catalog.count(*) > 0
union all
select '2606', k.oid::text, 'disabled constraint', i.identity, 'its triggers are disabled'
  from pg_catalog.pg_constraint as k
 cross join lateral pg_catalog.pg_identify_object(2606, k.oid, 0) as i
 where k.contype <> 't'
   and exists (select from pg_catalog.pg_trigger as t where t.tgconstraint = k.oid and t.tgenabled <> 'O')
union all
select a.classid::text, a.objid::text, i.type, i.identity,
       'it was added to the extension ' || pg_catalog.quote_ident(e.extname)
  from added as a
  join pg_catalog.pg_extension as e on e.oid = a.extension
 cross join lateral pg_catalog.pg_identify_object(a.classid, a.objid, 0) as i
