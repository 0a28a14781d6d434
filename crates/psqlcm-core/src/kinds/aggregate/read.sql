-- The modes in which a final function may change its state are given where they are not the usual ones:
-- read_only for plain aggregates, read_write for the others.
select p.oid, p.pronamespace, p.proname, pg_catalog.oidvectortypes(p.proargtypes),
       pg_catalog.pg_get_function_identity_arguments(p.oid), p.proowner, p.proacl::text, case when p.proacl is not null then pg_catalog.acldefault('f', p.proowner)::text end,
       a.aggkind, pg_catalog.format_type(p.prorettype, null),
       a.aggtransfn::text, pg_catalog.format_type(a.aggtranstype, null), a.aggtransspace,
       nullif(a.aggfinalfn::oid, 0)::pg_catalog.regproc::text, a.aggfinalextra,
       case when a.aggfinalfn <> 0 and a.aggfinalmodify <> case a.aggkind when 'n' then 'r' else 'w' end
            then case a.aggfinalmodify when 'r' then 'READ_ONLY' when 's' then 'SHAREABLE' else 'READ_WRITE' end end,
       nullif(a.aggcombinefn::oid, 0)::pg_catalog.regproc::text, nullif(a.aggserialfn::oid, 0)::pg_catalog.regproc::text,
       nullif(a.aggdeserialfn::oid, 0)::pg_catalog.regproc::text, a.agginitval,
       nullif(a.aggmtransfn::oid, 0)::pg_catalog.regproc::text, nullif(a.aggminvtransfn::oid, 0)::pg_catalog.regproc::text,
       case when a.aggmtranstype <> 0 then pg_catalog.format_type(a.aggmtranstype, null) end, a.aggmtransspace,
       nullif(a.aggmfinalfn::oid, 0)::pg_catalog.regproc::text, a.aggmfinalextra,
       case when a.aggmfinalfn <> 0 and a.aggmfinalmodify <> case a.aggkind when 'n' then 'r' else 'w' end
            then case a.aggmfinalmodify when 'r' then 'READ_ONLY' when 's' then 'SHAREABLE' else 'READ_WRITE' end end,
       a.aggminitval,
       (select 'OPERATOR(' || pg_catalog.quote_ident(n.nspname) || '.' || o.oprname || ')'
          from pg_catalog.pg_operator as o join pg_catalog.pg_namespace as n on n.oid = o.oprnamespace
         where o.oid = a.aggsortop),
       case p.proparallel when 's' then 'SAFE' when 'r' then 'RESTRICTED' end
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_aggregate as a on a.aggfnoid = p.oid
 where p.oid >= 16384
