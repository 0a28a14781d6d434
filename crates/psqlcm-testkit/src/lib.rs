//! What the integration tests share: running servers, databases that go away, a line to a server that does harm,
//! the corpus, hostile names, a judge of texts.
//!
//! The servers are started once for a whole run by `cargo xtask test`, which says in the environment where they are;
//! nothing here starts one but [`Replica`]. Only `psql` and `pg_dump` speak to them, so that what the product does is judged by
//! PostgreSQL's own programs and never by the product. Everything panics rather than returning errors, except where
//! a test may want to see the refusal.

pub mod changes;
mod corpus;
pub mod hostile;
mod libpq;
mod pooler;
mod proxy;
mod replica;
mod report_schema;
mod server;
mod text;

pub use corpus::{corpus, load_corpus, load_corpus_as, ordered_pairs, try_load_corpus, years};
pub use libpq::{Libpq, LibpqConnection, LibpqOption};
pub use pooler::{Pooler, Pooling};
pub use proxy::{At, Harm, Moment, Proxy};
pub use replica::Replica;
pub use report_schema::faults;
pub use server::{TestDatabase, TestServer, client_bin, psql_at, server, servers, unique};
pub use text::{assert_same_text, text_difference, without_order};
