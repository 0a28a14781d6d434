-- Refuses to change or remove entries. The function's text is compared by the tool: see sql.rs.
CREATE FUNCTION :"schema".:"guard"() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = ''
    AS $guard$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'restrict_violation',
        MESSAGE = pg_catalog.format('%s on %I.%I is refused: the ledger is append-only',
                                    TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
        HINT = 'Entries are never edited. To correct what a change did, submit another change; '
               'to take the schema from control, run psql-cm setup --remove.';
END
$guard$;
REVOKE ALL ON FUNCTION :"schema".:"guard"() FROM PUBLIC;
CREATE TRIGGER :"guard" BEFORE UPDATE OR DELETE OR TRUNCATE ON :"schema".:"table"
    FOR EACH STATEMENT EXECUTE FUNCTION :"schema".:"guard"();
ALTER TABLE :"schema".:"table" ENABLE ALWAYS TRIGGER :"guard";
