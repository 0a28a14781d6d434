//! Facts, kinds, graph, plan and tree text of psql-cm.
