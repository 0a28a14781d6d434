//! Whether a capture saw one moment.
//!
//! Rows of the catalogs are read as they were at the transaction's snapshot. The functions that print definitions look
//! names up in the newest catalog: where somebody renamed, replaced or dropped something meanwhile, what they print is of
//! another moment than the rows, and need not fail. So what they may have looked at is looked at twice, within the
//! transaction and after it. Mostly nobody else has written anything, and one look is enough.
//!
//! It does not say what changed, and does not try again: that is for the capture.

use super::{INSUFFICIENT_PRIVILEGE, VERSIONS};
use crate::session::{DbError, Session};

/// The first look.
pub(super) enum Moment {
    /// Nobody else was at work; or the role may not look, as a closed catalog keeps nobody from a capture.
    Settled,
    /// What was counted, and the newest OID.
    Counted { rows: Vec<Vec<Option<String>>>, newest: u64 },
}

impl Moment {
    /// What the functions may have looked at until now, as the transaction's snapshot has it. It is the last that is read
    /// in the transaction, and ends it.
    pub fn ending_transaction(session: &mut Session) -> Result<Self, DbError> {
        let rows = match session.rows(&format!("{};\nROLLBACK", sql(ANY))) {
            Ok(rows) => rows,
            Err(error) => {
                let _ = session.run("ROLLBACK");
                return match error.sqlstate() {
                    Some(INSUFFICIENT_PRIVILEGE) => Ok(Self::Settled),
                    _ => Err(error),
                };
            }
        };
        let cell = |row: &[Option<String>], at: usize| row.get(at).cloned().flatten();
        if rows.first().and_then(|row| cell(row, 1)).as_deref() == Some("1") {
            return Ok(Self::Settled);
        }
        let newest = rows.iter().filter_map(|row| cell(row, 3)?.parse().ok()).max().unwrap_or_default();
        Ok(Self::Counted { rows: counted(rows), newest })
    }

    /// What they look at now, outside of a transaction: what is made from now on counts too.
    pub fn now(session: &mut Session) -> Result<Self, DbError> {
        let newest = ANY - 1;
        Ok(Self::Counted { rows: counted(session.rows(&sql(newest))?), newest })
    }

    /// Whether all that was there then is as it was.
    pub fn is_still(&self, session: &mut Session) -> Result<bool, DbError> {
        match self {
            Self::Settled => Ok(true),
            Self::Counted { rows, newest } => Ok(counted(session.rows(&sql(*newest))?) == *rows),
        }
    }
}

/// The newest OID that is looked at in the first look: there can be none newer.
const ANY: u64 = u32::MAX as u64;

/// The statement for what is no newer than that OID.
fn sql(newest: u64) -> String {
    include_str!("steady.sql").replace(":versions", VERSIONS).replace(":newest", &newest.to_string())
}

/// The rows without the first, which is none of a catalog, and without what changes by itself.
fn counted(rows: Vec<Vec<Option<String>>>) -> Vec<Vec<Option<String>>> {
    rows.into_iter().skip(1).map(|row| row.into_iter().take(3).collect()).collect()
}
