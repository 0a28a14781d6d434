//! Makes text from outside harmless on a terminal: what would move the cursor, hide or reorder what a
//! person reads is shown as a visible character instead.
//!
//! It does not limit lengths and knows nothing of colours.

use unicode_normalization::char::is_combining_mark;

/// The visible stand-in for a character, or the character itself; always one for one, so that columns
/// can still be counted.
pub fn replacement(c: char) -> char {
    match c {
        // The control pictures stand in the order of the control characters.
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}' => '\u{fffd}',
        _ if is_invisible(c) => '\u{fffd}',
        _ => c,
    }
}

/// The text with its line breaks, tabs and all else that is not plain text made visible.
pub fn visible(text: &str) -> String {
    text.chars().map(replacement).collect()
}

/// The columns a character takes on a terminal: 0, 1 or 2.
pub fn width(c: char) -> usize {
    if is_combining_mark(c) {
        return 0;
    }
    if is_wide(c) { 2 } else { 1 }
}

/// Marks of direction, of joining and of line ends that a terminal obeys without showing them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The blocks that Unicode calls wide or full-width, by and large: an error only moves a caret.
fn is_wide(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{33ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{a000}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}' | '\u{ff01}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}' | '\u{1f680}'..='\u{1f6ff}' | '\u{1f900}'..='\u{1f9ff}'
        | '\u{20000}'..='\u{3fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(visible("a\x1b[31m\r\n\tb\x7f"), "a␛[31m␍␊␉b␡");
        assert_eq!(
            visible("x\u{202e}y\u{9b}z\u{200b}"),
            "x\u{fffd}y\u{fffd}z\u{fffd}"
        );
        assert_eq!(visible("plain ünï 漢"), "plain ünï 漢");
    }

    #[test]
    fn widths_are_those_of_a_terminal() {
        assert_eq!("a漢é".chars().map(width).collect::<Vec<_>>(), [1, 2, 1]);
        assert_eq!("e\u{301}".chars().map(width).sum::<usize>(), 1);
    }
}
