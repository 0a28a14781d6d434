//! The effects of psql-cm.
