-- Not everybody may read connection strings, nor before 14 its OID: what there is to know of it is asked for later.
select 0, subname, pg_catalog.has_column_privilege('pg_catalog.pg_subscription', 'subconninfo', 'SELECT')
  from pg_catalog.pg_subscription
 where subdbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
