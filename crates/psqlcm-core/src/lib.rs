//! Facts, kinds, graph, plan and tree text of psql-cm.

pub mod report;
pub mod targets;
