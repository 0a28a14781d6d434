//! Servers and databases that cannot be reached, do not let us in, or hold what we cannot work with.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;

use psqlcm_engine::server::{Installation, ScratchCluster, ScratchOptions};
use psqlcm_testkit::{TestServer, servers, unique};

use super::Scene;
use crate::tool::Tool;

const TABLE: &str = "CREATE TABLE t (a int)";

#[test]
fn a_database_that_is_not_there() {
    let scene = Scene::bare(TABLE);
    let absent = unique("absent");
    let scene = scene.calling(&absent, "nowhere");
    let before = scene.standing();
    let mut first = scene.tool.psql_cm(&["-d", &absent, "status"]);
    let said = scene.says("Unknown database", &mut first);
    for words in [&["setup"][..], &["dump"], &["submit", "-c", "SELECT 1"], &["verify"], &["log"]] {
        let ran = scene.tool.run(&[&["-d", &absent], words].concat());
        assert_eq!((ran.code, &ran.stderr), (said.code, &said.stderr), "{words:?}");
    }
    let restore = scene.tool.psql_cm(&["-d", &absent, "restore"]);
    scene.refuses_command("No tree of the database", restore);
    assert_eq!(scene.standing(), before);
}

#[test]
fn several_names_in_the_place_of_one() {
    let scene = Scene::managed(TABLE);
    let mut command = scene.tool.psql_cm(&["-d", "app,billing", "status"]);
    scene.says("A list where a name of a database is meant", &mut command);
    scene.refuses("A list where a name of a schema is meant", &["-s", "app,billing", "status"]);
}

#[test]
fn a_schema_that_is_not_there() {
    let scene = Scene::managed(TABLE);
    let commands = [
        &["-s", "nowhere", "setup"][..],
        &["-s", "nowhere", "dump"],
        &["-s", "nowhere", "submit", "-c", "SELECT 1"],
        &["-s", "nowhere", "log"],
        &["-s", "nowhere", "status"],
    ];
    scene.all_refuse("Unknown schema", &commands);
    scene.refuses("Unknown schema to verify", &["-s", "nowhere", "verify"]);
    scene.refuses("Schemas that cannot be managed", &["-m", "nowhere,pg_catalog", "setup"]);
}

#[test]
fn a_server_that_does_not_answer() {
    let scene = Scene::bare(TABLE);
    // Bound and not listening: nobody else can take the port meanwhile.
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    drop(socket);
    let scene = scene.calling(&format!("127.0.0.1:{port}"), "127.0.0.1:5433");
    let scene = scene.calling(&format!("port {port}"), "port 5433");
    let scene = scene.calling(&format!("port={port}"), "port=5433");
    scene.refuses("Unreachable server", &["--uri", &format!("postgres://ann@127.0.0.1:{port}"), "status"]);
    scene.refuses("No socket in the folder", &["--uri", "host=/nonexistent user=ann", "status"]);
    let ran = scene.run(&["--uri", "postgres://ann@no-such-host.invalid", "status"]);
    assert!(ran.code == 1 && ran.stderr.contains("the host name cannot be resolved"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: is the server up"), "{}", ran.stderr);
    // Several hosts: each is told.
    let both = format!("postgres://ann@127.0.0.1:{port},127.0.0.1:{port}");
    let ran = scene.run(&["--uri", &both, "status"]);
    assert!(ran.code == 1 && ran.stderr.contains("refused"), "{}", ran.stderr);
}

/// A cluster of the test's own with these settings, with version 15.
fn cluster(settings: &[(&str, &str)]) -> (ScratchCluster, TestServer) {
    let installations = Installation::discover();
    let installation = installations.iter().find(|found| found.version.major == 15).unwrap();
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options = ScratchOptions { settings, ..ScratchOptions::default() };
    let cluster = ScratchCluster::start(installation, &options).unwrap();
    let server = TestServer::new(15, cluster.socket_dir(), cluster.port());
    (cluster, server)
}

#[test]
fn passwords_and_logins_that_are_not_taken() {
    let rules = tempfile::NamedTempFile::new().unwrap();
    let text = "local all locked scram-sha-256\nlocal all kept_out reject\nlocal all all trust\n";
    std::fs::write(rules.path(), text).unwrap();
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(rules.path(), readable).unwrap();
    let (_cluster, server) = cluster(&[("hba_file", rules.path().to_str().unwrap())]);
    server
        .psql("postgres", "CREATE ROLE locked LOGIN PASSWORD 's3cret'; CREATE ROLE kept_out LOGIN")
        .unwrap();
    let scene = Scene::on(&server, TABLE);
    let with = |user: &str, password: Option<&str>| {
        let mut command = scene.command(&["setup"]);
        command.env("PGUSER", user).envs(password.map(|password| ("PGPASSWORD", password)));
        command
    };
    scene.refuses_command("Wrong password", with("locked", Some("wr0ng")));
    scene.refuses_command("No password", with("locked", None));
    scene.refuses_command("Unknown login role", with("nobody_at_all", None));
    scene.refuses_command("Login refused by pg_hba.conf", with("kept_out", None));
    for password in ["wr0ng", "s3cret"] {
        let ran = crate::tool::Ran::of(&with("locked", Some(password)).arg("--debug").output().unwrap());
        assert!(!ran.stderr.contains(password), "{}", ran.stderr);
    }
}

#[test]
fn all_connections_taken() {
    let (_cluster, server) = cluster(&[("max_connections", "11"), ("superuser_reserved_connections", "8")]);
    server
        .psql("postgres", "CREATE ROLE ann LOGIN; ALTER ROLE ann SUPERUSER; ALTER ROLE ann NOSUPERUSER")
        .unwrap();
    let scene = Scene::on(&server, TABLE);
    scene.psql("GRANT CREATE ON SCHEMA public TO ann; GRANT CREATE ON DATABASE postgres TO ann");
    let by_ann = |words: &[&str]| {
        let mut command = scene.command(words);
        command.env("PGUSER", "ann");
        command
    };
    let uri = server.uri("postgres").replace("postgres@", "ann@");
    let given = psqlcm_engine::conninfo::Given::new().text("test", &uri);
    let info =
        psqlcm_engine::conninfo::ConnInfo::resolve(&given, &psqlcm_engine::conninfo::Environment::empty());
    let info = info.unwrap();
    // A session that was closed may take the server a moment to end.
    let session = || loop {
        match psqlcm_engine::session::Session::connect(&info) {
            Err(error) if error.sqlstate() == Some("53300") => thread::yield_now(),
            session => break session.unwrap(),
        }
    };
    let mut sessions = vec![session(), session()];
    // One is left, and a setup needs two.
    scene.refuses_command("All connections taken in the middle", by_ann(&["setup"]));
    sessions.push(session());
    scene.refuses_command("All connections taken", by_ann(&["setup"]));
    for words in [&["dump"][..], &["submit", "-c", "SELECT 1"], &["status"], &["verify"], &["log"]] {
        let ran = crate::tool::Ran::of(&by_ann(words).output().unwrap());
        assert!(ran.code == 1 && ran.stderr.contains("hint: all connections are taken"), "{}", ran.stderr);
    }
}

/// Stands before a server and says that it is of another version.
struct OtherVersion {
    folder: PathBuf,
}

impl OtherVersion {
    fn of(server: &TestServer, version: &'static str) -> Self {
        // A socket's path may have 107 bytes only.
        let folder = std::env::temp_dir().join(unique("version"));
        std::fs::create_dir_all(&folder).unwrap();
        let name = format!(".s.PGSQL.{}", server.port());
        let listener = UnixListener::bind(folder.join(&name)).unwrap();
        let real = server.socket_dir().join(&name);
        let number = server.psql("postgres", "SHOW server_version_num").unwrap();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), UnixStream::connect(&real).unwrap());
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || carry(from, to, |_| {}));
                let number = number.clone();
                thread::spawn(move || carry(server, client, |bytes| replace(bytes, &number, version)));
            }
        });
        Self { folder }
    }
}

impl Drop for OtherVersion {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn carry(mut from: UnixStream, mut to: UnixStream, change: impl Fn(&mut [u8])) {
    let mut buffer = vec![0; 65536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        change(&mut buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Both have the same length.
fn replace(bytes: &mut [u8], old: &str, new: &str) {
    let found = bytes.windows(old.len()).position(|window| window == old.as_bytes());
    if let Some(at) = found {
        bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
    }
}

#[test]
fn a_server_that_is_too_old() {
    let mut scene = Scene::managed(TABLE);
    let other = OtherVersion::of(&scene.tool.server, "120022");
    let folder = other.folder.display().to_string();
    scene =
        scene.calling(&folder.replace('/', "%2F"), "%2Frun%2Fpostgresql").calling(&folder, "/run/postgresql");
    let commands =
        [&["setup"][..], &["dump"], &["submit", "-c", "SELECT 1"], &["status"], &["verify"], &["log"]];
    for (index, words) in commands.into_iter().enumerate() {
        let mut command = scene.command(words);
        command.env("PGHOST", &other.folder);
        match index {
            0 => scene.refuses_command("Server too old", command),
            _ => {
                let ran = crate::tool::Ran::of(&command.output().unwrap());
                assert!(ran.code == 1 && ran.stderr.contains("the server is of version"), "{}", ran.stderr);
            }
        }
    }
}

/// A server of version 18 that says that it is newer: it has nothing that is not known, and all works.
#[test]
fn a_server_that_is_newer_than_what_is_known() {
    let Some(server) = servers().into_iter().find(|server| server.major() == 18) else {
        eprintln!("no server of 18: nothing newer is tried");
        return;
    };
    let tool = Tool::new(&server);
    let name = unique("newer");
    server.psql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
    server.psql(&name, TABLE).unwrap();
    let other = OtherVersion::of(&server, "190001");
    let run = |words: &[&str]| {
        let mut command = tool.psql_cm(&[&["-d", &name], words].concat());
        command.env("PGHOST", &other.folder);
        let ran = crate::tool::Ran::of(&command.output().unwrap());
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
        let warning = "the server is of version 19.1, newer than 18, the newest that this psql-cm knows";
        assert_eq!(ran.stderr.matches(warning).count(), 1, "{words:?}: {}", ran.stderr);
    };
    for words in
        [&["setup"][..], &["submit", "-c", "CREATE TABLE more (a int)"], &["status"], &["dump"], &["verify"]]
    {
        run(words);
    }
    server.drop_database(&name);
    run(&["restore"]);
    server.drop_database(&name);
}

#[test]
fn privileges_that_setup_needs() {
    let (scene, ann) = Scene::bare("CREATE TABLE t (a int); CREATE SCHEMA closed").role();
    scene.refuses_role("Setup without CREATE on a named schema", &ann, &["-s", "closed", "setup"]);
    scene.refuses_role("Setup without CREATE on any schema", &ann, &["setup"]);
    scene.refuses_role("A role that one is not a member of", &ann, &["--role", "postgres", "setup"]);
    scene.refuses("A role that does not exist", &["--role", "nobody_at_all", "setup"]);
    scene.psql(&format!("GRANT CREATE ON SCHEMA closed TO {}", ann.name));
    scene.refuses_role("Setup without USAGE on the schema", &ann, &["-s", "closed", "setup"]);
    scene.psql(&format!("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", scene.name()));
    scene.refuses_role("No CONNECT on the database", &ann, &["status"]);
}

#[test]
fn privileges_that_reading_ledgers_needs() {
    let (scene, ann) = Scene::managed("CREATE SCHEMA s; CREATE TABLE s.t (a int)").role();
    let grant = |what: &str| scene.psql(&format!("GRANT {what} TO {}", ann.name));
    scene.refuses_role("Dump without USAGE on a schema", &ann, &["-s", "s", "dump"]);
    scene.refuses_role("Status without USAGE on a schema", &ann, &["-s", "s", "status"]);
    scene.refuses_role("Verify without USAGE on a schema", &ann, &["-s", "s", "verify"]);
    scene.refuses_role("Log without USAGE on a schema", &ann, &["-s", "s", "log"]);
    grant("USAGE ON SCHEMA s");
    scene.refuses_role("Dump without SELECT on a ledger", &ann, &["dump"]);
    scene.refuses_role("Status without SELECT on a ledger", &ann, &["status"]);
    scene.refuses_role("Verify without SELECT on a ledger", &ann, &["verify"]);
    scene.refuses_role("Log without SELECT on a ledger", &ann, &["log"]);
    grant("SELECT ON s.pg_psql_cm, public.pg_psql_cm");
    scene.refuses_role("Dump without SELECT on a ledger's sequence", &ann, &["dump"]);
    for words in ["verify", "log"] {
        let ran = crate::tool::Ran::of(&scene.command(&[words]).env("PGUSER", &ann.name).output().unwrap());
        assert_eq!(ran.code, 0, "{words}: {}", ran.stderr);
    }
}

#[test]
fn privileges_that_submit_needs() {
    let (scene, ann) = Scene::managed("CREATE SCHEMA s; CREATE TABLE s.t (a int)").role();
    let grant = |what: &str| scene.psql(&format!("GRANT {what} TO {}", ann.name));
    let change = ["-s", "s", "submit", "-c", "CREATE TABLE u (a int)"];
    scene.refuses_role("Submit without CREATE on the schema", &ann, &change);
    grant("USAGE, CREATE ON SCHEMA s");
    scene.refuses_role("Submit without SELECT on the ledger", &ann, &change);
    grant("SELECT ON s.pg_psql_cm, public.pg_psql_cm");
    scene.refuses_role("Submit without INSERT on the ledger", &ann, &change);
    let own = format!("ALTER TABLE s.pg_psql_cm OWNER TO {0}; ALTER SCHEMA s OWNER TO {0}", ann.name);
    scene.psql(&own);
    let change = ["-s", "s", "submit", "-c", "ALTER TABLE t ADD b int"];
    scene.refuses_role("A change without the privilege for it", &ann, &change);
    let (scene, ben) = Scene::managed("CREATE SCHEMA s; CREATE TABLE s.t (a int)").role();
    scene.psql(&format!("GRANT ALL ON SCHEMA s TO {0}; GRANT SELECT ON ALL TABLES IN SCHEMA s, public TO {0}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA s, public TO {0}", ben.name));
    scene.ok(&["dump"]);
    scene.refuses_role("Setup --remove of a ledger of another role", &ben, &["-s", "s", "setup", "--remove"]);
}

#[test]
fn privileges_that_restore_needs() {
    let (scene, ann) = Scene::dumped("CREATE SCHEMA s; CREATE TABLE s.t (a int)").role();
    let copy = format!("{}_copy", scene.name());
    let words = ["restore", "--as", &copy];
    scene.refuses_role("Restore without CREATEDB", &ann, &words);
    scene.tool.psql("postgres", &format!("ALTER ROLE {} CREATEDB", ann.name));
    scene.refuses_role("Restore of what another role owns", &ann, &words);
    let owner = unique("bad_input_owner");
    scene.tool.psql("postgres", &format!("CREATE ROLE {owner}"));
    scene.psql(&format!("ALTER TABLE s.t OWNER TO {owner}"));
    scene.ok(&["dump"]);
    scene.psql("ALTER TABLE s.t OWNER TO postgres");
    scene.tool.psql("postgres", &format!("DROP ROLE {owner}"));
    let scene = scene.calling(&owner, "billing");
    scene.refuses_role("Restore without CREATEROLE where a role is missing", &ann, &words);
    scene.tool.psql("postgres", &format!("CREATE DATABASE {copy}"));
    let words = ["restore", "--as", &copy, "--into-empty", "--no-owner"];
    scene.refuses_role("Restore into a database without CREATE on it", &ann, &words);
    scene.tool.server.drop_database(&copy);
}

#[test]
fn a_table_of_the_ledgers_name_with_other_columns() {
    let scene = Scene::bare("CREATE TABLE pg_psql_cm (id bigint, what text); CREATE SCHEMA s");
    scene.refuses("A table of the ledger's name that is none", &["setup"]);
    scene.refuses("Submit where the ledger is none", &["submit", "-c", "CREATE TABLE t (a int)"]);
    scene.ok(&["-s", "s", "setup"]);
    scene.ok(&["--cm-table", "changes", "setup"]);
}

const REFUSES_DDL: &str = "
    CREATE FUNCTION public.no() RETURNS event_trigger LANGUAGE plpgsql AS
        $$BEGIN RAISE EXCEPTION 'no % today', tg_tag USING ERRCODE = '42501', HINT = 'ask on monday'; END$$;
    CREATE EVENT TRIGGER no ON ddl_command_start EXECUTE FUNCTION public.no()";

#[test]
fn an_event_trigger_of_the_user_that_refuses() {
    let scene = Scene::bare("CREATE TABLE t (a int)");
    scene.psql(REFUSES_DDL);
    scene.refuses("An event trigger refuses setup", &["setup"]);
    scene.psql("ALTER EVENT TRIGGER no DISABLE");
    scene.ok(&["setup"]);
    scene.psql("ALTER EVENT TRIGGER no ENABLE");
    scene
        .refuses("An event trigger refuses a change", &["submit", "-c", "SELECT 1;\nCREATE TABLE u (a int)"]);
    scene.refuses("An event trigger refuses setup --remove", &["setup", "--remove", "--sql-path", "ledgers"]);
    // A change without DDL needs none of ours.
    scene.ok(&["submit", "-c", "INSERT INTO t VALUES (1)"]);
    scene.ok(&["dump"]);
    // In the tree it comes last, and stops nothing.
    let copy = format!("{}_copy", scene.name());
    scene.ok(&["restore", "--as", &copy]);
    scene.tool.server.drop_database(&copy);
    // One that the database to restore into has already.
    scene.tool.psql("postgres", &format!("CREATE DATABASE {copy} TEMPLATE template0"));
    scene.tool.psql(&copy, REFUSES_DDL);
    scene.refuses(
        "Restore into a database with an event trigger",
        &["restore", "--as", &copy, "--into-empty"],
    );
    scene.tool.server.drop_database(&copy);
}

/// `pg_dump` would not have the locks that it needs.
fn counted(scene: &Scene) -> String {
    scene.psql("SELECT count(*), (SELECT count(*) FROM s.pg_psql_cm), (SELECT count(*) FROM pg_psql_cm) FROM pg_class")
}

#[test]
fn too_few_locks() {
    let few =
        [("max_locks_per_transaction", "10"), ("max_connections", "5"), ("max_prepared_transactions", "0")];
    let (_cluster, server) = cluster(&few);
    let scene = Scene::on(&server, "");
    scene.psql("CREATE SCHEMA s");
    scene.ok(&["setup"]);
    for from in (0..600).step_by(20) {
        scene.psql(&format!(
            "DO $$ BEGIN FOR i IN {from}..{from} + 19 LOOP
                EXECUTE format('CREATE TABLE s.t%s (a int PRIMARY KEY CHECK (a > 0), b text)', i); END LOOP; END $$"
        ));
    }
    let before = counted(&scene);
    scene.says("Too few locks for a change", &mut scene.command(&["submit", "-c", "DROP SCHEMA s CASCADE"]));
    assert_eq!(counted(&scene), before);
    // One statement at a time needs few locks, one transaction for all does not.
    scene.ok(&["dump"]);
    let copy = format!("{}_copy", scene.name());
    scene.ok(&["restore", "--as", &copy]);
    server.drop_database(&copy);
    server.psql("postgres", &format!("CREATE DATABASE {copy} TEMPLATE template0")).unwrap();
    let ran = scene.run(&["restore", "--as", &copy, "--into-empty"]);
    let words =
        ["out of shared memory (SQLSTATE 53200)", "max_locks_per_transaction is 10", "without --into-empty"];
    assert!(ran.code == 1 && words.iter().all(|words| ran.stderr.contains(words)), "{}", ran.stderr);
    assert_eq!(server.psql(&copy, "SELECT count(*) FROM pg_class WHERE oid >= 16384").unwrap(), "0");
    server.drop_database(&copy);
    // Printing a view locks what it reads, until the capture ends.
    for from in (0..600).step_by(20) {
        scene.psql(&format!(
            "DO $$ BEGIN FOR i IN {from}..{from} + 19 LOOP
                EXECUTE format('CREATE VIEW s.v%1$s AS SELECT a FROM s.t%1$s', i); END LOOP; END $$"
        ));
    }
    let before = counted(&scene);
    scene.says("Too few locks to read a database", &mut scene.command(&["status"]));
    scene.says("Too few locks to dump", &mut scene.command(&["dump"]));
    scene.says("Too few locks to submit", &mut scene.command(&["submit", "-c", "SELECT 1"]));
    scene.says("Too few locks for setup", &mut scene.command(&["--cm-table", "other", "setup"]));
    assert_eq!(counted(&scene), before);
}

#[test]
fn a_database_in_latin1_takes_what_it_can_hold() {
    let server = psqlcm_testkit::server(15);
    let latin = unique("bad_input_latin1");
    let create =
        format!("CREATE DATABASE {latin} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    server.psql("postgres", &create).unwrap();
    let scene = Scene::bare("").calling(&latin, "latin");
    let tool = &scene.tool;
    tool.psql(
        &latin,
        "CREATE SCHEMA \"größe\"; CREATE TABLE \"größe\".\"café\" (\"naïve\" int DEFAULT length('é'))",
    );
    let all = ["-d", &latin];
    tool.ok(&[&all[..], &["setup"]].concat());
    tool.ok(&[&all[..], &["submit", "-s", "größe", "-c", "COMMENT ON TABLE \"café\" IS 'ça va'"]].concat());
    tool.check_trip(&latin);
    let refused = |title: &str, words: &[&str]| {
        let (before, ledgers) = (server.pg_dump_schema(&latin), tool.ledgers(&latin));
        scene.refuses_command(title, tool.psql_cm(&[&all[..], words].concat()));
        assert_eq!((before, ledgers), (server.pg_dump_schema(&latin), tool.ledgers(&latin)));
    };
    let change = "SELECT 1;\nCOMMENT ON TABLE \"café\" IS '漢字'";
    refused("A change that the encoding cannot carry", &["-s", "größe", "submit", "-c", change]);
    refused(
        "A reason that the encoding cannot carry",
        &["-s", "größe", "submit", "-c", "SELECT 1", "--reason", "漢字"],
    );
    server.drop_database(&latin);
    let folder = psqlcm_core::tree::folder_name("größe");
    let path = format!("{latin}/{folder}/tables/{}.sql", psqlcm_core::tree::folder_name("café"));
    let written = tool.read(&path);
    tool.write(&path, &written.replace("ça va", "漢字"));
    scene.refuses_command("A tree that the encoding cannot carry", tool.psql_cm(&["-d", &latin, "restore"]));
    server.drop_database(&latin);
}

#[test]
fn a_database_in_sql_ascii_takes_utf_8_and_nothing_else() {
    let server = psqlcm_testkit::server(15);
    let ascii = unique("bad_input_ascii");
    let create = format!(
        "CREATE DATABASE {ascii} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    );
    server.psql("postgres", &create).unwrap();
    let scene = Scene::bare("").calling(&ascii, "ascii");
    let tool = &scene.tool;
    tool.psql(&ascii, "CREATE SCHEMA \"größe\"; CREATE TABLE \"größe\".\"café\" (a int)");
    tool.ok(&["-d", &ascii, "setup"]);
    tool.ok(&["-d", &ascii, "submit", "-s", "größe", "-c", "COMMENT ON TABLE \"café\" IS '漢字'"]);
    tool.check_trip(&ascii);
    // A name in Latin 1, as old clients left them.
    let create = r#"CREATE TABLE "caf\351 (int)" (a int)"#;
    tool.psql(&ascii, &format!("DO $$ BEGIN EXECUTE convert_from('{create}'::bytea, 'SQL_ASCII'); END $$"));
    let before = tool.ledgers(&ascii);
    scene.refuses_command("A name that is no text", tool.psql_cm(&["-d", &ascii, "dump"]));
    for words in [&["status"][..], &["submit", "-c", "SELECT 1"]] {
        let ran = tool.run(&[&["-d", &ascii], words].concat());
        assert!(ran.code == 1 && ran.stderr.contains("relation caf\\xe9 (int)"), "{}", ran.stderr);
    }
    assert_eq!(tool.ledgers(&ascii), before);
    server.drop_database(&ascii);
}

#[test]
fn a_full_disk_of_the_server() {
    let scene = Scene::managed(TABLE);
    // No disk is filled for this: what counts is what the server says.
    let change = "DO $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$";
    scene.refuses("A full disk of the server", &["submit", "-c", change]);
}
