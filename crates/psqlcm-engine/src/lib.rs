//! The effects of psql-cm: PostgreSQL, files, git.
//!
//! It asks and does what `psqlcm_core` has computed, and says nothing to people: that is the binary's. Sessions
//! block; a session a thread.
//!
//! - [`capture`], [`observe`]: a database read into facts, with its ledgers
//! - [`setup`]: schemas taken under control, and let go
//! - [`dump`], [`restore`]: a database to a tree, and back
//! - [`submit`]: changes run and recorded
//! - [`status`], [`mod@log`], [`verify`]: how schemas stand, what happened, whether the ledgers are whole
//! - [`replay`]: a database built anew from its ledgers, and compared
//! - [`ledger`]: the ledger in a database: its state, its entries, its lock
//! - [`sources`]: two sides of a comparison, whatever they are
//! - [`session`], [`access`]: one connection; the databases of one cluster
//! - [`checks`], [`doctor`]: what can be in the way of a command
//! - [`conninfo`], `tls`: where to connect and how, by libpq's rules
//! - [`files`], [`git`]: trees written all at once; commits of them
//! - [`manifests`]: what a tree knows
//! - [`config`] reads `psql-cm.toml`
//! - [`server`]: servers on this machine
//! - [`scratch`]: databases that are made and thrown away
//! - [`interrupt`], [`run`]: being told to stop; what tells runs apart

pub mod access;
pub mod capture;
pub mod checks;
mod commit;
pub mod config;
pub mod conninfo;
pub mod doctor;
pub mod dump;
pub mod files;
pub mod git;
pub mod interrupt;
pub mod ledger;
pub mod log;
pub mod manifests;
pub mod observe;
pub mod rehearsal;
pub mod replay;
pub mod restore;
pub mod run;
pub mod scratch;
pub mod server;
pub mod session;
pub mod setup;
pub mod sources;
pub mod status;
pub mod submit;
mod tls;
pub mod verify;
mod wire;
