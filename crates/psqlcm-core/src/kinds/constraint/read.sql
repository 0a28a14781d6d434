-- A constraint that an index enforces carries what is said of the index. Version 18 has a constraint for each column that is
-- not null: what most of them are is put together here as pg_get_constraintdef does it, which looks each up by itself.
select c.oid, c.conrelid, c.contypid, c.conname, c.contype,
       coalesce(case when c.contype = 'n' and c.conrelid <> 0 and c.convalidated
                     then (select 'NOT NULL ' || pg_catalog.quote_ident(a.attname) || case when c.connoinherit then ' NO INHERIT' else '' end
                             from pg_catalog.pg_attribute as a where a.attrelid = c.conrelid and a.attnum = c.conkey[1]) end,
                pg_catalog.pg_get_constraintdef(c.oid)) as definition,
       case when c.contype = 'n' and c.conrelid <> 0
            then (select a.attname from pg_catalog.pg_attribute as a
                   where a.attrelid = c.conrelid and a.attnum = c.conkey[1]) end,
       c.convalidated or pg_catalog.pg_get_constraintdef(c.oid) not like '% NOT VALID', c.connoinherit, c.conislocal,
       c.conparentid <> 0, case when c.contype in ('p', 'u', 'x') then c.conindid else 0 end,
       x.reloptions::text, s.spcname, i.indisclustered, i.indisreplident,
       c.conrelid in (select oid from pg_catalog.pg_class where relkind = 'p')
  from pg_catalog.pg_constraint as c
  left join pg_catalog.pg_class as x
    on x.oid = c.conindid and c.contype in ('p', 'u', 'x') and (x.reloptions is not null or x.reltablespace <> 0)
  left join pg_catalog.pg_tablespace as s on s.oid = x.reltablespace
  left join pg_catalog.pg_index as i
    on i.indexrelid = c.conindid and c.contype in ('p', 'u', 'x') and (i.indisclustered or i.indisreplident)
 where c.oid >= 16384 and c.conrelid not in (select oid from pg_catalog.pg_class where relpersistence = 't')
