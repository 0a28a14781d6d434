-- Who needs whom. Members of extensions are found by their extension; what an owner or a grant needs is
-- known from its fact. A sequence does not need the column that owns it: that is the ownership's edge.
-- A rule that makes a view belongs to it, and not the other way round.
select classid, objid, objsubid, refclassid, refobjid, refobjsubid
  from pg_catalog.pg_depend
 where deptype <> 'e'
   and objid >= 16384 and refobjid >= 16384
   and not (deptype in ('a', 'i') and classid = 1259 and objsubid = 0 and refclassid = 1259 and refobjsubid <> 0
            and exists (select from pg_catalog.pg_sequence where seqrelid = objid))
