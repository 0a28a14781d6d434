-- All roles by OID; those that the database names become facts. pg_roles hides passwords from everybody.
select oid, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
       rolconnlimit, rolvaliduntil
  from pg_catalog.pg_roles
