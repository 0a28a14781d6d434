-- What the acting role may in the cluster.
SELECT r.rolname, r.rolsuper OR r.rolcreatedb, r.rolsuper OR r.rolcreaterole
FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user
