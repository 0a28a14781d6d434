-- The classes of operators that b-trees use where nobody says which. One that takes options (its function 5) may have been given
-- some, which are printed.
select o.oid, o.opcintype, t.typcollation
  from pg_catalog.pg_opclass as o
  join pg_catalog.pg_type as t on t.oid = o.opcintype
 where o.opcmethod = 403 and o.opcdefault
   and o.opcfamily not in (select amprocfamily from pg_catalog.pg_amproc where amprocnum = 5)
