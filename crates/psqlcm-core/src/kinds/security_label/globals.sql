-- Of roles and tablespaces; that of a database stands with it.
select objoid, classoid, provider, label
  from pg_catalog.pg_shseclabel
 where classoid in (1213, 1260)
