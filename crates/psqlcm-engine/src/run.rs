//! What tells one run of the tool from another, and the databases that belong to a run.

pub mod database;

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// A new run id: the seconds since 1970 and 32 random bits, in hexadecimal digits. Ids sort by time, and fit into
/// the name of a database.
pub fn new_id() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let random = RandomState::new().hash_one(std::process::id());
    format!("{seconds:08x}{:08x}", random & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_runs_have_two_ids() {
        assert_ne!(super::new_id(), super::new_id());
        assert_eq!(super::new_id().len(), 16);
    }
}
