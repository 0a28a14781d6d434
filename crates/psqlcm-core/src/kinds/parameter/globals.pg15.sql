select p.oid, p.parname, p.paracl::text, pg_catalog.acldefault('p', 10)::text
  from pg_catalog.pg_parameter_acl as p
