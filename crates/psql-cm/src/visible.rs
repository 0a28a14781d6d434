//! Names and messages as they may be shown: nothing in them can move the cursor, colour the terminal or turn
//! the reading direction around.

use std::borrow::Cow;
use std::fmt::Write;

/// Shows a name or other text that must stay on its line: everything in it that cannot be seen, or acts on
/// the terminal, is written as an escape.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// Shows a text of several lines: as [`visible`], but line ends and tabs stay.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_hidden(c) && !matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, must_escape: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&must_escape) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            shown_as_is if !must_escape(shown_as_is) => shown.push(shown_as_is),
            '\n' | '\r' | '\t' => shown.extend(character.escape_default()),
            _ => shown.extend(character.escape_unicode()),
        }
    }
    Cow::Owned(shown)
}

/// Writes what is hidden in JSON text as JSON escapes. Only strings can hold any, so the meaning stays.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    // JSON itself escapes the other control characters of ASCII; line ends and spaces between its strings stay.
    let must_escape = |c: char| c == '\x7f' || !c.is_ascii() && is_hidden(c);
    if !json.contains(must_escape) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 8);
    for character in json.chars() {
        if !must_escape(character) {
            shown.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(shown, "\\u{unit:04x}").expect("a string takes all");
        }
    }
    Cow::Owned(shown)
}

/// Control characters, marks that change the direction of text, and characters without width.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(visible("ünï My-Schema \"x\""), "ünï My-Schema \"x\"");
        assert_eq!(visible("a\x1b[31mb"), "a\\u{1b}[31mb");
        assert_eq!(visible("a\nb\tc\r"), "a\\nb\\tc\\r");
        assert_eq!(visible("x\u{202e}lqs\u{200b}"), "x\\u{202e}lqs\\u{200b}");
        assert_eq!(visible("\u{9b}31m\u{7f}"), "\\u{9b}31m\\u{7f}");
        assert_eq!(visible_lines("a\n\tb\r\x07"), "a\n\tb\\r\\u{7}");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({ "a\u{202e}": "\u{9b}\u{e0001}ü\n\x7f" });
        let text = value.to_string();
        let shown = visible_json(&text);
        assert!(
            shown.contains("\\u202e") && shown.contains("\\udb40\\udc01") && shown.contains('ü'),
            "{shown}"
        );
        assert!(!shown.contains(is_hidden), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
