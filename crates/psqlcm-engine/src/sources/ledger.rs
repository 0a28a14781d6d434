//! A database as its ledgers recorded it last.

use super::{Read, Sides, SourceError};
use crate::access::Access;

pub(super) fn replay(_sides: &Sides<'_>, _access: &Access, _database: &str) -> Result<Read, SourceError> {
    Err(SourceError::NoLedger)
}
