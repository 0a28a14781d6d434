//! What tells a catalog that was written: a capture is used again only while nothing that it reads has changed.

use psqlcm_engine::capture::{capture, catalog_state};
use psqlcm_testkit::{servers, unique};

use crate::support::session_of;

const SEED: &str = "CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE VIEW v AS SELECT a FROM t;
    CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE e AS ENUM ('a');
    CREATE MATERIALIZED VIEW m AS SELECT a FROM t WITH NO DATA; CREATE SEQUENCE s;
    CREATE FOREIGN DATA WRAPPER w OPTIONS (a 'b'); CREATE SERVER sv FOREIGN DATA WRAPPER w OPTIONS (a 'b');
    CREATE USER MAPPING FOR PUBLIC SERVER sv OPTIONS (a 'b'); CREATE FOREIGN TABLE ft (a int) SERVER sv OPTIONS (a 'b');
    CREATE PUBLICATION pub FOR TABLE t; CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
    CREATE EVENT TRIGGER et ON sql_drop EXECUTE FUNCTION ev(); CREATE TABLE two (a int, b int);
    CREATE STATISTICS st ON a, b FROM two; CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = simple);
    CREATE TEXT SEARCH CONFIGURATION conf (PARSER = \"default\"); CREATE LANGUAGE lang HANDLER plpgsql_call_handler;
    CREATE CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8; CREATE OPERATOR FAMILY fam USING btree;
    SELECT lo_create(4711); CREATE SUBSCRIPTION sub CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE)";

#[test]
fn whatever_others_commit_is_seen_and_rows_are_not() {
    for server in servers() {
        let database = server.database("catalog");
        database.psql(SEED).unwrap();
        let (name, role) = (database.name(), unique("catalog_role"));
        let mut session = session_of(&server, name);
        // Other tests make roles meanwhile, which is seen too.
        for sql in ["INSERT INTO t VALUES (1)", "SELECT nextval('s')", "ANALYZE", "VACUUM t", "SELECT 1"] {
            let is_unseen = (0..50).any(|_| {
                let before = catalog_state(&mut session).unwrap();
                database.psql(sql).unwrap();
                before == catalog_state(&mut session).unwrap()
            });
            assert!(is_unseen, "{sql}");
        }
        let mut before = catalog_state(&mut session).unwrap();
        let mut check = |sql: &str| {
            database.psql(sql).unwrap();
            let after = catalog_state(&mut session).unwrap();
            assert!(before != after, "{sql}");
            before = after;
        };
        let named = [
            format!("CREATE ROLE {role}"),
            format!("ALTER ROLE {role} NOINHERIT"),
            format!("GRANT SELECT ON t TO {role}"),
            format!("ALTER TABLE u OWNER TO {role}"),
            format!("ALTER DATABASE {name} SET work_mem = '8MB'"),
            format!("ALTER DATABASE {name} RESET work_mem"),
            format!("COMMENT ON DATABASE {name} IS 'x'"),
            format!("GRANT CREATE ON DATABASE {name} TO {role}"),
            format!("DROP OWNED BY {role}; DROP ROLE {role}"),
        ];
        let plain = [
            "ALTER TABLE t ADD b int",
            "ALTER TABLE t DROP b",
            "ALTER TABLE t ALTER a SET DEFAULT 1",
            "ALTER TABLE t ALTER a SET DEFAULT 2",
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
            "ALTER TABLE t DROP CONSTRAINT c; ALTER TABLE t ADD CONSTRAINT c CHECK (a > -1)",
            "CREATE INDEX ON t (a)",
            "DROP VIEW v; CREATE VIEW v AS SELECT a FROM t",
            "COMMENT ON SCHEMA public IS 'mine'",
            "COMMENT ON TABLE t IS 'x'",
            "GRANT SELECT ON t TO PUBLIC",
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
            "ALTER TYPE e ADD VALUE 'b'",
            "REFRESH MATERIALIZED VIEW m",
            "ALTER SEQUENCE s INCREMENT 3",
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY p ON t USING (a > 0)",
            "ALTER POLICY p ON t USING (a > 1)",
            "DROP POLICY p ON t",
            "CREATE SCHEMA x",
            "ALTER SCHEMA x RENAME TO y",
            "CREATE EXTENSION pg_trgm",
            "DROP EXTENSION pg_trgm",
            "ALTER TABLE t CLUSTER ON t_a_idx",
            "ALTER TABLE t REPLICA IDENTITY FULL",
            "GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC",
            "ALTER SUBSCRIPTION sub SET PUBLICATION q WITH (refresh = false)",
            "ALTER FOREIGN DATA WRAPPER w OPTIONS (SET a 'c')",
            "ALTER SERVER sv OPTIONS (SET a 'c')",
            "ALTER USER MAPPING FOR PUBLIC SERVER sv OPTIONS (SET a 'c')",
            "ALTER FOREIGN TABLE ft OPTIONS (SET a 'c')",
            "ALTER PUBLICATION pub SET (publish = 'insert')",
            "ALTER PUBLICATION pub DROP TABLE t",
            "ALTER EVENT TRIGGER et DISABLE",
            "ALTER STATISTICS st SET STATISTICS 7",
            "ALTER TEXT SEARCH DICTIONARY dict (Accept = true)",
            "ALTER TEXT SEARCH CONFIGURATION conf RENAME TO conf2",
            "ALTER TEXT SEARCH CONFIGURATION conf2 ADD MAPPING FOR word WITH simple",
            "ALTER LANGUAGE lang RENAME TO lang2",
            "ALTER CONVERSION conv RENAME TO conv2",
            "ALTER OPERATOR FAMILY fam USING btree RENAME TO fam2",
            "ALTER OPERATOR FAMILY fam2 USING btree ADD FUNCTION 1 btint42cmp(int4, int2)",
        ];
        for sql in named.iter().map(String::as_str).chain(plain) {
            check(sql);
        }
        capture(&mut session).unwrap();
    }
}
