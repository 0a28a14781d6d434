-- Schemas of tables as applications have them, with keys, checks, defaults, indexes, comments and grants, and with each
-- tenth table a view, a function and a trigger. `:tables` tables in `:schemas` schemas; a transaction a schema, so that the
-- default lock table is enough.
SET client_min_messages = warning;
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bench_reader') AS is_first \gset
\if :is_first
CREATE ROLE bench_reader;
\endif
SELECT format(
$make$DO $do$
DECLARE
    s text := %L;
    t text;
BEGIN
    EXECUTE format('CREATE SCHEMA %%I', s);
    EXECUTE format('GRANT USAGE ON SCHEMA %%I TO bench_reader', s);
    EXECUTE format('CREATE TYPE %%I.state AS ENUM (''new'', ''open'', ''done'')', s);
    EXECUTE format('CREATE FUNCTION %%I.touch() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN NEW.changed_at := now(); RETURN NEW; END''', s);
    FOR i IN 1..%s LOOP
        t := 'table_' || i;
        EXECUTE format('CREATE TABLE %%1$I.%%2$I (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            name text NOT NULL,
            state %%1$I.state DEFAULT ''new'' NOT NULL,
            amount numeric(12,2) CHECK (amount >= 0),
            parent bigint,
            tags text[] DEFAULT ''{}'' NOT NULL,
            details jsonb,
            created_at timestamptz DEFAULT now() NOT NULL,
            changed_at timestamptz,
            UNIQUE (name))', s, t);
        EXECUTE format('ALTER TABLE %%1$I.%%2$I ADD FOREIGN KEY (parent) REFERENCES %%1$I.%%3$I (id)', s, t, 'table_' || greatest(i - 1, 1));
        EXECUTE format('CREATE INDEX ON %%I.%%I (parent, created_at DESC)', s, t);
        EXECUTE format('COMMENT ON TABLE %%I.%%I IS ''What belongs to %%s''', s, t, t);
        EXECUTE format('COMMENT ON COLUMN %%I.%%I.state IS ''How far it is''', s, t);
        EXECUTE format('GRANT SELECT ON %%I.%%I TO bench_reader', s, t);
        IF i %% 10 = 0 THEN
            EXECUTE format('CREATE VIEW %%1$I.%%2$I AS SELECT id, name, amount FROM %%1$I.%%3$I WHERE state <> ''done'' AND amount IS NOT NULL', s, 'open_' || i, t);
            EXECUTE format('CREATE FUNCTION %%1$I.%%2$I(wanted bigint) RETURNS numeric LANGUAGE sql STABLE AS ''SELECT amount FROM %%1$I.%%3$I WHERE id = wanted''', s, 'amount_of_' || i, t);
            EXECUTE format('CREATE TRIGGER touch BEFORE UPDATE ON %%1$I.%%2$I FOR EACH ROW EXECUTE FUNCTION %%1$I.touch()', s, t);
        END IF;
    END LOOP;
END $do$$make$, 'tenant_' || lpad(n::text, 4, '0'), greatest(:tables / :schemas, 1))
FROM generate_series(1, :schemas) AS n
\gexec
