//! Facts, kinds, graph, plan and tree text of psql-cm.

pub mod ledger;
