//! Texts that the server prints, in the one form that they have however often they are made again from what was printed.
//!
//! PostgreSQL casts the list of an `IN` as a whole where it reads values of another type than the column's (the usual case is
//! `varchar`), and prints `(ARRAY['a'::character varying])::text[]`. Read again, that casts each element, and is printed so ever after:
//! `ARRAY[('a'::character varying)::text]`. Statistics are printed with fewer parentheses. What is quoted, as the bodies of functions, is left as it is.

use crate::kinds::{list_items, quoted};

const LIST: &str = "ARRAY[";

/// The settled form; `None` where the text is in it already.
pub(crate) fn settled(text: &str) -> Option<String> {
    if !text.contains(LIST) {
        return None;
    }
    let (mut settled, mut at) = (String::with_capacity(text.len()), 0);
    while at < text.len() {
        let rest = &text[at..];
        if let Some((length, list)) = cast_list(rest) {
            settled.push_str(&list);
            at += length;
            continue;
        }
        let length = opaque(text, at);
        settled.push_str(&rest[..length]);
        at += length;
    }
    (settled != text).then_some(settled)
}

/// The length of what is quoted there, or of one character.
fn opaque(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let first = rest.chars().next().map_or(1, char::len_utf8);
    match rest.as_bytes()[0] {
        quote @ (b'\'' | b'"') => quoted(rest.as_bytes(), quote, has_escapes(&text[..at])),
        b'$' => dollar_quoted(rest).unwrap_or(first),
        _ => first,
    }
}

/// Whether a string after that is one with escapes: `E'...'`.
fn has_escapes(before: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '"');
    before.strip_suffix('E').is_some_and(|before| !before.ends_with(is_name))
}

/// The length of `$tag$ ... $tag$`.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let tag = rest[1..].find('$').map(|end| &rest[..end + 2])?;
    let is_tag = tag[1..tag.len() - 1].chars().all(|c| c.is_alphanumeric() || c == '_');
    let end = rest[tag.len()..].find(tag).filter(|_| is_tag)?;
    Some(end + 2 * tag.len())
}

/// The length of a list that is cast as a whole, and the list with each element cast.
fn cast_list(rest: &str) -> Option<(usize, String)> {
    let has_parentheses = rest.starts_with('(');
    let inner = rest.strip_prefix('(').unwrap_or(rest).strip_prefix(LIST)?;
    let end = closing(inner)?;
    let after = inner[end..].strip_prefix(if has_parentheses { "])::" } else { "]::" })?;
    let name = &after[..after.find("[]")?];
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '.' | '"' | '(' | ')' | ',');
    let items = list_items(&inner[..end]);
    // Of others nobody knows here how they are printed without parentheses.
    let is_plain =
        |item: &&str| if has_parentheses { !item.starts_with(LIST) } else { item.starts_with('\'') };
    if !name.chars().all(is_name) || items.is_empty() || !items.iter().all(is_plain) {
        return None;
    }
    let cast =
        |item: &&str| if has_parentheses { format!("({item})::{name}") } else { format!("{item}::{name}") };
    let cast: Vec<String> = items.iter().map(cast).collect();
    let length = rest.len() - after.len() + name.len() + "[]".len();
    Some((length, format!("ARRAY[{}]", cast.join(", "))))
}

/// Where the bracket that is open closes.
fn closing(text: &str) -> Option<usize> {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        match text.as_bytes()[at] {
            b'[' => depth += 1,
            b']' if depth == 0 => return Some(at),
            b']' => depth -= 1,
            _ => {}
        }
        at += opaque(text, at);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::settled;

    #[test]
    fn each_element_is_cast() {
        for (text, expected) in [
            (
                "((c)::text = ANY ((ARRAY['a'::character varying, 'b, ]'::character varying])::text[]))",
                "((c)::text = ANY (ARRAY[('a'::character varying)::text, ('b, ]'::character varying)::text]))",
            ),
            ("(c::text = ANY (ARRAY['a'::name]::text[]))", "(c::text = ANY (ARRAY['a'::name::text]))"),
            ("f((ARRAY[1, (2 + x[1])])::s.\"T t\"[])", "f(ARRAY[(1)::s.\"T t\", ((2 + x[1]))::s.\"T t\"])"),
        ] {
            assert_eq!(settled(text).as_deref(), Some(expected));
            assert_eq!(settled(expected), None, "it is settled");
        }
    }

    #[test]
    fn what_is_quoted_or_no_cast_is_left() {
        for text in [
            "AS $function$ SELECT (ARRAY[1])::text[] $function$",
            "('(ARRAY[1])::text[]' || E'\\'(ARRAY[1])::text[]')",
            "(\"(ARRAY[1])::text[]\" = ANY (ARRAY[1, 2]))",
            "((ARRAY[ARRAY[1]])::text[])",
            "(ARRAY[1])",
            "ARRAY[]::text[]",
            "ARRAY[a || b]::text[]",
        ] {
            assert_eq!(settled(text), None, "{text}");
        }
    }
}
