-- Those of roles and tablespaces belong to the cluster.
select 0, l.classoid, l.objoid, l.objsubid, l.provider, l.label, i.type, i.identity
  from pg_catalog.pg_seclabel as l
 cross join lateral pg_catalog.pg_identify_object(l.classoid, l.objoid, l.objsubid) as i
union all
select 0, l.classoid, l.objoid, 0, l.provider, l.label, 'database', d.datname
  from pg_catalog.pg_shseclabel as l
  join pg_catalog.pg_database as d on d.oid = l.objoid
 where l.classoid = 1262 and d.datname = pg_catalog.current_database()
union all
select 0, l.classoid, l.objoid, 0, l.provider, l.label, 'subscription', s.subname
  from pg_catalog.pg_shseclabel as l
  join pg_catalog.pg_subscription as s on s.oid = l.objoid
 where l.classoid = 6100
