-- Who needs whom. Members of extensions are found by their extension; what an owner or a grant needs is
-- known from its fact. Left out is what goes without saying, as it is most of the catalog: that a constraint, a
-- default or an index needs columns of its own table, and a row type or array type what it is of. A sequence does
-- not need the column that owns it: that is the ownership's edge.
select classid, objid, objsubid, refclassid, refobjid, refobjsubid
  from pg_catalog.pg_depend
 where deptype <> 'e'
   and objid >= 16384 and refobjid >= 16384
   and not (deptype = 'a' and classid in (2604, 2606))
   and not (deptype = 'a' and classid = 1259 and objsubid = 0 and refclassid = 1259 and refobjsubid <> 0)
   and not (deptype = 'i' and classid = 1247)
   and not (deptype = 'i' and classid = 1259 and objsubid = 0 and refclassid = 1259 and refobjsubid <> 0
            and exists (select from pg_catalog.pg_sequence where seqrelid = objid))
