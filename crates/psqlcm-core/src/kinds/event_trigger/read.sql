select e.oid, e.evtname, e.evtowner, e.evtevent, e.evtenabled, e.evtfoid::pg_catalog.regproc::text, e.evttags::text
  from pg_catalog.pg_event_trigger as e
 where e.oid >= 16384
