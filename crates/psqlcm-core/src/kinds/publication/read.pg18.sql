select p.oid, p.pubname, p.pubowner, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot,
       p.pubgencols
  from pg_catalog.pg_publication as p
 where p.oid >= 16384
