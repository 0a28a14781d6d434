//! Real schemas to try things on. They stand beside a checkout, not in it; a checkout without them still passes.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::server::{TestDatabase, TestServer, script_of};

/// Any number; it keeps tests from creating the same roles at the same time.
const ROLES_LOCK: i64 = 7_730_526;

/// The folder of the corpus: `PSQL_CM_TEST_CORPUS`, else `../shared/corpus` beside the workspace; none when absent.
#[must_use]
pub fn corpus() -> Option<PathBuf> {
    let folder = match env::var_os("PSQL_CM_TEST_CORPUS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
    };
    folder.join("schemas").is_dir().then_some(folder)
}

/// Schemas of the corpus that every version from 15 on loads.
const SCHEMAS: [&str; 10] = [
    "adventureworks",
    "chinook",
    "crates_io_final",
    "danbooru",
    "grafast_forums",
    "kratos_final",
    "pagila",
    "pgmq",
    "procrastinate",
    "temporal",
];

/// All ordered pairs of schemas that every version from 15 on loads.
pub fn ordered_pairs() -> impl Iterator<Item = (&'static str, &'static str)> + Clone {
    let pairs = SCHEMAS.iter().flat_map(|from| SCHEMAS.iter().map(move |to| (*from, *to)));
    pairs.filter(|(from, to)| from != to)
}

/// Schemas of other projects with years between, each with the last version that loads it: 17 takes an argument called `json` for the
/// beginning of an expression.
const YEARS: [(&str, u32); 4] = [
    ("procrastinate_2021_2026", u32::MAX),
    ("danbooru_2022_2026", u32::MAX),
    ("farmbot_2020_2026", u32::MAX),
    ("kitchen_sink_2022_2026", 16),
];

/// What these schemas were, and what they became: names for [`load_corpus`] on versions from 15 on.
pub fn years(major: u32) -> impl Iterator<Item = (String, String)> {
    let side = |name: &str, side: &str| format!("pairs/{name}/{side}");
    let loaded = YEARS.iter().filter(move |(_, last)| major <= *last);
    loaded.map(move |(name, _)| (side(name, "old"), side(name, "new")))
}

/// Loads a schema of the corpus into a new database: `pagila`, or `pairs/farmbot_2020_2026/old`. Its roles are
/// created first, those that exist are left as they are. None when there is no corpus.
#[must_use]
pub fn load_corpus(server: &TestServer, name: &str) -> Option<TestDatabase> {
    let loaded = try_load_corpus(server, name)?;
    Some(loaded.unwrap_or_else(|error| panic!("corpus {name} on {}: {error}", server.major())))
}

/// [`load_corpus`], or the server's first complaint.
#[must_use]
pub fn try_load_corpus(server: &TestServer, name: &str) -> Option<Result<TestDatabase, String>> {
    let corpus = corpus()?;
    let stem = if name.contains('/') { corpus.join(name) } else { corpus.join("schemas").join(name) };
    let roles = PathBuf::from(format!("{}.roles.sql", stem.display()));
    if roles.is_file() {
        create_roles(server, &roles);
    }
    let database = server.database("corpus");
    let schema = unpacked(&PathBuf::from(format!("{}.sql.gz", stem.display())));
    Some(server.psql_file(database.name(), schema.path()).map(|_| database))
}

/// [`load_corpus`], by a role that is no superuser: it owns the database and all in it, and is made a member of the
/// schema's own roles.
#[must_use]
pub fn load_corpus_as(server: &TestServer, name: &str, role: &str) -> Option<TestDatabase> {
    let stem = corpus()?.join("schemas").join(name);
    let roles = PathBuf::from(format!("{}.roles.sql", stem.display()));
    if roles.is_file() {
        create_roles(server, &roles);
    }
    let member = format!(
        "SELECT format('GRANT %I TO {role}', rolname) FROM pg_roles
         WHERE rolname !~ '^pg_' AND NOT rolsuper AND rolname <> '{role}' \\gexec"
    );
    let database = server.database("corpus");
    let owner = format!("ALTER DATABASE {} OWNER TO {role}", database.name());
    let schema = unpacked(&PathBuf::from(format!("{}.sql.gz", stem.display())));
    let text = fs::read_to_string(schema.path()).expect("the corpus is text");
    let text = ["OWNER TO", "FOR ROLE"]
        .iter()
        .fold(text, |text, words| text.replace(&format!("{words} postgres"), &format!("{words} {role}")));
    let lock = format!("SELECT pg_advisory_lock({ROLES_LOCK});");
    let prepare = script_of(&[lock, member, owner + ";"]);
    let load = script_of(&[format!("SET SESSION AUTHORIZATION {role};"), text]);
    for (place, script) in [("postgres", &prepare), (database.name(), &load)] {
        let loaded = server.psql_file(place, script.path());
        loaded.unwrap_or_else(|error| panic!("corpus {name} on {}: {error}", server.major()));
    }
    Some(database)
}

/// Roles belong to the whole cluster, where another test may be creating the same ones.
fn create_roles(server: &TestServer, roles: &Path) {
    let path = roles.display().to_string().replace('\\', "\\\\").replace('\'', "\\'");
    let lock = format!("SELECT pg_advisory_lock({ROLES_LOCK});");
    let script = script_of(&[lock, format!("\\i '{path}'")]);
    let created = server.psql_file("postgres", script.path());
    created.unwrap_or_else(|error| panic!("{}: {error}", roles.display()));
}

/// By the program that every system has, which is not worth a crate here.
fn unpacked(packed: &Path) -> tempfile::NamedTempFile {
    let plain = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let input = File::open(packed).unwrap_or_else(|error| panic!("{}: {error}", packed.display()));
    let output = plain.reopen().expect("a temporary file can be opened");
    let status =
        Command::new("gzip").arg("-dc").stdin(Stdio::from(input)).stdout(Stdio::from(output)).status();
    assert!(status.is_ok_and(|status| status.success()), "gzip -dc < {}", packed.display());
    plain
}
