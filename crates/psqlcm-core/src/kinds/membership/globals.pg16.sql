select oid, roleid, member, grantor, admin_option, inherit_option, set_option
  from pg_catalog.pg_auth_members
