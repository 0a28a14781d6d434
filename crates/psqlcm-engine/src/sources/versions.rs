//! Versions of extensions that a server can bring about. Which ones differ it does not know.

use psqlcm_core::kinds::VersionChange;
use psqlcm_core::name::quote_literal;

use crate::session::{DbError, Session};

/// Whether the server of the session has a way to the new version: from the old one, or from nothing.
pub(super) fn has_way(session: &mut Session, change: &VersionChange) -> Result<bool, DbError> {
    let (name, new) = (quote_literal(change.id.name()), quote_literal(&change.new));
    let sql = match &change.old {
        Some(old) => format!(
            "SELECT FROM pg_catalog.pg_extension_update_paths({name}) \
             WHERE source = {} AND target = {new} AND path IS NOT NULL",
            quote_literal(old)
        ),
        None => format!(
            "SELECT FROM pg_catalog.pg_available_extension_versions WHERE name = {name} AND version = {new}"
        ),
    };
    Ok(!session.rows(&sql)?.is_empty())
}

/// Whether it has a way back to the old version, where there was one.
pub(super) fn has_way_back(session: &mut Session, change: &VersionChange) -> Result<bool, DbError> {
    let VersionChange { id, old, new } = change.clone();
    match old {
        Some(old) => has_way(session, &VersionChange { id, old: Some(new), new: old }),
        None => Ok(true),
    }
}
