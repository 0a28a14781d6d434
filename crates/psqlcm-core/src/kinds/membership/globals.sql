-- Before 16 a grantor was recorded and meant nothing: it may lack the right to grant, or be gone.
select roleid, roleid, member, null, admin_option, null, null
  from pg_catalog.pg_auth_members
