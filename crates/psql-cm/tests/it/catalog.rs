//! What tells a catalog that was written: a capture is used again only while nothing that it reads has changed.

use psqlcm_engine::capture::{capture, catalog_state};
use psqlcm_testkit::{servers, unique};

use crate::support::session_of;

const SEED: &str = "CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE VIEW v AS SELECT a FROM t;
    CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE e AS ENUM ('a');
    CREATE MATERIALIZED VIEW m AS SELECT a FROM t WITH NO DATA; CREATE SEQUENCE s";

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
        ];
        for sql in named.iter().map(String::as_str).chain(plain) {
            check(sql);
        }
        capture(&mut session).unwrap();
    }
}
