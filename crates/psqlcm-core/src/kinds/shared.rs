//! What several kinds share: how they are named and the usual way of being told from each other.

use crate::fact::{Fact, FactId};
use crate::kinds::{Fold, Kind, KindId, never};
use crate::name::quote_ident;
use crate::plan::Group;

/// What most kinds have in common, for `..PART`.
pub(super) const PART: Kind = Kind {
    name: "",
    folder: None,
    satellite: false,
    newer: |_| false,
    state: false,
    late: false,
    has_columns: false,
    attributes: &[],
    reads: &[],
    display,
    reference,
    fold: never,
    create: nothing,
    edges: |_| {},
    home: |id, _| id.clone(),
    cases: "",
};

/// The kind's name and the quoted path: `column app.orders.id`.
pub(super) fn display(id: &FactId) -> String {
    format!("{} {}", id.kind().kind().name, path(id))
}

/// The quoted names from the schema down, with the argument types of a routine.
pub(super) fn path(id: &FactId) -> String {
    if id.kind() == KindId::Member {
        return id.name().to_owned();
    }
    let own = quote_ident(id.name());
    let own = match id.kind() {
        KindId::Aggregate if id.qualifier().is_empty() => format!("{own}(*)"),
        KindId::Function | KindId::Procedure | KindId::Aggregate => format!("{own}({})", id.qualifier()),
        _ => own.into_owned(),
    };
    match id.parent() {
        Some(parent) if parent.kind() != KindId::Database => format!("{}.{own}", path(parent)),
        _ => own,
    }
}

/// `TABLE app.orders`: the kind's name in capitals and the path.
pub(super) fn reference(id: &FactId) -> String {
    format!("{} {}", id.kind().kind().name.to_uppercase(), path(id))
}

/// `CONSTRAINT name ON app.orders`, for what is named within a table.
pub(super) fn reference_on(id: &FactId) -> String {
    let keyword = id.kind().kind().name.to_uppercase();
    format!("{keyword} {} ON {}", quote_ident(id.name()), parent_path(id))
}

/// The path of what the fact belongs to.
pub(super) fn parent_path(id: &FactId) -> String {
    id.parent().map(path).unwrap_or_default()
}

/// `schema.name` for something that is a child of its table but named within the schema.
pub(super) fn schema_path(id: &FactId) -> String {
    let schema = id.schema().map(|schema| format!("{}.", quote_ident(schema)));
    format!("{}{}", schema.unwrap_or_default(), quote_ident(id.name()))
}

/// For kinds that PostgreSQL makes along with their parent.
pub(super) fn nothing(_: &Group<'_>) -> Vec<String> {
    Vec::new()
}

/// For kinds that are folded where they can be.
pub(super) fn may(_: &FactId, _: &Fact) -> Fold {
    Fold::May
}

/// ` WITH (a='1', b='2')` for a list of `name=value` as `reloptions` keeps them; empty for none.
pub(super) fn with_options(options: &[Box<str>]) -> String {
    match options {
        [] => String::new(),
        _ => format!(" WITH ({})", options_list(options)),
    }
}

/// `a='1', b='2'`: names as they are (PostgreSQL accepts only plain ones), values as literals.
pub(super) fn options_list(options: &[Box<str>]) -> String {
    let option = |option: &str| match option.split_once('=') {
        Some((name, value)) => {
            let name: Vec<_> = name.split('.').map(quote_ident).collect();
            format!("{}={}", name.join("."), crate::name::quote_literal(value))
        }
        None => quote_ident(option).into_owned(),
    };
    options.iter().map(|text| option(text)).collect::<Vec<_>>().join(", ")
}

/// A query in the one form that PostgreSQL prints it in however often it is made again from what was printed: a list
/// of VALUES that was written alone is printed without a space before it, and with one ever after.
pub(super) fn settled(query: &str) -> String {
    const LIST: &str = "(VALUES (";
    let mut settled = String::with_capacity(query.len() + 8);
    let mut rest = query;
    while let Some(at) = rest.find(['\'', '"', '(']) {
        settled.push_str(&rest[..at]);
        let escapes = rest[at..].starts_with('\'') && settled.ends_with(" E");
        rest = &rest[at..];
        let end = match rest.as_bytes()[0] {
            b'(' if rest.starts_with(LIST) => {
                settled.push_str("( ");
                rest = &rest[1..];
                continue;
            }
            b'(' => 1,
            quote => quoted(rest.as_bytes(), quote, escapes),
        };
        settled.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    settled + rest
}

/// The length of what is quoted; a doubled quote is two quoted texts side by side, which comes to the same.
fn quoted(text: &[u8], quote: u8, escapes: bool) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != quote {
        at += if escapes && text[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_values_are_settled_outside_of_quotes_only() {
        for (query, expected) in [
            ("FROM (VALUES (1)) x", "FROM ( VALUES (1)) x"),
            ("FROM ( VALUES (1)) x", "FROM ( VALUES (1)) x"),
            ("'(VALUES (' || \"(VALUES (\"", "'(VALUES (' || \"(VALUES (\""),
            ("'it''s (VALUES ('", "'it''s (VALUES ('"),
            ("SELECT  E'\\'(VALUES (' FROM (VALUES ('ü'))", "SELECT  E'\\'(VALUES (' FROM ( VALUES ('ü'))"),
            ("('", "('"),
        ] {
            assert_eq!(settled(query), expected);
        }
    }
}
