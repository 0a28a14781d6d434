-- A constraint that an index enforces carries what is said of the index. What is nothing but names, keys and what is not null, is put
-- together by definition.rs, as the server's function looks each name up by itself: here is what else can be in them. An index
-- that is no B-tree, or has more columns than the key, tells that there is more to a key,
-- and so does a key of which nulls are equal, or of which only some columns are set.
select c.oid, c.conrelid, c.contypid, c.conname, c.contype,
       case when not c.is_plain then pg_catalog.pg_get_constraintdef(c.oid) end as definition,
       case when c.is_plain then c.conkey::text end, case when c.is_plain then nullif(c.confrelid, 0) end,
       case when c.is_plain then c.confkey::text end, nullif(c.confupdtype, ' '), nullif(c.confdeltype, ' '),
       nullif(c.condeferrable, false), nullif(c.condeferred, false), c.conkey[1],
       c.convalidated or pg_catalog.pg_get_constraintdef(c.oid) not like '% NOT VALID', c.connoinherit, c.conislocal,
       c.conparentid <> 0, case when c.contype in ('p', 'u', 'x') then c.conindid else 0 end,
       c.reloptions::text, s.spcname, c.indisclustered, c.indisreplident,
       c.conrelid in (select oid from pg_catalog.pg_class where relkind = 'p')
  from (
    select c.*, x.reloptions, x.reltablespace, i.indisclustered, i.indisreplident,
           c.convalidated and c.conrelid <> 0
           and case c.contype
                 when 'n' then true
                 when 'f' then x.relam = 403 and c.confmatchtype = 's' and c.confdelsetcols is null
                 when 'p' then x.relam = 403 and i.indnatts = i.indnkeyatts
                 when 'u' then x.relam = 403 and i.indnatts = i.indnkeyatts and not i.indnullsnotdistinct
                 else false end is true as is_plain
      from pg_catalog.pg_constraint as c
      left join pg_catalog.pg_class as x on x.oid = c.conindid
      left join pg_catalog.pg_index as i on i.indexrelid = c.conindid
     where c.oid >= 16384
  ) as c
  left join pg_catalog.pg_tablespace as s on s.oid = c.reltablespace
 where c.conrelid not in (select oid from pg_catalog.pg_class where relpersistence = 't')
