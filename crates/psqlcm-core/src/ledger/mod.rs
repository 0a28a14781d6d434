//! The ledger: the append-only, hash-chained rows of `pg_psql_cm`, one table in every managed schema.
//!
//! What an entry is ([`Entry`]), how entries are chained ([`struct@Hash`]), how a chain is judged ([`fn@verify`]) and which SQL
//! makes, protects, writes and reads the table ([`sql`]).
//!
//! A chain shows that entries were altered; it cannot show that somebody who may rewrite all of it did so. That takes
//! an [`Anchor`], the head of the chain as git knows it. It deliberately knows no session and no clock: the engine
//! brings rows and times.

pub mod drift;
mod entry;
mod evidence;
mod hash;
mod home;
pub mod own;
pub mod replay;
pub mod sql;
mod verify;

pub use entry::{Entry, EntryKind, NewEntry, Origin, Place, RowError};
pub use evidence::{Evidence, EvidenceError};
pub use hash::{Hash, RowsBefore, digest};
pub use home::{Home, choose_home};
pub use verify::{Anchor, Chain, Finding, Link, Problem, Row, Severity, verify};

/// The name of the ledger's table unless `--cm-table` says otherwise.
pub const DEFAULT_TABLE: &str = "pg_psql_cm";
