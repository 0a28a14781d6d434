//! libpq's rules as tables: what is given and around, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};

use psqlcm_testkit::Libpq;

use super::options::{OPTIONS, Support};
use super::{ConnInfo, ConnInfoError, Environment, Given, SslMode, is_secret, text};

/// A machine on which nothing is set, with a login.
fn bare() -> Environment {
    Environment::empty().with_os_user("login").with_home("/home/login")
}

fn with(variables: &[(&str, &str)]) -> Environment {
    variables.iter().fold(bare(), |environment, (name, value)| environment.with_variable(name, value))
}

fn resolve(text: &str, environment: &Environment) -> Result<ConnInfo, ConnInfoError> {
    ConnInfo::resolve(&Given::new().text("--uri", text), environment)
}

/// The outcome in one line: the URI, then the password if there is one.
fn outcome(text: &str, environment: &Environment) -> String {
    match resolve(text, environment) {
        Err(error) => format!("error: {error}"),
        Ok(info) => match info.password(&info.endpoints()[0]) {
            Some(password) => format!("{} password {password}", info.describe()),
            None => info.describe(),
        },
    }
}

fn check(environment: &Environment, cases: &[(&str, &str)]) {
    for (given, expected) in cases {
        assert_eq!(outcome(given, environment), *expected, "for {given:?}");
    }
}

#[test]
fn reads_uris() {
    check(
        &bare(),
        &[
            ("postgresql://", "postgres://login@:5432/login"),
            ("postgres://localhost", "postgres://login@localhost:5432/login"),
            ("postgres://localhost:5433/shop", "postgres://login@localhost:5433/shop"),
            ("postgres://ann@h", "postgres://ann@h:5432/ann"),
            ("postgres://ann:se%40cret@h/shop", "postgres://ann@h:5432/shop password se@cret"),
            ("postgres://ann:a:b@h/shop", "postgres://ann@h:5432/shop password a:b"),
            ("postgres://a%C3%A9%20b@h/x%2Fy", "postgres://aé%20b@h:5432/x%2Fy"),
            ("postgres://h1:1,h2:2,h3/db", "postgres://login@h1:1,h2:2,h3:5432/db"),
            ("postgres://h1,h2/db?port=7", "postgres://login@h1:7,h2:7/db"),
            ("postgres://[::1]:5433,[fe80::2]/db", "postgres://login@[::1]:5433,[fe80::2]:5432/db"),
            ("postgres://%2Frun%2Fpg:5433/db", "postgres://login@%2Frun%2Fpg:5433/db"),
            ("postgres:///db?host=/run/pg&port=5433", "postgres://login@%2Frun%2Fpg:5433/db"),
            ("postgres://h/db?user=bob&dbname=other", "postgres://bob@h:5432/other"),
            ("postgres://h/db?user=bob&", "postgres://bob@h:5432/db"),
            ("postgres://h?user=bob", "postgres://bob@h:5432/bob"),
            ("postgres://h/db?ssl=true", "postgres://login@h:5432/db"),
            ("postgres://user@/db", "postgres://user@:5432/db"),
            ("postgres://:pw@h/db", "postgres://login@h:5432/db password pw"),
            ("postgres://h/ db ?user= bob &application_name= a", "postgres://bob@h:5432/db"),
            ("postgres://h/db\n", "postgres://login@h:5432/db%0A"),
            ("shop", "postgres://login@:5432/shop"),
            ("", "postgres://login@:5432/login"),
        ],
    );
}

#[test]
fn reads_keywords_and_values() {
    check(
        &bare(),
        &[
            ("host=h port=1 dbname=d user=u", "postgres://u@h:1/d"),
            ("  host = h\n\tdbname = d ", "postgres://login@h:5432/d"),
            (r"dbname='my \'own\' \\ db' host=h", r"postgres://login@h:5432/my%20'own'%20\%20db"),
            (r"dbname=my\ db host=h", "postgres://login@h:5432/my%20db"),
            ("dbname='' host=h", "postgres://login@h:5432/login"),
            ("dbname= host=h", "postgres://login@:5432/host%3Dh"),
            ("host=a host=b", "postgres://login@b:5432/login"),
            ("host=a,b,c port=1,,3", "postgres://login@a:1,b:5432,c:3/login"),
            ("host=name hostaddr=10.0.0.1", "postgres://login@name:5432/login"),
            ("hostaddr=10.0.0.1,::1", "postgres://login@10.0.0.1:5432,[::1]:5432/login"),
            ("host=h password='p w'", "postgres://login@h:5432/login password p w"),
        ],
    );
}

#[test]
fn refuses_what_cannot_be_read_without_quoting_it() {
    let syntax = "error: cannot read the connection string from --uri: ";
    for (given, reason) in [
        ("postgres://u:secret%zz@h", "a % is not followed by two hexadecimal digits"),
        ("postgres://u:secret%4", "a % is not followed"),
        ("postgres://u:secret%00@h", "it contains %00"),
        ("postgres://u:secret%ff@h", "no UTF-8"),
        ("postgres://[::1/secret", "the ] after an IPv6 address is missing"),
        ("postgres://[]/secret", "an IPv6 address is empty"),
        ("postgres://[::1]secret/", "something other than : / ? or , follows"),
        ("postgres://h?password", "has no ="),
        ("postgres://h?password=a=secret", "more than one ="),
        ("postgres://h/my db?password=secret", "a space is written %20"),
        ("postgres://u:se@secret@h/db", "where the password ends"),
        ("postgres://u:se/secret@h/db", "where the password ends"),
        ("postgres://u:1/secret@h/db", "where the password ends"),
        ("postgres://u:secret", "where the password ends"),
        ("postgres://u:my secret@h", "a space is written %20"),
        ("mysql://u:secret@h/db", "the scheme is neither"),
        ("host=h password='secret", "a quoted value has no end"),
        ("host=h password secret", "a keyword is not followed by ="),
    ] {
        let outcome = outcome(given, &bare());
        assert!(outcome.starts_with(syntax) && outcome.contains(reason), "{given:?}: {outcome}");
        assert!(!outcome.contains("secret"), "{outcome}");
    }
}

#[test]
fn names_the_option_and_its_origin_in_errors() {
    for (given, variables, expected) in [
        ("hots=h", &[][..], "unknown connection option \"hots\" (from --uri)"),
        ("timezone=UTC", &[], "unknown connection option \"timezone\" (from --uri)"),
        (
            "",
            &[("PGSSLMODE", "often")],
            "invalid value \"often\" for connection option sslmode (from PGSSLMODE): \
             one of disable, allow, prefer, require, verify-ca, verify-full",
        ),
        (
            "",
            &[("PGPORT", "70000")],
            "invalid value \"70000\" for connection option port (from PGPORT): numbers from 1 to 65535",
        ),
        (
            "host=h port=' '",
            &[],
            "invalid value \" \" for connection option port (from --uri): numbers from 1 to 65535",
        ),
        (
            "",
            &[("PGMAXPROTOCOLVERSION", "4")],
            "invalid value \"4\" for connection option max_protocol_version (from PGMAXPROTOCOLVERSION): \
             one of 3.0, 3.2, latest",
        ),
        (
            "connect_timeout=soon",
            &[],
            "invalid value \"soon\" for connection option connect_timeout (from --uri): a whole number",
        ),
        // What a script has left empty is not the default.
        (
            "sslmode=",
            &[],
            "invalid value \"\" for connection option sslmode (from --uri): \
             one of disable, allow, prefer, require, verify-ca, verify-full",
        ),
        (
            "",
            &[("PGCHANNELBINDING", "")],
            "invalid value \"\" for connection option channel_binding (from PGCHANNELBINDING): \
             one of disable, prefer, require",
        ),
        (
            "hostaddr=localhost",
            &[],
            "invalid value \"localhost\" for connection option hostaddr (from --uri): numeric addresses",
        ),
        ("host=a,b,c port=1,2", &[], "port (from --uri) lists 2 entries for 3 hosts"),
        ("host=a,b hostaddr=::1", &[], "host (from --uri) lists 2 entries for 1 hosts"),
        (
            "gssencmode=require",
            &[],
            "connection option gssencmode (from --uri) is not supported: psql-cm has no GSSAPI",
        ),
        (
            "gssdelegation=1",
            &[],
            "connection option gssdelegation (from --uri) is not supported: psql-cm has no GSSAPI",
        ),
        (
            "",
            &[("PGREQUIREAUTH", "scram-sha-256,!md5")],
            "invalid value \"scram-sha-256,!md5\" for connection option require_auth (from PGREQUIREAUTH): \
             methods with ! and without it cannot be mixed",
        ),
        (
            "require_auth=md5,md5",
            &[],
            "invalid value \"md5,md5\" for connection option require_auth (from --uri): md5 is named twice",
        ),
        (
            "require_auth=trust",
            &[],
            "invalid value \"trust\" for connection option require_auth (from --uri): \
             a list of password, md5, gss, sspi, scram-sha-256, oauth, none, or of these with ! before each",
        ),
        (
            "",
            &[("PGSSLCERTMODE", "maybe")],
            "invalid value \"maybe\" for connection option sslcertmode (from PGSSLCERTMODE): \
             one of disable, allow, require",
        ),
        (
            "sslmode=require sslrootcert=system",
            &[],
            "invalid value \"require\" for connection option sslmode (from --uri): \
             sslrootcert=system needs verify-full",
        ),
        (
            "sslnegotiation=direct",
            &[],
            "invalid value \"direct\" for connection option sslnegotiation (from --uri): \
             direct needs sslmode=require or stronger",
        ),
    ] {
        assert_eq!(outcome(given, &with(variables)), format!("error: {expected}"), "for {given:?}");
    }
    let nobody = resolve("", &Environment::empty()).unwrap_err();
    assert_eq!(nobody.to_string(), "no user is given and the login has no name: set PGUSER");
}

#[test]
fn accepts_what_makes_no_difference() {
    for harmless in [
        "gssencmode=prefer",
        "krbsrvname=pg",
        "client_encoding=LATIN1",
        "sslcompression=1",
        "gsslib=gssapi",
        "sslcertmode=allow",
    ] {
        assert_eq!(outcome(harmless, &bare()), "postgres://login@:5432/login", "{harmless}");
    }
}

#[test]
fn prefers_what_is_given_to_the_service_file_to_variables() {
    let file = "# services\n[other]\nhost=wrong\n\n[shop]\nhost=s-host\nport=6000\ndbname=s-db\n  user=s-user  \nhost=second\n[next]\nuser=wrong\n";
    let environment = with(&[
        ("PGHOST", "v-host"),
        ("PGPORT", "7000"),
        ("PGDATABASE", "v-db"),
        ("PGUSER", "v-user"),
        ("PGPASSWORD", "v-pw"),
    ])
    .with_file("/home/login/.pg_service.conf", 0o644, file);
    check(
        &environment,
        &[
            ("", "postgres://v-user@v-host:7000/v-db password v-pw"),
            ("user=u", "postgres://u@v-host:7000/v-db password v-pw"),
            ("service=shop", "postgres://s-user@s-host:6000/s-db password v-pw"),
            ("postgres://g@/g-db?service=shop", "postgres://g@s-host:6000/g-db password v-pw"),
            ("host='' service=shop", "postgres://s-user@:6000/s-db password v-pw"),
            ("service=gone", "error: definition of service \"gone\" (from --uri) not found"),
        ],
    );
    assert_eq!(
        outcome("dbname=g", &environment.clone().with_variable("PGSERVICE", "shop")),
        "postgres://s-user@s-host:6000/g password v-pw"
    );

    let info = resolve("user=u service=shop", &environment).unwrap();
    let origins: Vec<String> =
        info.origins().iter().map(|(name, value, origin)| format!("{name}={value} ({origin})")).collect();
    let service = "service \"shop\" in /home/login/.pg_service.conf";
    assert_eq!(
        origins,
        [
            format!("dbname=s-db ({service})"),
            format!("host=s-host ({service})"),
            "password=******** (PGPASSWORD)".to_owned(),
            format!("port=6000 ({service})"),
            "service=shop (--uri)".to_owned(),
            "user=u (--uri)".to_owned(),
        ]
    );
}

#[test]
fn looks_for_services_where_libpq_does() {
    let user = ("/home/login/.pg_service.conf", "[a]\ndbname=user\n");
    let system = ("/sys/pg_service.conf", "[a]\ndbname=system\n[b]\ndbname=system\n");
    let named = ("/named.conf", "[a]\ndbname=named\n");
    let environment =
        [user, system, named].iter().fold(with(&[("PGSYSCONFDIR", "/sys")]), |environment, (path, text)| {
            environment.with_file(path, 0o644, text)
        });
    check(
        &environment,
        &[("service=a", "postgres://login@:5432/user"), ("service=b", "postgres://login@:5432/system")],
    );
    let with_named = environment.clone().with_variable("PGSERVICEFILE", "/named.conf");
    check(
        &with_named,
        &[("service=a", "postgres://login@:5432/named"), ("service=b", "postgres://login@:5432/system")],
    );
    let with_missing = environment.with_variable("PGSERVICEFILE", "/missing.conf");
    assert!(outcome("service=a", &with_missing).starts_with("error: service file /missing.conf: "));
}

#[test]
fn says_which_line_of_a_service_file_is_wrong() {
    for (line, reason) in [
        ("nonsense", "it is not option=value"),
        ("\u{a0}", "it is not option=value"),
        ("hots=h", "unknown connection option \"hots\""),
        ("service=b", "a service cannot name another with service"),
        ("ldap://h/dc=x", "psql-cm does not ask LDAP servers"),
    ] {
        let file = format!("[a]\nport=1\n{line}\n");
        let environment = bare().with_file("/home/login/.pg_service.conf", 0o644, &file);
        assert_eq!(
            outcome("service=a", &environment),
            format!("error: service file /home/login/.pg_service.conf, line 3: {reason}")
        );
    }
}

#[test]
fn finds_passwords_in_the_password_file() {
    let file = "# host:port:database:user:password\n\
                h:5432:shop:ann:exact\n\
                h:*:*:ann:host\n\
                localhost:5432:*:ann:socket\n\
                /run/pg:5432:*:ann:directory\n\
                we\\:ird:5432:*:a\\\\b:p\\:w\\\\d:ignored\n\
                ::1:5432:*:ann:unescaped six\n\
                *:*:*:bob:any\r\n";
    let environment = bare().with_file("/home/login/.pgpass", 0o600, file);
    check(
        &environment,
        &[
            ("postgres://ann@h/shop", "postgres://ann@h:5432/shop password exact"),
            ("postgres://ann@h/other", "postgres://ann@h:5432/other password host"),
            ("postgres://ann@h:1/shop", "postgres://ann@h:1/shop password host"),
            ("postgres://ann@/shop", "postgres://ann@:5432/shop password socket"),
            (
                "postgres://ann@%2Fvar%2Frun%2Fpostgresql/shop",
                "postgres://ann@%2Fvar%2Frun%2Fpostgresql:5432/shop password socket",
            ),
            ("postgres://ann@%2F%2Ftmp/shop", "postgres://ann@%2F%2Ftmp:5432/shop"),
            ("postgres://ann@localhost/shop", "postgres://ann@localhost:5432/shop password socket"),
            ("postgres://ann@%2Frun%2Fpg/shop", "postgres://ann@%2Frun%2Fpg:5432/shop password directory"),
            ("host=we:ird user=a\\\\b dbname=d", "postgres://a\\b@we%3Aird:5432/d password p:w\\d"),
            ("host='fe80::1%eth 0'", "postgres://login@[fe80::1%25eth%200]:5432/login"),
            ("postgres://ann@[::1]/d", "postgres://ann@[::1]:5432/d password unescaped six"),
            ("postgres://bob@anywhere:9/d", "postgres://bob@anywhere:9/d password any"),
            ("postgres://eve@h/shop", "postgres://eve@h:5432/shop"),
            ("postgres://ann:given@h/shop", "postgres://ann@h:5432/shop password given"),
        ],
    );
    // The file is asked anew for every database.
    let other = resolve("postgres://ann@h/other", &environment).unwrap().with_database("shop");
    assert_eq!(other.password(&other.endpoints()[0]).as_deref(), Some("exact"));

    let named = environment.clone().with_file("/named", 0o600, "*:*:*:*:named");
    assert_eq!(outcome("host=h passfile=/named", &named), "postgres://login@h:5432/login password named");
    let elsewhere =
        environment.with_file("/else", 0o600, "*:*:*:*:else").with_variable("PGPASSFILE", "/else");
    assert_eq!(outcome("postgres://ann@h/shop", &elsewhere), "postgres://ann@h:5432/shop password else");
}

#[test]
fn ignores_a_password_file_that_others_can_read_and_says_so() {
    for mode in [0o644, 0o640, 0o604, 0o660] {
        let environment = bare().with_file("/home/login/.pgpass", mode, "*:*:*:*:pw");
        let info = resolve("postgres://h", &environment).unwrap();
        assert_eq!(info.password(&info.endpoints()[0]), None, "{mode:o}");
        assert_eq!(
            info.warnings(),
            ["password file /home/login/.pgpass has group or world access and is ignored; \
              its permissions should be u=rw (0600) or less"]
        );
    }
    let environment = bare().with_file("/home/login/.pgpass", 0o400, "*:*:*:*:pw");
    assert_eq!(outcome("postgres://h", &environment), "postgres://login@h:5432/login password pw");
}

#[test]
fn warns_of_a_password_on_the_command_line_and_never_shows_one() {
    let text = "postgres://ann:hidden@h/shop";
    let info = resolve(text, &bare()).unwrap();
    assert!(
        info.warnings()[0].starts_with("the password in --uri can be read by every user"),
        "{:?}",
        info.warnings()
    );
    for shown in
        [format!("{info:?}"), info.describe(), format!("{:?}", info.origins()), info.warnings().join("")]
    {
        assert!(!shown.contains("hidden"), "{shown}");
    }
    let from_variable = ConnInfo::resolve(&Given::new().text("PSQLCM_URI", text), &bare()).unwrap();
    assert!(from_variable.warnings().is_empty());
}

#[test]
fn hides_passwords_in_what_somebody_typed() {
    for (typed, shown) in [
        ("unexpected 'postgres://u:secret@h/db' found", "unexpected 'postgres://u:********@h/db' found"),
        ("postgres://u:se@cret@h postgres://v:x@i", "postgres://u:********@h postgres://v:********@i"),
        ("postgres://u@h:1/db", "postgres://u@h:1/db"),
        ("a://", "a://"),
        ("nothing", "nothing"),
    ] {
        assert_eq!(super::without_passwords(typed), shown);
    }
    for (given, holds_one) in [
        ("postgres://u:p@h", true),
        ("postgres://h?sslpassword=p", true),
        ("host=h password=p", true),
        ("postgres://u@h", false),
        ("shop", false),
        ("a=b", false),
    ] {
        assert_eq!(super::holds_secret(given), holds_one, "{given}");
    }
}

#[test]
fn tells_a_named_database_from_the_default() {
    assert!(!resolve("postgres://ann@h", &bare()).unwrap().has_database());
    assert!(resolve("postgres://ann@h/ann", &bare()).unwrap().has_database());
    assert!(resolve("", &with(&[("PGDATABASE", "d")])).unwrap().has_database());
    assert!(!resolve("", &with(&[("PGDATABASE", "")])).unwrap().has_database());
}

#[test]
fn options_win_over_texts() {
    let given = Given::new()
        .text("--uri", "postgres://a@h:1/d")
        .option("--host", "host", "other")
        .text("file", "user=b");
    let info = ConnInfo::resolve(&given, &bare()).unwrap();
    assert_eq!(info.describe(), "postgres://b@other:1/d");
}

#[test]
fn turns_variables_into_session_settings() {
    let environment = with(&[
        ("PGOPTIONS", "-c work_mem=1MB"),
        ("PGTZ", "Europe/Berlin"),
        ("PGDATESTYLE", "ISO, DMY"),
        ("PGGEQO", "default"),
    ]);
    let info = resolve("", &environment).unwrap();
    assert_eq!(info.server_options(), r"-c work_mem=1MB -c DateStyle=ISO,\ DMY -c TimeZone=Europe/Berlin");
}

#[test]
fn reads_how_much_encryption_there_must_be() {
    for (given, variables, expected) in [
        ("", &[][..], SslMode::Prefer),
        ("", &[("PGREQUIRESSL", "1")], SslMode::Require),
        ("", &[("PGREQUIRESSL", "0")], SslMode::Prefer),
        ("sslmode=allow", &[("PGREQUIRESSL", "1")], SslMode::Allow),
        ("requiressl=1", &[("PGSSLMODE", "disable")], SslMode::Require),
        ("postgres://?requiressl=", &[("PGSSLMODE", "disable")], SslMode::Prefer),
        ("", &[("PGSSLMODE", "disable")], SslMode::Disable),
        ("sslrootcert=system", &[], SslMode::VerifyFull),
    ] {
        assert_eq!(
            resolve(given, &with(variables)).unwrap().tuning().ssl_mode,
            expected,
            "{given:?} {variables:?}"
        );
    }
}

#[test]
fn refuses_what_it_cannot_keep() {
    let mut refused = 0;
    for option in OPTIONS {
        let Support::Refused { unless, why } = option.support else { continue };
        let expected =
            format!("error: connection option {} (from --uri) is not supported: {why}", option.name);
        assert_eq!(outcome(&format!("{}=wanted", option.name), &bare()), expected);
        for harmless in unless {
            assert!(resolve(&format!("{}={harmless}", option.name), &bare()).is_ok(), "{harmless}");
        }
        refused += 1;
    }
    assert!(refused > 5, "{refused}");
}

/// The rows of the table below a heading of docs/connections.md, cell by cell, without backquotes.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let page = include_str!("../../../../docs/connections.md");
    let (_, section) = page.split_once(&format!("## {heading}\n")).expect("the heading is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect())
        .collect()
}

#[test]
fn the_table_of_options_is_what_the_code_does() {
    let rows_of_options = rows("Options");
    let (variables_only, options): (Vec<_>, Vec<_>) =
        OPTIONS.iter().partition(|option| matches!(option.support, Support::VariableOnly));
    let names = |rows: &[Vec<String>]| rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>();
    let known: BTreeSet<&str> = options.iter().map(|option| option.name).collect();
    assert_eq!(names(&rows_of_options).iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
    for option in options {
        let row = rows_of_options.iter().find(|row| row[0] == option.name).unwrap();
        assert_eq!(row[1], option.variable.unwrap_or("–"), "the variable of {}", option.name);
        let is_refused = matches!(option.support, Support::Refused { .. });
        assert_eq!(row[3].starts_with("refused"), is_refused, "{}: {}", option.name, row[3]);
    }
    let variables = rows("Variables that are no options");
    for option in variables_only {
        assert!(
            names(&variables).iter().any(|name| Some(name.as_str()) == option.variable),
            "{}",
            option.name
        );
    }
    let tests = test_sources();
    for row in rows_of_options.iter().chain(&variables) {
        for test in row.last().unwrap().split(", ").filter(|test| *test != "–") {
            assert!(tests.contains(&format!("fn {test}()")), "{}: there is no test {test}", row[0]);
        }
    }
}

/// Where the tests that the table names may stand.
fn test_sources() -> String {
    [
        include_str!("tests.rs"),
        include_str!("../wire.rs"),
        include_str!("../../tests/it/connect.rs"),
        include_str!("../../tests/it/session.rs"),
        include_str!("../../../psql-cm/tests/it/secrets.rs"),
    ]
    .concat()
}

#[test]
fn knows_the_options_that_libpq_knows() {
    let Some(libpq) = Libpq::find() else { return };
    let theirs: BTreeMap<String, (Option<String>, bool)> = libpq
        .options()
        .into_iter()
        .map(|option| (option.name, (option.variable, option.is_secret)))
        .collect();
    assert!(theirs.len() > 40, "{theirs:?}");
    // libpq calls these debugging options and does not hide them; they are as good as a password.
    let hidden = ["scram_client_key", "scram_server_key"];
    let ours: BTreeMap<String, (Option<String>, bool)> = OPTIONS
        .iter()
        .filter(|option| !matches!(option.support, Support::VariableOnly) && option.name != "servicefile")
        .map(|option| {
            let is_secret = is_secret(option.name) && !hidden.contains(&option.name);
            (option.name.to_owned(), (option.variable.map(str::to_owned), is_secret))
        })
        .collect();
    assert_eq!(ours, theirs);
}

#[test]
fn agrees_with_libpq() {
    let Some(libpq) = Libpq::find() else { return };
    let texts = include_str!("../../../../fuzz/seeds/conninfo.txt").split("\n%%\n");
    let mut compared = 0;
    for given in texts.filter(|given| given.contains("://") || given.contains('=')) {
        let ours = text::parse(given).map(|pairs| pairs.into_iter().collect::<BTreeMap<_, _>>());
        let is_known = |pairs: &BTreeMap<String, String>| {
            pairs.keys().all(|name| super::options::find(name).is_some_and(|_| name != "servicefile"))
        };
        match libpq.parse(given) {
            // libpq passes on bytes that are no UTF-8, and shows what may be of the password.
            Ok(_) if ours.as_ref().is_err_and(|reason| reason.contains("where the password ends")) => {}
            Ok(theirs) if theirs.values().any(|value| value.contains('\u{fffd}')) => assert!(ours.is_err()),
            Ok(theirs) => assert_eq!(ours.as_ref(), Ok(&theirs), "{given:?}"),
            Err(words) => {
                assert!(ours.as_ref().is_err() || !ours.as_ref().is_ok_and(is_known), "{given:?}: {words}");
            }
        }
        compared += 1;
    }
    assert!(compared > 50, "{compared}");
}
