-- Keeps the chain from forking: no two entries follow the same one.
CREATE UNIQUE INDEX :"index" ON :"schema".:"table" (previous_hash);
