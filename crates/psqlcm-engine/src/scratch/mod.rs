//! A place where databases are made and thrown away: PostgreSQL itself says there what SQL means.
//!
//! It is the server that somebody gave, where nothing is ever made that belongs to the cluster, or a cluster of our own
//! out of local programs, where missing roles and tablespaces are made, as nobody will ever see them. Several databases
//! can be there at a time; each is dropped when its owner lets go of it, whatever happened. What a killed run left on a
//! server that was given is dropped by the next.

mod error;
mod load;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psqlcm_core::name::{quote_ident, quote_literal};
use psqlcm_core::plan::database_for_version;
use psqlcm_core::snapshot::Snapshot;
use psqlcm_core::tree;

pub use error::ScratchError;
pub use load::Sql;
pub(crate) use load::{Choice, Missed};

use crate::access::Access;
use crate::capture;
use crate::conninfo::{ConnInfo, Environment, Given};
use crate::interrupt::{Guard, Interrupt};
use crate::restore::cancel_on_interrupt;
use crate::run;
use crate::run::database::{self, Abandoned, Purpose};
use crate::server::{Installation, ScratchCluster, ScratchOptions};
use crate::session::{DbError, Session};

/// What the names of scratch databases begin with.
const NAME: &str = "psql-cm";

/// What is wanted of the place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// The server that was given; without one, a cluster of our own is made.
    pub given: Option<&'a Access>,
    /// The major version of our own; the newest that is installed where nobody says.
    pub major: Option<u32>,
    /// Roles that take the place of others in all that is loaded.
    pub role_map: Option<&'a BTreeMap<String, String>>,
    /// On our own cluster: the role that everything belongs to unless it says otherwise.
    pub role: Option<&'a str>,
}

/// The place. A clone is the same place; it is gone when the last one and all its databases are.
#[derive(Clone)]
pub struct Scratch(Arc<Server>);

struct Server {
    access: Access,
    /// Holds the lock of the run, and makes and drops databases. Before the cluster: it is let go of first.
    maintenance: Mutex<Session>,
    run_id: String,
    next: AtomicU32,
    version: u32,
    role_map: BTreeMap<String, String>,
    interrupt: Interrupt,
    abandoned: Vec<Abandoned>,
    left: Mutex<Vec<Abandoned>>,
    /// Our own cluster.
    cluster: Option<ScratchCluster>,
}

impl Scratch {
    /// Makes the place ready.
    ///
    /// # Errors
    /// When there is no such server, or it cannot be had. Nothing is left.
    pub fn open(wanted: &Wanted<'_>, interrupt: &Interrupt) -> Result<Self, ScratchError> {
        interrupt.check().map_err(ScratchError::Interrupted)?;
        let (access, cluster) = match wanted.given {
            Some(access) => (access.clone(), None),
            None => own(wanted)?,
        };
        let mut maintenance = access.connect_anywhere().map_err(ScratchError::Connect)?;
        if maintenance.is_standby() {
            return Err(ScratchError::Standby);
        }
        let run_id = run::new_id();
        let mut abandoned = Vec::new();
        if cluster.is_none() {
            abandoned = database::clear_scratch(&access, &mut maintenance)
                .map_err(error::doing("cannot look for what killed runs left"))?;
            database::hold(&mut maintenance, &run_id)
                .map_err(error::doing("cannot take the lock of the run"))?;
        }
        Ok(Self(Arc::new(Server {
            access,
            run_id,
            next: AtomicU32::new(1),
            version: maintenance.server_version(),
            maintenance: Mutex::new(maintenance),
            role_map: wanted.role_map.cloned().unwrap_or_default(),
            interrupt: interrupt.clone(),
            abandoned,
            left: Mutex::default(),
            cluster,
        })))
    }

    /// The version of the server, as `server_version_num`.
    pub fn server_version(&self) -> u32 {
        self.0.version
    }

    /// Whether it is a cluster of our own.
    pub fn is_own(&self) -> bool {
        self.0.cluster.is_some()
    }

    /// Databases that killed runs left, and what became of them.
    pub fn abandoned(&self) -> &[Abandoned] {
        &self.0.abandoned
    }

    /// Databases of this run that could not be dropped, and why; so far.
    pub fn left(&self) -> Vec<Abandoned> {
        self.0.left.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A new database, in UTF8 and without a locale.
    ///
    /// # Errors
    /// The server's; nothing is left.
    pub fn database(&self) -> Result<ScratchDatabase, ScratchError> {
        self.make(|name| {
            let name = quote_ident(name);
            format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
        })
    }

    /// A new database for what is to be loaded: like the one that it makes, if it makes one, and then whether it could be.
    ///
    /// # Errors
    /// The server's; nothing is left.
    pub fn database_for(&self, sql: &Sql, of: &str) -> Result<(ScratchDatabase, Option<bool>), ScratchError> {
        let Some(create) = sql.create_database() else { return Ok((self.database()?, None)) };
        Ok(match self.database_like(create, of)? {
            Some(made) => (made, Some(true)),
            None => (self.database()?, Some(false)),
        })
    }

    /// A new database with the properties that a statement gives the database of that name. `None` where the server
    /// cannot give them, for want of a locale.
    ///
    /// # Errors
    /// The server's, about other things; nothing is left.
    pub fn database_like(&self, create: &str, of: &str) -> Result<Option<ScratchDatabase>, ScratchError> {
        let version = self.0.version;
        let made = self.make(|name| {
            let create = tree::renamed(create, of, name).unwrap_or_else(|| create.to_owned());
            database_for_version(&create, version)
        });
        match made {
            Err(ScratchError::Create(error)) if is_about_properties(&error) => Ok(None),
            made => made.map(Some),
        }
    }

    fn make(&self, create: impl Fn(&str) -> String) -> Result<ScratchDatabase, ScratchError> {
        let server = &self.0;
        server.interrupt.check().map_err(ScratchError::Interrupted)?;
        let number = server.next.fetch_add(1, Ordering::Relaxed);
        let name = database::name(Purpose::Scratch, &format!("{NAME} {number}"), &server.run_id);
        // Before it is made: whatever happens from here on, it is dropped.
        let mut made = ScratchDatabase { server: Arc::clone(server), name, session: None };
        {
            let mut maintenance = server.maintenance();
            let _guard = cancel_on_interrupt(&server.interrupt, &maintenance);
            maintenance.run(&create(&made.name)).map_err(ScratchError::Create)?;
        }
        let session = server.access.connect(&made.name);
        let session = session.map_err(error::doing("cannot connect to the scratch database"))?;
        let guard = cancel_on_interrupt(&server.interrupt, &session);
        made.session = Some((session, guard));
        Ok(made)
    }
}

/// What a CREATE DATABASE fails of that names properties which the server does not have: a locale, a provider, a
/// tablespace, an encoding that does not fit.
fn is_about_properties(error: &DbError) -> bool {
    const ABOUT: [&str; 5] = ["22023", "42704", "42809", "0A000", "42601"];
    error.sqlstate().is_some_and(|state| ABOUT.contains(&state))
}

/// A cluster of our own, with what of it outlives a role that somebody may have set.
fn own(wanted: &Wanted<'_>) -> Result<(Access, Option<ScratchCluster>), ScratchError> {
    let found = Installation::discover();
    let fits =
        |installation: &&Installation| wanted.major.is_none_or(|major| installation.version.major == major);
    let Some(installation) = found.iter().find(fits) else {
        return Err(ScratchError::NoServer { wanted: wanted.major, found });
    };
    let options = ScratchOptions {
        // A load makes a thousand objects in a transaction, and whoever rehearses many more.
        settings: vec![("max_locks_per_transaction".to_owned(), "1024".to_owned())],
        ..ScratchOptions::default()
    };
    let cluster = ScratchCluster::start(installation, &options).map_err(ScratchError::Start)?;
    let access = |given: Given| {
        // Nothing of this process's surroundings is meant for it.
        let info = ConnInfo::resolve(&given, &Environment::empty()).map_err(ScratchError::Unreachable)?;
        Ok::<_, ScratchError>(Access::new(info, None))
    };
    let given = Given::new().text("the scratch cluster", &cluster.uri("postgres"));
    let Some(role) = wanted.role.filter(|role| *role != "postgres") else {
        return Ok((access(given)?, Some(cluster)));
    };
    let mut session = access(given.clone())?.connect("postgres").map_err(ScratchError::Connect)?;
    session
        .run(&format!("CREATE ROLE {} SUPERUSER LOGIN", quote_ident(role)))
        .map_err(|error| ScratchError::Role { role: role.to_owned(), error })?;
    Ok((access(given.option("the scratch cluster", "user", role))?, Some(cluster)))
}

impl Server {
    fn maintenance(&self) -> MutexGuard<'_, Session> {
        self.maintenance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_database(&self, name: &str) {
        let mut maintenance = self.maintenance();
        let mut dropped = database::drop_database(&self.access, &mut maintenance, name, true);
        if dropped.as_ref().is_err_and(DbError::is_connection_lost) {
            dropped = self.access.connect_anywhere().and_then(|mut session| {
                // The answer to CREATE DATABASE may be lost, and the server still be at it.
                database::wait_for_end(&mut session, &self.run_id)?;
                database::drop_database(&self.access, &mut session, name, true)
            });
        }
        if let Err(error) = dropped {
            let left = Abandoned { name: name.to_owned(), left: Some(error.to_string()) };
            self.left.lock().unwrap_or_else(PoisonError::into_inner).push(left);
        }
    }
}

/// A database of the place. Dropping it drops the database.
pub struct ScratchDatabase {
    server: Arc<Server>,
    name: String,
    /// None only before it is made and while it is dropped.
    session: Option<(Session, Guard)>,
}

impl ScratchDatabase {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How to connect to it once more.
    pub fn access(&self) -> &Access {
        &self.server.access
    }

    /// The session that all its work is done in. A signal cancels what it does.
    pub fn session(&mut self) -> &mut Session {
        let (session, _) = self.session.as_mut().expect("a database that was made has a session");
        session
    }

    /// Reads all facts, whatever ran in the session before.
    ///
    /// # Errors
    /// The capture's, and a signal.
    pub fn capture(&mut self) -> Result<Snapshot, ScratchError> {
        let access = self.server.access.clone();
        let session = self.session();
        access.prepare(session).map_err(error::doing("cannot set what reading needs"))?;
        let captured = capture::capture(session).map_err(ScratchError::from);
        self.server.interrupt.check().map_err(ScratchError::Interrupted)?;
        captured
    }
}

impl Drop for ScratchDatabase {
    fn drop(&mut self) {
        self.session = None;
        self.server.drop_database(&self.name);
    }
}

/// Whether the server has a role.
fn has_role(session: &mut Session, role: &str) -> Result<bool, DbError> {
    let sql = format!("SELECT FROM pg_catalog.pg_roles WHERE rolname = {}", quote_literal(role));
    Ok(!session.rows(&sql)?.is_empty())
}
