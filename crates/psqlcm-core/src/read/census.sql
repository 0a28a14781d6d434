-- First how many objects each catalog holds that kinds read; the counts must be those of what was read.
-- Then, one by one, what no kind reads. Members of extensions, temporary objects and what only serves
-- another object (TOAST, internal triggers) are neither.
with member as (
  select classid, objid from pg_catalog.pg_depend where deptype = 'e'
), temporary as (
  select oid from pg_catalog.pg_namespace where nspname ~ '^pg_(toast_)?temp_'
), counted (catalog, number) as (
  select 2615, count(*) from pg_catalog.pg_namespace as o
   where o.oid >= 16384 and o.nspname !~ '^pg_(toast_)?temp_'
     and not exists (select from member where classid = 2615 and objid = o.oid)
  union all
  select 1259, count(*) from pg_catalog.pg_class as o
   where o.oid >= 16384 and o.relkind in ('r', 'p', 'v', 'm', 'S', 'c', 'i', 'I') and o.relpersistence <> 't'
     and o.relnamespace <> 99
     and not exists (select from member where classid = 1259 and objid = o.oid)
     and not exists (select from member where classid = 1247 and objid = o.reltype)
     and not exists (select from pg_catalog.pg_index as i join member on classid = 1259 and member.objid = i.indrelid
                      where i.indexrelid = o.oid)
  union all
  select 1255, count(*) from pg_catalog.pg_proc as o
   where o.oid >= 16384 and not exists (select from member where classid = 1255 and objid = o.oid)
     and o.pronamespace not in (select oid from temporary)
     and not exists (select from pg_catalog.pg_depend as d
                      where d.classid = 1255 and d.objid = o.oid and d.deptype = 'i' and d.refclassid = 1247)
  union all
  select 2618, count(*) from pg_catalog.pg_rewrite as o
    join pg_catalog.pg_class as c on c.oid = o.ev_class and c.relpersistence <> 't'
   where o.oid >= 16384 and not exists (select from member where classid = 1259 and objid = o.ev_class)
     and not exists (select from member where classid = 2618 and objid = o.oid)
  union all
  select 3256, count(*) from pg_catalog.pg_policy as o
   where not exists (select from member where classid = 1259 and objid = o.polrelid)
  union all
  select 3079, count(*) from pg_catalog.pg_extension as o where o.oid >= 16384
)
select catalog::text, number::text, null as kind, null as identity from counted
union all
select o.classid::text, o.objid::text, i.type, i.identity
  from (
    select 1259 as classid, oid as objid from pg_catalog.pg_class
     where relkind not in ('r', 'p', 'v', 'm', 'S', 'c', 'i', 'I', 't') and relpersistence <> 't'
    union all
    select 1247, t.oid from pg_catalog.pg_type as t
     where t.typnamespace not in (select oid from temporary)
       and ((t.typtype = 'b' and not exists (select from pg_catalog.pg_type as e where e.typarray = t.oid))
            or (t.typtype = 'p'))
    union all select 2605, oid from pg_catalog.pg_cast
    union all select 3456, oid from pg_catalog.pg_collation
    union all select 2607, oid from pg_catalog.pg_conversion
    union all select 3466, oid from pg_catalog.pg_event_trigger
    union all select 2328, oid from pg_catalog.pg_foreign_data_wrapper
    union all select 1417, oid from pg_catalog.pg_foreign_server
    union all select 2612, oid from pg_catalog.pg_language
    union all select 2613, oid from pg_catalog.pg_largeobject_metadata
    union all select 2616, oid from pg_catalog.pg_opclass
    union all select 2753, oid from pg_catalog.pg_opfamily
    union all select 2617, oid from pg_catalog.pg_operator
    union all select 6104, oid from pg_catalog.pg_publication
    union all select 3381, oid from pg_catalog.pg_statistic_ext
    union all select 3576, oid from pg_catalog.pg_transform
    union all select 3602, oid from pg_catalog.pg_ts_config
    union all select 3600, oid from pg_catalog.pg_ts_dict
    union all select 3601, oid from pg_catalog.pg_ts_parser
    union all select 3764, oid from pg_catalog.pg_ts_template
    union all select 2601, oid from pg_catalog.pg_am
  ) as o
 cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) as i
 where o.objid >= 16384
   and not exists (select from member where member.classid = o.classid and member.objid = o.objid)
union all
select l.classoid::text, l.objoid::text, 'security label', i.identity || ' (' || l.provider || ')'
  from pg_catalog.pg_seclabel as l
 cross join lateral pg_catalog.pg_identify_object(l.classoid, l.objoid, l.objsubid) as i
union all
-- Its OID is not for everyone to read before version 14.
select '6100', '0', 'subscription', subname
  from pg_catalog.pg_subscription
 where subdbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
union all
select d.classid::text, d.objid::text, 'dependency on an extension', i.identity || ' on ' || e.extname
  from pg_catalog.pg_depend as d
  join pg_catalog.pg_extension as e on e.oid = d.refobjid
 cross join lateral pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) as i
 where d.deptype = 'x' and d.refclassid = 3079
union all
select i.classoid::text, i.objoid::text, 'changed privileges', o.identity
  from pg_catalog.pg_init_privs as i
  join pg_catalog.pg_proc as p on i.classoid = 1255 and p.oid = i.objoid
 cross join lateral pg_catalog.pg_identify_object(i.classoid, i.objoid, 0) as o
 where p.proacl is distinct from i.initprivs
union all
select i.classoid::text, i.objoid::text, 'changed privileges', o.identity
  from pg_catalog.pg_init_privs as i
  join pg_catalog.pg_class as c on i.classoid = 1259 and c.oid = i.objoid and i.objsubid = 0
 cross join lateral pg_catalog.pg_identify_object(i.classoid, i.objoid, 0) as o
 where c.relacl is distinct from i.initprivs
