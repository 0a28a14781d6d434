//! A database under control on each server, and the tool at work on it.

use psqlcm_testkit::{TestDatabase, servers};

use crate::tool::{Ran, Tool};

/// A database with its ledgers. What a file of tests says of it besides stands there.
pub struct Case {
    pub tool: Tool,
    pub database: TestDatabase,
}

impl Case {
    /// On every server: a database made by the seed, set up with these words.
    pub fn made_by(seed: &str, setup: &[&str], check: impl Fn(&Self)) {
        for server in servers() {
            let database = server.database("case");
            database.psql(seed).unwrap();
            let case = Self { tool: Tool::new(&server), database };
            case.ok(setup);
            check(&case);
        }
    }

    pub fn name(&self) -> &str {
        self.database.name()
    }

    pub fn psql(&self, sql: &str) -> String {
        self.database.psql(sql).unwrap()
    }

    pub fn words<'w>(&'w self, words: &[&'w str]) -> Vec<&'w str> {
        [&["-d", self.name()], words].concat()
    }

    pub fn ok(&self, words: &[&str]) -> String {
        self.tool.ok(&self.words(words))
    }

    pub fn fails(&self, words: &[&str], code: i32, says: &[&str]) -> Ran {
        self.tool.fails(&self.words(words), code, says)
    }
}
