-- Before 16 a grantor was recorded and meant nothing: it may lack the right to grant, or be gone.
select m.roleid, m.roleid, m.member, null, m.admin_option, null, null
  from pg_catalog.pg_auth_members as m
  join pg_catalog.pg_roles as r on r.oid = m.roleid
  join pg_catalog.pg_roles as u on u.oid = m.member
 where r.rolname !~ '^pg_' or u.rolname !~ '^pg_'
