select s.oid, s.stxnamespace, s.stxname, s.stxowner, pg_catalog.pg_get_statisticsobjdef(s.oid), s.stxstattarget
  from pg_catalog.pg_statistic_ext as s
 where s.oid >= 16384
