//! `log` on real servers.
