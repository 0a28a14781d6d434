-- Objects of extensions and of PostgreSQL whose privileges are not those they came with: pg_init_privs has these
-- where they were not the usual ones. Initdb makes the information schema without such a record.
with member as materialized (
  select classid, objid, refobjid as extension from pg_catalog.pg_depend where deptype = 'e' and refclassid = 3079
), privileges (classid, objid, objsubid, word, owner, acl, usual) as (
  select 1255, oid, 0, case prokind when 'p' then 'PROCEDURE' else 'FUNCTION' end, proowner, proacl,
         pg_catalog.acldefault('f', proowner)
    from pg_catalog.pg_proc where proacl is not null
  union all
  select 1259, oid, 0, case relkind when 'S' then 'SEQUENCE' else 'TABLE' end, relowner, relacl,
         pg_catalog.acldefault(case relkind when 'S' then 's'::"char" else 'r'::"char" end, relowner)
    from pg_catalog.pg_class
   where relacl is not null and (oid < 16384 or oid = any (array(select objid from member where classid = 1259)))
  union all
  select 1259, a.attrelid, a.attnum, 'TABLE', c.relowner, a.attacl, '{}'::pg_catalog.aclitem[]
    from pg_catalog.pg_attribute as a join pg_catalog.pg_class as c on c.oid = a.attrelid
   where a.attacl is not null and not a.attisdropped
     and (a.attrelid < 16384 or a.attrelid = any (array(select objid from member where classid = 1259)))
  union all
  select 2615, oid, 0, 'SCHEMA', nspowner, nspacl, pg_catalog.acldefault('n', nspowner) from pg_catalog.pg_namespace
   where nspacl is not null and oid <> 2200
  union all
  select 1247, oid, 0, 'TYPE', typowner, typacl, pg_catalog.acldefault('T', typowner)
    from pg_catalog.pg_type where typacl is not null
  union all
  select 2612, oid, 0, 'LANGUAGE', lanowner, lanacl, pg_catalog.acldefault('l', lanowner)
    from pg_catalog.pg_language where lanacl is not null
  union all
  select 2328, oid, 0, 'FOREIGN DATA WRAPPER', fdwowner, fdwacl, pg_catalog.acldefault('F', fdwowner)
    from pg_catalog.pg_foreign_data_wrapper where fdwacl is not null
  union all
  select 1417, oid, 0, 'FOREIGN SERVER', srvowner, srvacl, pg_catalog.acldefault('S', srvowner)
    from pg_catalog.pg_foreign_server where srvacl is not null
)
select coalesce(m.extension, 0), p.word, o.identity, a.attname, p.owner, p.acl::text,
       coalesce(i.initprivs, p.usual)::text
  from privileges as p
  left join member as m on m.classid = p.classid and m.objid = p.objid
  left join pg_catalog.pg_init_privs as i
    on i.classoid = p.classid and i.objoid = p.objid and i.objsubid = p.objsubid
  left join pg_catalog.pg_attribute as a on p.objsubid <> 0 and a.attrelid = p.objid and a.attnum = p.objsubid
 cross join lateral pg_catalog.pg_identify_object(p.classid, p.objid, 0) as o
 where not (p.objid < 16384 and 'information_schema' in (coalesce(o.schema, ''), o.identity))
   and (p.objid < 16384 or m.extension is not null)
   and array(select acl::text from pg_catalog.unnest(p.acl) as acl order by 1)
       <> array(select acl::text from pg_catalog.unnest(coalesce(i.initprivs, p.usual)) as acl order by 1)
 order by o.identity, p.objsubid
