select objoid, classoid, description
  from pg_catalog.pg_shdescription
 where classoid in (1213, 1260)
