-- What PUBLIC may do in public goes without saying as long as it is what a new database has, whoever owns it and whether it is
-- the one that initdb made or another of the name: so does pg_dump.
select n.oid, n.nspname, n.nspowner, coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))::text,
       case n.nspname
       when 'public'
       then pg_catalog.acldefault('n', n.nspowner)
            || (case when pg_catalog.current_setting('server_version_num')::int >= 150000 then '=U/"' else '=UC/"' end
                || replace(pg_catalog.pg_get_userbyid(n.nspowner), '"', '""') || '"')::aclitem
       else pg_catalog.acldefault('n', n.nspowner)
       end::text
  from pg_catalog.pg_namespace as n
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
