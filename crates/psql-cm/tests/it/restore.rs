//! Restoring where things are not as the dump left them: edited trees, other names, missing roles, errors.

use psqlcm_testkit::{server, servers, unique};

use crate::support::session_of;
use crate::tool::Tool;

/// A database of that SQL under control, dumped, and the tool that did it.
fn dumped(sql: &str) -> (Tool, String) {
    let tool = Tool::new(&server(15));
    let name = unique("restore");
    tool.psql("postgres", &format!("CREATE DATABASE {name}"));
    tool.psql(&name, sql);
    tool.ok(&["-d", &name, "setup"]);
    tool.ok(&["-d", &name, "dump"]);
    (tool, name)
}

/// What a failed restore must leave behind: nothing.
fn leaves_nothing(tool: &Tool, name: &str) {
    let sql = format!("SELECT datname FROM pg_database WHERE datname LIKE '{name} %' OR datname = '{name}'");
    assert_eq!(tool.psql("postgres", &sql).trim(), "");
}

#[test]
fn two_branches_merge_into_a_tree_that_loads() {
    let (tool, name) = dumped("CREATE TABLE a (id int PRIMARY KEY)");
    let table = format!("{name}/public/tables/later.sql");
    let view = format!("{name}/public/views/before_its_table.sql");
    tool.git(&["checkout", "-q", "-b", "table"]);
    tool.write(&table, "CREATE TABLE public.later (id int REFERENCES public.a, what text);\n");
    tool.git(&["add", "."]);
    tool.git(&["commit", "-q", "-m", "a table"]);
    tool.git(&["checkout", "-q", "-b", "view", "main"]);
    tool.write(
        &view,
        "CREATE VIEW public.before_its_table AS SELECT what FROM public.later JOIN public.a USING (id);\n",
    );
    let edited = tool
        .read(&format!("{name}/public/tables/a.sql"))
        .replace("id integer NOT NULL", "id integer NOT NULL, b text");
    tool.write(&format!("{name}/public/tables/a.sql"), &edited);
    tool.git(&["add", "."]);
    tool.git(&["commit", "-q", "-m", "a view"]);
    tool.git(&["merge", "-q", "table", "-m", "both"]);
    let copy = format!("{name}_copy");
    let said = tool.ok(&["-d", &name, "restore", "--as", &copy]);
    assert!(said.contains("not compared: tree changed since dump"), "{said}");
    let found = tool.psql(
        &copy,
        "SELECT count(*) FROM information_schema.columns WHERE table_name IN ('before_its_table', 'a')",
    );
    assert_eq!(found.trim(), "3");
    tool.server.drop_database(&copy);
    tool.server.drop_database(&name);
}

/// More tables than one session takes at a time, with all that several sessions could stumble over: keys, partitions,
/// children, views on views, functions of row types.
const WIDE: &str = "
    CREATE TABLE root (id int, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE parent (id int);
    CREATE SCHEMA s_0; CREATE SCHEMA s_1; CREATE SCHEMA s_2;
    SELECT format('CREATE TABLE s_%1$s.table_%2$s (id int PRIMARY KEY, other int CHECK (other > 0), what text UNIQUE);
                   CREATE INDEX ON s_%1$s.table_%2$s (other, what); COMMENT ON TABLE s_%1$s.table_%2$s IS ''number %2$s'';
                   CREATE FUNCTION of_%2$s(s_%1$s.table_%2$s) RETURNS int LANGUAGE sql AS ''SELECT $1.id'';
                   CREATE VIEW view_%2$s AS SELECT of_%2$s(t) FROM s_%1$s.table_%2$s AS t;
                   CREATE VIEW on_view_%2$s AS SELECT * FROM view_%2$s;
                   CREATE TABLE child_%2$s (more int) INHERITS (parent);
                   CREATE TABLE part_%2$s PARTITION OF root FOR VALUES FROM (%3$L) TO (%4$L)',
                  n % 3, n, date '2000-01-01' + n, date '2000-01-01' + n + 1)
    FROM generate_series(1, 250) AS n \\gexec
    SELECT format('ALTER TABLE s_%1$s.table_%2$s ADD FOREIGN KEY (other) REFERENCES s_%1$s.table_%3$s', n % 3, n, (n + 5) % 249 + 1)
    FROM generate_series(1, 249) AS n \\gexec";

#[test]
fn what_several_sessions_build_is_what_was_dumped() {
    let (tool, name) = dumped(WIDE);
    // Before anything else connects to it.
    let sessions = |copy: &str| {
        let sql = format!("SELECT sessions FROM pg_stat_database WHERE datname = '{copy}'");
        tool.psql("postgres", &sql).trim().to_owned()
    };
    for (jobs, expected) in [("1", "1"), ("3", "3")] {
        let copy = format!("{name}_by_{jobs}");
        let said = tool.ok(&["-d", &name, "restore", "--as", &copy, "--jobs", jobs]);
        assert!(said.contains("equal to what was dumped"), "{said}");
        assert_eq!(sessions(&copy), expected);
        let [original, restored] = [&name, &copy].map(|database| tool.server.pg_dump_schema(database));
        assert_eq!(original, restored);
        tool.server.drop_database(&copy);
    }
    tool.server.drop_database(&name);
}

/// One that was edited so that nothing is in its place, with two errors among much else.
#[test]
fn an_error_that_one_of_several_sessions_meets_is_shown_where_it_stands() {
    let (tool, name) = dumped(WIDE);
    for (table, made) in [("s_2/tables/table_20", "x"), ("s_0/tables/table_240", "y")] {
        tool.write(&format!("{name}/{table}.sql"), &format!("CREATE TABLE public.{made} (a nope);"));
    }
    let copy = format!("{name}_copy");
    let words = ["-d", &name, "restore", "--as", &copy, "--jobs", "3"];
    tool.fails(
        &words,
        1,
        &[&format!("at sql/{name}/s_0/tables/table_240.sql:1:26"), "type \"nope\" does not exist"],
    );
    leaves_nothing(&tool, &copy);
    tool.server.drop_database(&name);
}

#[test]
fn an_error_in_the_tree_is_shown_where_it_stands_and_nothing_is_left() {
    let (tool, name) = dumped("CREATE TABLE a (id int PRIMARY KEY); CREATE VIEW v AS SELECT id FROM a");
    tool.server.drop_database(&name);
    let path = format!("{name}/public/tables/a.sql");
    let written = tool.read(&path);
    let check = |text: &str, says: &[&str]| {
        tool.write(&path, text);
        tool.fails(&["-d", &name, "restore"], 1, says);
        leaves_nothing(&tool, &name);
    };
    let line = format!("{path}:2:5");
    check(
        &written.replace("id integer", "id intger"),
        &["type \"intger\" does not exist", "42704", &format!("{path}:2:8")],
    );
    check(&written.replace("    id integer", "    'x' integer"), &["syntax error", &line]);
    check(&written.replace(");", ""), &["is not closed", &format!("{path}:1:")]);
    check(&format!("<<<<<<< ours\n{written}"), &["conflict", &format!("{path}:1:1")]);
    check(
        &format!("BEGIN;\n{written}"),
        &["transactions are begun and ended by psql-cm", &format!("{path}:1:1")],
    );
    check(&format!("\\i other.sql\n{written}"), &["psql command", &format!("{path}:1:1")]);
    check(&format!("COPY public.a FROM stdin;\n1\n\\.\n{written}"), &["schemas and no rows"]);
    tool.write(&path, &written.replace('\n', "\r\n"));
    tool.ok(&["-d", &name, "restore"]);
    tool.server.drop_database(&name);
}

#[test]
fn what_exists_is_never_touched() {
    let (tool, name) = dumped("CREATE TABLE a (id int); INSERT INTO a VALUES (1)");
    tool.fails(&["-d", &name, "restore"], 1, &["exists", "--as", "--into-empty"]);
    tool.fails(&["-d", &name, "restore", "--into-empty"], 1, &["is not empty", "table public.a"]);
    assert_eq!(tool.psql(&name, "SELECT count(*) FROM a").trim(), "1");
    let empty = format!("{name}_empty");
    tool.fails(&["-d", &name, "restore", "--as", &empty, "--into-empty"], 1, &["does not exist"]);
    tool.psql("postgres", &format!("CREATE DATABASE {empty} TEMPLATE template0"));
    let said = tool.ok(&["-d", &name, "restore", "--as", &empty, "--into-empty"]);
    assert!(said.contains("equal to what was dumped"), "{said}");
    psqlcm_testkit::assert_same_text(&tool.server.pg_dump_schema(&name), &tool.server.pg_dump_schema(&empty));
    tool.server.drop_database(&empty);
    tool.server.drop_database(&name);
}

#[test]
fn an_error_into_an_empty_database_leaves_it_empty() {
    let (tool, name) = dumped("CREATE TABLE a (id int)");
    tool.write(&format!("{name}/public/tables/b.sql"), "CREATE TABLE public.b (id nothing_known);\n");
    let empty = format!("{name}_empty");
    tool.psql("postgres", &format!("CREATE DATABASE {empty} TEMPLATE template0"));
    tool.fails(&["-d", &name, "restore", "--as", &empty, "--into-empty"], 1, &["nothing_known", "b.sql:1:"]);
    assert_eq!(tool.psql(&empty, "SELECT count(*) FROM pg_class WHERE oid >= 16384").trim(), "0");
    tool.server.drop_database(&empty);
    tool.server.drop_database(&name);
}

#[test]
fn roles_are_made_refused_exchanged_or_left_out() {
    let role = unique("restore_owner");
    let (tool, name) = {
        let tool = Tool::new(&server(15));
        tool.psql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'"));
        let name = unique("restore");
        tool.psql("postgres", &format!("CREATE DATABASE {name}"));
        let sql = format!("CREATE TABLE a (id int); ALTER TABLE a OWNER TO {role}; CREATE TABLE b (id int);
            GRANT SELECT ON b TO {role}; ALTER TABLE b ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON b TO {role} USING (true)");
        tool.psql(&name, &sql);
        tool.ok(&["-d", &name, "setup"]);
        tool.ok(&["-d", &name, "dump"]);
        (tool, name)
    };
    let roles = tool.read(&format!("{name}/roles.sql"));
    assert!(roles.contains(&format!("CREATE ROLE {role} LOGIN;")) && !roles.contains("secret"), "{roles}");
    tool.server.drop_database(&name);
    tool.psql("postgres", &format!("DROP ROLE {role}"));
    tool.fails(&["-d", &name, "restore", "--no-roles"], 1, &[&format!("lacks the roles {role}")]);
    leaves_nothing(&tool, &name);
    // Mapped to a role that is there, the missing one is not needed.
    let said = tool.ok(&["-d", &name, "restore", "--role-map", &format!("{role}=pg_monitor"), "--no-roles"]);
    assert!(said.contains("roles were exchanged"), "{said}");
    let owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'a'";
    assert_eq!(tool.psql(&name, owner).trim(), "pg_monitor");
    tool.server.drop_database(&name);
    let ran = tool.run(&["-d", &name, "restore"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("the role {role} was missing and was made")), "{}", ran.stderr);
    assert_eq!(tool.psql(&name, owner).trim(), role);
    tool.server.drop_database(&name);
    tool.ok(&["-d", &name, "restore", "--no-owner", "--no-privileges"]);
    assert_eq!(tool.psql(&name, owner).trim(), "postgres");
    tool.server.drop_database(&name);
    tool.psql("postgres", &format!("DROP ROLE {role}"));
    // Roles that a failed restore made are gone again.
    tool.write(&format!("{name}/public/tables/a.sql"), "CREATE TABLE nonsense;");
    tool.fails(&["-d", &name, "restore"], 1, &["syntax error"]);
    assert_eq!(
        tool.psql("postgres", &format!("SELECT count(*) FROM pg_roles WHERE rolname = '{role}'")).trim(),
        "0"
    );
}

#[test]
fn a_role_that_several_databases_lack_stays_as_long_as_one_of_them_is_there() {
    let tool = Tool::new(&server(15));
    let role = unique("shared_role");
    let names: Vec<String> = (0..4).map(|_| unique("restore")).collect();
    let words = |command| {
        let databases = names.iter().flat_map(|name| ["-d", name]);
        databases.chain([command, "--jobs", "4"]).collect::<Vec<_>>()
    };
    tool.psql("postgres", &format!("CREATE ROLE {role}"));
    for name in &names {
        tool.psql("postgres", &format!("CREATE DATABASE {name}"));
        tool.psql(name, &format!("CREATE TABLE a (id int); ALTER TABLE a OWNER TO {role}"));
    }
    tool.ok(&words("setup"));
    tool.ok(&words("dump"));
    let forget = || {
        names.iter().for_each(|name| tool.server.drop_database(name));
        tool.psql("postgres", &format!("DROP ROLE {role}"));
    };
    let has_role =
        || tool.psql("postgres", &format!("SELECT count(*) FROM pg_roles WHERE rolname = '{role}'")) == "1";
    let harm = |name: &String| {
        let path = format!("{name}/public/tables/a.sql");
        let written = tool.read(&path);
        tool.write(&path, &written.replace("id integer", "id intger"));
    };
    let made = format!("the role {role} was missing and was made");

    forget();
    let said = tool.run(&words("restore")).stderr;
    assert_eq!(said.matches(&made).count(), 1, "{said}");

    forget();
    names[..3].iter().for_each(harm);
    let said = tool.fails(&words("restore"), 6, &["type \"intger\" does not exist", &made]);
    assert!(has_role(), "{}", said.stderr);
    names[..3].iter().for_each(|name| leaves_nothing(&tool, name));
    assert_eq!(tool.psql(&names[3], "SELECT count(*) FROM a"), "0");

    forget();
    harm(&names[3]);
    let said = tool.fails(&words("restore"), 1, &["type \"intger\" does not exist", "nothing of it is left"]);
    assert!(!has_role() && !said.stderr.contains(&made), "{}", said.stderr);
    names.iter().for_each(|name| leaves_nothing(&tool, name));
}

#[test]
fn what_the_cluster_lacks_is_listed_at_once() {
    let (tool, name) = dumped("CREATE TABLE a (id int)");
    tool.server.drop_database(&name);
    let database = format!("{name}/database.sql");
    let text = tool.read(&database);
    let (before, rest) = text.split_once("LC_COLLATE = '").unwrap();
    let (_, after) = rest.split_once('\'').unwrap();
    let text = format!("{before}LC_COLLATE = 'xx_YY.utf8'{after}\nCREATE EXTENSION no_such_extension;\n");
    tool.write(&database, &text);
    let table = format!("{name}/public/tables/a.sql");
    tool.write(&table, "CREATE TABLE public.a (id int) TABLESPACE no_such_space;\n");
    let says = ["extension no_such_extension", "tablespace no_such_space", "locale xx_YY.utf8"];
    tool.fails(&["-d", &name, "restore"], 1, &says);
    leaves_nothing(&tool, &name);
    tool.fails(
        &["-d", "no_such_tree", "restore"],
        1,
        &["there is no tree of the database no_such_tree", "--sql-path"],
    );
}

#[test]
fn a_damaged_ledger_is_not_restored_in_silence() {
    let (tool, name) = dumped("CREATE TABLE a (id int)");
    tool.server.drop_database(&name);
    let path = format!(".facts/default/{name}/public.ledger.sql");
    let damaged = tool.read(&path).replace("'Test Person", "'Other Person");
    assert_ne!(damaged, tool.read(&path));
    tool.write(&path, &damaged);
    let said = tool.ok(&["-d", &name, "restore"]);
    assert!(said.contains("not compared: tree changed since dump: .facts/"), "{said}");
    tool.fails(&["-d", &name, "verify"], 1, &["public"]);
    tool.server.drop_database(&name);
}

#[test]
fn a_materialized_view_that_cannot_be_populated_is_told_and_stops_nothing() {
    let (tool, name) = dumped(
        "CREATE TABLE a (id int); INSERT INTO a VALUES (1);
         CREATE MATERIALIZED VIEW m AS SELECT 1 / count(*) AS share FROM a;
         CREATE MATERIALIZED VIEW n AS SELECT count(*) FROM a",
    );
    let before = tool.server.pg_dump_schema(&name);
    let populated =
        "SELECT string_agg(matviewname || ispopulated, ',' ORDER BY matviewname) FROM pg_matviews";
    tool.server.drop_database(&name);
    let ran = tool.run(&["-d", &name, "restore"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("equal to what was dumped"), "{}", ran.stdout);
    assert!(ran.stderr.contains("REFRESH MATERIALIZED VIEW public.m: division by zero"), "{}", ran.stderr);
    assert_eq!(tool.psql(&name, populated).trim(), "mfalse,ntrue");
    psqlcm_testkit::assert_same_text(&before, &tool.server.pg_dump_schema(&name));
    tool.server.drop_database(&name);
    let _ = tool.server.psql_file("postgres", &tool.tree(&format!(".facts/default/{name}/restore.sql")));
    assert_eq!(tool.psql(&name, populated).trim(), "mfalse,ntrue");
    psqlcm_testkit::assert_same_text(&before, &tool.server.pg_dump_schema(&name));
    tool.server.drop_database(&name);
}

#[test]
fn what_a_killed_restore_left_is_dropped_and_nothing_else() {
    let (tool, name) = dumped("CREATE TABLE a (id int)");
    let make = |run: &str| {
        let building = format!("{name} restore {run}");
        tool.psql("postgres", &format!("CREATE DATABASE \"{building}\" IS_TEMPLATE true"));
        building
    };
    let dead = make("0000000000000001");
    let alive = make("fedcba9876543210");
    let watched = make("0000000000000002");
    let no_run = make("of yesterday");
    // As its run does, in whatever database that is.
    let mut run = session_of(&tool.server, &no_run);
    run.run("SELECT pg_advisory_lock_shared(x'fedcba9876543210'::bigint)").unwrap();
    let watcher = session_of(&tool.server, &watched);
    let restored = |name: &str| {
        let ran = tool.run(&["-d", name, "restore"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        tool.server.drop_database(name);
        ran.stderr
    };
    tool.server.drop_database(&name);
    let said = restored(&name);
    assert!(said.contains(&format!("dropped the database \"{dead}\"")), "{said}");
    assert!(said.contains(&format!("to remove it: DROP DATABASE \"{watched}\"")), "{said}");
    assert!(!said.contains(&alive) && !said.contains(&no_run), "{said}");
    let left = [&dead, &alive, &watched, &no_run].map(|name| tool.has_database(name));
    assert_eq!(left, [false, true, true, true]);
    drop((run, watcher));
    let said = restored(&name);
    assert!(said.contains(&alive) && said.contains(&watched), "{said}");
    let left = [&alive, &watched, &no_run].map(|name| tool.has_database(name));
    assert_eq!(left, [false, false, true]);
    tool.psql(
        "postgres",
        &format!("ALTER DATABASE \"{no_run}\" IS_TEMPLATE false; DROP DATABASE \"{no_run}\""),
    );
}

#[test]
fn a_subscription_is_made_again_without_its_password_and_disabled() {
    for server in servers() {
        let tool = Tool::new(&server);
        let name = unique("restore");
        tool.psql("postgres", &format!("CREATE DATABASE {name}"));
        tool.psql(
            &name,
            &format!(
                "CREATE SUBSCRIPTION {name} CONNECTION 'host=127.0.0.1 port=1 password=hush_hush user=ann' PUBLICATION p
                   WITH (connect = false, slot_name = 'theirs');
                 ALTER SUBSCRIPTION {name} OWNER TO CURRENT_USER; COMMENT ON SUBSCRIPTION {name} IS 'far';
                 ALTER SUBSCRIPTION {name} ENABLE; ALTER SUBSCRIPTION {name} DISABLE;
                 UPDATE pg_subscription SET subenabled = true WHERE subname = '{name}'"
            ),
        );
        tool.ok(&["-d", &name, "setup"]);
        let dumped = tool.run(&["-d", &name, "dump"]);
        assert!(dumped.stderr.contains(&format!("password of subscription {name}")), "{}", dumped.stderr);
        for path in tool.git(&["ls-files"]).lines() {
            assert!(!tool.read(path).contains("hush_hush"), "{path} holds the password");
        }
        server.drop_database(&name);
        let said = tool.ok(&["-d", &name, "restore"]);
        assert!(said.contains("equal to what was dumped"), "{said}");
        let found = tool.psql(
            &name,
            &format!(
                "SELECT subenabled, subslotname, subconninfo, obj_description(oid, 'pg_subscription')
                   FROM pg_subscription WHERE subname = '{name}'"
            ),
        );
        assert_eq!(found.trim(), "f|theirs|host='127.0.0.1' port='1' user='ann'|far");
        // What cannot be finished is removed, subscriptions and all, whose slots are left alone.
        server.drop_database(&name);
        let database_file = format!("{name}/database.sql");
        let broken =
            tool.read(&database_file) + &format!("\nALTER DATABASE {name} SET work_mem TO 'much';\n");
        tool.write(&database_file, &broken);
        tool.fails(&["-d", &name, "restore"], 1, &["work_mem"]);
        leaves_nothing(&tool, &name);
    }
}

#[test]
fn large_objects_are_made_again_empty_and_are_no_drift() {
    for server in servers() {
        let tool = Tool::new(&server);
        let (name, role) = (unique("restore"), unique("large"));
        tool.psql("postgres", &format!("CREATE DATABASE {name}; CREATE ROLE {role}"));
        tool.psql(
            &name,
            &format!(
                "SELECT lo_from_bytea(4711, 'it holds something'), lo_create(3000000000);
                 ALTER LARGE OBJECT 4711 OWNER TO {role}; GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC;
                 COMMENT ON LARGE OBJECT 4711 IS 'large'"
            ),
        );
        tool.ok(&["-d", &name, "setup"]);
        let described = |name: &str| {
            tool.psql(
                name,
                "SELECT oid, lomowner::regrole, lomacl, obj_description(oid, 'pg_largeobject') FROM pg_largeobject_metadata ORDER BY oid",
            )
        };
        let before = described(&name);
        tool.check_trip(&name);
        assert_eq!(described(&name), before);
        assert_eq!(tool.psql(&name, "SELECT count(*) FROM pg_largeobject").trim(), "0");
        assert!(tool.read(&format!("{name}/large_objects.sql")).contains("lo_create(4711)"));
        // Applications make them as they make rows.
        tool.psql(&name, "SELECT lo_create(4712), lo_unlink(3000000000)");
        tool.ok(&["-d", &name, "status"]);
        server.drop_database(&name);
        tool.psql("postgres", &format!("DROP ROLE {role}"));
    }
}

#[test]
fn a_label_whose_provider_is_missing_is_named() {
    let (tool, name) = dumped(
        "CREATE TABLE t (id int);
         INSERT INTO pg_catalog.pg_seclabel (objoid, classoid, objsubid, provider, label)
         VALUES ('t'::regclass, 1259, 0, 'nobody', 'secret')",
    );
    tool.server.drop_database(&name);
    tool.fails(
        &["-d", &name, "restore"],
        1,
        &["security label provider \"nobody\" is not loaded", "tables/t.sql", "session_preload_libraries"],
    );
    leaves_nothing(&tool, &name);
}
