//! From a [`ConnInfo`] to a connection: which server, which address, encrypted or not, in libpq's order.
//!
//! As in libpq a server that cannot be reached leads to the next one, a server that refuses us does not, except when
//! it is only starting up or not of the kind that is asked for.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;

use tokio_postgres::config::{ChannelBinding, SslMode as LibrarySslMode, SslNegotiation};
use tokio_postgres::{CancelToken, Client, Config};

use super::{Connection, DbError, Line};
use crate::conninfo::{self, ConnInfo, Endpoint, Host, RequiredAuth, SslMode, TargetSession};
use crate::tls::Connector;
use crate::wire::{Address, Gate, Socket};

/// An open connection and what a cancel request needs to follow it.
pub(super) struct Dialled {
    pub(super) client: Client,
    pub(super) connection: Connection,
    pub(super) route: Route,
}

/// The way to a server that has let us in, for cancel requests.
pub(super) struct Route {
    info: ConnInfo,
    endpoint: Endpoint,
    address: Address,
    connector: Connector,
}

impl Route {
    /// Asks the server to cancel what the session runs, encrypted as the session is.
    pub(super) async fn cancel(&self, token: &CancelToken) -> Result<(), DbError> {
        let unreachable = |error: io::Error| DbError::unreachable(error.to_string(), Some(Box::new(error)));
        let socket = Socket::connect(&self.address, self.endpoint.port, self.info.tuning());
        let stream = Gate::new(socket.await.map_err(unreachable)?, RequiredAuth::Any, false);
        let handshake = self.connector.handshake(&host(&self.endpoint, &self.address));
        token.cancel_query_raw(stream, handshake).await.map_err(DbError::connecting)
    }
}

/// The name that the server's certificate must have.
fn host(endpoint: &Endpoint, address: &Address) -> String {
    match (&endpoint.host, address) {
        (Host::Name(name), _) => name.clone(),
        (Host::Socket(_) | Host::DefaultSocket, Address::Ip(ip)) => ip.to_string(),
        (Host::Socket(_) | Host::DefaultSocket, Address::Socket(_)) => String::new(),
    }
}

/// Connects to the first server that can be reached and is of the kind that is asked for.
pub(super) async fn dial(info: &ConnInfo) -> Result<Dialled, DbError> {
    let mut mode = info.tuning().ssl_mode;
    let connector = match Connector::new(info) {
        // As in libpq broken certificates are no obstacle to those who do not insist on them.
        Err(_) if mode < SslMode::Require => {
            mode = SslMode::Disable;
            Connector::unused()
        }
        outcome => outcome,
    };
    let connector = connector.map_err(DbError::preparing)?;
    let mut order: Vec<&Endpoint> = info.endpoints().iter().collect();
    if info.tuning().random_hosts {
        shuffle(&mut order);
    }
    let wanted: &[TargetSession] = match info.tuning().target {
        TargetSession::PreferStandby => &[TargetSession::Standby, TargetSession::Any],
        TargetSession::Any => &[TargetSession::Any],
        TargetSession::ReadWrite => &[TargetSession::ReadWrite],
        TargetSession::ReadOnly => &[TargetSession::ReadOnly],
        TargetSession::Primary => &[TargetSession::Primary],
        TargetSession::Standby => &[TargetSession::Standby],
    };
    let mut failures = Vec::new();
    for target in wanted {
        failures.clear();
        for endpoint in &order {
            match (Attempt { info, endpoint, connector: &connector, mode, target: *target }).run().await {
                Ok(dialled) => return Ok(dialled),
                Err(error) if goes_on(&error) => failures.push(error),
                Err(error) => {
                    failures.push(error);
                    return Err(DbError::all(failures));
                }
            }
        }
    }
    Err(DbError::all(failures))
}

const CANNOT_CONNECT_NOW: &str = "57P03";

/// Whether another server may do better.
fn goes_on(error: &DbError) -> bool {
    error.sqlstate().is_none_or(|sqlstate| sqlstate == CANNOT_CONNECT_NOW) && !error.is_final()
}

/// One server, all its addresses.
struct Attempt<'a> {
    info: &'a ConnInfo,
    endpoint: &'a Endpoint,
    connector: &'a Connector,
    mode: SslMode,
    target: TargetSession,
}

impl Attempt<'_> {
    async fn run(&self) -> Result<Dialled, DbError> {
        let addresses =
            self.within_timeout(self.addresses()).await.map_err(|error| error.at(&self.place(None)))?;
        let mut failures = Vec::new();
        for address in addresses {
            let place = self.place(Some(&address));
            let mut outcome = self.within_timeout(self.reach(&address)).await;
            // Not within the timeout: people type as slowly as they like.
            if outcome.as_ref().is_err_and(DbError::wants_password) && self.info.ask_password() {
                outcome = self.within_timeout(self.reach(&address)).await;
            }
            match outcome.map_err(|error| error.at(&place)) {
                Ok(dialled) => return Ok(dialled),
                Err(error) if goes_on(&error) => failures.push(error),
                Err(error) => return Err(error),
            }
        }
        Err(DbError::all(failures))
    }

    async fn addresses(&self) -> Result<Vec<Address>, DbError> {
        let name = match (&self.endpoint.host, self.endpoint.address) {
            (_, Some(address)) => return Ok(vec![Address::Ip(address)]),
            (Host::Name(name), None) => name,
            (Host::Socket(_) | Host::DefaultSocket, None) => {
                return Ok(self.endpoint.sockets().into_iter().map(Address::Socket).collect());
            }
        };
        let found = tokio::net::lookup_host((name.as_str(), self.endpoint.port)).await.map_err(|error| {
            DbError::unreachable(format!("the host name cannot be resolved: {error}"), Some(Box::new(error)))
        })?;
        let mut addresses: Vec<Address> = found.map(|address| Address::Ip(address.ip())).collect();
        if self.info.tuning().random_hosts {
            shuffle(&mut addresses);
        }
        Ok(addresses)
    }

    /// Tries one address with each encryption that `sslmode` allows.
    async fn reach(&self, address: &Address) -> Result<Dialled, DbError> {
        use LibrarySslMode::{Disable, Prefer, Require};
        let mode = match address {
            Address::Socket(_) => SslMode::Disable,
            Address::Ip(_) => self.mode,
        };
        match mode {
            SslMode::Disable => self.once(address, Disable).await,
            SslMode::Allow => match self.once(address, Disable).await {
                Err(refusal) if refusal.sqlstate().is_some() => {
                    // The server's own words are worth more than "it has no TLS either".
                    self.once(address, Require).await.map_err(|second| second.or_if_no_tls(refusal))
                }
                outcome => outcome,
            },
            SslMode::Prefer => match self.once(address, Prefer).await {
                Err(encrypted) if self.connector.was_used() && encrypted.is_the_servers() => {
                    self.once(address, Disable).await.map_err(|plain| DbError::all(vec![encrypted, plain]))
                }
                outcome => outcome,
            },
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => self.once(address, Require).await,
        }
    }

    async fn once(&self, address: &Address, mode: LibrarySslMode) -> Result<Dialled, DbError> {
        self.connector.reset();
        let tuning = self.info.tuning();
        let socket = Socket::connect(address, self.endpoint.port, tuning).await;
        let socket =
            socket.map_err(|error| DbError::unreachable(error.to_string(), Some(Box::new(error))))?;
        let asks_for_tls =
            mode != LibrarySslMode::Disable && tuning.ssl_negotiation == conninfo::SslNegotiation::Postgres;
        let stream = Gate::new(socket, tuning.required_auth.clone(), asks_for_tls);
        let handshake = self.connector.handshake(&host(self.endpoint, address));
        let connecting = self.config(mode).connect_raw(stream, handshake).await;
        let (client, connection) =
            connecting.map_err(|error| DbError::connecting(error).explain_password(self.info))?;
        if let Some(complaint) = self.connector.certificate_complaint() {
            return Err(DbError::refusing(complaint));
        }
        let mut line = Line::new(connection);
        self.check_target(&client, &mut line).await?;
        let Some(connection) = line.connection else {
            return Err(DbError::closed());
        };
        let route = Route {
            info: self.info.clone(),
            endpoint: self.endpoint.clone(),
            address: address.clone(),
            connector: self.connector.clone(),
        };
        Ok(Dialled { client, connection, route })
    }

    fn config(&self, mode: LibrarySslMode) -> Config {
        let info = self.info;
        let tuning = info.tuning();
        let mut config = Config::new();
        config
            .user(info.user())
            .dbname(info.database())
            .ssl_mode(mode)
            .ssl_negotiation(match tuning.ssl_negotiation {
                conninfo::SslNegotiation::Postgres => SslNegotiation::Postgres,
                conninfo::SslNegotiation::Direct => SslNegotiation::Direct,
            })
            .channel_binding(match tuning.channel_binding {
                conninfo::ChannelBinding::Disable => ChannelBinding::Disable,
                conninfo::ChannelBinding::Prefer => ChannelBinding::Prefer,
                conninfo::ChannelBinding::Require => ChannelBinding::Require,
            })
            .application_name(
                info.option("application_name")
                    .or_else(|| info.option("fallback_application_name"))
                    .unwrap_or("psql-cm"),
            );
        if let Some(password) = info.password(self.endpoint) {
            config.password(password);
        }
        let options = info.server_options();
        if !options.is_empty() {
            config.options(options);
        }
        config
    }

    /// Refuses a server that is not of the kind that `target_session_attrs` asks for.
    async fn check_target(&self, client: &Client, line: &mut Line) -> Result<(), DbError> {
        if matches!(self.target, TargetSession::Any | TargetSession::PreferStandby) {
            return Ok(());
        }
        let messages = line.drive(client.simple_query(STATE)).await?;
        let state = messages.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => {
                Some((row.get(0) == Some("t"), row.get(1) == Some("on")))
            }
            _ => None,
        });
        let Some((in_recovery, read_only)) = state else {
            return Err(DbError::unreachable(
                "the server does not say whether it is a standby".to_owned(),
                None,
            ));
        };
        let complaint = match self.target {
            TargetSession::ReadWrite if in_recovery || read_only => "session is read-only",
            TargetSession::ReadOnly if !in_recovery && !read_only => "session is not read-only",
            TargetSession::Primary if in_recovery => "server is in hot standby mode",
            TargetSession::Standby if !in_recovery => "server is not in hot standby mode",
            _ => return Ok(()),
        };
        Err(DbError::unreachable(format!("{complaint}, and target_session_attrs forbids that"), None))
    }

    /// libpq's timeout is for all that one address takes, logging in included.
    async fn within_timeout<T>(&self, work: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
        let Some(limit) = self.info.tuning().connect_timeout else {
            return work.await;
        };
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            let late = io::Error::from(io::ErrorKind::TimedOut);
            Err(DbError::unreachable("timeout expired (connect_timeout)".to_owned(), Some(Box::new(late))))
        })
    }

    /// How an error names this server.
    fn place(&self, address: Option<&Address>) -> String {
        let port = self.endpoint.port;
        match (&self.endpoint.host, address) {
            (_, Some(Address::Socket(directory))) => {
                format!("cannot connect to socket {}/.s.PGSQL.{port}", directory.display())
            }
            (Host::Name(name), Some(Address::Ip(ip))) if *name != ip.to_string() => {
                format!("cannot connect to {name} ({ip}), port {port}")
            }
            (_, Some(Address::Ip(ip))) => format!("cannot connect to {ip}, port {port}"),
            (Host::Name(name), None) => format!("cannot connect to {name}, port {port}"),
            (Host::Socket(_) | Host::DefaultSocket, None) => "cannot connect to a socket".to_owned(),
        }
    }
}

const STATE: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; \
    SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only')";

/// Good enough to spread connections; no other randomness is worth a dependency.
fn shuffle<T>(items: &mut [T]) {
    for end in (1..items.len()).rev() {
        let random = RandomState::new().build_hasher().finish();
        let bound = u64::try_from(end + 1).unwrap_or(u64::MAX);
        items.swap(end, usize::try_from(random % bound).unwrap_or(0));
    }
}
