//! The cases of a kind: markdown sections of SQL.
