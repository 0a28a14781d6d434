//! Facts, kinds, graph, plan and tree text of psql-cm: computes, touches nothing.
//!
//! A [`read::Reader`] turns rows of the catalog into a [`snapshot::Snapshot`] of facts; [`plan`] turns that
//! into ordered statements; [`fingerprint`] hashes it. What is known of a kind of object stands in
//! [`kinds`]. No socket, no file, no clock, no print: dependencies run from the binary to the engine to here.

pub mod change;
pub mod delta;
pub mod fact;
pub mod file_name;
pub mod fingerprint;
mod graph;
pub mod kinds;
pub mod ledger;
pub mod name;
pub mod plan;
pub mod privileges;
pub mod read;
pub mod report;
pub mod script;
pub mod snapshot;
pub mod source;
pub mod targets;
pub mod tree;
pub mod visible;
