//! The roles that the restores of one run make. Roles belong to the cluster, so the databases that are restored side by
//! side share them: what one made another may need, and only at the end of the run is it known who needs what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use psqlcm_core::name::quote_ident;
use psqlcm_core::tree::adapt;

use super::tree::Statement;
use super::{RestoreError, doing};
use crate::access::Access;
use crate::commit::{Settled, commit};
use crate::session::{DbError, Session};

/// The roles that one run made, shared by its restores.
#[derive(Debug, Default)]
pub struct Roles(Mutex<BTreeMap<String, Role>>);

/// A role that this run made.
#[derive(Debug)]
struct Role {
    create: String,
    /// Whether a database that is there needs it, or may be there.
    is_needed: bool,
}

/// What became of the roles that a run made.
#[derive(Debug)]
pub struct SettledRoles {
    /// Those that are there, each with the statement that made it.
    pub made: Vec<(String, String)>,
    /// Those that nothing needs and that could not be removed, and why.
    pub left: Vec<(String, String)>,
}

impl Roles {
    /// At the end of the run: takes away again what no database needs.
    pub fn settle(self, access: &Access, maintenance: &[&str]) -> SettledRoles {
        let made = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (needed, idle): (Vec<_>, Vec<_>) = made.into_iter().partition(|(_, role)| role.is_needed);
        let made = needed.into_iter().map(|(name, role)| (name, role.create)).collect();
        let mut settled = SettledRoles { made, left: Vec::new() };
        if idle.is_empty() {
            return settled;
        }
        let mut session = access.connect_first(maintenance);
        for (name, _) in idle {
            let sql = format!("DROP ROLE IF EXISTS {}", quote_ident(&name));
            let dropped = session.as_mut().map_err(|error| error.to_string());
            let dropped = dropped.and_then(|session| session.run(&sql).map_err(|error| error.to_string()));
            settled.left.extend(dropped.err().map(|why| (name, why)));
        }
        settled
    }

    /// Waits until no other restore looks for roles or makes some.
    pub(super) fn turn(&self) -> Turn<'_> {
        Turn(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A database that needs these roles is there, or may be.
    pub(super) fn need(&self, names: &BTreeSet<String>) {
        for (_, role) in self.turn().0.iter_mut().filter(|(name, _)| names.contains(*name)) {
            role.is_needed = true;
        }
    }
}

/// The right to look for roles and to make them.
pub(super) struct Turn<'a>(MutexGuard<'a, BTreeMap<String, Role>>);

impl Turn<'_> {
    /// Makes the missing roles, all or none.
    ///
    /// # Errors
    /// The server's; then there is none of them, unless it is in doubt.
    pub(super) fn make(
        mut self,
        session: &mut Session,
        connect: &mut dyn FnMut() -> Result<Session, DbError>,
        roles: &[Statement],
        missing: &BTreeSet<String>,
    ) -> Result<(), RestoreError> {
        if missing.is_empty() {
            return Ok(());
        }
        session.run("BEGIN").map_err(doing("cannot begin"))?;
        let mut made = BTreeMap::new();
        for name in missing {
            let create = create(roles, name);
            session.run(&create).map_err(|error| RestoreError::Role { role: name.clone(), error })?;
            made.insert(name.clone(), Role { create, is_needed: false });
        }
        match commit(session, connect) {
            Settled::Committed => {
                self.0.extend(made);
                Ok(())
            }
            Settled::RolledBack(error) => Err(doing("cannot commit the roles")(error)),
            Settled::Unknown(error) => Err(RestoreError::InDoubt { what: "the roles were made", error }),
        }
    }
}

/// The statement of the tree that makes the role; one without attributes where the tree has none.
fn create(roles: &[Statement], name: &str) -> String {
    let known =
        roles.iter().find(|statement| adapt::roles(&statement.sql).first().is_some_and(|role| role == name));
    known.map_or_else(|| format!("CREATE ROLE {}", quote_ident(name)), |statement| statement.sql.clone())
}
