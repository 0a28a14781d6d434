//! The ledger in real databases: set up, adopted, added to, tampered with, copied, locked.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends where it stands")]

use std::io::Write as _;
use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use std::time::Duration;

use psqlcm_core::ledger::{Anchor, Entry, EntryKind, Evidence, NewEntry, Origin, Problem, verify};
use psqlcm_engine::ledger::{
    Action, Damage, Heads, Ledger, LedgerError, LockError, Removal, State, SubmitLock, home_entry, origin,
};
use psqlcm_engine::session::Session;

use crate::servers::{self, Server};

/// A database of one test on one server, dropped at its end.
struct Database {
    server: Server,
    name: String,
}

impl Database {
    fn new(server: &Server, test: &str) -> Self {
        let database = Self { server: server.clone(), name: format!("ledger_{test}_{}", std::process::id()) };
        database.server.session().run(&format!("CREATE DATABASE {}", database.name)).unwrap();
        database
    }

    /// As `createdb --template` makes it: nobody may be connected to this one.
    fn copy(&self, suffix: &str) -> Self {
        let copy = Self { server: self.server.clone(), name: format!("{}_{suffix}", self.name) };
        let sql = format!("CREATE DATABASE {} TEMPLATE {}", copy.name, self.name);
        copy.server.session().run(&sql).unwrap();
        copy
    }

    fn session(&self) -> Session {
        Session::connect(&self.server.info().with_database(&self.name)).unwrap()
    }

    fn psql(&self, script: &str) {
        let port = self.server.port.to_string();
        let arguments =
            ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", &self.server.socket, "-p", &port];
        let mut psql = Command::new("psql")
            .args(arguments)
            .args(["-d", &self.name, "-f", "-"])
            .env("PGCLIENTENCODING", "UTF8")
            .stdin(Stdio::piped())
            .spawn()
            .expect("psql is there");
        psql.stdin.take().expect("piped").write_all(script.as_bytes()).unwrap();
        assert!(psql.wait().unwrap().success());
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = self.server.session().run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// On every server: a database, and a session in it.
fn everywhere(test: &str, body: impl Fn(&Database, &mut Session)) {
    for server in servers::all() {
        let database = Database::new(&server, test);
        let mut session = database.session();
        body(&database, &mut session);
    }
}

fn ledger() -> Ledger {
    Ledger::new("pg_psql_cm").unwrap()
}

fn who(session: &mut Session) -> Origin {
    origin(session, "Tester <t@example.org>", "run-1", "default", "1.0.0").unwrap()
}

fn setup(session: &mut Session, schemas: &[&str]) -> Vec<(String, Action)> {
    let origin = who(session);
    in_transaction(session, |session| ledger().setup(session, schemas, &origin)).unwrap()
}

fn in_transaction<T>(
    session: &mut Session,
    work: impl FnOnce(&mut Session) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    session.run("BEGIN").unwrap();
    let outcome = work(session);
    session.run(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" }).unwrap();
    outcome
}

fn submit(session: &mut Session, schema: &str, content: &str) -> Entry {
    let origin = who(session);
    let mut heads = ledger().heads(session).unwrap();
    let entries = vec![(schema.to_owned(), NewEntry::new(EntryKind::Change, content, origin))];
    let written = in_transaction(session, |session| ledger().append(session, &mut heads, entries)).unwrap();
    written.into_iter().next().expect("one entry").1
}

fn states(session: &mut Session, schemas: &[&str]) -> Vec<State> {
    ledger().states(session, schemas).unwrap().into_iter().map(|(_, state)| state).collect()
}

fn entries(session: &mut Session, schema: &str) -> Vec<Entry> {
    let state = states(session, &[schema]).remove(0);
    let mut entries = Vec::new();
    ledger().read(session, &[(schema, state)], &mut |_, entry| entries.push(entry)).unwrap();
    entries
}

fn anchor(session: &mut Session, schema: &str) -> Anchor {
    let chains = ledger().chains(session, &[(schema, State::Ours)]).unwrap();
    Anchor::of("default", "a_database", &chains[0]).expect("a head")
}

fn problems(session: &mut Session, schema: &str, anchor: Option<&Anchor>) -> Vec<(i64, Problem)> {
    let state = states(session, &[schema]).remove(0);
    let chains = ledger().chains(session, &[(schema, state)]).unwrap();
    verify(&chains[0], anchor).into_iter().map(|finding| (finding.id.unwrap_or(0), finding.problem)).collect()
}

/// Runs SQL as one who can get round the triggers.
fn tamper(session: &mut Session, schema: &str, sql: &str) {
    session
        .run(&format!(
            "SET search_path = {schema}; ALTER TABLE pg_psql_cm DISABLE TRIGGER USER; {sql};
             ALTER TABLE pg_psql_cm ENABLE ALWAYS TRIGGER pg_psql_cm_append_only; RESET search_path"
        ))
        .unwrap();
}

/// As version 0.2.2 made it.
const ORIGINAL_TABLE: &str =
    "CREATE TABLE pg_psql_cm (id bigserial NOT NULL PRIMARY KEY, is_base boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now(), implementer text NOT NULL, content text NOT NULL)";

/// Catalog rows that make up the table's shape and protection, without names of schemas and OIDs.
const SHAPE: &str = "
    SELECT a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, replace(pg_get_expr(d.adbin, d.adrelid), n.nspname, 'S')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relname = 'pg_psql_cm' AND n.nspname = 'SCHEMA' ORDER BY 1;
    SELECT replace(indexdef, schemaname, 'S') FROM pg_indexes WHERE tablename = 'pg_psql_cm' AND schemaname = 'SCHEMA' ORDER BY 1;
    SELECT replace(pg_get_triggerdef(t.oid), n.nspname, 'S'), tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'SCHEMA' AND NOT tgisinternal;
    SELECT p.proname, p.proacl, obj_description(c.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'pg_psql_cm' WHERE n.nspname = 'SCHEMA'";

#[test]
fn setup_makes_what_is_needed_and_twice_changes_nothing() {
    everywhere("setup", |_, session| {
        let schemas = ["public", "My Schema", "a\"b", "ünï", "select", "a/b", "a'b\\c"];
        for schema in &schemas[1..] {
            session.run(&format!("CREATE SCHEMA \"{}\"", schema.replace('"', "\"\""))).unwrap();
        }
        let planned = ledger().plan_setup(session, &schemas).unwrap();
        assert_eq!(states(session, &schemas), vec![State::Absent; 7], "planning changes nothing");
        let done = setup(session, &schemas);
        assert_eq!(done, planned);
        assert!(done.iter().all(|(_, action)| *action == Action::Create));
        assert_eq!(states(session, &schemas), vec![State::Ours; 7]);
        let count = "SELECT count(*), (SELECT sum(xmin::text::bigint) FROM pg_class) FROM pg_class";
        let before = session.rows(count).unwrap();
        assert!(setup(session, &schemas).iter().all(|(_, action)| *action == Action::Nothing));
        assert_eq!(session.rows(count).unwrap(), before);
        for schema in schemas {
            assert_eq!(submit(session, schema, "SELECT 1;").id, 1);
            assert_eq!(submit(session, schema, "SELECT 2;").id, 2);
            assert_eq!(problems(session, schema, None), []);
        }
        assert_eq!(states(session, &["nowhere"]), [State::NoSchema]);
    });
}

#[test]
fn entries_are_refused_to_be_changed_or_removed() {
    everywhere("refused", |_, session| {
        setup(session, &["public"]);
        submit(session, "public", "SELECT 1;");
        for statement in [
            "UPDATE public.pg_psql_cm SET content = ''",
            "DELETE FROM public.pg_psql_cm WHERE false",
            "TRUNCATE public.pg_psql_cm",
            "INSERT INTO public.pg_psql_cm SELECT * FROM public.pg_psql_cm ON CONFLICT (id) DO UPDATE SET content = ''",
        ] {
            for role in ["origin", "replica"] {
                session.run(&format!("SET session_replication_role = {role}")).unwrap();
                let error = session.run(statement).expect_err(statement);
                assert!(error.message().contains("on public.pg_psql_cm is refused"), "{}", error.message());
                assert!(error.hint().is_some_and(|hint| hint.contains("setup --remove")));
            }
        }
    });
}

#[test]
fn default_privileges_give_nothing_on_the_ledger() {
    everywhere("grants", |database, session| {
        let role = format!("{}_reader", database.name);
        session
            .run(&format!(
                "CREATE ROLE {role};
                 ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {role}, PUBLIC;
                 ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO {role} WITH GRANT OPTION;
                 ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO {role};"
            ))
            .unwrap();
        setup(session, &["public"]);
        let others = session
            .rows(
                "SELECT o.name, x.grantee FROM (SELECT relname, relacl, relowner FROM pg_class WHERE relname ~ '^pg_psql_cm'
                   UNION ALL SELECT proname, proacl, proowner FROM pg_proc WHERE proname ~ '^pg_psql_cm') o (name, acl, owner),
                 aclexplode(o.acl) x WHERE x.grantee <> o.owner",
            )
            .unwrap();
        session.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
        assert_eq!(others, Vec::<Vec<Option<String>>>::new());
    });
}

/// More than nine of them: as text 10 comes before 2.
#[test]
fn entries_are_read_in_the_order_of_their_ids() {
    everywhere("order", |_, session| {
        session
            .run(&format!(
                "{ORIGINAL_TABLE}; INSERT INTO pg_psql_cm (is_base, implementer, content)
                 SELECT i = 1, 'T<t@example.org>', i::text FROM generate_series(1, 12) AS i"
            ))
            .unwrap();
        setup(session, &["public"]);
        assert_eq!(submit(session, "public", "SELECT 14;").id, 14);
        let ids: Vec<i64> = entries(session, "public").iter().map(|entry| entry.id).collect();
        assert_eq!(ids, (1..=14).collect::<Vec<i64>>());
        let anchor = anchor(session, "public");
        assert_eq!(problems(session, "public", Some(&anchor)), []);
    });
}

#[test]
fn a_table_of_the_original_tool_is_adopted_as_it_is() {
    everywhere("adopt", |_, session| {
        session
            .run(&format!(
                "CREATE SCHEMA fresh; CREATE SCHEMA old; SET search_path = old; {ORIGINAL_TABLE};
                 INSERT INTO pg_psql_cm (is_base, created_at, implementer, content) VALUES
                 (true, '2013-02-01 10:11:12.345678+02', 'Tester<t@example.org>', E'--\\n\\\\restrict abc\\r\\nSELECT $$x$$;\\n'),
                 (false, NULL, '', ''), (false, 'infinity', 'i', 'i'), (false, '0044-03-15 12:00:00+00 BC', 'Brutus', 'et tu');
                 SELECT nextval('pg_psql_cm_id_seq'); RESET search_path"
            ))
            .unwrap();
        let rows = "SELECT id, is_base, created_at, implementer, content, xmin FROM old.pg_psql_cm ORDER BY id LIMIT 4";
        let before = session.rows(rows).unwrap();
        assert_eq!(problems(session, "old", None), [(4, Problem::NotAdopted)]);
        assert_eq!(
            setup(session, &["fresh", "old"]),
            [("fresh".to_owned(), Action::Create), ("old".to_owned(), Action::Adopt)]
        );
        assert_eq!(session.rows(rows).unwrap(), before, "not even a new version of a row");
        let shape =
            |session: &mut Session, schema: &str| session.rows(&SHAPE.replace("SCHEMA", schema)).unwrap();
        assert_eq!(shape(session, "old"), shape(session, "fresh"));
        let adoption = &entries(session, "old")[4];
        assert_eq!((adoption.id, &adoption.kind, adoption.is_base), (5, &Some(EntryKind::Adoption), false));
        assert_eq!(submit(session, "fresh", "SELECT 1;").number, Some(2), "one number for the database");
        assert_eq!(submit(session, "old", "SELECT 1;").number, Some(3));
        assert_eq!(problems(session, "old", None), []);
        tamper(
            session,
            "old",
            "UPDATE pg_psql_cm SET content = 'x' WHERE id = 2; DELETE FROM pg_psql_cm WHERE id = 3",
        );
        assert_eq!(problems(session, "old", None), [(2, Problem::Edited), (3, Problem::Deleted { last: 3 })]);
    });
}

#[test]
fn something_else_of_that_name_is_refused_with_what_differs() {
    everywhere("foreign", |_, session| {
        session
            .run(
                "CREATE SCHEMA a; CREATE TABLE a.pg_psql_cm (id bigint PRIMARY KEY, is_base text NOT NULL);
                 CREATE SCHEMA b; CREATE VIEW b.pg_psql_cm AS SELECT 1 AS id;
                 CREATE SCHEMA c; CREATE FUNCTION c.pg_psql_cm_append_only() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            )
            .unwrap();
        let origin = who(session);
        let error = in_transaction(session, |session| {
            ledger().setup(session, &["public", "a", "b", "c", "nowhere"], &origin)
        });
        let Err(LedgerError::Unusable { unusable }) = error else { panic!("{error:?}") };
        let reasons: Vec<String> =
            unusable.iter().map(|(schema, reason)| format!("{schema}: {reason}")).collect();
        assert!(
            reasons[0].contains("column 2 is is_base text NOT NULL, expected is_base boolean NOT NULL"),
            "{reasons:?}"
        );
        assert!(
            reasons[0].contains("column 3 is nothing, expected created_at timestamp with time zone"),
            "{reasons:?}"
        );
        assert!(reasons[1].contains("not a plain, permanent table"), "{reasons:?}");
        assert!(reasons[2].contains("a function pg_psql_cm_append_only()"), "{reasons:?}");
        assert_eq!(reasons[3], "nowhere: there is no such schema");
        assert_eq!(states(session, &["public"]), [State::Absent], "nothing was done");
    });
}

#[test]
fn damaged_protection_is_named_and_mended_on_record() {
    everywhere("damage", |_, session| {
        setup(session, &["public"]);
        submit(session, "public", "SELECT 1;");
        for (sql, damage) in [
            ("ALTER TABLE pg_psql_cm DISABLE TRIGGER pg_psql_cm_append_only", Damage::TriggerDisabled),
            ("ALTER TABLE pg_psql_cm ENABLE TRIGGER pg_psql_cm_append_only", Damage::TriggerDisabled),
            ("DROP TRIGGER pg_psql_cm_append_only ON pg_psql_cm", Damage::NoTrigger),
            (
                "DROP TRIGGER pg_psql_cm_append_only ON pg_psql_cm; CREATE TRIGGER pg_psql_cm_append_only
                 BEFORE UPDATE ON pg_psql_cm EXECUTE FUNCTION pg_psql_cm_append_only()",
                Damage::TriggerChanged,
            ),
            (
                "CREATE OR REPLACE FUNCTION pg_psql_cm_append_only() RETURNS trigger LANGUAGE plpgsql
                 SET search_path = '' AS 'BEGIN RETURN NULL; END'",
                Damage::FunctionChanged,
            ),
            ("DROP INDEX pg_psql_cm_previous_hash", Damage::NoIndex),
        ] {
            session.run(sql).unwrap();
            assert_eq!(states(session, &["public"]), [State::Damaged(vec![damage.clone()])], "{sql}");
            assert_eq!(setup(session, &["public"])[0].1, Action::Repair(vec![damage]), "{sql}");
            assert_eq!(states(session, &["public"]), [State::Ours], "{sql}");
        }
        let kinds: Vec<_> = entries(session, "public").into_iter().filter_map(|entry| entry.kind).collect();
        assert_eq!(kinds[1..], vec![EntryKind::Repair; 6]);
        assert_eq!(problems(session, "public", None), []);
        // What somebody added is not ours to remove.
        session.run("CREATE RULE r AS ON INSERT TO pg_psql_cm DO INSTEAD NOTHING").unwrap();
        assert!(matches!(ledger().plan_setup(session, &["public"]), Err(LedgerError::Unusable { .. })));
    });
}

#[test]
fn entries_get_their_places_from_the_tool() {
    everywhere("append", |_, session| {
        session.run("CREATE SCHEMA other").unwrap();
        setup(session, &["public", "other"]);
        let origin = who(session);
        let mut heads = ledger().heads(session).unwrap();
        let mut change = NewEntry::new(EntryKind::Change, "ALTER TABLE t ADD c int;", origin.clone());
        let evidence = serde_json::from_str(r#"{"zz": [1, "a\"b"], "a": {"é": null, "b": true}}"#).unwrap();
        change.evidence = Some(Evidence::new(&evidence).unwrap());
        change.started_at = Some("2026-01-02T03:04:05.000007Z".to_owned());
        change.duration_us = Some(12);
        let linked = change.linked("public");
        let both = vec![("public".to_owned(), change.clone()), ("other".to_owned(), linked)];
        // Rolled back, then done: no gaps.
        let before = heads.clone();
        session.run("BEGIN").unwrap();
        ledger().append(session, &mut heads, both.clone()).unwrap();
        session.run("ROLLBACK").unwrap();
        heads = before;
        let written = in_transaction(session, |session| ledger().append(session, &mut heads, both)).unwrap();
        // The same heads go on, in another transaction and with two entries at once.
        let more = vec![("other".to_owned(), change.clone()), ("other".to_owned(), change)];
        let more = in_transaction(session, |session| ledger().append(session, &mut heads, more)).unwrap();
        let places = |entry: &(String, Entry)| (entry.0.clone(), entry.1.id, entry.1.number.unwrap_or(0));
        let places: Vec<_> = written.iter().chain(&more).map(places).collect();
        let expected = [("public", 1, 1), ("other", 1, 1), ("other", 2, 2), ("other", 3, 3)];
        assert_eq!(places, expected.map(|(schema, id, number)| (schema.to_owned(), id, number)));
        assert_eq!(entries(session, "public")[0], written[0].1, "what is read is what was written");
        assert_eq!(problems(session, "other", None), []);
        let next = session
            .rows("SELECT nextval('public.pg_psql_cm_id_seq'), nextval('other.pg_psql_cm_id_seq')")
            .unwrap();
        assert_eq!(next, [[Some("2".to_owned()), Some("4".to_owned())]]);
        assert_eq!(Heads::default().get("public"), None);
        // Seen by the environment of the session only as text: formats do not matter.
        session.run("SET DateStyle = 'German'; SET TimeZone = 'Asia/Kolkata'; SET standard_conforming_strings = off").unwrap();
        assert_eq!(submit(session, "public", "SELECT '\\';").id, 2);
        assert_eq!(problems(session, "public", None), []);
    });
}

#[test]
fn an_entry_is_refused_when_the_ledger_is_not_what_it_was() {
    everywhere("changed", |_, session| {
        setup(session, &["public"]);
        submit(session, "public", "SELECT 1;");
        submit(session, "public", "SELECT 2;");
        let origin = who(session);
        let guard = "ALTER TABLE pg_psql_cm DISABLE TRIGGER USER;";
        let back = "ALTER TABLE pg_psql_cm ENABLE ALWAYS TRIGGER pg_psql_cm_append_only";
        for (script, what) in [
            (format!("{guard} UPDATE pg_psql_cm SET content = 'x' WHERE id = 1; {back}"), "trigger was altered"),
            (format!("{guard} {back}"), "trigger was altered"),
            ("DROP TRIGGER pg_psql_cm_append_only ON pg_psql_cm".to_owned(), "trigger was altered"),
            ("INSERT INTO pg_psql_cm (is_base, implementer, content) VALUES (false, '', '')".to_owned(), "rows were added"),
            (
                "INSERT INTO pg_psql_cm (id, is_base, implementer, content, hash) VALUES (3, false, '', '', '1:00')".to_owned(),
                "rows were added",
            ),
            ("DROP TABLE pg_psql_cm".to_owned(), "dropped or altered"),
            ("ALTER TABLE pg_psql_cm DROP COLUMN hash".to_owned(), "dropped or altered"),
        ] {
            let before = ledger().heads(session).unwrap();
            let mut heads = before.clone();
            let entry = vec![("public".to_owned(), NewEntry::new(EntryKind::Change, script.clone(), origin.clone()))];
            let outcome = in_transaction(session, |session| {
                session.run(&script)?;
                ledger().append(session, &mut heads, entry)
            });
            let Err(LedgerError::Changed { what: found, .. }) = outcome else { panic!("{script}: {outcome:?}") };
            assert!(found.contains(what), "{script}: {found}");
            assert_eq!(heads, before);
            assert_eq!(ledger().heads(session).unwrap(), before, "rolled back: {script}");
        }
        // Edited by somebody else before our transaction, with the guard as it was when we looked.
        session.run(guard).unwrap();
        let mut heads = ledger().heads(session).unwrap();
        session.run("UPDATE pg_psql_cm SET content = 'x' WHERE id = 1").unwrap();
        let entry = vec![("public".to_owned(), NewEntry::new(EntryKind::Change, "", origin))];
        let outcome = in_transaction(session, |session| ledger().append(session, &mut heads, entry));
        assert!(matches!(outcome, Err(LedgerError::Changed { what, .. }) if what == "rows were altered"));
    });
}

#[test]
fn tampering_and_copies_are_named_for_what_they_are() {
    everywhere("verify", |database, session| {
        setup(session, &["public"]);
        let first = |session: &mut Session| {
            for number in 1..=3 {
                submit(session, "public", &format!("SELECT {number};"));
            }
        };
        first(session);
        let idle = std::mem::replace(session, database.server.session());
        drop(idle);
        let backup = database.copy("backup");
        *session = database.session();
        first(session);
        let git = anchor(session, "public");
        assert_eq!(problems(session, "public", Some(&git)), []);

        // The older copy stands for a restored backup; then it is used.
        let mut restored = backup.session();
        assert_eq!(problems(&mut restored, "public", Some(&git)), [(3, Problem::Copy), (4, Problem::Behind)]);
        let mut rewound = git.clone();
        rewound.instance = who(&mut restored).instance;
        assert_eq!(problems(&mut restored, "public", Some(&rewound))[0], (4, Problem::Behind));
        submit(&mut restored, "public", "SELECT 'other';");
        assert_eq!(problems(&mut restored, "public", Some(&git)), [(4, Problem::Forked), (4, Problem::Copy)]);
        drop(restored);

        *session = database.server.session();
        let copy = database.copy("copy");
        *session = database.session();
        let mut copied = copy.session();
        assert_eq!(problems(&mut copied, "public", Some(&git)), [(6, Problem::Copy)]);

        tamper(&mut copied, "public", "UPDATE pg_psql_cm SET implementer = 'nobody' WHERE id = 2");
        assert!(problems(&mut copied, "public", None).contains(&(2, Problem::Edited)));
        drop(copied);

        for (sql, expected) in [
            ("UPDATE pg_psql_cm SET content = 'x' WHERE id = 2", (2, Problem::Edited)),
            ("DELETE FROM pg_psql_cm WHERE id = 2", (2, Problem::Deleted { last: 2 })),
            ("DELETE FROM pg_psql_cm WHERE id > 4", (5, Problem::Deleted { last: 6 })),
            (
                "INSERT INTO pg_psql_cm (is_base, implementer, content) VALUES (false, 'me', 'by hand')",
                (7, Problem::Inserted),
            ),
            ("TRUNCATE pg_psql_cm", (6, Problem::Gone)),
        ] {
            let keep = session.rows("SELECT last_value FROM pg_psql_cm_id_seq").unwrap();
            session.run("CREATE TABLE kept AS TABLE pg_psql_cm").unwrap();
            tamper(session, "public", sql);
            assert_eq!(problems(session, "public", Some(&git)), [expected], "{sql}");
            tamper(
                session,
                "public",
                "TRUNCATE pg_psql_cm; INSERT INTO pg_psql_cm TABLE kept; DROP TABLE kept",
            );
            let last = keep[0][0].clone().unwrap_or_default();
            session.run(&format!("SELECT setval('pg_psql_cm_id_seq', {last})")).unwrap();
            assert_eq!(problems(session, "public", Some(&git)), []);
        }

        // A superuser who knows the form hashes everything anew.
        let mut forged = entries(session, "public");
        forged[1].content = "SELECT 'forged';".to_owned();
        let mut sql = "TRUNCATE pg_psql_cm;".to_owned();
        let mut previous = psqlcm_core::ledger::Hash::genesis();
        for entry in &mut forged {
            entry.previous_hash = Some(previous.into_text());
            previous = psqlcm_core::ledger::Hash::of(entry);
            entry.hash = Some(previous.as_str().to_owned());
            sql.push_str(&ledger().at("public").insert(entry));
        }
        tamper(session, "public", sql.trim_end_matches(";\n"));
        assert_eq!(problems(session, "public", None), [], "by itself it holds");
        assert_eq!(problems(session, "public", Some(&git)), [(2, Problem::Rewritten)]);
    });
}

#[test]
fn an_insert_reproduces_every_byte_in_psql_and_in_the_tool() {
    everywhere("insert", |_, session| {
        session
            .run(&format!(
                "CREATE SCHEMA old; SET search_path = old; {ORIGINAL_TABLE}; RESET search_path;
                 INSERT INTO old.pg_psql_cm VALUES (3, true, 'infinity', 'i''\\', ''), (4, false, NULL, '', ''),
                 (9, false, '0044-03-15 12:00:00.000001+00 BC', '', ''), (12, false, '12345-01-01', '', '')"
            ))
            .unwrap();
        setup(session, &["old"]);
        for content in [
            "a\nb\r\nc\rd\n",
            "$$ $_$ $_1$ $",
            "\\restrict x\n\\! true\n:v :'v' :\"v\" -- /* ",
            "'\\''\\\\",
            "\u{feff}\u{1}\u{7f}\u{85}\u{2028}ü😀\t\u{b}\u{c} \n ",
            ";;\n\\.\n",
            "",
        ] {
            submit(session, "old", content);
        }
        let original = entries(session, "old");
        assert_eq!(original.len(), 12);
        let table = ledger();
        let copied = |schema: &str| -> String {
            let inserts: String = original.iter().map(|entry| table.at(schema).insert(entry)).collect();
            format!("CREATE SCHEMA {schema};\n{}{inserts}", table.at(schema).create())
        };
        session.run(&copied("by_tool")).unwrap();
        let name = session.rows("SELECT current_database()").unwrap()[0][0].clone().unwrap_or_default();
        let server =
            servers::all().into_iter().find(|server| server.major == session.server_version() / 10_000);
        let database = std::mem::ManuallyDrop::new(Database { server: server.expect("this one"), name });
        database.psql(&format!("SET TimeZone = 'Asia/Kolkata';\n{}", copied("by_psql")));
        assert_eq!(entries(session, "by_tool"), original);
        assert_eq!(entries(session, "by_psql"), original);
        let binary = session
            .rows(
                "SELECT count(*) FROM ((TABLE old.pg_psql_cm EXCEPT TABLE by_psql.pg_psql_cm) UNION ALL
                 (TABLE by_tool.pg_psql_cm EXCEPT TABLE old.pg_psql_cm)) x",
            )
            .unwrap();
        assert_eq!(binary, [[Some("0".to_owned())]]);
    });
}

#[test]
fn what_belongs_to_no_schema_has_a_home_and_dropped_ledgers_are_kept_there() {
    everywhere("home", |_, session| {
        session.run("CREATE SCHEMA b; CREATE SCHEMA c; CREATE SCHEMA a").unwrap();
        setup(session, &["b", "c"]);
        let home = ledger().home(session, &["b", "c"]).unwrap().expect("managed");
        assert_eq!((home.schema.as_str(), home.must_record), ("b", true));
        let origin = who(session);
        let mut heads = ledger().heads(session).unwrap();
        in_transaction(session, |session| {
            ledger().append(session, &mut heads, vec![(home.schema.clone(), home_entry(&origin))])
        })
        .unwrap();
        setup(session, &["a", "public"]);
        let home = ledger().home(session, &["a", "b", "c", "public"]).unwrap().expect("managed");
        assert_eq!((home.schema.as_str(), home.must_record), ("b", false), "chosen once");

        submit(session, "c", "SELECT 'kept';");
        let copy = ledger().copy_of(session, "c", &origin).unwrap();
        assert_eq!(copy.kind, EntryKind::Copied);
        assert!(
            copy.content.starts_with("INSERT INTO c.pg_psql_cm") && copy.content.contains("SELECT 'kept';")
        );
    });
}

#[test]
fn remove_takes_away_what_setup_made() {
    everywhere("remove", |_, session| {
        session
            .run(&format!("CREATE SCHEMA old; SET search_path = old; {ORIGINAL_TABLE}; RESET search_path"))
            .unwrap();
        let count = "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_depend)";
        let before = session.rows(count).unwrap();
        setup(session, &["public"]);
        let removed =
            in_transaction(session, |session| ledger().remove(session, &["public", "old"])).unwrap();
        let expected = [("public".to_owned(), Removal::Drop), ("old".to_owned(), Removal::Nothing)];
        assert_eq!(removed, expected);
        assert_eq!(session.rows(count).unwrap(), before);
    });
}

#[test]
fn a_renamed_ledger_works_up_to_the_limit_of_names() {
    everywhere("names", |_, session| {
        let origin = who(session);
        for name in ["a", "My Ledger", &"ü".repeat(31)] {
            let ledger = Ledger::new(name).unwrap();
            for expected in [Action::Create, Action::Nothing] {
                let done =
                    in_transaction(session, |session| ledger.setup(session, &["public"], &origin)).unwrap();
                assert_eq!(done, [("public".to_owned(), expected)]);
            }
            let mut heads = ledger.heads(session).unwrap();
            let entry = vec![("public".to_owned(), NewEntry::new(EntryKind::Base, "", origin.clone()))];
            let written =
                in_transaction(session, |session| ledger.append(session, &mut heads, entry)).unwrap();
            assert!(written[0].1.is_base);
        }
        assert!(matches!(Ledger::new(&"ü".repeat(32)), Err(LedgerError::NameTooLong { .. })));
        assert!(matches!(Ledger::new(""), Err(LedgerError::Name(_))));
    });
}

#[test]
fn many_schemas_are_set_up_and_read_at_once() {
    everywhere("many", |_, session| {
        let schemas: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
        let schemas: Vec<&str> = schemas.iter().map(String::as_str).collect();
        let create: String = schemas.iter().map(|schema| format!("CREATE SCHEMA {schema};")).collect();
        session.run(&create).unwrap();
        assert_eq!(setup(session, &schemas).len(), 100);
        let states = ledger().states(session, &schemas).unwrap();
        assert!(
            states
                .iter()
                .zip(&schemas)
                .all(|((schema, state), wanted)| schema == wanted && *state == State::Ours)
        );
        let wanted: Vec<(&str, State)> =
            states.iter().map(|(schema, state)| (schema.as_str(), state.clone())).collect();
        assert_eq!(ledger().chains(session, &wanted).unwrap().len(), 100);
    });
}

#[test]
fn one_run_at_a_time_has_the_submit_lock() {
    everywhere("lock", |database, _| {
        let go_on = &mut |_: &_| ControlFlow::Continue(());
        let mut first = SubmitLock::acquire(database.session(), Duration::ZERO, go_on).unwrap();
        assert!(first.is_held().unwrap());
        let busy = SubmitLock::acquire(database.session(), Duration::from_millis(120), go_on);
        let Err(LockError::Busy { holder: Some(holder), waited }) = busy else { panic!("{busy:?}") };
        assert!(waited >= Duration::from_millis(120));
        assert_eq!(holder.application_name, "psql-cm");
        assert!(holder.pid > 0 && holder.since.is_some());
        let interrupted =
            SubmitLock::acquire(database.session(), Duration::from_secs(60), &mut |_| ControlFlow::Break(()));
        assert!(matches!(interrupted, Err(LockError::Interrupted)));
        // Another database has a lock of its own.
        SubmitLock::acquire(database.server.session(), Duration::ZERO, go_on).unwrap().release().unwrap();
        first.release().unwrap();
        let second = SubmitLock::acquire(database.session(), Duration::ZERO, go_on).unwrap();
        drop(second);
        SubmitLock::acquire(database.session(), Duration::from_secs(10), go_on).unwrap();
    });
}

#[test]
fn two_who_add_without_the_lock_do_not_fork_the_chain() {
    everywhere("fork", |database, session| {
        setup(session, &["public"]);
        submit(session, "public", "SELECT 1;");
        let origin = who(session);
        let entry = |content: &str| {
            vec![("public".to_owned(), NewEntry::new(EntryKind::Change, content, origin.clone()))]
        };
        let mut heads = ledger().heads(session).unwrap();
        let mut other = database.session();
        let mut other_heads = heads.clone();
        session.run("BEGIN").unwrap();
        ledger().append(session, &mut heads, entry("first")).unwrap();
        let second = entry("second");
        let outcome = std::thread::scope(|scope| {
            let waiter = scope.spawn(move || {
                in_transaction(&mut other, |session| ledger().append(session, &mut other_heads, second))
            });
            let waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            let mut watcher = database.session();
            while watcher.rows(waits).unwrap().is_empty() && !waiter.is_finished() {
                std::thread::yield_now();
            }
            session.run("COMMIT").unwrap();
            waiter.join().unwrap()
        });
        assert!(
            matches!(&outcome, Err(LedgerError::Changed { what, .. }) if what.starts_with("somebody else added")),
            "{outcome:?}"
        );
        assert_eq!(entries(session, "public").len(), 2);
        assert_eq!(problems(session, "public", None), []);
    });
}

#[test]
fn the_owner_of_a_schema_needs_no_more_rights() {
    everywhere("owner", |database, session| {
        let role = format!("{}_role", database.name);
        session
            .run(&format!(
                "CREATE ROLE {role}; CREATE SCHEMA mine AUTHORIZATION {role}; CREATE SCHEMA theirs;
                 SET SESSION AUTHORIZATION {role}"
            ))
            .unwrap();
        setup(session, &["mine"]);
        let entry = submit(session, "mine", "SELECT 1;");
        let found = (states(session, &["mine", "theirs"]), problems(session, "mine", None));
        let refused = ledger().setup(session, &["theirs"], &Origin::default());
        session.run(&format!("RESET SESSION AUTHORIZATION; DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
        assert_eq!(entry.login_role.as_deref(), Some(role.as_str()));
        assert_eq!(found, (vec![State::Ours, State::Absent], vec![]));
        assert!(matches!(refused, Err(LedgerError::Db(error)) if error.sqlstate() == Some("42501")));
    });
}
