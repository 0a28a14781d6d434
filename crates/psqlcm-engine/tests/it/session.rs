//! One blocking session: what goes in, what comes out, and how it ends.

use std::time::{Duration, Instant};

use psqlcm_engine::session::Type;

use crate::servers;

#[test]
fn knows_its_server_and_sets_what_every_session_needs() {
    for server in servers::all() {
        let mut session = server.session();
        assert_eq!(session.server_version() / 10_000, server.major);
        assert!(!session.is_relayed(), "the server itself answers");
        let rows = session
            .rows(
                "SELECT current_setting('application_name'), current_setting('client_encoding'),
                        coalesce(current_setting('client_connection_check_interval', true), '2s')",
            )
            .unwrap();
        assert_eq!(rows, [[Some("psql-cm".to_owned()), Some("UTF8".to_owned()), Some("2s".to_owned())]]);
    }
}

#[test]
fn reads_rows_with_the_index_of_their_statement() {
    let mut session = servers::all()[0].session();
    let mut seen = Vec::new();
    session
        .read(
            "CREATE TEMP TABLE t (a int, b text); INSERT INTO t VALUES (1, NULL), (2, 'ü''x');
             SELECT a, b FROM t ORDER BY a; SELECT WHERE false; SELECT 'last'",
            &mut |statement, cells| {
                let cells: Vec<String> = cells.iter().map(|cell| cell.unwrap_or("NULL").to_owned()).collect();
                seen.push((statement, cells.join("|")));
            },
        )
        .unwrap();
    let expected = [(2, "1|NULL"), (2, "2|ü'x"), (4, "last")];
    assert_eq!(seen, expected.map(|(statement, cells)| (statement, cells.to_owned())));
}

#[test]
fn streams_a_result_much_larger_than_its_buffers() {
    let mut session = servers::all()[0].session();
    let (mut rows, mut bytes) = (0, 0);
    session
        .read("SELECT repeat('x', 10000) FROM generate_series(1, 5000)", &mut |_, cells| {
            rows += 1;
            bytes += cells[0].map_or(0, str::len);
        })
        .unwrap();
    assert_eq!((rows, bytes), (5000, 50_000_000));
}

#[test]
fn binds_parameters() {
    let mut session = servers::all()[0].session();
    let rows = session.query("SELECT $1::int4 + 1, $2::text", &[&41_i32, &"a'b"]).unwrap();
    assert_eq!((rows[0].get::<_, i32>(0), rows[0].get::<_, &str>(1)), (42, "a'b"));
    let rows = session.query_typed("SELECT $1 || 'c'", &[(&"a'b", Type::TEXT)]).unwrap();
    assert_eq!(rows[0].get::<_, &str>(0), "a'bc");
    session.run("CREATE TEMP TABLE t (a int)").unwrap();
    assert_eq!(session.execute("INSERT INTO t SELECT generate_series(1, $1)", &[&7_i32]).unwrap(), 7);
}

#[test]
fn an_error_keeps_every_field_and_the_session_goes_on() {
    let mut session = servers::all()[0].session();
    let error = session.run("SELECT 1;\nSELECT é FROM nowhere").unwrap_err();
    assert_eq!(error.sqlstate(), Some("42P01"));
    assert_eq!(error.message(), "relation \"nowhere\" does not exist");
    assert_eq!(error.to_string(), "relation \"nowhere\" does not exist (SQLSTATE 42P01)");
    assert_eq!(error.position(), Some(25), "characters, not bytes");
    assert!(!error.is_connection_lost());
    assert!(std::error::Error::source(&error).is_none(), "the server's words are said once");

    session.run("CREATE TEMP TABLE t (a int CONSTRAINT small CHECK (a < 3))").unwrap();
    let error = session.run("INSERT INTO t VALUES (5)").unwrap_err();
    assert_eq!((error.table(), error.constraint()), (Some("t"), Some("small")));
    assert_eq!(error.detail(), Some("Failing row contains (5)."));

    let error = session
        .run("DO $$ BEGIN EXECUTE 'SELECT wrong'; EXCEPTION WHEN division_by_zero THEN NULL; END $$")
        .unwrap_err();
    assert_eq!(error.internal_query(), Some(("SELECT wrong", 8)));
    assert!(error.context().unwrap().contains("PL/pgSQL"), "{:?}", error.context());
    assert_eq!(error.position(), None);

    let error = session.query("SELECT $1::int4", &[&"text"]).unwrap_err();
    assert_eq!((error.sqlstate(), error.is_connection_lost()), (None, false));
    assert_eq!(session.rows("SELECT 1").unwrap(), [[Some("1".to_owned())]]);
}

#[test]
fn hands_over_notices_once_and_in_order() {
    let mut session = servers::all()[0].session();
    session
        .run(
            "DO $$ BEGIN
               RAISE NOTICE 'first' USING DETAIL = 'more', HINT = 'do';
               RAISE WARNING 'second' USING ERRCODE = '01ABC';
             END $$",
        )
        .unwrap();
    let notices = session.notices();
    let told: Vec<_> = notices
        .iter()
        .map(|notice| (&*notice.severity, &*notice.sqlstate, &*notice.message, notice.detail.as_deref()))
        .collect();
    assert_eq!(told, [("NOTICE", "00000", "first", Some("more")), ("WARNING", "01ABC", "second", None)]);
    assert_eq!(notices[0].hint.as_deref(), Some("do"));
    assert!(session.notices().is_empty());
}

#[test]
fn another_thread_cancels_and_the_session_goes_on() {
    let mut session = servers::all()[0].session();
    let handle = session.cancel_handle();
    let canceller = std::thread::spawn(move || {
        // A cancel that comes before the statement is lost, so it is repeated until it has hit.
        for _ in 0..50 {
            std::thread::park_timeout(Duration::from_millis(100));
            handle.cancel().expect("the server takes cancel requests");
        }
    });
    let started = Instant::now();
    let error = session.run("SELECT pg_sleep(60)").unwrap_err();
    assert_eq!(error.sqlstate(), Some("57014"));
    assert!(started.elapsed() < Duration::from_secs(30) && !error.is_connection_lost());
    canceller.join().expect("the canceller does not panic");
    // One of the later requests may hit this one; the session is what must survive.
    let _ = session.check();
    assert!(!session.is_closed());
}

#[test]
fn a_terminated_session_says_so() {
    let server = &servers::all()[0];
    let mut killer = server.session();
    for in_the_middle in [false, true] {
        let mut session = server.session();
        let pid: i32 = session.query("SELECT pg_backend_pid()", &[]).unwrap()[0].get(0);
        let error = if in_the_middle {
            session.run(&format!("SELECT pg_terminate_backend({pid})")).unwrap_err()
        } else {
            killer.execute("SELECT pg_terminate_backend($1)", &[&pid]).unwrap();
            let is_there = "SELECT FROM pg_stat_activity WHERE pid = $1";
            while !killer.query(is_there, &[&pid]).unwrap().is_empty() {
                std::thread::sleep(Duration::from_millis(10));
            }
            session.run("SELECT 1").unwrap_err()
        };
        assert_eq!(error.sqlstate(), Some("57P01"), "{error:?}");
        assert!(error.is_connection_lost());
        let again = session.run("SELECT 1").unwrap_err();
        assert!(again.is_connection_lost() && session.is_closed(), "{again:?}");
    }
}

#[test]
fn copy_with_the_client_ends_the_session_instead_of_waiting_for_ever() {
    let server = &servers::all()[0];
    for sql in ["COPY t FROM STDIN", "COPY t TO STDOUT"] {
        let mut session = server.session();
        session.run("CREATE TEMP TABLE t (a int)").unwrap();
        let error = session.run(sql).unwrap_err();
        assert!(error.is_connection_lost() && session.is_closed(), "{error:?}");
        assert!(error.message().contains("COPY"), "{error}");
    }
}

#[test]
fn a_closed_session_leaves_no_backend_behind() {
    let server = &servers::all()[0];
    let mut session = server.session();
    let pid: i32 = session.query("SELECT pg_backend_pid()", &[]).unwrap()[0].get(0);
    drop(session);
    let mut watcher = server.session();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !watcher.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1", &[&pid]).unwrap().is_empty() {
        assert!(Instant::now() < deadline, "the backend is still there");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn moves_to_the_thread_that_works_on_its_database() {
    let mut session = servers::all()[0].session();
    let rows = std::thread::spawn(move || session.rows("SELECT 1").unwrap()).join().unwrap();
    assert_eq!(rows, [[Some("1".to_owned())]]);
}
