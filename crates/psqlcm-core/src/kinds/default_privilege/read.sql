-- For a schema the entries add to nothing; without one they replace what a new object has.
select d.oid, d.defaclrole, d.defaclnamespace, d.defaclobjtype, d.defaclacl::text,
       case when d.defaclnamespace = 0
            then pg_catalog.acldefault(case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end, d.defaclrole)::text end
  from pg_catalog.pg_default_acl as d
