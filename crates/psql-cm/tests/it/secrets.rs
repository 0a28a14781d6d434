//! A password is never shown: wherever it is given, however the connection ends, however much is asked to be said.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use psqlcm_testkit::{server, servers};

use crate::support::{Ran, folder, setup};
use crate::tool::at_a_terminal;

/// Where a password may be given.
#[derive(Clone, Copy, Debug)]
enum Place {
    Uri,
    /// As people type it who do not know that it has to be encoded.
    RawUri,
    Parameter,
    Keywords,
    KeyPassword,
    UriVariable,
    Variable,
    PassFile,
    Service,
    Config,
}

const PLACES: [Place; 10] = [
    Place::Uri,
    Place::RawUri,
    Place::Parameter,
    Place::Keywords,
    Place::KeyPassword,
    Place::UriVariable,
    Place::Variable,
    Place::PassFile,
    Place::Service,
    Place::Config,
];

/// A password whose parts are unmistakable, with what has a meaning in one of the forms between them.
struct Secret {
    parts: [String; 2],
    text: String,
}

impl Secret {
    /// The same number gives the same password.
    fn new(number: u64) -> Self {
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below).unwrap()
        };
        let mut part =
            || (0..10).map(|_| char::from(b"abcdefghijkmnpqrstuvwxyz"[next(24)])).collect::<String>();
        let parts = [part(), part()];
        let special: String = (0..3).map(|_| char::from(b"'\"\\:@/%# ?;$~"[next(12)])).collect();
        let text = format!("{}{special}{}", parts[0], parts[1]);
        Self { parts, text }
    }

    fn encoded(&self) -> String {
        self.text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    fn quoted(&self) -> String {
        format!("'{}'", self.text.replace('\\', "\\\\").replace('\'', "\\'"))
    }

    #[track_caller]
    fn is_not_in(&self, shown: &str, where_from: &dyn std::fmt::Debug) {
        let found = self.parts.iter().find(|part| shown.contains(part.as_str()));
        assert_eq!(found, None, "{:?} of {where_from:?} is shown in\n{shown}", self.text);
    }
}

/// The binary, to which the environment says nothing.
fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_psql-cm"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("PG") || text.starts_with("PSQLCM_") || text == "DEBUG" {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// The binary with the password at that place, in a folder and a home of its own.
fn with_password(secret: &Secret, place: Place, host: &str, port: u16, home: &Path) -> Command {
    let mut command = bare();
    command.current_dir(home).env("HOME", home);
    let open = format!("host={host} port={port} user=u dbname=d sslmode=prefer");
    let (encoded, quoted, raw) = (secret.encoded(), secret.quoted(), &secret.text);
    match place {
        Place::Uri => command.args(["--uri", &format!("postgres://u:{encoded}@{host}:{port}/d")]),
        Place::RawUri => command.args(["--uri", &format!("postgres://u:{raw}@{host}:{port}/d")]),
        Place::Parameter => {
            command.args(["--uri", &format!("postgres://u@{host}:{port}/d?password={encoded}")])
        }
        Place::Keywords => command.args(["--uri", &format!("{open} password={quoted}")]),
        Place::KeyPassword => command.args(["--uri", &format!("{open} sslpassword={quoted}")]),
        Place::UriVariable => command.env("PSQLCM_URI", format!("{open} password={quoted}")),
        Place::Variable => command.args(["--uri", &open]).env("PGPASSWORD", raw),
        Place::PassFile => {
            let path = home.join(".pgpass");
            let line = raw.replace('\\', "\\\\").replace(':', "\\:");
            fs::write(&path, format!("*:*:*:*:{line}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            command.args(["--uri", &open])
        }
        Place::Service => {
            let section = format!("[s]\nhost={host}\nport={port}\nuser=u\ndbname=d\npassword={raw}\n");
            fs::write(home.join(".pg_service.conf"), section).unwrap();
            command.args(["--uri", "service=s"])
        }
        Place::Config => {
            let uri = format!("postgres://u:{encoded}@{host}:{port}/d");
            fs::write(home.join("psql-cm.toml"), format!("[environments.default]\nuri = \"{uri}\"\n"))
                .unwrap();
            &mut command
        }
    };
    command
}

/// Servers that end a login in their own ways: by a port nobody listens on, by silence, by other words than
/// PostgreSQL's, by asking for the password and then refusing it or hanging up.
fn bad_servers() -> Vec<(&'static str, u16)> {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port();
    vec![
        ("closed", closed),
        ("hangs up", fake(&[])),
        ("garbage", fake(&[b"HTTP/1.1 400 Bad Request\r\n\r\n"])),
        ("clear text, refused", fake(&[CLEAR_TEXT, REFUSED])),
        ("MD5, hangs up", fake(&[MD5])),
        ("GSSAPI", fake(&[GSSAPI])),
        ("SCRAM, nonsense", fake(&[SCRAM, b"R\0\0\0\x0c\0\0\0\x0br=xy"])),
    ]
}

const CLEAR_TEXT: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
const MD5: &[u8] = b"R\0\0\0\x0c\0\0\0\x05salt";
const GSSAPI: &[u8] = b"R\0\0\0\x08\0\0\0\x07";
const SCRAM: &[u8] = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0";
const REFUSED: &[u8] = b"E\0\0\0\x1dSFATAL\0C28P01\0Mno entry\0\0";

/// A server that says no to TLS and then these things, one after each message.
fn fake(answers: &'static [&'static [u8]]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                let mut say = |words: &[u8]| {
                    client.read(&mut buffer).is_ok_and(|length| length > 0) && client.write_all(words).is_ok()
                };
                let _ = say(b"N") && answers.iter().all(|answer| say(answer));
            });
        }
    });
    port
}

#[test]
fn no_password_is_ever_shown() {
    let mut runs = 0;
    let servers = bad_servers();
    for number in 0..8 {
        let secret = Secret::new(number);
        for place in PLACES {
            let home = folder("secrets");
            for (at, (name, port)) in servers.iter().enumerate() {
                let mut command = with_password(&secret, place, "127.0.0.1", *port, &home);
                let format = ["json", "text"][at % 2];
                command.args(["--verbose", "--debug", "--format", format, "status", "-d", "d"]);
                let ran = Ran::of(&command.env("RUST_BACKTRACE", "full").output().unwrap());
                assert!(matches!(ran.code, 1 | 2), "{place:?}, {name}: {ran:?}");
                secret.is_not_in(&format!("{}{}", ran.out, ran.err), &(place, name));
                runs += 1;
            }
            fs::remove_dir_all(home).unwrap();
        }
    }
    eprintln!("{runs} runs, and none showed a password");
}

#[test]
fn a_connection_string_in_the_wrong_place_is_not_shown_either() {
    let check = |arguments: &[&str], expected: &str| {
        let ran = Ran::of(&bare().args(arguments).output().unwrap()).says(expected);
        assert!([1, 2].contains(&ran.code), "{ran:?}");
        assert!(!format!("{}{}", ran.out, ran.err).contains("s3cret"), "{ran:?}");
    };
    let uri = "postgres://u:s3cret@h/db";
    check(&["status", "-d", uri, "--uri", "postgres://127.0.0.1:1", "-vD"], "hint: give the URI with --uri");
    check(&["status", "-a", "a,host=h password=s3cret"], "one of these is a connection string");
    check(&["status", uri], "unexpected argument 'postgres://u:********@h/db' found");
    check(&["status", uri, "--format", "json"], "postgres://u:********@h/db");
    check(&["status", uri, "--color", "always"], "postgres://u:********@h/db");
    check(&["status", "--url", uri], "--url");
    check(&["--jobs", uri, "status"], "********");
}

#[test]
fn a_password_that_works_is_in_no_message_ledger_or_tree() {
    let server = server(servers()[0].major());
    let database = server.database("secret");
    setup(&database, &["public"]);
    let secret = Secret::new(7);
    let tree = folder("secret_tree");
    let said = |arguments: &[&str]| {
        let uri = format!(
            "host={} port={} user=postgres password={}",
            server.socket_dir().display(),
            server.port(),
            secret.quoted()
        );
        let mut command = bare();
        command.current_dir(&tree).args(["--uri", &uri, "--database", database.name(), "-vD"]);
        let ran = Ran::of(&command.args(arguments).output().unwrap()).exits(0);
        secret.is_not_in(&format!("{}{}", ran.out, ran.err), &arguments);
        ran
    };
    said(&["submit", "-c", "CREATE TABLE t (a int)"]).says("can be read by every user of this machine");
    said(&["dump", "--no-commit"]);
    said(&["status"]);
    said(&["log"]);
    let ledger = database.psql("SELECT string_agg(l::text, '') FROM pg_psql_cm AS l").unwrap();
    secret.is_not_in(&ledger, &"the ledger");
    let mut files = 0;
    every_file(&tree, &mut |text| {
        secret.is_not_in(text, &"the tree");
        files += 1;
    });
    assert!(files > 3, "{files}");
}

fn every_file(folder: &Path, look: &mut dyn FnMut(&str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            every_file(&path, look);
        } else {
            look(&String::from_utf8_lossy(&fs::read(&path).unwrap()));
        }
    }
}

/// Runs the binary on a terminal of its own, types these lines, and gives what the terminal showed and what the server
/// heard after its question.
fn on_a_terminal(options: &str, typed: &str) -> (String, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, heard) = mpsc::channel();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut buffer = [0; 4096];
            let _ = client.read(&mut buffer);
            let _ = client.write_all(CLEAR_TEXT);
            let length = client.read(&mut buffer).unwrap_or_default();
            sender.send(buffer[..length].to_vec()).unwrap();
            let _ = client.write_all(REFUSED);
        }
    });
    let home = folder("terminal");
    let line = format!(
        "stty echo; {} --uri 'postgres://ann@127.0.0.1:{port}/d?sslmode=disable' -d d status {options}",
        env!("CARGO_BIN_EXE_psql-cm")
    );
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(&home).env("HOME", &home);
    for name in ["PGPASSWORD", "PGPASSFILE", "PGSERVICE"] {
        script.env_remove(name);
    }
    let shown = at_a_terminal(script, "Password for user ann: ", typed);
    (shown, heard.try_iter().flatten().collect())
}

#[test]
fn a_person_at_a_terminal_is_asked_and_a_script_is_not() {
    let (shown, heard) = on_a_terminal("", "s3cret word\n");
    assert!(shown.contains("Password for user ann: ") && !shown.contains("s3cret"), "{shown}");
    assert!(heard.windows(12).any(|bytes| bytes == b"s3cret word\0"), "{heard:?}\n{shown}");
    assert!(shown.contains("no entry"), "{shown}");

    for (options, typed) in [("--no-password", ""), ("-w", ""), ("", "\n")] {
        let (shown, heard) = on_a_terminal(options, typed);
        assert_eq!(shown.contains("Password for user"), options.is_empty(), "{shown}");
        assert!(shown.contains("the server asks for a password") && heard.is_empty(), "{shown}");
    }
    // Ctrl-C while it waits.
    let (shown, heard) = on_a_terminal("", "abc\u{3}");
    assert!(heard.is_empty() && !shown.contains("abc"), "{shown}");
    let ran = Ran::of(
        &with_password(&Secret::new(1), Place::Variable, "127.0.0.1", fake(&[CLEAR_TEXT]), &folder("script"))
            .env_remove("PGPASSWORD")
            .args(["status", "-d", "d"])
            .output()
            .unwrap(),
    );
    ran.exits(1).says("the server asks for a password");
}

#[test]
fn the_login_is_the_systems_and_not_a_variable() {
    let home = folder("login");
    let ran = |variables: &[(&str, &str)]| {
        let mut command = bare();
        command.current_dir(&home).env("HOME", &home).envs(variables.iter().copied());
        command.args(["--uri", "postgres://127.0.0.1:1", "-d", "d", "-v", "status"]);
        Ran::of(&command.output().unwrap())
    };
    let login = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let bogus = [("USER", "bogus"), ("LOGNAME", "bogus"), ("USERNAME", "bogus")];
    ran(&bogus).says(&format!("user = {} from default", login.trim()));
    ran(&[("PGUSER", "other")]).says("user = other from PGUSER");
}
