//! `status` on real servers.
