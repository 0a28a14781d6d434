//! Facts, kinds, graph, plan and tree text of psql-cm: computes, touches nothing.
//!
//! A [`read::Reader`] turns rows of the catalog into a [`snapshot::Snapshot`] of facts; [`plan`] turns that
//! into ordered statements; [`fingerprint`] hashes it. What is known of a kind of object stands in
//! [`kinds`]. No socket, no file, no clock, no print: dependencies run from the binary to the engine to here.
//!
//! - [`fact`]: the smallest separately changeable pieces, and their identities
//! - [`kinds`]: the registry, and for each kind how it is read and made
//! - [`read`]: rows of the catalog become facts
//! - [`snapshot`]: all facts of a database, what needs what, what was left out
//! - [`plan`]: the steps that make a snapshot from nothing, in order
//! - [`fingerprint`]: hashes of facts, rolled up per object, schema and database
//! - [`ignore`]: which objects a team wants not judged
//! - [`narrow`]: what of two snapshots is compared
//! - [`delta`]: the difference of two snapshots, fact by fact
//! - [`change`]: a change made ready to run, or refused
//! - [`tree`]: the files of a database: paths, texts, manifest, `restore.sql`
//! - [`globals`]: `cluster.sql`, and what of it a cluster must not be given in silence
//! - [`ledger`]: entries, their chain, its judge, and the SQL of the table
//! - [`script`]: scripts split into statements, and which of these may run in a transaction
//! - [`targets`]: which databases and schemas a command acts on
//! - [`privileges`]: access control lists, and how they differ
//! - [`name`], [`file_name`]: names in SQL and on disk
//! - [`report`]: what a command says, as text and as JSON, and its exit code
//! - [`spec`]: how people write which state they mean
//! - [`source`], [`visible`]: places in a text; text that cannot act on a terminal

pub mod catalogs;
pub mod change;
pub mod connection_string;
pub mod delta;
mod deparsed;
pub mod fact;
pub mod file_name;
pub mod fingerprint;
pub mod globals;
mod graph;
pub mod ignore;
pub mod kinds;
pub mod ledger;
pub mod name;
pub mod narrow;
pub mod plan;
pub mod privileges;
pub mod read;
pub mod report;
pub mod script;
pub mod snapshot;
pub mod source;
pub mod spec;
pub mod targets;
pub mod tree;
pub mod visible;
