//! What can be in the way of a command, one file a check.
//!
//! A check looks and tells; it changes nothing, and whether what it found is a refusal, a warning or a line of a
//! report is for the caller to say.

pub mod pooler;
pub mod publications;
