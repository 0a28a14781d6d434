select c.oid, c.connamespace, c.conname, c.conowner, pg_catalog.pg_encoding_to_char(c.conforencoding),
       pg_catalog.pg_encoding_to_char(c.contoencoding), c.conproc::pg_catalog.regproc::text, c.condefault
  from pg_catalog.pg_conversion as c
 where c.oid >= 16384
