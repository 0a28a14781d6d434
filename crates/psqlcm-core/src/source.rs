//! Places in a text, for error messages: line and column, and the line itself with a caret under it.
//!
//! It finds places; which error stands there, and how it is coloured, is for others to say.

use crate::visible;

/// A text and where it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// The file, or what stands for one (`--change`).
    pub name: &'a str,
    /// The whole text.
    pub text: &'a str,
}

impl Source<'_> {
    /// Line and column of a byte offset, both from 1; the column counts characters, without a byte order mark.
    pub fn line_column(&self, offset: usize) -> (u32, u32) {
        let offset = self.text.floor_char_boundary(offset);
        let before = &self.text[..offset];
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        let start = line_start(before);
        let column = before[start..].trim_start_matches(mark_at(start)).chars().count() + 1;
        (saturate(line), saturate(column))
    }

    /// The text of a line, counted from 1, without its end and without a byte order mark.
    pub fn line(&self, line: u32) -> &str {
        let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let text = self.text.split('\n').nth(index).unwrap_or_default();
        text.trim_end_matches('\r').trim_start_matches(mark_at(index))
    }
}

/// The byte offset of a position as PostgreSQL's errors give it: characters of the statement, from 1.
/// A position behind the end is the end.
pub fn char_to_byte(text: &str, position: u32) -> usize {
    let skipped = usize::try_from(position.saturating_sub(1)).unwrap_or(usize::MAX);
    text.char_indices().nth(skipped).map_or(text.len(), |(offset, _)| offset)
}

/// What editors on Windows put before a text.
const BYTE_ORDER_MARK: &[char] = &['\u{feff}'];

/// Elsewhere than at the beginning the character is one like any other.
fn mark_at(start: usize) -> &'static [char] {
    if start == 0 { BYTE_ORDER_MARK } else { &[] }
}

/// The part of a line that is shown, and the terminal column of the caret in it. Nothing in it acts on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The text to show.
    pub text: String,
    /// How many terminal columns are before the caret.
    pub caret: usize,
}

/// Terminal columns shown at most on each side of the caret.
const BEFORE: usize = 50;
const AFTER: usize = 50;
const TAB: usize = 4;

impl Window {
    /// What to show of a line whose place is that column, counted in characters from 1.
    pub fn of(line: &str, column: u32) -> Self {
        let (before, after) = line.split_at(char_to_byte(line, column));
        Self::around(before, after)
    }

    /// Looks only at as many characters as it shows, so that a line of megabytes costs nothing.
    fn around(before: &str, after: &str) -> Window {
        let head: Vec<char> = before.chars().rev().take(BEFORE + 1).collect();
        let mut text = String::new();
        let mut columns = 0;
        if head.len() > BEFORE {
            text.push('…');
            columns = 1;
        }
        for &c in head.iter().take(BEFORE).rev() {
            push_shown(c, &mut text, &mut columns);
        }
        let caret = columns;
        let mut rest = after.chars();
        while columns < caret + AFTER {
            let Some(c) = rest.next() else { break };
            push_shown(c, &mut text, &mut columns);
        }
        if rest.next().is_some() {
            text.push('…');
        }
        Window { text, caret }
    }
}

fn push_shown(c: char, text: &mut String, columns: &mut usize) {
    if c == '\t' {
        let spaces = TAB - *columns % TAB;
        text.extend(std::iter::repeat_n(' ', spaces));
        *columns += spaces;
        return;
    }
    let shown = visible::replacement(c);
    text.push(shown);
    *columns += visible::width(shown);
}

fn line_start(before: &str) -> usize {
    before.rfind('\n').map_or(0, |at| at + 1)
}

fn saturate(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a message shows it: `file:line:column`, the line, and a caret under the place.
    fn excerpt(source: Source<'_>, offset: usize) -> String {
        let (line, column) = source.line_column(offset);
        let window = Window::of(source.line(line), column);
        let gutter = " ".repeat(line.to_string().len());
        let caret = " ".repeat(window.caret);
        format!("{}:{line}:{column}\n  {line} | {}\n  {gutter} | {caret}^", source.name, window.text)
    }

    fn source(text: &str) -> Source<'_> {
        Source { name: "change.sql", text }
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let text = "aé\n漢b\r\n\nx";
        for (offset, place) in
            [(0, (1, 1)), (1, (1, 2)), (3, (1, 3)), (4, (2, 1)), (7, (2, 2)), (10, (3, 1)), (11, (4, 1))]
        {
            assert_eq!(source(text).line_column(offset), place, "at {offset}");
        }
        assert_eq!(source(text).line_column(999), (4, 2));
        assert_eq!(source("é").line_column(1), (1, 1));
    }

    #[test]
    fn positions_of_the_server_are_characters() {
        assert_eq!(char_to_byte("é=ü", 1), 0);
        assert_eq!(char_to_byte("é=ü", 3), 3);
        assert_eq!(char_to_byte("é=ü", 4), 5);
        assert_eq!(char_to_byte("é=ü", 99), 5);
        assert_eq!(char_to_byte("é", 0), 0);
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        for (text, offset, expected) in [
            ("SELECT 1;\nSELECT x;\n", 17, "change.sql:2:8\n  2 | SELECT x;\n    |        ^"),
            ("\tx y", 3, "change.sql:1:4\n  1 |     x y\n    |       ^"),
            ("漢字 x", 7, "change.sql:1:4\n  1 | 漢字 x\n    |      ^"),
            ("e\u{301}x", 3, "change.sql:1:3\n  1 | e\u{301}x\n    |  ^"),
            ("a\x1b]0;b\u{202e}c", 9, "change.sql:1:8\n  1 | a␛]0;b\u{fffd}c\n    |        ^"),
            ("ab\r\nc", 3, "change.sql:1:4\n  1 | ab\n    |   ^"),
            ("\u{feff}ab", 4, "change.sql:1:2\n  1 | ab\n    |  ^"),
            ("", 0, "change.sql:1:1\n  1 | \n    | ^"),
            ("a\n", 2, "change.sql:2:1\n  2 | \n    | ^"),
        ] {
            assert_eq!(excerpt(source(text), offset), expected, "of {text:?} at {offset}");
        }
    }

    #[test]
    fn long_lines_are_shown_around_the_place() {
        let text = format!("{}X{}", "a".repeat(1_000_000), "b".repeat(1_000_000));
        let shown = excerpt(source(&text), 1_000_000);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "change.sql:1:1000001");
        assert_eq!(lines[1], format!("  1 | …{}X{}…", "a".repeat(50), "b".repeat(49)));
        assert_eq!(lines[2].chars().position(|c| c == '^'), lines[1].chars().position(|c| c == 'X'));
    }

    #[test]
    fn the_gutter_is_as_wide_as_the_number() {
        let text = "\n".repeat(99) + "x";
        assert_eq!(excerpt(source(&text), 99), "change.sql:100:1\n  100 | x\n      | ^");
    }
}
