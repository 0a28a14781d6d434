-- Whoever makes a large object may choose its number.
select l.oid, l.lomowner, l.lomacl::text,
       case when l.lomacl is not null then pg_catalog.acldefault('L', l.lomowner)::text end
  from pg_catalog.pg_largeobject_metadata as l
