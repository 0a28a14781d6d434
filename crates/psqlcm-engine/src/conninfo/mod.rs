//! Where to connect and how, by libpq's rules: what is given, then the service file, then `PG*` variables, then
//! defaults; `~/.pgpass` for the password.
//!
//! Resolving is pure: variables, files and the login come from an [`Environment`], which is a value. Nothing here
//! opens a socket or knows about TLS beyond the words of `sslmode`. Each setting remembers its [`Origin`], so that
//! a wrong one is named together with the place to correct it. Passwords leave this module only for the server.

mod auth;
mod environment;
mod options;
mod passfile;
mod service;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub(crate) use auth::{AuthMethod, RequiredAuth};
pub use environment::{Environment, FileText};
pub(crate) use values::{
    CertificateMode, Certificates, ChannelBinding, Roots, SslNegotiation, TlsVersion, Tuning,
};
pub use values::{Endpoint, Host, SslMode, TargetSession};

use psqlcm_core::connection_string::{self as text, is_secret};

use passfile::PassFile;

/// What the user gave, before any file or variable is asked; later entries win over earlier ones.
#[derive(Clone, Default)]
pub struct Given {
    settings: Vec<Setting>,
    texts: Vec<(String, Secret)>,
}

impl Given {
    /// Nothing: everything comes from service file, variables and defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A URI, a keyword/value string or, without `://` and `=`, the name of a database; `from` says where the user
    /// wrote it, for example `--uri`.
    #[must_use]
    pub fn text(mut self, from: &str, text: &str) -> Self {
        self.texts.push((from.to_owned(), Secret(text.to_owned())));
        self
    }

    /// One option by libpq's name, for example `host`; it wins over the same option in a text.
    #[must_use]
    pub fn option(mut self, from: &str, name: &str, value: &str) -> Self {
        self.settings.push(Setting {
            name: name.to_owned(),
            value: Secret(value.to_owned()),
            origin: Origin::Given(from.to_owned()),
        });
        self
    }
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Written by the user: the flag, variable or file that the caller named.
    Given(String),
    /// An environment variable.
    Variable(&'static str),
    /// A section of a connection service file.
    Service {
        /// The file.
        path: PathBuf,
        /// The section.
        name: String,
    },
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(from) => formatter.write_str(from),
            Self::Variable(name) => formatter.write_str(name),
            Self::Service { path, name } => write!(formatter, "service {name:?} in {}", path.display()),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// Why nothing can be connected to; each names the option and where it came from.
#[derive(Debug, thiserror::Error)]
pub enum ConnInfoError {
    /// No such option in libpq either.
    #[error("unknown connection option {name:?} (from {origin})")]
    UnknownOption {
        /// The option.
        name: String,
        /// Where it was written.
        origin: Origin,
    },
    /// An option that libpq has and psql-cm cannot honour.
    #[error("connection option {name} (from {origin}) is not supported: {why}")]
    Unsupported {
        /// The option.
        name: &'static str,
        /// Where it was written.
        origin: Origin,
        /// What is missing.
        why: &'static str,
    },
    /// A value the option does not have.
    #[error("invalid value {value:?} for connection option {name} (from {origin}): {expected}")]
    InvalidValue {
        /// The option.
        name: &'static str,
        /// What was written.
        value: String,
        /// Where.
        origin: Origin,
        /// What it may be.
        expected: String,
    },
    /// A URI or keyword/value string that cannot be read. The text is not shown: it may hold a password.
    #[error("cannot read the connection string from {origin}: {reason}")]
    Syntax {
        /// Where it was written.
        origin: Origin,
        /// What is wrong with it.
        reason: String,
    },
    /// The lists of hosts, addresses and ports do not fit each other.
    #[error("{name} (from {origin}) lists {count} entries for {hosts} hosts")]
    Counts {
        /// The list that does not fit.
        name: &'static str,
        /// Where it was written.
        origin: Origin,
        /// Its length.
        count: usize,
        /// How many hosts there are.
        hosts: usize,
    },
    /// No service file defines the service.
    #[error("definition of service {service:?} (from {origin}) not found")]
    ServiceNotFound {
        /// The service.
        service: String,
        /// Who asked for it.
        origin: Origin,
    },
    /// A service file that is there but cannot be used.
    #[error("service file {}{}: {reason}", path.display(), line.map_or_else(String::new, |line| format!(", line {line}")))]
    ServiceFile {
        /// The file.
        path: PathBuf,
        /// The line, when it is about one.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
    },
    /// No user given, and the login has no name.
    #[error("no user is given and the login has no name: set PGUSER")]
    NoUser,
}

/// Whether a connection string carries a password or another secret, as libpq would read it.
#[must_use]
pub fn holds_secret(text: &str) -> bool {
    text::parse(text).is_ok_and(|pairs| pairs.iter().any(|(name, _)| is_secret(name)))
}

/// The text with stars for what looks like the password of a URI in it, for messages that quote what somebody typed.
#[must_use]
pub fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(scheme) = rest.find("://") {
        let (before, after) = rest.split_at(scheme + 3);
        shown.push_str(before);
        let word = after.find(char::is_whitespace).unwrap_or(after.len());
        let secret = after[..word].rfind('@').and_then(|at| Some((after[..at].find(':')? + 1, at)));
        rest = match secret {
            Some((from, to)) => {
                shown.push_str(&after[..from]);
                shown.push_str("********");
                &after[to..]
            }
            None => after,
        };
    }
    shown + rest
}

/// A text that never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("********")
    }
}

/// One option as somebody set it.
#[derive(Clone)]
struct Setting {
    name: String,
    value: Secret,
    origin: Origin,
}

/// Everything a connection needs, resolved.
#[derive(Clone)]
pub struct ConnInfo {
    settings: Settings,
    endpoints: Vec<Endpoint>,
    user: String,
    database: String,
    tuning: Tuning,
    certificates: Certificates,
    pass_file: PassFile,
    person: Option<Arc<Person>>,
    warnings: Vec<String>,
}

/// Gives the password of a user, if there is one.
type Ask = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Somebody who may know the password, and is asked once.
struct Person {
    ask: Box<Ask>,
    answer: OnceLock<Option<Secret>>,
}

impl ConnInfo {
    /// Resolves what is given against the environment, in libpq's order.
    ///
    /// # Errors
    /// The first option that is unknown, malformed or not supported, with its origin.
    pub fn resolve(given: &Given, environment: &Environment) -> Result<Self, ConnInfoError> {
        let mut settings = Settings::given(given)?;
        service::apply(&mut settings, environment)?;
        settings.add_variables(environment);
        settings.refuse_unsupported()?;

        let user = match settings.text("user") {
            Some(user) => user.to_owned(),
            None => environment.os_user().ok_or(ConnInfoError::NoUser)?.to_owned(),
        };
        let database = settings.text("dbname").unwrap_or(&user).to_owned();
        let endpoints = values::endpoints(&settings)?;
        let tuning = Tuning::read(&settings)?;
        let certificates = Certificates::read(&settings, environment)?;
        let mut warnings = certificates.warnings(&settings, environment);
        let pass_file = PassFile::read(&settings, environment, &mut warnings);
        warnings.extend(exposed_password(&settings));
        Ok(Self {
            settings,
            endpoints,
            user,
            database,
            tuning,
            certificates,
            pass_file,
            person: None,
            warnings,
        })
    }

    /// The same server, user and settings, another database; the password file is asked anew for it.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// The same, and where a server wants a password that is not given, a person is asked for the user's: once,
    /// whatever number of connections wait for the answer.
    #[must_use]
    pub fn asking(self, ask: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let person = Person { ask: Box::new(ask), answer: OnceLock::new() };
        Self { person: Some(Arc::new(person)), ..self }
    }

    /// The database to connect to.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Whether somebody named a database; otherwise it is only libpq's default, the user's name.
    #[must_use]
    pub fn has_database(&self) -> bool {
        self.settings.text("dbname").is_some()
    }

    /// The user to connect as.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The servers to try, in order.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The connection as a URI without its password.
    #[must_use]
    pub fn describe(&self) -> String {
        values::describe(&self.user, &self.database, &self.endpoints)
    }

    /// What the user should know before anything is done: a password where others can see it, a password file that
    /// is ignored.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Every setting with its value, redacted where it is secret, and where it came from; defaults too.
    #[must_use]
    pub fn origins(&self) -> Vec<(&'static str, String, Origin)> {
        let mut origins = self.settings.describe();
        for (name, value) in [("dbname", &self.database), ("user", &self.user)] {
            if self.settings.text(name).is_none() {
                origins.push((name, value.clone(), Origin::Default));
            }
        }
        origins.sort_by_key(|(name, ..)| *name);
        origins
    }

    /// The value of a text option, for the connection itself.
    pub(crate) fn option(&self, name: &'static str) -> Option<&str> {
        self.settings.text(name)
    }

    pub(crate) const fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    pub(crate) const fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// The password for one of the endpoints: the given one, else the password file's.
    pub(crate) fn password(&self, endpoint: &Endpoint) -> Option<String> {
        let given = self.settings.text("password").map(str::to_owned);
        let answered =
            || self.person.as_ref()?.answer.get()?.as_ref().map(|answer| answer.expose().to_owned());
        given.or_else(|| self.pass_file.find(endpoint, &self.database, &self.user)).or_else(answered)
    }

    /// Asks the person, if there is one and nobody has; from then on the answer is the password. Says whether there
    /// is an answer.
    pub(crate) fn ask_password(&self) -> bool {
        let answer =
            |person: &Person| person.answer.get_or_init(|| (person.ask)(&self.user).map(Secret)).is_some();
        self.person.as_deref().is_some_and(answer)
    }

    /// The password, to compare it with the one that libpq finds.
    #[cfg(fuzzing)]
    #[must_use]
    pub fn password_found(&self, endpoint: &Endpoint) -> Option<String> {
        self.password(endpoint)
    }

    /// The password file that was read, for errors.
    pub(crate) fn pass_file(&self) -> Option<&Path> {
        self.pass_file.path()
    }

    /// The server options of the user and of the variables that libpq turns into settings.
    pub(crate) fn server_options(&self) -> String {
        let mut text = self.settings.text("options").unwrap_or_default().to_owned();
        for (name, parameter) in [("datestyle", "DateStyle"), ("timezone", "TimeZone"), ("geqo", "geqo")] {
            if let Some(value) =
                self.settings.text(name).filter(|value| !value.eq_ignore_ascii_case("default"))
            {
                let value = value.replace('\\', "\\\\").replace(' ', "\\ ");
                let _ = write!(text, " -c {parameter}={value}");
            }
        }
        text.trim_start().to_owned()
    }
}

impl fmt::Debug for ConnInfo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ConnInfo").field(&self.describe()).finish()
    }
}

/// A command line, unlike a variable or a file, is shown to everybody who asks for the list of processes.
fn exposed_password(settings: &Settings) -> Option<String> {
    settings.text("password")?;
    let Origin::Given(from) = settings.origin("password") else {
        return None;
    };
    from.starts_with('-').then(|| {
        format!(
            "the password in {from} can be read by every user of this machine in its list of processes; \
             ~/.pgpass or PGPASSFILE keeps it to yourself"
        )
    })
}

/// The options that are set, by name; whoever sets one first wins.
#[derive(Clone, Default)]
struct Settings(BTreeMap<&'static str, Setting>);

impl Settings {
    fn given(given: &Given) -> Result<Self, ConnInfoError> {
        let mut settings = Self::default();
        for (from, text) in &given.texts {
            let origin = Origin::Given(from.clone());
            let pairs = text::parse(text.expose())
                .map_err(|reason| ConnInfoError::Syntax { origin: origin.clone(), reason })?;
            for (name, value) in pairs {
                settings.set(Setting { name, value: Secret(value), origin: origin.clone() })?;
            }
        }
        for setting in &given.settings {
            settings.set(setting.clone())?;
        }
        Ok(settings)
    }

    fn add_variables(&mut self, environment: &Environment) {
        for option in options::OPTIONS {
            let Some(variable) = option.variable else { continue };
            let Some(value) = environment.variable(variable) else {
                continue;
            };
            self.0.entry(option.name).or_insert_with(|| Setting {
                name: option.name.to_owned(),
                value: Secret(value.to_owned()),
                origin: Origin::Variable(variable),
            });
        }
    }

    fn set(&mut self, setting: Setting) -> Result<(), ConnInfoError> {
        let option = options::find(&setting.name).ok_or_else(|| ConnInfoError::UnknownOption {
            name: setting.name.clone(),
            origin: setting.origin.clone(),
        })?;
        self.0.insert(option.name, setting);
        Ok(())
    }

    /// An option's value; the empty text means "not set", as in libpq.
    fn text(&self, name: &'static str) -> Option<&str> {
        self.written(name).filter(|value| !value.is_empty())
    }

    /// An option's value as somebody wrote it, the empty text too.
    fn written(&self, name: &'static str) -> Option<&str> {
        debug_assert!(options::OPTIONS.iter().any(|option| option.name == name), "no option {name}");
        self.0.get(name).map(|setting| setting.value.expose())
    }

    fn origin(&self, name: &'static str) -> Origin {
        self.0.get(name).map_or(Origin::Default, |setting| setting.origin.clone())
    }

    fn invalid(&self, name: &'static str, expected: &str) -> ConnInfoError {
        ConnInfoError::InvalidValue {
            name,
            value: self.text(name).unwrap_or_default().to_owned(),
            origin: self.origin(name),
            expected: expected.to_owned(),
        }
    }

    fn refuse_unsupported(&self) -> Result<(), ConnInfoError> {
        for option in options::OPTIONS {
            let Some(value) = self.text(option.name) else {
                continue;
            };
            if let options::Support::Refused { unless, why } = option.support
                && !unless.contains(&value)
            {
                return Err(ConnInfoError::Unsupported {
                    name: option.name,
                    origin: self.origin(option.name),
                    why,
                });
            }
        }
        Ok(())
    }

    fn describe(&self) -> Vec<(&'static str, String, Origin)> {
        self.0
            .iter()
            .map(|(name, setting)| {
                let shown = if is_secret(name) { "********" } else { setting.value.expose() };
                (*name, shown.to_owned(), setting.origin.clone())
            })
            .collect()
    }
}
