//! psql-cm.
fn main() {}
