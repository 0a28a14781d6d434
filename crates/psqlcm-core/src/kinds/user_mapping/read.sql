-- The view shows options to whom they concern and to superusers only.
select m.umid, m.srvid, m.umuser, m.umoptions::text,
       (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user)
         or (m.umuser = 0 and pg_catalog.pg_has_role(s.srvowner, 'USAGE'))
         or (m.usename = current_user
             and (pg_catalog.pg_has_role(s.srvowner, 'USAGE') or pg_catalog.has_server_privilege(s.oid, 'USAGE')))
  from pg_catalog.pg_user_mappings as m
  join pg_catalog.pg_foreign_server as s on s.oid = m.srvid
 where m.umid >= 16384
