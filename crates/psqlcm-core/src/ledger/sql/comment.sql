COMMENT ON TABLE :"schema".:"table" IS 'Ledger of psql-cm: the changes made to this schema. Append-only and hash-chained; rows are never edited.';
