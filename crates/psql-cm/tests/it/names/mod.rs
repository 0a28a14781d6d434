//! Hostile names and texts in every kind of object: the trip is exact, files never leave the tree and are such on every
//! file system, and a name becomes neither SQL nor a command of psql nor something that a terminal obeys.
//!
//! `PSQL_CM_NAMES` says how many names and texts are made up, `PSQL_CM_NAMES_SEED` from which seed; `PSQL_CM_NAMES_ONLY`
//! takes some templates only, by part of their title.

mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use psqlcm_core::kinds::{ALL, KindId};
use psqlcm_core::tree::facts_folder;
use psqlcm_engine::capture::capture;
use psqlcm_engine::conninfo::{ConnInfo, Environment, Given};
use psqlcm_engine::session::Session;
use psqlcm_testkit::hostile::{CANARY, Hostile, acts_on_terminal, cut, not_portable};
use psqlcm_testkit::{TestServer, assert_same_text, servers, unique};

use crate::tool::{Ran, Tool};

/// Kinds that no database holds: the globals of a cluster, which have tests of their own, and labels, for which no server
/// brings a provider.
const ELSEWHERE: [KindId; 4] =
    [KindId::Membership, KindId::Tablespace, KindId::Parameter, KindId::SecurityLabel];

/// How many names and texts go into one database.
const A_DATABASE: usize = 1_000;

#[test]
fn hostile_names_make_the_trip() {
    let servers = servers();
    let share = Hostile::wanted(600).div_ceil(servers.len());
    let (mut made, mut seen) = (0, BTreeSet::new());
    for server in &servers {
        let mut of_server = 0;
        while of_server < share {
            let part = u64::from(server.major()) * 1_000 + (of_server / A_DATABASE) as u64;
            let world = World::made_up(server, part, A_DATABASE.min(share - of_server));
            world.check(&mut seen);
            of_server += world.count;
            eprintln!("PostgreSQL {}: {of_server} of {share}, seed {}", server.major(), world.seed);
        }
        made += of_server;
    }
    eprintln!("{made} hostile names and texts made the trip");
    if std::env::var_os("PSQL_CM_NAMES_ONLY").is_none() && servers.iter().any(|server| server.major() >= 15) {
        let is_expected = |kind: &&KindId| !seen.contains(kind) && !ELSEWHERE.contains(kind);
        let without: Vec<_> = ALL.iter().filter(is_expected).collect();
        assert!(without.is_empty(), "kinds that stand in no template: {without:?}");
    }
}

/// A database to be made, in pieces that can be had one by one.
struct World<'a> {
    server: &'a TestServer,
    seed: u64,
    /// How many names and texts are in it.
    count: usize,
    database: String,
    roles: [String; 3],
    schemas: Vec<String>,
    /// A title, the number of the schema, and SQL.
    pieces: Vec<(&'static str, usize, String)>,
    /// SQL for a change and a reason for it.
    change: [String; 2],
}

impl<'a> World<'a> {
    fn made_up(server: &'a TestServer, part: u64, wanted: usize) -> Self {
        let mut hostile = Hostile::new(part);
        let mark = unique("");
        let database = hostile.name_with(&mark);
        let roles = std::array::from_fn(|_| hostile.name_with(&mark).replacen("pg_", "PG_", 1));
        let only = std::env::var("PSQL_CM_NAMES_ONLY").unwrap_or_default();
        let (mut schemas, mut pieces) = (Vec::new(), Vec::new());
        while hostile.count() < wanted {
            schemas.push(hostile.name_that(|name| !name.starts_with("pg_") && !TAKEN.contains(&name)));
            for template in templates().filter(|template| template.fits(server, schemas.len() == 1)) {
                if template.title.contains(&only) {
                    let sql =
                        fill(template.sql, &mut hostile, &database, &schemas[schemas.len() - 1], &roles);
                    pieces.push((template.title, schemas.len() - 1, sql));
                }
            }
        }
        let change =
            "CREATE TABLE «s».«t» («a» int, «b» text DEFAULT «text»); COMMENT ON TABLE «s».«t» IS «text»";
        let change = fill(change, &mut hostile, &database, &schemas[0], &roles);
        let change = [change, hostile.text().chars().take(2_000).collect()];
        Self {
            server,
            seed: hostile.seed(),
            count: hostile.count(),
            database,
            roles,
            schemas,
            pieces,
            change,
        }
    }

    /// The whole of it; where that fails, piece by piece to tell which it is.
    fn check(&self, seen: &mut BTreeSet<KindId>) {
        let all: Vec<usize> = (0..self.pieces.len()).collect();
        let Err(whole) = self.tried(&all, seen) else { return };
        let failed = |&at: &usize| self.tried(&[at], seen).err().map(|error| (self.pieces[at].0, error));
        // One piece of each template tells enough.
        let first = |&at: &usize| self.pieces[..at].iter().all(|piece| piece.0 != self.pieces[at].0);
        let single: Vec<_> = all.iter().filter(|at| first(at)).filter_map(failed).collect();
        let listed: Vec<String> =
            single.iter().map(|(title, error)| format!("== {title}\n{error}")).collect();
        panic!(
            "PostgreSQL {}, seed {}: {whole}\n\n{} pieces fail alone:\n{}",
            self.server.major(),
            self.seed,
            single.len(),
            listed.join("\n")
        );
    }

    fn tried(&self, pieces: &[usize], seen: &mut BTreeSet<KindId>) -> Result<(), String> {
        let tried = catch_unwind(AssertUnwindSafe(|| Trip::new(self, pieces).run(seen)));
        self.drop_all();
        tried.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        })
    }

    fn drop_all(&self) {
        self.server.drop_database(&self.database);
        for role in &self.roles {
            let sql = format!("DROP ROLE IF EXISTS {}", quoted(role));
            self.server.psql("postgres", &sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }

    /// Makes the roles, the database and these pieces of it.
    fn make(&self, pieces: &[usize]) {
        for role in &self.roles {
            self.psql("postgres", &format!("CREATE ROLE {}", quoted(role)));
        }
        let create = format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", quoted(&self.database));
        self.psql("postgres", &create);
        for (number, schema) in self.schemas.iter().enumerate() {
            let mut sql = "SET check_function_bodies = off;\n".to_owned();
            if schema != "public" {
                sql += &format!("CREATE SCHEMA {};\n", quoted(schema));
            }
            // A name may be that of a type of PostgreSQL.
            sql += &format!("SET search_path = {}, pg_catalog;\n", quoted(schema));
            for (_, of, piece) in pieces.iter().map(|&at| &self.pieces[at]) {
                if *of == number {
                    sql += piece;
                }
            }
            self.psql(&self.database, &sql);
        }
    }

    fn psql(&self, database: &str, sql: &str) -> String {
        self.server.psql(database, sql).unwrap_or_else(|error| {
            let failed = std::env::temp_dir().join("psqlcm-hostile-failed.sql");
            let _ = std::fs::write(&failed, sql);
            panic!("{error}\nthe script is {}", failed.display())
        })
    }
}

/// Names that the tool or PostgreSQL takes for something else.
const TAKEN: [&str; 4] = ["information_schema", "pg_psql_cm", "none", "public"];

/// One way from a database through the tree and back.
struct Trip<'a> {
    world: &'a World<'a>,
    tool: Tool,
    pieces: &'a [usize],
}

impl<'a> Trip<'a> {
    fn new(world: &'a World<'a>, pieces: &'a [usize]) -> Self {
        Self { world, tool: Tool::new(world.server), pieces }
    }

    fn run(&self, seen: &mut BTreeSet<KindId>) {
        let (world, database) = (self.world, &self.world.database);
        world.make(self.pieces);
        seen.extend(self.kinds());
        self.clean(&["setup", "--allow-published"], &[0]);
        let [sql, reason] = &world.change;
        // Either may begin like an option.
        let (reason, implementer) =
            (format!("--reason={reason}"), format!("--implementer={}", world.roles[0]));
        self.clean(&["submit", &self.schema(), "-c", sql, &reason, &implementer], &[0]);
        self.clean(&["dump"], &[0]);
        self.check_files();
        let (schema, ledgers) = (world.server.pg_dump_schema(database), self.tool.ledgers(database));
        let files = self.tool.git(&["ls-files", "--stage", "--", ".", ":!.facts"]);
        self.clean(&["dump", "--no-commit"], &[0]);
        assert_eq!(self.tool.git(&["status", "--porcelain"]), "", "a second dump changed something");
        for by_psql in [false, true] {
            world.drop_all();
            match by_psql {
                true => {
                    let script = self.facts().join("restore.sql");
                    let restored = world.server.psql_file("postgres", &script);
                    restored.unwrap_or_else(|error| panic!("restore.sql: {error}"));
                }
                false => {
                    let ran = self.clean(&["restore"], &[0]);
                    assert!(ran.stdout.contains("equal to what was dumped"), "{}", ran.stdout);
                }
            }
            assert_same_text(&schema, &world.server.pg_dump_schema(database));
            assert_same_text(&ledgers, &self.tool.ledgers(database));
            self.clean(&["dump"], &[0]);
            assert_same_text(&files, &self.tool.git(&["ls-files", "--stage", "--", ".", ":!.facts"]));
        }
        self.check_files();
        self.check_outputs();
        let canary = format!("SELECT count(*) FROM pg_class WHERE relname = '{CANARY}'");
        for place in [database, "postgres"] {
            assert_eq!(world.psql(place, &canary), "0", "a name became SQL");
        }
    }

    /// The kinds of what is in the database, all of which can be captured.
    fn kinds(&self) -> BTreeSet<KindId> {
        let uri = self.world.server.uri(&self.world.database);
        let info = ConnInfo::resolve(&Given::new().text("test", &uri), &Environment::empty()).unwrap();
        let snapshot = capture(&mut Session::connect(&info).unwrap()).unwrap();
        assert!(snapshot.left_out.is_empty(), "left out: {:?}", snapshot.left_out);
        snapshot.facts().map(|(id, _)| id.kind()).collect()
    }

    /// Runs the tool on the database: it must end with one of these codes, and say nothing that a terminal obeys.
    fn clean(&self, words: &[&str], codes: &[i32]) -> Ran {
        let database = format!("--database={}", self.world.database);
        let ran = self.tool.run(&[&[database.as_str()], words].concat());
        assert!(codes.contains(&ran.code), "{words:?} ended with {}\n{}{}", ran.code, ran.stdout, ran.stderr);
        for text in [&ran.stdout, &ran.stderr] {
            if let Some(c) = acts_on_terminal(text) {
                let line = text.lines().find(|line| line.contains(c)).unwrap_or_default();
                panic!("{words:?} says {c:?}: {line:?}");
            }
        }
        ran
    }

    /// What is said of the database, well and badly, in text and in JSON.
    fn check_outputs(&self) {
        let schema = self.schema();
        for format in ["text", "json"] {
            for words in [&["status"][..], &["log"], &["verify"], &["doctor"], &["--verbose", "status"]] {
                self.clean(&[words, &["--format", format]].concat(), &[0, 3, 4]);
            }
            self.clean(&["restore", "--format", format], &[1]);
            self.clean(&["status", "-s", "\"no such \u{202e}\u{1b}[31m\"", "--format", format], &[1, 2]);
            let wrong = format!(
                "CREATE TABLE {}.x (a int); SELECT 1 FROM {}",
                quoted(&self.world.schemas[0]),
                quoted(&self.world.roles[0])
            );
            self.clean(&["submit", &schema, "-c", &wrong, "--format", format], &[1]);
            self.clean(
                &["submit", &schema, "-c", "\u{1b}[31m \u{202e} \u{9b}31m;", "--format", format],
                &[1, 2],
            );
        }
        let said = self.tool.git(&["log", "--format=%B"]);
        assert_eq!(acts_on_terminal(&said), None, "git log says {said:?}");
    }

    /// The option that names the first schema.
    fn schema(&self) -> String {
        format!("--schema={}", self.world.schemas[0])
    }

    fn facts(&self) -> PathBuf {
        self.tool.tree(&facts_folder("default", &self.world.database))
    }

    /// All files are in the tree, are such everywhere, and hold no command, comment or variable but ours.
    fn check_files(&self) {
        let beside: Vec<_> =
            files_of(self.tool.folder()).into_iter().filter(|path| !path.starts_with("sql")).collect();
        assert!(
            beside.iter().all(|path| path == Path::new("home/.gitconfig")),
            "outside of the tree: {beside:?}"
        );
        let wrong = not_portable(&self.tool.tree(""));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        for path in files_of(&self.tool.tree("")) {
            if path.extension().is_some_and(|extension| extension == "sql") {
                let text = std::fs::read_to_string(self.tool.tree("").join(&path)).unwrap();
                check_script(&path, &text);
            }
        }
    }
}

/// What a script holds besides SQL is what we write into each.
fn check_script(path: &Path, text: &str) {
    const COMMANDS: [&str; 7] = [
        "\\gset psqlcm_",
        "\\set ON_ERROR_STOP on",
        "\\set ON_ERROR_STOP off",
        "\\set QUIET on",
        "\\gexec",
        "\\gset",
        "\\connect -reuse-previous=on :psqlcm_target",
    ];
    const COMMENTS: [&str; 6] = [
        "-- A rolled back transaction leaves the sequence ahead until the next entry; ids come from the rows, not from it.",
        "-- The ledger of schema ",
        "-- Generated by psql-cm: makes the database ",
        "-- psql -X -d postgres -f restore.sql",
        "-- Edit the files of the objects instead of this one, and restore with psql-cm.",
        "-- A state that cannot be had again, as it depends on data, is no reason to stop.",
    ];
    let found = scan::outside(text);
    assert_eq!(found.unfinished, None, "{}: a quote that does not end", path.display());
    let is_script = path.ends_with("restore.sql");
    for command in found.commands {
        assert!(is_script && COMMANDS.contains(&command.as_str()), "{}: {command:?}", path.display());
    }
    for comment in found.comments {
        let is_ours = COMMENTS.iter().any(|ours| comment.starts_with(ours));
        assert!(is_ours && acts_on_terminal(&comment).is_none(), "{}: {comment:?}", path.display());
    }
    if is_script {
        assert_eq!(found.variables, Vec::<String>::new(), "{}", path.display());
    }
}

/// The files below a folder, git's own left out, by their paths from it.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with(".git") => {}
                true => open.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().to_owned()),
            }
        }
    }
    found
}

/// A section of the templates.
struct Template {
    title: &'static str,
    from: u32,
    once: bool,
    sql: &'static str,
}

impl Template {
    fn fits(&self, server: &TestServer, is_first: bool) -> bool {
        server.major() >= self.from && (is_first || !self.once)
    }
}

fn templates() -> impl Iterator<Item = Template> {
    include_str!("templates.sql").split("\n-- ## ").skip(1).map(|section| {
        let (title, sql) = section.split_once('\n').unwrap();
        let (words, last) = title.rsplit_once(' ').unwrap_or((title, ""));
        let (once, from) = (last == "once", last.parse().unwrap_or(0));
        Template { title: if once || from > 0 { words } else { title }, from, once, sql }
    })
}

/// Puts names and texts into a template.
fn fill(template: &str, hostile: &mut Hostile, database: &str, schema: &str, roles: &[String; 3]) -> String {
    const OPERATORS: [&str; 14] =
        ["`", "?", "?|", "@-", "%%", "~!", "#", "|`|", "!!=", "&<|", "<@>", "=&=", "=>>", "@?-"];
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    let mut parts = template.split('«');
    let mut sql = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (key, rest) = part.split_once('»').unwrap();
        sql += &match key {
            "text" => literal(&hostile.text()),
            "label" => literal(cut(&hostile.name(), 63)),
            "op" => (*hostile.choose(&OPERATORS)).to_owned(),
            "s" => quoted(schema),
            "db" => quoted(database),
            "role a" => quoted(&roles[0]),
            "role b" => quoted(&roles[1]),
            "role c" => quoted(&roles[2]),
            _ => {
                let (is_option, is_short) = (key.starts_with("opt "), key.starts_with("short "));
                let may_be = |name: &str| {
                    let is_fit = (!is_option || !name.contains('=')) && (!is_short || name.len() <= 48);
                    is_fit && !TAKEN.contains(&name)
                };
                let name = names.entry(key.trim_start_matches(['\'', '"']));
                let name = name.or_insert_with(|| hostile.name_that(may_be));
                match key.chars().next() {
                    Some('\'') => literal(cut(name, 63)),
                    Some('"') => literal(&format!("{}.{}", quoted(schema), quoted(name))),
                    _ => quoted(name),
                }
            }
        };
        sql += rest;
    }
    sql
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
