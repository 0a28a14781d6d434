//! Walks over the words of one statement.
//!
//! It knows tokens and names, and nothing of what statements mean.

use super::lexer::{self, Lexer, Token, TokenKind};
use crate::name::{Ident, QualifiedName};

/// One entry of a parenthesized list of options.
pub(super) struct OptionEntry {
    pub name: String,
    /// As a boolean, where it reads as one; an option without a value is on.
    pub value: Option<bool>,
}

/// Walks over the tokens of a statement; what cannot be read ends it, and the server will name the error.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    ahead: Option<Token>,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        let mut cursor = Cursor { text, lexer: Lexer::new(text, 0), ahead: None };
        cursor.advance();
        cursor
    }

    pub fn peek(&self) -> Option<Token> {
        self.ahead
    }

    pub fn advance(&mut self) -> Option<Token> {
        let token = self.ahead;
        self.ahead = self.lexer.next_token().unwrap_or(None);
        token
    }

    pub fn is_at(&self, keyword: &str) -> bool {
        self.ahead.is_some_and(|token| {
            token.kind == TokenKind::Word && self.text[token.start..token.end].eq_ignore_ascii_case(keyword)
        })
    }

    pub fn is_at_symbol(&self, symbol: u8) -> bool {
        self.ahead.is_some_and(|token| token.kind == TokenKind::Symbol(symbol))
    }

    pub fn take(&mut self, keyword: &str) -> bool {
        let found = self.is_at(keyword);
        if found {
            self.advance();
        }
        found
    }

    /// All of them or none.
    pub fn take_all(&mut self, keywords: &[&str]) -> bool {
        let mut ahead = self.clone();
        let found = keywords.iter().all(|keyword| ahead.take(keyword));
        if found {
            *self = ahead;
        }
        found
    }

    pub fn take_symbol(&mut self, symbol: u8) -> bool {
        let found = self.is_at_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    /// An unquoted word, in lower case.
    pub fn word(&mut self) -> Option<String> {
        let token = self.ahead.filter(|token| token.kind == TokenKind::Word)?;
        self.advance();
        Some(self.text[token.start..token.end].to_ascii_lowercase())
    }

    pub fn ident(&mut self) -> Option<Ident> {
        let token = self.ahead?;
        let is_ident =
            matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdent | TokenKind::UnicodeIdent);
        if !is_ident {
            return None;
        }
        self.advance();
        let escape = if token.kind == TokenKind::UnicodeIdent { self.unicode_escape()? } else { '\\' };
        Ident::new(lexer::ident_name(self.text, token, escape)?).ok()
    }

    /// `UESCAPE 'c'` after a `U&""` identifier.
    fn unicode_escape(&mut self) -> Option<char> {
        if !self.take("uescape") {
            return Some('\\');
        }
        let token = self.advance().filter(|token| token.kind == TokenKind::String)?;
        let mut inside = self.text[token.start..token.end].strip_prefix('\'')?.strip_suffix('\'')?.chars();
        inside.next().filter(|_| inside.next().is_none())
    }

    /// A name with its schema; of three parts the first is the database, which can only be the own one.
    pub fn qualified_name(&mut self) -> Option<QualifiedName> {
        let mut schema = None;
        let mut name = self.ident()?;
        while self.take_symbol(b'.') {
            schema = Some(name);
            name = self.ident()?;
        }
        Some(QualifiedName { schema, name })
    }

    /// Goes past a parenthesized list, if one is here.
    pub fn skip_parentheses(&mut self) {
        if !self.is_at_symbol(b'(') {
            return;
        }
        let mut depth = 0_u32;
        while let Some(token) = self.advance() {
            match token.kind {
                TokenKind::Symbol(b'(') => depth += 1,
                TokenKind::Symbol(b')') if depth == 1 => return,
                TokenKind::Symbol(b')') => depth -= 1,
                _ => {}
            }
        }
    }

    /// The options of the list that follows the first WITH, which is a reserved word.
    pub fn options_after_with(&mut self) -> Vec<OptionEntry> {
        while self.ahead.is_some() && !self.take("with") {
            self.advance();
        }
        self.options().unwrap_or_default()
    }

    /// `( name [[=] value] [, ...] )`
    pub fn options(&mut self) -> Option<Vec<OptionEntry>> {
        if !self.take_symbol(b'(') {
            return None;
        }
        let mut options = Vec::new();
        while let Some(name) = self.ident() {
            self.take_symbol(b'=');
            let value = self.option_value();
            options.push(OptionEntry { name: name.into_string(), value });
            if !self.take_symbol(b',') {
                break;
            }
        }
        self.take_symbol(b')');
        Some(options)
    }

    /// Reads a value as the server's `defGetBoolean` does.
    fn option_value(&mut self) -> Option<bool> {
        if self.is_at_symbol(b',') || self.is_at_symbol(b')') {
            return Some(true);
        }
        let token = self.advance()?;
        let value = self.text[token.start..token.end].trim_matches('\'').to_ascii_lowercase();
        match value.as_str() {
            "true" | "on" | "1" => Some(true),
            "false" | "off" | "0" => Some(false),
            _ => None,
        }
    }
}
