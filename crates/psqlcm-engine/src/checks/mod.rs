//! What can be in the way of a command, one file a check.
//!
//! A check looks and tells; it changes nothing. What commands ask comes back as facts, and whether that is a refusal, a
//! warning or a line of a report is for the caller to say; what only `doctor` asks comes back as [`Finding`]s.

pub mod connection;
pub mod contents;
pub mod encoding;
pub mod event_triggers;
mod finding;
pub mod folder;
pub mod ledgers;
pub mod leftovers;
pub mod pooler;
pub mod publications;
pub mod role;
pub mod room;

pub use finding::{Command, Finding, Severity};
