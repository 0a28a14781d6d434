//! The globals of a cluster: dumped from one cluster and restored in another, judged by `pg_dumpall -g`.

use std::path::{Path, PathBuf};

use psqlcm_core::kinds::cases::{Case, all};
use psqlcm_core::name::quote_literal;
use psqlcm_engine::server::{Installation, ScratchCluster, ScratchOptions};
use psqlcm_testkit::{TestServer, assert_same_text, servers};

use crate::support::{Ran, command, command_at, folder};
use crate::tool::Tool;

/// A cluster of the test's own.
struct Cluster {
    server: TestServer,
    scratch: ScratchCluster,
}

impl Cluster {
    fn of(major: u32) -> Self {
        let installations = Installation::discover();
        let installation = installations.iter().find(|found| found.version.major == major).unwrap();
        let scratch = ScratchCluster::start(installation, &ScratchOptions::default()).unwrap();
        let server = TestServer::new(major, scratch.socket_dir(), scratch.port());
        Self { server, scratch }
    }

    fn psql(&self, sql: &str) -> String {
        self.server.psql("postgres", sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// A folder for tablespaces, which the server makes: it may run as somebody else.
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.scratch.socket_dir().join(name);
        self.psql(&format!("COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; mkdir {}'", folder.display()));
        folder
    }

    fn run(&self, root: &Path, arguments: &[&str]) -> Ran {
        Ran::of(&command(&self.server, &[], root).args(arguments).output().unwrap())
    }

    /// The same as another role.
    fn run_as(&self, role: &str, root: &Path, arguments: &[&str]) -> Ran {
        let uri = self.server.uri("postgres").replace("postgres@", &format!("{role}@"));
        Ran::of(&command_at(&uri, root).args(arguments).output().unwrap())
    }
}

fn everywhere(body: impl Fn(u32)) {
    servers().iter().for_each(|server| body(server.major()));
}

fn cluster_sql(root: &Path) -> String {
    std::fs::read_to_string(root.join("sql/cluster.sql")).unwrap()
}

#[test]
fn globals_make_the_trip() {
    everywhere(|major| {
        let source = Cluster::of(major);
        let (a, b) = (source.folder("space_a"), source.folder("space_b"));
        let cases = all().unwrap();
        let cases: Vec<&Case> = cases.iter().filter(|case| case.cluster && case.runs_on(major)).collect();
        assert!(cases.len() >= 5, "there are cases");
        for case in &cases {
            let variables = [("FOLDER_A", &a), ("FOLDER_B", &b)];
            let variables = variables
                .map(|(name, path)| format!("\\set {name} {}\n", quote_literal(&path.display().to_string())));
            source.psql(&format!("{}{}", variables.concat(), case.sql));
        }
        let tool = Tool::new(&source.server);
        let root = tool.folder().to_owned();
        assert!(tool.ok(&["dump", "--globals"]).contains("(cluster): done"));
        let dumped = cluster_sql(&root);
        assert!(!dumped.contains("never dumped") && !dumped.contains("SCRAM"), "{dumped}");
        assert!(tool.ok(&["dump", "--globals"]).contains("no file changed"));
        assert_eq!(tool.git(&["log", "--format=%h", "--", "cluster.sql"]).lines().count(), 1);
        // Nothing is to be done where it came from.
        source.run(&root, &["restore", "--globals"]).exits(0).says("(cluster): unchanged");

        let target = Cluster::of(major);
        let (to_a, to_b) = (target.folder("new_a"), target.folder("new_b"));
        let maps =
            [format!("{}={}", a.display(), to_a.display()), format!("{}={}", b.display(), to_b.display())];
        let restore = ["restore", "--globals", "--tablespace-map", &maps[0], "--tablespace-map", &maps[1]];
        target.run(&root, &restore).exits(0).says("(cluster): done").says("have no password");
        let moved = |text: &str| {
            text.replace(&a.display().to_string(), &to_a.display().to_string())
                .replace(&b.display().to_string(), &to_b.display().to_string())
        };
        assert_same_text(&moved(&source.server.pg_dumpall_globals()), &target.server.pg_dumpall_globals());
        // What pg_dumpall is blind to, too: a dump says the same.
        let again = folder("globals_again");
        target.run(&again, &["dump", "--globals", "--no-commit"]).exits(0);
        assert_same_text(&moved(&dumped), &cluster_sql(&again));
        target.run(&root, &restore).exits(0).says("(cluster): unchanged");
    });
}

#[test]
fn what_is_there_and_differs_is_named_and_left_as_it_is() {
    everywhere(|major| {
        let root = tree(
            "CREATE ROLE app CREATEDB;\nCREATE ROLE same LOGIN;\nCREATE ROLE new;\nGRANT same TO app WITH ADMIN OPTION;\n\
             COMMENT ON ROLE app IS 'new';\nALTER ROLE app SET work_mem TO '1MB';\nALTER ROLE app SET temp_buffers TO '2MB';\nGRANT same TO new;\n",
        );
        let target = Cluster::of(major);
        let there = "CREATE ROLE app LOGIN; CREATE ROLE same LOGIN; COMMENT ON ROLE app IS 'old';
            ALTER ROLE app SET work_mem = '7MB'; GRANT same TO app";
        target.psql(there);
        let app = "SELECT rolcanlogin, rolcreatedb, shobj_description(oid, 'pg_authid'), rolconfig FROM pg_roles WHERE rolname = 'app'";
        let ran = target.run(&root, &["restore", "--globals"]).exits(3);
        for words in [
            "cluster.sql:1: what is there differs, and was left as it is: ~ role app: createdb: none -> yes, login: yes -> none; \
             to change it: ALTER ROLE app CREATEDB NOLOGIN",
            "cluster.sql:4: what is there differs, and was left as it is: ~ membership of app in same: admin: none -> yes",
            "~ comment on role app: text: old -> new",
            "~ setting work_mem for role app: value: 7MB -> 1MB; to change it: ALTER ROLE app SET work_mem TO '1MB'",
            "(cluster): different (8 statements, 4 differ and were left as they are)",
            "+ role new",
            "+ setting temp_buffers for role app",
        ] {
            assert!(ran.err.contains(words) || ran.out.contains(words), "{words} is missing in {ran:?}");
        }
        assert_eq!(target.psql(app), "t|f|old|{work_mem=7MB,temp_buffers=2MB}");
        assert_eq!(target.psql("SELECT pg_has_role('new', 'same', 'MEMBER')"), "t");
        let report = target.run(&root, &["restore", "--globals", "--format", "json"]).exits(3).json();
        let schema = serde_json::from_str(include_str!("../../../../docs/report.schema.json")).unwrap();
        assert_eq!(psqlcm_testkit::faults(&schema, &report), Vec::<String>::new());
        let told = report["targets"][0]["details"]["different"].as_array().unwrap();
        assert_eq!((told.len(), &told[0]["statement"]), (4, &"ALTER ROLE app CREATEDB NOLOGIN".into()));

        target.run(&root, &["restore", "--globals", "--alter-existing"]).exits(0).says("~ role app");
        assert_eq!(target.psql(app), "f|t|new|{work_mem=1MB,temp_buffers=2MB}");
        target.run(&root, &["restore", "--globals"]).exits(0).says("(cluster): unchanged");
        let leftover = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'psql_cm%'";
        assert_eq!(target.psql(leftover), "0");
    });
}

#[test]
fn what_no_statement_takes_away_is_no_difference() {
    everywhere(|major| {
        let root = tree("CREATE ROLE brief;\n");
        let target = Cluster::of(major);
        target.psql("CREATE ROLE brief VALID UNTIL '2030-01-01'");
        target
            .run(&root, &["restore", "--globals"])
            .exits(3)
            .says("valid until: 2030-01-01 00:00:00+00 -> none");
        target.run(&root, &["restore", "--globals", "--alter-existing"]).exits(0);
        assert_eq!(target.psql("SELECT rolvaliduntil FROM pg_roles WHERE rolname = 'brief'"), "infinity");
        target.run(&root, &["restore", "--globals"]).exits(0).says("(cluster): unchanged");
    });
}

#[test]
fn what_was_written_by_hand_is_looked_at_too() {
    let cluster = Cluster::of(servers()[0].major());
    cluster.psql("CREATE ROLE team; CREATE ROLE there");
    let root = tree("CREATE ROLE new;\nALTER ROLE there LOGIN PASSWORD 'unseen by anybody';\n");
    let ran =
        cluster.run(&root, &["restore", "--globals"]).exits(1).says("cluster.sql has a password in line 2");
    assert!(!format!("{ran:?}").contains("unseen"), "{ran:?}");
    assert_eq!(cluster.psql("SELECT count(*) FROM pg_roles WHERE rolname = 'new'"), "0");
    let root = tree("CREATE ROLE there IN ROLE team;\nCREATE ROLE new IN ROLE team;\n");
    cluster
        .run(&root, &["restore", "--globals"])
        .exits(3)
        .says("cluster.sql:1: role there is there")
        .says("+ role new");
}

#[test]
fn security_labels_are_among_them() {
    everywhere(|major| {
        let cluster = Cluster::of(major);
        // A provider that no server has: what it would say is put where it would put it.
        cluster.psql(
            "CREATE ROLE \"Odd one\"; INSERT INTO pg_catalog.pg_shseclabel (objoid, classoid, provider, label)
             SELECT oid, 1260, 'p', 'it''s secret' FROM pg_roles WHERE rolname = 'Odd one'
             UNION ALL SELECT oid, 1213, 'p', 'fast' FROM pg_tablespace WHERE spcname = 'pg_default'",
        );
        let root = folder("globals_labels");
        cluster.run(&root, &["dump", "--globals", "--no-commit"]).exits(0);
        let labels = [
            "SECURITY LABEL FOR p ON ROLE \"Odd one\" IS 'it''s secret';",
            "SECURITY LABEL FOR p ON TABLESPACE pg_default IS 'fast';",
        ];
        for label in labels {
            assert!(cluster_sql(&root).contains(label), "{label} is missing in {}", cluster_sql(&root));
        }
        // It is silent about tablespaces that initdb makes.
        assert!(cluster.server.pg_dumpall_globals().contains(labels[0]));
        cluster.run(&root, &["restore", "--globals"]).exits(0).says("(cluster): unchanged");
        let other = Cluster::of(major);
        let ran = other.run(&root, &["restore", "--globals"]).exits(6).says("+ role \"Odd one\"");
        assert!(ran.err.contains("security label provider \"p\" is not loaded"), "{}", ran.err);
    });
}

/// A tree with that `cluster.sql`.
fn tree(cluster_sql: &str) -> PathBuf {
    let root = folder("globals_tree");
    std::fs::create_dir(root.join("sql")).unwrap();
    std::fs::write(root.join("sql/cluster.sql"), cluster_sql).unwrap();
    root
}

#[test]
fn a_tablespace_that_cannot_be_made_keeps_nothing_else_from_being_made() {
    everywhere(|major| {
        let target = Cluster::of(major);
        let (good, bad) = (target.folder("good"), target.scratch.socket_dir().join("missing"));
        let root = tree(
            "CREATE ROLE keeper;\nCREATE TABLESPACE good LOCATION '/old/good';\nCREATE TABLESPACE bad LOCATION '/old/bad';\n\
             ALTER TABLESPACE good OWNER TO keeper;\nALTER TABLESPACE bad OWNER TO keeper;\nGRANT CREATE ON TABLESPACE good TO PUBLIC;\n",
        );
        let maps = [format!("/old/good={}", good.display()), format!("/old/bad/={}", bad.display())];
        let restore = ["restore", "--globals", "--tablespace-map", &maps[0], "--tablespace-map", &maps[1]];
        let ran = target.run(&root, &restore).exits(6);
        assert!(
            ran.err.contains("at sql/cluster.sql:3") && ran.err.contains("does not exist"),
            "{}",
            ran.err
        );
        assert!(ran.err.contains("(cluster): partly done (6 statements, 2 were refused)"), "{}", ran.err);
        let there = "SELECT string_agg(spcname || ' ' || pg_get_userbyid(spcowner) || ' ' || coalesce(spcacl::text, ''), ', ') FROM pg_tablespace WHERE oid > 16000";
        assert_eq!(target.psql(there), "good keeper {keeper=C/keeper,=C/keeper}");
        // Once the folder is there the same command does the rest, and then nothing.
        target.folder("missing");
        target.run(&root, &restore).exits(0).says("+ tablespace bad");
        target.run(&root, &restore).exits(0).says("(cluster): unchanged");
        // One that is elsewhere stays where it is.
        let ran = target.run(&root, &["restore", "--globals"]).exits(3);
        assert!(
            ran.err.contains("and \"/old/bad\" is where the tree has it: no statement moves it"),
            "{}",
            ran.err
        );
        let ran = target.run(&root, &["restore", "--globals", "--tablespace-map", "/odl/bad=/x"]).exits(2);
        assert!(ran.err.contains("no tablespace of the tree lies in /odl/bad"), "{}", ran.err);
    });
}

#[test]
fn an_ordinary_role_dumps_all_and_restores_what_it_may() {
    everywhere(|major| {
        let source = Cluster::of(major);
        source.psql(
            "CREATE ROLE plain LOGIN; CREATE ROLE team; CREATE ROLE boss SUPERUSER; GRANT team TO plain; \
             COMMENT ON ROLE team IS 'a team'; ALTER ROLE team SET work_mem = '8MB'",
        );
        let (root, other) = (folder("globals_super"), folder("globals_plain"));
        source.run(&root, &["dump", "--globals", "--no-commit"]).exits(0);
        source.run_as("plain", &other, &["dump", "--globals", "--no-commit"]).exits(0);
        assert_same_text(&cluster_sql(&root), &cluster_sql(&other));

        let target = Cluster::of(major);
        target.psql("CREATE ROLE helper LOGIN CREATEROLE; CREATE ROLE nobody LOGIN");
        let ran = target.run_as("nobody", &root, &["restore", "--globals"]).exits(1);
        assert!(
            ran.err.contains("CREATE ROLE team") && ran.err.contains("let a superuser run it"),
            "{}",
            ran.err
        );
        let ran = target.run_as("helper", &root, &["restore", "--globals"]).exits(6);
        assert!(ran.err.contains("CREATE ROLE boss SUPERUSER"), "{}", ran.err);
        assert!(ran.err.contains("1 were refused"), "{}", ran.err);
        let there = "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname !~ '^pg_'";
        assert_eq!(target.psql(there), "helper nobody plain postgres team");
        assert_eq!(target.psql("SELECT pg_has_role('plain', 'team', 'MEMBER')"), "t");
        let team =
            "SELECT rolconfig, shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = 'team'";
        assert_eq!(target.psql(team), "{work_mem=8MB}|a team");
        target.run(&root, &["restore", "--globals"]).exits(0).says("+ role boss");
    });
}

#[test]
fn databases_come_after_the_globals() {
    everywhere(|major| {
        let source = Cluster::of(major);
        let space = source.folder("space");
        source.psql(&format!(
            "CREATE ROLE chief LOGIN CREATEDB; CREATE ROLE \"My role\"; CREATE TABLESPACE fast OWNER chief LOCATION {};
             CREATE DATABASE app OWNER chief TABLESPACE fast CONNECTION LIMIT 7",
            quote_literal(&space.display().to_string())
        ));
        source.psql(
            "COMMENT ON DATABASE app IS 'an app'; ALTER DATABASE app SET work_mem = '9MB';
             ALTER ROLE \"My role\" IN DATABASE app SET search_path = 'x'; REVOKE ALL ON DATABASE app FROM PUBLIC;
             GRANT CONNECT ON DATABASE app TO \"My role\" WITH GRANT OPTION",
        );
        source.server.psql("app", "CREATE TABLE t (id int PRIMARY KEY) TABLESPACE pg_default").unwrap();
        let root = folder("globals_and_databases");
        let dump = ["dump", "--globals", "-d", "app", "--no-commit"];
        source.run(&root, &dump).exits(0).says("(cluster): done").says("app: done");
        source.run(&root, &dump).exits(0).says("(cluster): unchanged").says("app: unchanged");

        let target = Cluster::of(major);
        let map = format!("{}={}", space.display(), target.folder("space").display());
        let restore = ["restore", "--globals", "--tablespace-map", &map, "-d", "app"];
        target.run(&root, &restore).exits(0).says("equal to what was dumped");
        assert_same_text(&source.server.pg_dump_create("app"), &target.server.pg_dump_create("app"));
        let moved = source.server.pg_dumpall_globals().replace(
            &space.display().to_string(),
            &target.scratch.socket_dir().join("space").display().to_string(),
        );
        assert_same_text(&moved, &target.server.pg_dumpall_globals());
    });
}

#[test]
fn without_databases_or_a_file() {
    let cluster = Cluster::of(servers()[0].major());
    let root = folder("globals_usage");
    // The database of the connection string is where to connect.
    cluster.run(&root, &["dump", "--globals", "--no-commit"]).exits(0);
    assert!(!root.join("sql/postgres").exists());
    cluster.run(&root, &["restore", "--globals", "--as", "x"]).exits(2).says("no database is named");
    std::fs::remove_file(root.join("sql/cluster.sql")).unwrap();
    cluster.run(&root, &["restore", "--globals"]).exits(1).says("there is no cluster.sql in");
    let begins = tree("BEGIN;\nCREATE ROLE half;\n");
    let ran = cluster.run(&begins, &["restore", "--globals"]).exits(1);
    assert!(ran.err.contains("cluster.sql:1"), "{}", ran.err);
    // In whatever order the statements stand.
    let merged = tree("GRANT a TO b;\nCREATE ROLE b;\ncreate role a login;\n");
    cluster.run(&merged, &["restore", "--globals"]).exits(0).says("+ role b");
    cluster.run(&merged, &["restore", "--globals"]).exits(0).says("(cluster): unchanged");
}

#[test]
fn the_first_superuser_may_have_another_name() {
    everywhere(|major| {
        let source = Cluster::of(major);
        source.psql("CREATE ROLE other SUPERUSER LOGIN");
        let uri = source.server.uri("postgres").replace("postgres@", "other@");
        let sql = "ALTER ROLE postgres RENAME TO chief; ALTER ROLE chief NOREPLICATION";
        psqlcm_testkit::psql_at(&uri, sql).unwrap();
        let root = folder("globals_chief");
        source.run_as("other", &root, &["dump", "--globals", "--no-commit"]).exits(0);
        assert!(cluster_sql(&root).contains("ALTER ROLE chief SUPERUSER INHERIT"), "{}", cluster_sql(&root));
        let target = Cluster::of(major);
        target.run(&root, &["restore", "--globals"]).exits(0).says("+ role chief");
        let chief = "SELECT rolsuper, rolreplication, oid > 16000 FROM pg_roles WHERE rolname = 'chief'";
        assert_eq!(target.psql(chief), "t|f|t");
        target.run(&root, &["restore", "--globals"]).exits(0).says("(cluster): unchanged");
    });
}
