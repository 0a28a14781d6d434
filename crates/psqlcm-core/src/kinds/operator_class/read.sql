-- What depends on the class is a part of it; the rest of its family is the family's.
select c.oid, c.opcnamespace, c.opcname, c.opcowner, m.amname, pg_catalog.format_type(c.opcintype, null), c.opcdefault,
       pg_catalog.quote_ident(fn.nspname) || '.' || pg_catalog.quote_ident(f.opfname),
       case when c.opckeytype <> 0 then pg_catalog.format_type(c.opckeytype, null) end,
       o.definitions::text, o.oids::text, p.definitions::text, p.oids::text
  from pg_catalog.pg_opclass as c
  join pg_catalog.pg_am as m on m.oid = c.opcmethod
  join pg_catalog.pg_opfamily as f on f.oid = c.opcfamily
  join pg_catalog.pg_namespace as fn on fn.oid = f.opfnamespace
 cross join lateral (
       select pg_catalog.array_agg(
                'OPERATOR ' || o.amopstrategy || ' ' || o.amopopr::pg_catalog.regoperator::text
                || coalesce(' FOR ORDER BY ' || pg_catalog.quote_ident(sn.nspname) || '.' || pg_catalog.quote_ident(s.opfname), '')
                order by o.amopstrategy, o.amopopr::pg_catalog.regoperator::text collate "C") as definitions,
              pg_catalog.array_agg(o.oid) as oids
         from pg_catalog.pg_depend as d
         join pg_catalog.pg_amop as o on o.oid = d.objid
         left join pg_catalog.pg_opfamily as s on s.oid = o.amopsortfamily
         left join pg_catalog.pg_namespace as sn on sn.oid = s.opfnamespace
        where d.classid = 2602 and d.refclassid = 2616 and d.refobjid = c.oid) as o
 cross join lateral (
       select pg_catalog.array_agg(
                'FUNCTION ' || p.amprocnum || ' (' || pg_catalog.format_type(p.amproclefttype, null) || ', '
                || pg_catalog.format_type(p.amprocrighttype, null) || ') '
                || p.amproc::pg_catalog.oid::pg_catalog.regprocedure::text
                order by p.amprocnum, p.amproc::pg_catalog.oid::pg_catalog.regprocedure::text collate "C") as definitions,
              pg_catalog.array_agg(p.oid) as oids
         from pg_catalog.pg_depend as d
         join pg_catalog.pg_amproc as p on p.oid = d.objid
        where d.classid = 2603 and d.refclassid = 2616 and d.refobjid = c.oid) as p
 where c.oid >= 16384
