//! Facts, kinds, graph, plan and tree text of psql-cm.

pub mod file_name;
pub mod ledger;
pub mod name;
pub mod script;
pub mod source;
pub mod visible;
