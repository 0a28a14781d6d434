//! Quoting of names and values. Stands in for `crate::name` until that has landed.

/// A name as SQL: quoted unless it is plainly no keyword.
pub(super) fn quote_ident(name: &str) -> String {
    let is_plain = name.contains('_')
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// A value as SQL, right whatever `standard_conforming_strings` says.
pub(super) fn quote_literal(value: &str) -> String {
    let prefix = if value.contains('\\') { "E" } else { "" };
    format!("{prefix}'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}
