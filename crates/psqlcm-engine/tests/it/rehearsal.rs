//! A plan that is tried out: what does not lead there, and what loses rows without saying so, is found.

use psqlcm_core::narrow::{Covered, Scope};
use psqlcm_core::plan::{Action, between, script};
use psqlcm_core::snapshot::Snapshot;
use psqlcm_core::targets::SchemaRequest;
use psqlcm_engine::access::Access;
use psqlcm_engine::conninfo::{ConnInfo, Environment, Given};
use psqlcm_engine::interrupt::Interrupt;
use psqlcm_engine::rehearsal::{Rehearsal, RehearsalError, Verified};
use psqlcm_engine::scratch::{Scratch, Wanted};
use psqlcm_testkit::{TestServer, servers};

use crate::trip::snapshot;

/// Two states on a server, and a place to try out what leads from one to the other.
struct Stage {
    scratch: Scratch,
    from: Snapshot,
    to: Snapshot,
    actions: Vec<Action>,
    interrupt: Interrupt,
}

impl Stage {
    fn new(server: &TestServer, old: &str, new: &str) -> Self {
        let side = |sql: &str| {
            let database = server.database("rehearsal");
            database.psql(sql).unwrap();
            snapshot(&database)
        };
        let info = Given::new().text("test", &server.uri("postgres"));
        let access = Access::new(ConnInfo::resolve(&info, &Environment::empty()).unwrap(), None);
        let interrupt = Interrupt::default();
        let scratch =
            Scratch::open(&Wanted { given: Some(&access), ..Wanted::default() }, &interrupt).unwrap();
        let (from, to) = (side(old), side(new));
        let actions = between(&from, &to).unwrap();
        Self { scratch, from, to, actions, interrupt }
    }

    /// What comes of the plan's statements after `instead` has looked at them.
    fn try_out(&self, instead: impl Fn(String) -> String + Sync) -> Result<Verified, RehearsalError> {
        let schemas = SchemaRequest::default();
        let scope = Scope { schemas, ignore: Default::default(), owners: true, privileges: true };
        let settings = "SET search_path = '';\n";
        Rehearsal {
            scratch: &self.scratch,
            whole: &self.from,
            scope: &scope,
            covered: &Covered::ALL,
            to: &self.to,
            actions: &self.actions,
            renames: &[],
            script: &|database| settings.to_owned() + &instead(script::statements(&self.actions, database)),
            database: "from",
            interrupt: &self.interrupt,
        }
        .run()
    }
}

const OLD: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE DOMAIN short AS text CHECK (length(VALUE) < 3);
    CREATE TABLE parents (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code uuid UNIQUE NOT NULL);
    CREATE TABLE t (
        id int PRIMARY KEY,
        a varchar(10) NOT NULL,
        b text NOT NULL CHECK (b IN ('x', 'y')),
        c mood NOT NULL,
        d short NOT NULL,
        e int CHECK (e > 1000) NOT NULL,
        f int[] NOT NULL,
        g jsonb NOT NULL,
        h tstzrange NOT NULL,
        i timestamptz NOT NULL,
        j inet NOT NULL,
        k interval NOT NULL,
        l bytea NOT NULL,
        m point NOT NULL,
        n bit(3) NOT NULL,
        o numeric(4,2) NOT NULL,
        parent bigint NOT NULL REFERENCES parents,
        other uuid REFERENCES parents (code)
    );
    CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree);
    CREATE TABLE parts (at date NOT NULL, n int) PARTITION BY RANGE (at);
    CREATE TABLE parts_2020 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE TABLE lists (kind text NOT NULL) PARTITION BY LIST (kind);
    CREATE TABLE lists_a PARTITION OF lists FOR VALUES IN ('a', 'b');
    CREATE TABLE hashes (id int NOT NULL) PARTITION BY HASH (id);
    CREATE TABLE hashes_0 PARTITION OF hashes FOR VALUES WITH (MODULUS 3, REMAINDER 0);";

#[test]
fn rows_are_made_up_and_stay() {
    for server in servers() {
        let new =
            format!("{OLD} ALTER TABLE t ALTER a TYPE text, ALTER id TYPE bigint; CREATE INDEX ON t (b);");
        let stage = Stage::new(&server, OLD, &new);
        let verified = stage.try_out(|sql| sql).unwrap();
        assert_eq!((verified.tables, verified.without_rows), (6, Vec::new()));
        assert_eq!(verified.server_version / 10_000, server.major());
    }
}

#[test]
fn a_plan_that_does_not_do_what_it_says_is_found() {
    let server = &servers()[0];
    let stage = Stage::new(
        server,
        OLD,
        &format!("{OLD} ALTER TABLE t ALTER a TYPE text; CREATE INDEX by_b ON t (b)"),
    );
    let found = |instead: &(dyn Fn(String) -> String + Sync)| stage.try_out(instead).unwrap_err();
    let is_index = |line: &&str| !line.contains("INDEX");
    let without_index = |sql: String| sql.lines().filter(is_index).map(|line| format!("{line}\n")).collect();
    let RehearsalError::Left(left) = found(&without_index) else { panic!("it leads there") };
    assert_eq!(left.iter().map(|fact| fact.id.to_string()).collect::<Vec<_>>(), ["index public.t.by_b"]);
    let losing =
        |sql: String| format!("{sql}DELETE FROM public.t WHERE id = (SELECT min(id) FROM public.t);\n");
    let RehearsalError::Lost(lost) = found(&losing) else { panic!("nothing is lost") };
    assert_eq!(lost, ["1 of 2 rows of public.t"]);
    let changing = |sql: String| format!("{sql}UPDATE public.t SET e = e + 1;\n");
    let RehearsalError::Lost(lost) = found(&changing) else { panic!("nothing is lost") };
    assert_eq!(lost, ["values of public.t.e"]);
    let failing = |sql: String| format!("{sql}DROP TABLE nowhere.t;\n");
    assert!(matches!(found(&failing), RehearsalError::Step(_)));
}

#[test]
fn rows_that_a_step_cannot_take_are_left_out_and_named() {
    let server = &servers()[0];
    let old = "CREATE TABLE t (a text); CREATE TABLE u (a int);";
    let stage = Stage::new(server, old, "CREATE TABLE t (a date); CREATE TABLE u (a bigint);");
    let verified = stage.try_out(|sql| sql).unwrap();
    assert_eq!((verified.tables, verified.failing_rows), (2, vec!["public.t".to_owned()]));
    assert_eq!(verified.without_rows, Vec::<String>::new());
}
