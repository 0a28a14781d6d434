-- Which publications carry, or would carry once it is there, the table of that name in each schema.
select n.nspname, p.pubname,
       case when p.puballtables then 'all' when s.oid is not null then 'schema' else 'table' end
  from pg_catalog.pg_publication as p
 cross join pg_catalog.pg_namespace as n
  left join pg_catalog.pg_publication_namespace as s on s.pnpubid = p.oid and s.pnnspid = n.oid
  left join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = :table
  left join pg_catalog.pg_publication_rel as r on r.prpubid = p.oid and r.prrelid = c.oid
 where (p.puballtables or s.oid is not null or r.oid is not null)
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 order by n.nspname, p.pubname
