//! The values of options, in types: hosts, modes of encryption, timeouts, certificates.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use psqlcm_core::connection_string::trimmed;

use super::auth::RequiredAuth;
use super::environment::Environment;
use super::{ConnInfoError, Secret, Settings};

const DEFAULT_PORT: u16 = 5432;
/// Debian's and Red Hat's build, then PostgreSQL's own default.
const DEFAULT_SOCKETS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// One server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whom to ask for.
    pub host: Host,
    /// The address, when `hostaddr` spares us the look-up.
    pub address: Option<IpAddr>,
    /// The port, or the number in a socket's name.
    pub port: u16,
}

/// Whom to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name or an address.
    Name(String),
    /// The directory of a Unix socket.
    Socket(PathBuf),
    /// The machine's usual sockets.
    DefaultSocket,
}

impl Endpoint {
    /// The directories in which the socket may be; none for a host of the network.
    #[must_use]
    pub fn sockets(&self) -> Vec<PathBuf> {
        match &self.host {
            Host::Name(_) => Vec::new(),
            Host::Socket(directory) => vec![directory.clone()],
            Host::DefaultSocket => DEFAULT_SOCKETS.iter().map(PathBuf::from).collect(),
        }
    }

    /// Whether it is reached over a Unix socket, which libpq never encrypts.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        !matches!(self.host, Host::Name(_))
    }
}

pub(super) fn is_default_socket(directory: &Path) -> bool {
    // As libpq by the text: another spelling of the same folder is another name.
    DEFAULT_SOCKETS.iter().any(|default| directory.as_os_str() == *default)
}

/// How much encryption there must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// None.
    Disable,
    /// Only if the server insists.
    Allow,
    /// If the server can.
    Prefer,
    /// Always; the certificate is looked at only if there is a root certificate.
    Require,
    /// And the certificate must come from a trusted authority.
    VerifyCa,
    /// And it must name the host.
    VerifyFull,
}

/// What the server must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSession {
    /// Anything.
    Any,
    /// Accepts writes by default.
    ReadWrite,
    /// Refuses writes by default.
    ReadOnly,
    /// Not in recovery.
    Primary,
    /// In recovery.
    Standby,
    /// In recovery if there is such a one, else anything.
    PreferStandby,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SslNegotiation {
    Postgres,
    Direct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsVersion {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

/// How to connect, apart from to whom and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Tuning {
    pub(crate) ssl_mode: SslMode,
    pub(crate) ssl_negotiation: SslNegotiation,
    pub(crate) channel_binding: ChannelBinding,
    pub(crate) required_auth: RequiredAuth,
    /// Whose process must be at the other end of a Unix socket.
    pub(crate) required_peer: Option<String>,
    pub(crate) target: TargetSession,
    pub(crate) random_hosts: bool,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) tcp_user_timeout: Option<Duration>,
    pub(crate) keepalives: Keepalives,
}

#[derive(Debug, Clone)]
pub(crate) struct Keepalives {
    pub(crate) enabled: bool,
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) count: Option<u32>,
}

impl Tuning {
    pub(super) fn read(settings: &Settings) -> Result<Self, ConnInfoError> {
        let ssl_mode = ssl_mode(settings)?;
        let ssl_negotiation = choice(
            settings,
            "sslnegotiation",
            SslNegotiation::Postgres,
            &[("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)],
        )?;
        if ssl_negotiation == SslNegotiation::Direct && ssl_mode < SslMode::Require {
            return Err(settings.invalid("sslnegotiation", "direct needs sslmode=require or stronger"));
        }
        // 3.0 is spoken, which is below whatever is allowed.
        choice(settings, "max_protocol_version", (), &[("3.0", ()), ("3.2", ()), ("latest", ())])?;
        Ok(Self {
            ssl_mode,
            ssl_negotiation,
            channel_binding: choice(
                settings,
                "channel_binding",
                ChannelBinding::Prefer,
                &[
                    ("disable", ChannelBinding::Disable),
                    ("prefer", ChannelBinding::Prefer),
                    ("require", ChannelBinding::Require),
                ],
            )?,
            required_auth: match settings.text("require_auth") {
                None => RequiredAuth::Any,
                Some(text) => {
                    RequiredAuth::parse(text).map_err(|reason| settings.invalid("require_auth", &reason))?
                }
            },
            required_peer: settings.text("requirepeer").map(str::to_owned),
            target: choice(
                settings,
                "target_session_attrs",
                TargetSession::Any,
                &[
                    ("any", TargetSession::Any),
                    ("read-write", TargetSession::ReadWrite),
                    ("read-only", TargetSession::ReadOnly),
                    ("primary", TargetSession::Primary),
                    ("standby", TargetSession::Standby),
                    ("prefer-standby", TargetSession::PreferStandby),
                ],
            )?,
            random_hosts: choice(
                settings,
                "load_balance_hosts",
                false,
                &[("disable", false), ("random", true)],
            )?,
            connect_timeout: positive(settings, "connect_timeout")?.map(Duration::from_secs),
            tcp_user_timeout: positive(settings, "tcp_user_timeout")?.map(Duration::from_millis),
            keepalives: Keepalives {
                enabled: number(settings, "keepalives")?.is_none_or(|value| value != 0),
                idle: positive(settings, "keepalives_idle")?.map(Duration::from_secs),
                interval: positive(settings, "keepalives_interval")?.map(Duration::from_secs),
                count: positive(settings, "keepalives_count")?.and_then(|count| u32::try_from(count).ok()),
            },
        })
    }
}

fn ssl_mode(settings: &Settings) -> Result<SslMode, ConnInfoError> {
    let from_system = settings.text("sslrootcert") == Some(SYSTEM_ROOTS);
    let requires = settings.text("requiressl").is_some_and(|value| value.starts_with('1'));
    let default = match (from_system, requires) {
        (true, _) => SslMode::VerifyFull,
        (false, true) => SslMode::Require,
        (false, false) => SslMode::Prefer,
    };
    let mode = choice(
        settings,
        "sslmode",
        default,
        &[
            ("disable", SslMode::Disable),
            ("allow", SslMode::Allow),
            ("prefer", SslMode::Prefer),
            ("require", SslMode::Require),
            ("verify-ca", SslMode::VerifyCa),
            ("verify-full", SslMode::VerifyFull),
        ],
    )?;
    // Every public authority's customers would pass a weaker test.
    if from_system && mode != SslMode::VerifyFull {
        return Err(settings.invalid("sslmode", "sslrootcert=system needs verify-full"));
    }
    Ok(mode)
}

/// The word for the machine's own trusted roots.
const SYSTEM_ROOTS: &str = "system";

/// What TLS needs besides the mode: paths only, nothing is read yet.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    pub(crate) roots: Roots,
    /// Certificate and key of the client.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// Whether to send it, and what to make of a server that does not ask for it.
    pub(crate) mode: CertificateMode,
    /// Opens an encrypted key.
    pub(crate) password: Option<Secret>,
    pub(crate) revocations: Option<PathBuf>,
    /// A folder of lists, named by `openssl rehash`.
    pub(crate) revocations_folder: Option<PathBuf>,
    pub(crate) sends_name: bool,
    pub(crate) oldest: TlsVersion,
    pub(crate) newest: Option<TlsVersion>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CertificateMode {
    Disable,
    Allow,
    /// The server must ask for it and get it.
    Require,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Trusted only if it is there, as in libpq: absent, the modes below `verify-ca` do not look at certificates.
    File(PathBuf),
    /// The machine's.
    System,
    /// Neither given nor a home directory.
    None,
}

impl Certificates {
    pub(super) fn read(settings: &Settings, environment: &Environment) -> Result<Self, ConnInfoError> {
        let path = |name: &'static str, default: &str| match settings.text(name) {
            Some(path) => Some(PathBuf::from(path)),
            None => environment.home().map(|home| home.join(".postgresql").join(default)),
        };
        let roots = match (settings.text("sslrootcert"), path("sslrootcert", "root.crt")) {
            (Some(SYSTEM_ROOTS), _) => Roots::System,
            (_, Some(path)) => Roots::File(path),
            (_, None) => Roots::None,
        };
        let mode = choice(
            settings,
            "sslcertmode",
            CertificateMode::Allow,
            &[
                ("disable", CertificateMode::Disable),
                ("allow", CertificateMode::Allow),
                ("require", CertificateMode::Require),
            ],
        )?;
        let client = match mode {
            CertificateMode::Disable => None,
            CertificateMode::Allow | CertificateMode::Require => {
                path("sslcert", "postgresql.crt").zip(path("sslkey", "postgresql.key"))
            }
        };
        let oldest = version(settings, "ssl_min_protocol_version")?.unwrap_or(TlsVersion::Tls12);
        let newest = version(settings, "ssl_max_protocol_version")?;
        if newest.is_some_and(|newest| newest < oldest) {
            return Err(settings.invalid("ssl_max_protocol_version", "it is below ssl_min_protocol_version"));
        }
        if newest.is_some_and(|newest| newest < TlsVersion::Tls12) {
            return Err(settings.invalid("ssl_max_protocol_version", "psql-cm speaks TLSv1.2 and TLSv1.3"));
        }
        Ok(Self {
            roots,
            client,
            mode,
            password: settings.text("sslpassword").map(|password| Secret(password.to_owned())),
            // As in libpq a folder that is given stands for the file that is not.
            revocations: match (settings.text("sslcrl"), settings.text("sslcrldir")) {
                (None, Some(_)) => None,
                _ => path("sslcrl", "root.crl"),
            },
            revocations_folder: settings.text("sslcrldir").map(PathBuf::from),
            sends_name: number(settings, "sslsni")?.is_none_or(|value| value != 0),
            oldest,
            newest,
        })
    }

    /// A file that was named and is not there: libpq goes on without it, and so do we, but not in silence.
    pub(super) fn warnings(&self, settings: &Settings, environment: &Environment) -> Vec<String> {
        ["sslrootcert", "sslcert", "sslkey", "sslcrl"]
            .into_iter()
            .filter_map(|name| {
                let path = settings.text(name)?;
                let is_missing = path != SYSTEM_ROOTS && !environment.has_file(Path::new(path));
                is_missing
                    .then(|| format!("{name} (from {}): there is no file {path}", settings.origin(name)))
            })
            .collect()
    }
}

fn version(settings: &Settings, name: &'static str) -> Result<Option<TlsVersion>, ConnInfoError> {
    let Some(text) = settings.text(name) else {
        return Ok(None);
    };
    match text.to_ascii_lowercase().as_str() {
        "tlsv1" => Ok(Some(TlsVersion::Tls10)),
        "tlsv1.1" => Ok(Some(TlsVersion::Tls11)),
        "tlsv1.2" => Ok(Some(TlsVersion::Tls12)),
        "tlsv1.3" => Ok(Some(TlsVersion::Tls13)),
        _ => Err(settings.invalid(name, "one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3")),
    }
}

fn choice<T: Copy>(
    settings: &Settings,
    name: &'static str,
    default: T,
    choices: &[(&str, T)],
) -> Result<T, ConnInfoError> {
    // Here, unlike elsewhere, libpq takes the empty text for a value, and a wrong one.
    let Some(text) = settings.written(name) else {
        return Ok(default);
    };
    match choices.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(*value),
        None => {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            Err(settings.invalid(name, &format!("one of {}", words.join(", "))))
        }
    }
}

fn number(settings: &Settings, name: &'static str) -> Result<Option<i32>, ConnInfoError> {
    let Some(text) = settings.text(name) else {
        return Ok(None);
    };
    trimmed(text).parse().map(Some).map_err(|_| settings.invalid(name, "a whole number"))
}

/// A number of which zero and less mean "as the system has it" or "without limit".
fn positive(settings: &Settings, name: &'static str) -> Result<Option<u64>, ConnInfoError> {
    Ok(number(settings, name)?.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0))
}

/// Pairs hosts, addresses and ports as libpq does: lists of one length, or one port for all.
pub(super) fn endpoints(settings: &Settings) -> Result<Vec<Endpoint>, ConnInfoError> {
    let list = |name| settings.text(name).map(|text| text.split(',').collect::<Vec<_>>());
    let (hosts, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = addresses.as_ref().or(hosts.as_ref()).map_or(1, Vec::len);
    for (name, length, may_be_one) in
        [("host", hosts.as_ref().map(Vec::len), false), ("port", ports.as_ref().map(Vec::len), true)]
    {
        if let Some(length) = length
            && length != count
            && !(may_be_one && length == 1)
        {
            return Err(ConnInfoError::Counts {
                name,
                origin: settings.origin(name),
                count: length,
                hosts: count,
            });
        }
    }
    let at = |list: &Option<Vec<&str>>, index: usize| -> String {
        let entry =
            list.as_ref().and_then(|list| if list.len() == 1 { list.first() } else { list.get(index) });
        entry.copied().unwrap_or_default().to_owned()
    };
    (0..count)
        .map(|index| endpoint(settings, &at(&hosts, index), &at(&addresses, index), &at(&ports, index)))
        .collect()
}

fn endpoint(settings: &Settings, host: &str, address: &str, port: &str) -> Result<Endpoint, ConnInfoError> {
    let address = match address {
        "" => None,
        text => Some(text.parse().map_err(|_| settings.invalid("hostaddr", "numeric addresses"))?),
    };
    let host = match (host, address) {
        ("", None) => Host::DefaultSocket,
        ("", Some(address)) => Host::Name(IpAddr::to_string(&address)),
        (path, None) if path.starts_with('/') => Host::Socket(PathBuf::from(path)),
        (name, None) if name.starts_with('@') => {
            return Err(settings.invalid("host", "psql-cm cannot use abstract sockets"));
        }
        (name, _) => Host::Name(name.to_owned()),
    };
    let port = match port {
        "" => DEFAULT_PORT,
        text => match trimmed(text).parse() {
            Ok(0) | Err(_) => return Err(settings.invalid("port", "numbers from 1 to 65535")),
            Ok(port) => port,
        },
    };
    Ok(Endpoint { host, address, port })
}

/// A URI that libpq would read again, without the password.
pub(super) fn describe(user: &str, database: &str, endpoints: &[Endpoint]) -> String {
    let mut text = format!("postgres://{}@", encode(user));
    for (index, endpoint) in endpoints.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match &endpoint.host {
            Host::Name(name) if is_ipv6(name) => {
                let _ = write!(text, "[{}]", encode(name).replace("%3A", ":"));
            }
            Host::Name(name) => text.push_str(&encode(name)),
            Host::Socket(directory) => text.push_str(&encode(&directory.display().to_string())),
            Host::DefaultSocket => {}
        }
        let _ = write!(text, ":{}", endpoint.port);
    }
    let _ = write!(text, "/{}", encode(database));
    text
}

/// Whether it is an IPv6 address, perhaps with the interface after a percent sign.
fn is_ipv6(name: &str) -> bool {
    let address = name.split_once('%').map_or(name, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for character in text.chars() {
        match character {
            // What would end the part, or hide in a terminal.
            '%' | '/' | '?' | '#' | '@' | ':' | ',' | '[' | ']' | '&' | '=' | ' ' => {
                let _ = write!(encoded, "%{:02X}", u32::from(character));
            }
            control if control.is_control() => {
                for byte in control.to_string().bytes() {
                    let _ = write!(encoded, "%{byte:02X}");
                }
            }
            other => encoded.push(other),
        }
    }
    encoded
}
