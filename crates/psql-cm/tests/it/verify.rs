//! `verify` on real servers.
