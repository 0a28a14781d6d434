//! `submit` on real servers.

use crate::support::{everywhere, run};

const SEED: &str = "CREATE SCHEMA schema_two; CREATE TABLE schema_two.a_varchar (a varchar);
    CREATE TABLE public.t (a int)";

#[test]
fn a_change_and_its_entry_commit_together() {
    everywhere("submit", SEED, &["public", "schema_two"], |database| {
        let change = "ALTER TABLE a_varchar ADD COLUMN a_timestamp timestamptz;";
        let ran = run(database, &["submit", "--schema", "schema_two", "--change", change]).exits(0);
        let expected =
            format!("{}.schema_two: done\n  + column schema_two.a_varchar.a_timestamp\n", database.name());
        assert_eq!(ran.out, expected);
        let rows = "SELECT id, entry_kind, content, number, (fingerprint_before = (SELECT fingerprint_after
            FROM schema_two.pg_psql_cm WHERE id = 1)), fingerprint_after <> fingerprint_before, evidence->'facts'->>'added'
            FROM schema_two.pg_psql_cm ORDER BY id OFFSET 1";
        assert_eq!(database.psql(rows).unwrap(), format!("2|change|{change}|3|t|t|1"));
        assert_eq!(database.psql("SELECT count(*) FROM public.pg_psql_cm").unwrap(), "1");
        // Twice is refused, and changes nothing.
        run(database, &["submit", "-s", "schema_two", "-c", change])
            .exits(4)
            .says("recorded already")
            .says("--again");
        assert_eq!(database.psql(rows).unwrap().lines().count(), 1);
    });
}
