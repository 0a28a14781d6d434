select s.oid, s.subname, s.subowner, s.subenabled, s.subconninfo, s.subslotname, s.subsynccommit, s.subpublications::text,
       s.subbinary, s.substream, s.subtwophasestate, s.subdisableonerr, s.subpasswordrequired, s.subrunasowner, s.suborigin, null
  from pg_catalog.pg_subscription as s
 where s.subdbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
