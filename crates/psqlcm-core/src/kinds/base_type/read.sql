-- An array type is its element's.
select t.oid, t.typnamespace, t.typname, t.typarray, t.typowner, t.typacl::text,
       case when t.typacl is not null then pg_catalog.acldefault('T', t.typowner)::text end,
       t.typinput::pg_catalog.regproc::text, t.typoutput::pg_catalog.regproc::text,
       nullif(t.typreceive::pg_catalog.oid, 0)::pg_catalog.regproc::text,
       nullif(t.typsend::pg_catalog.oid, 0)::pg_catalog.regproc::text,
       nullif(t.typmodin::pg_catalog.oid, 0)::pg_catalog.regproc::text,
       nullif(t.typmodout::pg_catalog.oid, 0)::pg_catalog.regproc::text,
       nullif(t.typanalyze::pg_catalog.oid, 0)::pg_catalog.regproc::text,
       null, t.typlen, t.typbyval, t.typalign, t.typstorage,
       t.typcategory, t.typispreferred, t.typdefault,
       case when t.typelem <> 0 then pg_catalog.format_type(t.typelem, null) end, t.typdelim, t.typcollation <> 0
  from pg_catalog.pg_type as t
 where t.typtype = 'b' and t.oid >= 16384
   and not exists (select from pg_catalog.pg_type as e where e.typarray = t.oid)
