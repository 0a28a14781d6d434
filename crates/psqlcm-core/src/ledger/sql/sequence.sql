-- A rolled back transaction leaves the sequence ahead until the next entry; ids come from the rows, not from it.
SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence(:'relation', 'id'), :'last'::bigint);
