//! The one lexer of this crate: cuts SQL text into tokens by the rules of psql's and the server's flex
//! files, so that splitting, classifying and labelling never disagree.
//!
//! It knows nothing of grammar. It reads with `standard_conforming_strings` on, which the tool pins for
//! its sessions, and leaves psql variables (`:x`, `:'x'`) as the text they are.

use std::ops::Range;

/// What a token is. White space and comments are between tokens, not tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// An unquoted identifier or keyword.
    Word,
    /// `"..."`
    QuotedIdent,
    /// `U&"..."`
    UnicodeIdent,
    /// `'...'` with any prefix, and the strings it is continued by.
    String,
    /// `$tag$...$tag$`
    DollarString,
    /// A run of digits; fractions and exponents are further tokens, which nothing here minds.
    Number,
    /// One byte of an operator or of punctuation.
    Symbol(u8),
    /// A backslash, where a psql command begins.
    Backslash,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub start: usize,
    pub end: usize,
}

/// Something that was opened and not closed before the text ended, or that can be no SQL at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LexError {
    pub kind: LexErrorKind,
    /// Where it begins.
    pub offset: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LexErrorKind {
    String,
    QuotedIdent,
    DollarString { tag: String },
    Comment,
    ConflictMark { mark: &'static str },
}

/// Reads tokens one after the other; each byte is looked at a bounded number of times.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str, position: usize) -> Self {
        Lexer { text, position }
    }

    /// Where the next token is looked for.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Goes on from another place, for what is not SQL (psql commands, data of COPY).
    pub fn seek(&mut self, position: usize) {
        self.position = position;
    }

    /// The next token, or `None` at the end of the text.
    pub fn next_token(&mut self) -> Result<Option<Token>, LexError> {
        self.skip_blank()?;
        let start = self.position;
        let Some(first) = self.byte(start) else {
            return Ok(None);
        };
        self.refuse_conflict_mark(start)?;
        let (kind, end) = match first {
            b'\'' => (TokenKind::String, self.end_of_string(start, start + 1, false)?),
            b'"' => (TokenKind::QuotedIdent, self.end_of_ident(start, start + 1)?),
            b'$' => self.dollar(start)?,
            b'\\' => (TokenKind::Backslash, start + 1),
            b'0'..=b'9' => (TokenKind::Number, self.end_while(start, |b| b.is_ascii_digit())),
            b if is_ident_start(b) => self.word_or_prefixed(start)?,
            b => (TokenKind::Symbol(b), start + 1),
        };
        self.position = end;
        Ok(Some(Token { kind, start, end }))
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn starts_with(&self, at: usize, what: &str) -> bool {
        self.text.as_bytes()[at..].starts_with(what.as_bytes())
    }

    fn end_while(&self, from: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = &self.text.as_bytes()[from..];
        from + rest.iter().position(|&b| !belongs(b)).unwrap_or(rest.len())
    }

    fn skip_blank(&mut self) -> Result<(), LexError> {
        loop {
            self.position = self.end_while(self.position, is_space);
            if self.starts_with(self.position, "--") {
                self.position = self.end_while(self.position, |b| !is_newline(b));
            } else if self.starts_with(self.position, "/*") {
                self.position = self.end_of_comment(self.position)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Comments nest.
    fn end_of_comment(&self, start: usize) -> Result<usize, LexError> {
        let mut depth = 0_usize;
        let mut at = start;
        while at < self.text.len() {
            if self.starts_with(at, "/*") {
                depth += 1;
                at += 2;
            } else if self.starts_with(at, "*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Ok(at);
                }
            } else {
                at += 1;
            }
        }
        Err(LexError {
            kind: LexErrorKind::Comment,
            offset: start,
        })
    }

    /// A word, unless it is the prefix of a literal: `e'`, `b'`, `x'`, `n'`, `u&'`, `u&"`.
    fn word_or_prefixed(&self, start: usize) -> Result<(TokenKind, usize), LexError> {
        let prefix = self.text.as_bytes()[start].to_ascii_lowercase();
        let next = (self.byte(start + 1), self.byte(start + 2));
        match (prefix, next) {
            (b'e', (Some(b'\''), _)) => Ok((TokenKind::String, self.end_of_string(start, start + 2, true)?)),
            (b'b' | b'x' | b'n', (Some(b'\''), _)) => {
                Ok((TokenKind::String, self.end_of_string(start, start + 2, false)?))
            }
            (b'u', (Some(b'&'), Some(b'\''))) => {
                Ok((TokenKind::String, self.end_of_string(start, start + 3, false)?))
            }
            (b'u', (Some(b'&'), Some(b'"'))) => {
                Ok((TokenKind::UnicodeIdent, self.end_of_ident(start, start + 3)?))
            }
            _ => Ok((TokenKind::Word, self.end_while(start, is_ident_cont))),
        }
    }

    /// The end of a string whose contents begin at `from`.
    fn end_of_string(&self, start: usize, from: usize, escapes: bool) -> Result<usize, LexError> {
        let mut at = from;
        while let Some(byte) = self.byte(at) {
            match byte {
                b'\\' if escapes => at += 2,
                b'\'' if self.byte(at + 1) == Some(b'\'') => at += 2,
                b'\'' => match escapes.then(|| self.continuation(at + 1)).flatten() {
                    Some(inside) => at = inside,
                    None => return Ok(at + 1),
                },
                _ => at += 1,
            }
        }
        Err(LexError {
            kind: LexErrorKind::String,
            offset: start,
        })
    }

    /// Where a string goes on after its closing quote: a quote after white space with a line break.
    ///
    /// The second half of an `E''` string has escapes too. The server reads it so, and the server is who
    /// gets the text; psql 15 itself does not, as it feeds its lexer line by line.
    fn continuation(&self, from: usize) -> Option<usize> {
        let mut at = from;
        let mut line_break = false;
        loop {
            match self.byte(at)? {
                b if is_newline(b) => line_break = true,
                b if is_space(b) => {}
                b'-' if self.starts_with(at, "--") => {
                    at = self.end_while(at, |b| !is_newline(b));
                    continue;
                }
                b'\'' if line_break => return Some(at + 1),
                _ => return None,
            }
            at += 1;
        }
    }

    fn end_of_ident(&self, start: usize, from: usize) -> Result<usize, LexError> {
        let mut at = from;
        while let Some(byte) = self.byte(at) {
            match byte {
                b'"' if self.byte(at + 1) == Some(b'"') => at += 2,
                b'"' => return Ok(at + 1),
                _ => at += 1,
            }
        }
        Err(LexError {
            kind: LexErrorKind::QuotedIdent,
            offset: start,
        })
    }

    /// `$tag$...$tag$`, or else a lone `$` (of a parameter, `$1`, whose number is the next token).
    fn dollar(&self, start: usize) -> Result<(TokenKind, usize), LexError> {
        let tag_end = match self.byte(start + 1) {
            Some(b) if is_ident_start(b) => self.end_while(start + 1, |b| is_ident_cont(b) && b != b'$'),
            _ => start + 1,
        };
        if self.byte(tag_end) != Some(b'$') {
            return Ok((TokenKind::Symbol(b'$'), start + 1));
        }
        let tag = &self.text[start..=tag_end];
        match self.text[tag_end + 1..].find(tag) {
            Some(length) => Ok((TokenKind::DollarString, tag_end + 1 + length + tag.len())),
            None => Err(LexError {
                kind: LexErrorKind::DollarString { tag: tag.to_owned() },
                offset: start,
            }),
        }
    }

    /// Git leaves these at the beginning of a line; inside strings and comments they may be meant.
    fn refuse_conflict_mark(&self, at: usize) -> Result<(), LexError> {
        let at_line_start = at == 0 || is_newline(self.text.as_bytes()[at - 1]);
        if !at_line_start || !matches!(self.byte(at), Some(b'<' | b'=' | b'>' | b'|')) {
            return Ok(());
        }
        for mark in ["<<<<<<<", "|||||||", "=======", ">>>>>>>"] {
            let ends = self.byte(at + mark.len()).is_none_or(is_space);
            if self.starts_with(at, mark) && ends {
                return Err(LexError {
                    kind: LexErrorKind::ConflictMark { mark },
                    offset: at,
                });
            }
        }
        Ok(())
    }
}

/// The range of the line's end (without its break) and the beginning of the next line.
pub(super) fn line_end(text: &str, from: usize) -> (usize, usize) {
    let Some(length) = text[from..].find('\n') else {
        return (text.len(), text.len());
    };
    (from + length, from + length + 1)
}

/// The name an identifier token stands for: case folded or quotes removed, cut to what a server keeps.
///
/// `None` where it cannot be a name, or has Unicode escapes that are wrong.
pub(super) fn ident_name(text: &str, token: Token, escape: char) -> Option<String> {
    let sql = &text[token.start..token.end];
    let name = match token.kind {
        TokenKind::Word => sql.to_ascii_lowercase(),
        TokenKind::QuotedIdent => sql[1..sql.len() - 1].replace("\"\"", "\""),
        TokenKind::UnicodeIdent => decode_unicode(&sql[3..sql.len() - 1].replace("\"\"", "\""), escape)?,
        _ => return None,
    };
    (!name.is_empty()).then(|| truncate_name(name))
}

/// A server keeps 63 bytes of a name and cuts at a character, with a notice.
fn truncate_name(mut name: String) -> String {
    name.truncate(name.floor_char_boundary(63));
    name
}

/// `\XXXX` and `\+XXXXXX`, where the backslash may be another character by UESCAPE.
fn decode_unicode(body: &str, escape: char) -> Option<String> {
    let mut units = Vec::new();
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != escape {
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
            continue;
        }
        if let Some(after) = rest.strip_prefix(escape) {
            units.extend_from_slice(escape.encode_utf16(&mut [0; 2]));
            rest = after;
            continue;
        }
        let (digits, after) = match rest.strip_prefix('+') {
            Some(long) => long.split_at_checked(6)?,
            None => rest.split_at_checked(4)?,
        };
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        match u32::from_str_radix(digits, 16).ok()? {
            0 => return None,
            code @ 1..=0xffff => units.push(u16::try_from(code).ok()?),
            code => units.extend_from_slice(char::from_u32(code)?.encode_utf16(&mut [0; 2])),
        }
        rest = after;
    }
    String::from_utf16(&units).ok()
}

/// Byte range of the text between the first and last byte that is not blank.
pub(super) fn trim_range(text: &str, range: Range<usize>) -> Range<usize> {
    let bytes = &text.as_bytes()[range.clone()];
    let Some(first) = bytes.iter().position(|&b| !is_space(b)) else {
        return range.start..range.start;
    };
    let last = bytes.iter().rposition(|&b| !is_space(b)).unwrap_or(first);
    range.start + first..range.start + last + 1
}

/// As the server's `scanner_isspace`; the vertical tab is one since PostgreSQL 16.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Every byte of a character beyond ASCII can begin an identifier.
fn is_ident_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_ident_cont(byte: u8) -> bool {
    is_ident_start(byte) || byte.is_ascii_digit() || byte == b'$'
}
