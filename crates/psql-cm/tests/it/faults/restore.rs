//! Harm while databases are restored.

use psqlcm_testkit::{server, unique};

use super::{At, HARMS, Harm, Moment, Site, each_harm, each_point, exit_says, mark};
use crate::tool::{Ran, Tool};

/// A tree of databases that are not there, and one role that is not either.
struct World {
    site: Site,
    role: String,
    /// How many tables each of them has besides.
    more: usize,
}

impl World {
    fn new(databases: usize) -> Self {
        Self::wide(databases, 0, "1")
    }

    /// Databases of that many more tables, restored by as many sessions.
    fn wide(databases: usize, more: usize, jobs: &'static str) -> Self {
        let role = unique("faults_role");
        let tool = Tool::new(&server(15));
        tool.psql("postgres", &format!("CREATE ROLE {role}"));
        let databases: Vec<String> = (0..databases).map(|_| unique("faults")).collect();
        let application = unique("faults_run");
        let site = Site { tool, template: "template0".to_owned(), databases, jobs, application };
        site.reset();
        for database in &site.databases {
            let sql = format!(
                "CREATE TABLE t (a int PRIMARY KEY); ALTER TABLE t OWNER TO {role};
                 SELECT format('CREATE TABLE more_%s (a int)', n) FROM generate_series(1, {more}) AS n \\gexec"
            );
            site.tool.psql(database, &sql);
        }
        site.tool.ok(&site.words(&["setup"]));
        site.tool.ok(&site.words(&["dump"]));
        let world = Self { site, role, more };
        world.reset();
        world
    }

    fn reset(&self) {
        self.site.drop_databases();
        let names: Vec<String> = self.left();
        names
            .iter()
            .for_each(|name| drop(self.site.tool.psql("postgres", &format!("DROP DATABASE \"{name}\""))));
        self.site.tool.psql(
            "postgres",
            &format!("SET client_min_messages = warning; DROP ROLE IF EXISTS {}", self.role),
        );
    }

    /// How many of the databases are there. None of them is half there.
    fn restored(&self) -> usize {
        let names: Vec<String> = self.site.databases.iter().map(|name| format!("'{name}'")).collect();
        let sql = format!("SELECT datname FROM pg_database WHERE datname IN ({})", names.join(", "));
        let there = self.site.tool.psql("postgres", &sql);
        for name in there.lines() {
            let sql = "SELECT (SELECT count(*) FROM pg_class WHERE relname = 't' OR relname LIKE 'more_%'), \
                       (SELECT count(*) FROM pg_psql_cm)";
            assert_eq!(self.site.tool.psql(name, sql), format!("{}|1", 1 + self.more));
        }
        there.lines().count()
    }

    /// Databases that are half built.
    fn left(&self) -> Vec<String> {
        let one = |name: &String| format!("datname LIKE '{name} restore %'");
        let any: Vec<String> = self.site.databases.iter().map(one).collect();
        let sql = format!("SELECT datname FROM pg_database WHERE {}", any.join(" OR "));
        self.site.tool.psql("postgres", &sql).lines().map(str::to_owned).collect()
    }

    fn has_role(&self) -> bool {
        self.site
            .tool
            .psql("postgres", &format!("SELECT count(*) FROM pg_roles WHERE rolname = '{}'", self.role))
            == "1"
    }

    /// After a run that was not killed: nothing but what it says.
    fn check(&self, ran: &Ran, harm: &Harm) {
        self.site.settle();
        let done = self.restored();
        exit_says(ran, harm, done, self.site.databases.len());
        assert_eq!(self.left(), Vec::<String>::new(), "{}{}", ran.stdout, ran.stderr);
        assert_eq!(self.has_role(), done > 0, "{}{}", ran.stdout, ran.stderr);
    }

    /// The same again restores what is not there, and removes what is half there.
    fn finish(&self) {
        let before = self.restored();
        let again = self.site.again(&["restore"]);
        let of = self.site.databases.len();
        let said = format!("{before} before, again: {}\n{}{}", again.code, again.stdout, again.stderr);
        let expected = match before {
            0 => 0,
            all if all == of => 1,
            _ => 6,
        };
        // It may have got its name since.
        let is_late = self.left().is_empty() && again.stderr.contains("exists");
        assert!(again.code == expected || is_late, "{said}");
        assert_eq!((self.restored(), self.left()), (of, Vec::new()), "{said}");
        assert_eq!(said.matches("equal to what was dumped").count(), of - before, "{said}");
        self.site.verify();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A test that failed has said why.
        if !std::thread::panicking() {
            self.reset();
        }
    }
}

fn check(world: &World, n: usize, harm: &Harm) -> bool {
    world.reset();
    let Some(ran) = world.site.harmed(&["restore"], At::Message(n), harm) else { return false };
    match harm {
        // As long as the server is at work for it, the run counts as alive, and what it left stays.
        Harm::Kill(_) => world.site.settle(),
        _ => world.check(&ran, harm),
    }
    world.finish();
    true
}

fn restore(databases: usize) {
    each_harm(&format!("restore of {databases}"), databases, || World::new(databases), check);
}

#[test]
fn restore_of_one_database() {
    restore(1);
}

#[test]
fn restore_of_three_databases() {
    restore(3);
}

/// Which message is the n-th differs from run to run, as the sessions do not wait for each other.
#[test]
fn restore_by_several_sessions() {
    for (harm, [stride, _]) in HARMS {
        let what = format!("restore by several sessions, {harm}");
        let try_at = |world: &World, n: usize| check(world, n, &harm);
        each_point(&what, stride + 6, || World::wide(1, 450, "3"), try_at);
    }
}

#[test]
fn restore_from_a_disk_that_fails() {
    let try_at = |world: &World, n: usize, how: &str| {
        world.reset();
        let mut command = world.site.tool.binary(&world.site.tool.server);
        let mark = mark(&mut command, &world.site.tool, how, n);
        command.env("PGAPPNAME", &world.site.application).args(world.site.words(&["restore"]));
        let ran = Ran::of(&command.output().unwrap());
        if !mark.exists() {
            return false;
        }
        if how == "full" {
            assert!(ran.stderr.contains("make room on the disk"), "{}", ran.stderr);
            world.check(&ran, &Harm::Cut(Moment::Before));
        }
        world.site.settle();
        world.finish();
        true
    };
    for how in ["full", "kill"] {
        let what = format!("restore of 1, disk {how}");
        each_point(&what, 1, || World::new(1), |world, n| try_at(world, n, how));
    }
}
