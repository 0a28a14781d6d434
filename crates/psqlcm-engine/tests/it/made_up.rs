//! Schemas changed at random become each other. What fails is made smaller before it is told.
//!
//! `PSQL_CM_CHANGES` says how many rounds, `PSQL_CM_CHANGES_SEED` from which seed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use psqlcm_testkit::changes::{BASE, Changes};
use psqlcm_testkit::{TestDatabase, TestServer, servers};

use crate::converge::converge;
use crate::trip::session;

/// The roles that the statements name; they outlive the test, as others may use them by then.
const ROLES: [&str; 3] = ["cm_change_owner", "cm_change_reader", "\"cm_change Odd\""];

/// How many rounds are made where nobody says.
const ROUNDS: u64 = 100;

/// The statements of one round: what both sides begin with, and what the one has beside it.
#[derive(Clone)]
struct Round {
    both: Vec<String>,
    one: Vec<String>,
}

#[test]
fn schemas_changed_at_random_become_each_other() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("PSQL_CM_CHANGES_SEED").unwrap_or(1);
    let rounds = number("PSQL_CM_CHANGES").unwrap_or(ROUNDS);
    let servers = servers();
    for server in &servers {
        make_roles(server);
    }
    let mut failures = Vec::new();
    for seed in first..first + rounds {
        let server = &servers[usize::try_from(seed).unwrap() % servers.len()];
        let round = Round::new(server, seed);
        if round.fails(server).is_some() {
            let smaller = round.smaller(server);
            let error = smaller.fails(server).unwrap_or_default();
            let (both, one) = (smaller.both.join(";\n"), smaller.one.join(";\n"));
            let what = format!(
                "PostgreSQL {}, seed {seed}:\n{both};\n-- and then\n{one};\n-- {error}",
                server.major()
            );
            eprintln!("{what}\n");
            failures.push(what);
        }
    }
    let failed = failures.len();
    assert!(failed == 0, "{failed} of {rounds} failed:\n\n{}", failures.join("\n\n"));
}

fn make_roles(server: &TestServer) {
    for role in ROLES {
        let exists = format!("SELECT FROM pg_roles WHERE rolname = '{}'", role.trim_matches('"'));
        let make = format!(
            "DO $$ BEGIN IF NOT EXISTS ({exists}) THEN CREATE ROLE {role}; END IF; EXCEPTION WHEN OTHERS THEN NULL; END $$"
        );
        server.psql("postgres", &make).unwrap();
    }
}

impl Round {
    /// Statements that the server takes, one after the other.
    fn new(server: &TestServer, seed: u64) -> Self {
        let mut changes = Changes::new(seed, server.major());
        let database = server.database("made_up");
        database.psql(BASE).unwrap();
        let mut session = session(&database);
        session.run("SET statement_timeout = '10s'").unwrap();
        let mut taken = |wanted: usize| {
            let mut taken = Vec::new();
            while taken.len() < wanted {
                let statement = changes.statement();
                if session.run(&statement).is_ok() {
                    taken.push(statement);
                }
            }
            taken
        };
        let mut size = Changes::new(seed, server.major());
        let (both, one) = (size.number(5..=40), size.number(5..=40));
        Self { both: taken(both), one: taken(one) }
    }

    /// Both ways; what went wrong, if anything.
    fn fails(&self, server: &TestServer) -> Option<String> {
        let both_and_one = [&self.both[..], &self.one[..]].concat();
        for (name, from, to) in [("there", &self.both, &both_and_one), ("back", &both_and_one, &self.both)] {
            let (from, to) = (made(server, from), made(server, to));
            let result = catch_unwind(AssertUnwindSafe(|| converge(&from, &to)));
            let error = match result {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error,
                Err(_) => "it panicked".to_owned(),
            };
            return Some(format!("{name}: {error}"));
        }
        None
    }

    /// What still fails with as few statements as can be found in some tries.
    fn smaller(&self, server: &TestServer) -> Self {
        let mut round = self.clone();
        let mut part = (round.both.len() + round.one.len()).div_ceil(2).max(1);
        loop {
            let mut removed = false;
            let mut at = 0;
            while at < round.both.len() + round.one.len() {
                let without = round.without(at..at + part);
                match without.fails(server).is_some() {
                    true => (round, removed) = (without, true),
                    false => at += part,
                }
            }
            match part {
                1 if !removed => return round,
                _ => part = part.div_ceil(2).max(1),
            }
            if part == 1 && !removed && round.both.len() + round.one.len() <= 1 {
                return round;
            }
        }
    }

    fn without(&self, range: std::ops::Range<usize>) -> Self {
        let keep = |offset: usize, list: &[String]| {
            let kept = list.iter().enumerate().filter(|(at, _)| !range.contains(&(at + offset)));
            kept.map(|(_, statement)| statement.clone()).collect()
        };
        Self { both: keep(0, &self.both), one: keep(self.both.len(), &self.one) }
    }
}

/// A database with these statements, as far as they work.
fn made(server: &TestServer, statements: &[String]) -> TestDatabase {
    let database = server.database("changed");
    database.psql(BASE).unwrap();
    let mut session = session(&database);
    for statement in statements {
        let _ = session.run(statement);
    }
    database
}

/// Rounds that failed once, each as small as it was found; `PSQL_CM_CHANGES_FILE` names another file of such rounds, for people
/// at work on one.
#[test]
fn what_failed_once_converges() {
    let text = match std::env::var_os("PSQL_CM_CHANGES_FILE") {
        Some(path) => std::fs::read_to_string(path).unwrap(),
        None => include_str!("made_up/failed_once.sql").to_owned(),
    };
    let mut failures = Vec::new();
    for server in servers() {
        make_roles(&server);
        for told in text.split("-- Round: ").filter(|told| !told.trim().is_empty()) {
            let (title, statements) = told.split_once('\n').unwrap();
            let (both, one) = statements.split_once("-- and then").unwrap();
            let round = Round { both: statements_of(both), one: statements_of(one) };
            let error = round.fails(&server);
            failures.extend(error.map(|error| format!("PostgreSQL {}: {title}: {error}", server.major())));
        }
    }
    assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n\n"));
}

fn statements_of(text: &str) -> Vec<String> {
    let statements = text.split(";\n").map(|statement| statement.trim().to_owned());
    statements.filter(|statement| !statement.is_empty()).collect()
}
