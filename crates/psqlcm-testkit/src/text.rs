//! Comparing long texts so that a failure can be read.

use similar::TextDiff;

/// What a person can still take in.
const LINES_SHOWN: usize = 120;

/// Panics with a short unified diff when the texts differ.
#[track_caller]
pub fn assert_same_text(left: &str, right: &str) {
    if let Some(difference) = text_difference(left, right) {
        panic!("{difference}");
    }
}

/// What a person is told about two texts that differ.
#[must_use]
pub fn text_difference(left: &str, right: &str) -> Option<String> {
    if left == right {
        return None;
    }
    let diff = TextDiff::from_lines(left, right);
    let diff = diff.unified_diff().context_radius(3).header("left", "right").to_string();
    let lines: Vec<&str> = diff.lines().collect();
    let shown = lines[..lines.len().min(LINES_SHOWN)].join("\n");
    let rest = match lines.len().saturating_sub(LINES_SHOWN) {
        0 => String::new(),
        more => format!("\n... and {more} more lines"),
    };
    Some(format!("the texts differ:\n{shown}{rest}"))
}

/// What `pg_dump -s` says, in an order of its own: of entries, which `pg_dump` lists by dependencies and age, and of the
/// lines within each, as columns are stored in another order where some were added later.
#[must_use]
pub fn without_order(dump: &str) -> String {
    let mut entries: Vec<Vec<&str>> = dump
        .split("\n--\n-- Name: ")
        .map(|entry| entry.lines().map(|line| line.trim_end_matches(',')).collect())
        .collect();
    for lines in &mut entries {
        // The first names the entry.
        if let Some((_, rest)) = lines.split_first_mut() {
            rest.sort_unstable();
        }
    }
    entries.sort_unstable();
    entries.concat().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(left: &str, right: &str) -> String {
        let panic = std::panic::catch_unwind(|| assert_same_text(left, right)).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    }

    #[test]
    fn a_difference_shows_its_lines_and_not_the_whole_texts() {
        let left = format!("{}old\n", "same\n".repeat(50));
        let right = format!("{}new\n", "same\n".repeat(50));
        let complaint = complaint(&left, &right);
        assert!(complaint.contains("-old\n+new"), "{complaint}");
        assert_eq!(complaint.matches("same").count(), 3, "{complaint}");
    }

    #[test]
    fn a_long_difference_is_cut() {
        let complaint = complaint("", &"line\n".repeat(1000));
        assert_eq!(complaint.matches("+line").count(), LINES_SHOWN - 3, "{complaint}");
        assert!(complaint.contains("more lines"), "{complaint}");
    }
}
