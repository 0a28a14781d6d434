-- Who needs whom. Members of extensions are found by their extension; what an owner or a grant needs is
-- known from its fact. Left out is what goes without saying, as it is most of the catalog: that something needs its schema, that
-- a constraint, a default or an index needs columns of its own table, a row type or array type what it is of, and the index and the
-- triggers of a constraint that one. What has expressions may name other schemas ('s'::regnamespace). A sequence does not need the
-- column that owns it: that is the ownership's edge. All is said by one CASE, as most rows are read in any case, which an index only
-- makes slower.
select classid, objid, objsubid, refclassid, refobjid, refobjsubid
  from pg_catalog.pg_depend
 where case when objid < 16384 or refobjid < 16384 or deptype = 'e' then false
            when refclassid = 2615
              then case classid
                   when 1259 then objid in (select indexrelid from pg_catalog.pg_index where indexprs is not null or indpred is not null
                                            union all
                                            select partrelid from pg_catalog.pg_partitioned_table where partexprs is not null)
                   when 1247 then objid in (select oid from pg_catalog.pg_type where typdefaultbin is not null)
                   when 1255 then (objid, refobjid) not in (select oid, pronamespace from pg_catalog.pg_proc where oid >= 16384)
                   else true end
            when classid = 1259
              then not (refclassid = 2606 and deptype = 'i')
                   and not (refclassid = 1259 and objsubid = 0 and refobjsubid <> 0
                            and (deptype = 'a' or deptype = 'i' and objid in (select seqrelid from pg_catalog.pg_sequence)))
            when classid = 1247 then deptype <> 'i'
            when classid in (2604, 2606) then deptype <> 'a'
            when classid = 2620 then not (refclassid = 2606 and deptype = 'i')
            else true end
