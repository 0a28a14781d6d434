select c.oid, c.relnamespace, c.relname, c.relpersistence, pg_catalog.format_type(s.seqtypid, null), s.seqstart,
       s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle, d.deptype, d.refobjid, d.refobjsubid,
       c.relowner, c.relacl::text,
       case when c.relacl is not null then pg_catalog.acldefault('s', c.relowner)::text end
  from pg_catalog.pg_class as c
  join pg_catalog.pg_sequence as s on s.seqrelid = c.oid
  left join pg_catalog.pg_depend as d
    on d.classid = 1259 and d.objid = c.oid and d.objsubid = 0 and d.refclassid = 1259 and d.refobjsubid > 0
   and d.deptype in ('a', 'i')
 where c.relkind = 'S' and c.relpersistence <> 't' and c.oid >= 16384
