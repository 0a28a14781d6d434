//! `log` on real servers.

use crate::support::{everywhere, run};

#[test]
fn entries_are_told_oldest_first_and_filtered() {
    let seed = "CREATE SCHEMA app; CREATE TABLE app.t (a int)";
    everywhere("log", seed, &["app", "public"], |database| {
        let ada = ["--implementer", "Ada <ada@example.org>", "--reason", "ticket 7"];
        let change = |schema: &str, sql: &str| {
            run(database, &[&["submit", "-s", schema, "-c", sql], &ada[..]].concat()).exits(0);
        };
        change("app", "ALTER TABLE t ADD b int; CREATE TABLE public.p ()");
        let between = database.psql("SELECT pg_sleep(0.01); SELECT clock_timestamp()").unwrap();
        let between = between.trim();
        change("public", "-- why\nALTER TABLE p ADD b text DEFAULT 'secret'");
        let heads = |arguments: &[&str]| -> Vec<String> {
            let ran = run(database, &[&["log"], arguments].concat()).exits(0);
            let name = format!(" {}.", database.name());
            ran.out
                .lines()
                .map(|line| line.split_once(&name).unwrap().1.split(" by ").next().unwrap().to_owned())
                .collect()
        };
        let all = ["app #1 base", "public #1 base", "app #2 change", "public #2 linked", "public #3 change"];
        assert_eq!(heads(&[]), all);
        assert_eq!(heads(&["--limit", "2"]), all[3..]);
        assert_eq!(heads(&["--kind", "change", "--kind", "linked"]), all[2..]);
        assert_eq!(heads(&["--since", between]), all[4..]);
        assert_eq!(heads(&["--until", between]), all[..4]);
        assert_eq!(heads(&["--since", "tomorrow"]), [""; 0]);
        run(database, &["log", "--since", "tomorrow"]).exits(0).says("no ledger has an entry that fits");
        assert_eq!(heads(&["-s", "app"]), ["app #1 base", "app #2 change"]);
        run(database, &["log", "--since", "no time"]).exits(2).says("--since \"no time\" is no moment");
        let ran = run(database, &["log", "--limit", "1"]).exits(0);
        assert!(
            ran.out.ends_with(
                "#3 change by Ada <ada@example.org> (ticket 7): ALTER TABLE p ADD b text DEFAULT '…'\n"
            ),
            "{}",
            ran.out
        );
        let report = run(database, &["--format", "json", "log", "--kind", "change"]).json();
        let entry = &report["targets"][1]["details"]["entries"][0];
        assert_eq!(entry["content"], "-- why\nALTER TABLE p ADD b text DEFAULT 'secret'");
        assert_eq!((&entry["evidence"]["reason"], &entry["kind"]), (&"ticket 7".into(), &"change".into()));
        assert!(entry["hash"].as_str().unwrap().starts_with("1:"));
        let id = entry["change_id"].as_str().unwrap();
        assert_eq!(heads(&["--change-id", id]), all[4..]);
    });
}
