select m.oid, m.roleid, m.member, m.grantor, m.admin_option, m.inherit_option, m.set_option
  from pg_catalog.pg_auth_members as m
  join pg_catalog.pg_roles as r on r.oid = m.roleid
  join pg_catalog.pg_roles as u on u.oid = m.member
 where r.rolname !~ '^pg_' or u.rolname !~ '^pg_'
