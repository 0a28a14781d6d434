//! Splits a script into statements by psql's lexer rules, and tells from their first words what they are.
//!
//! It does not parse SQL, expand psql variables or run psql commands, and it never changes a text: every
//! statement is a slice of the script, so that what is recorded is what was written. It expects
//! `standard_conforming_strings` to be on.

mod class;
mod cursor;
mod lexer;
mod schemaless;
mod shared;

use std::ops::Range;

pub use class::{
    Class, ConcurrentIndex, CopyDirection, NonTransactional, classify, label, read_ident, read_name,
};
pub use schemaless::is_schemaless;
pub use shared::is_shared;

use lexer::{LexError, LexErrorKind, Lexer, Token, TokenKind};

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The statement itself, without its semicolon and without what stands before its first word.
    pub text: &'a str,
    /// Byte offset of `text` in the script.
    pub offset: usize,
    /// The bytes of the script that belong to the statement: comments before it, its semicolon, the data
    /// of COPY and their end mark. The spans of a script follow one another without a gap.
    pub span: Range<usize>,
    /// The line on which `text` starts, from 1.
    pub line: u32,
    /// What it is for whoever runs it.
    pub kind: StatementKind<'a>,
}

/// What a statement is for whoever runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementKind<'a> {
    /// SQL for the server.
    Sql,
    /// A psql command, `\connect ...`, to the end of its line.
    MetaCommand,
    /// `COPY ... FROM stdin` and its data.
    CopyData {
        /// The lines after the statement's line, up to the line `\.`, which is not part of it.
        data: &'a str,
    },
}

/// The words of a statement, keywords and names, quoted ones with their quotes, in order; up to the first
/// thing that cannot be read.
pub fn words(statement: &str) -> impl Iterator<Item = Range<usize>> {
    let mut lexer = Lexer::new(statement, 0);
    let tokens = std::iter::from_fn(move || lexer.next_token().ok().flatten());
    tokens
        .filter(|token| matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdent))
        .map(|token| token.start..token.end)
}

/// What stands between the tokens of a statement, blanks and comments; up to the first thing that cannot be read.
pub fn gaps(statement: &str) -> impl Iterator<Item = Range<usize>> {
    let mut lexer = Lexer::new(statement, 0);
    let mut end = 0;
    std::iter::from_fn(move || {
        let token = lexer.next_token().ok().flatten()?;
        let gap = end..token.start;
        end = token.end;
        Some(gap)
    })
}

/// Why a script cannot be split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct SplitError {
    /// The line of `offset`, from 1.
    pub line: u32,
    /// Byte offset in the script of what the error is about: the opening quote, not the end of the text.
    pub offset: usize,
    /// What is wrong there.
    pub kind: SplitErrorKind,
}

/// What is wrong with a script that cannot be split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitErrorKind {
    /// A string without its closing quote.
    #[error("the string opened here is not closed")]
    UnterminatedString,
    /// A quoted identifier without its closing quote.
    #[error("the quoted identifier opened here is not closed")]
    UnterminatedIdentifier,
    /// A dollar-quoted string whose tag does not come again.
    #[error("the dollar quote {tag} opened here is not closed")]
    UnterminatedDollarQuote {
        /// The tag with its dollar signs.
        tag: String,
    },
    /// A block comment (they nest) that is not closed.
    #[error("the comment opened here is not closed")]
    UnterminatedComment,
    /// A parenthesis that is not closed: all that follows would be one statement.
    #[error("the parenthesis opened here is not closed")]
    UnclosedParenthesis,
    /// A function body BEGIN ATOMIC without its END.
    #[error("BEGIN ATOMIC has no END")]
    UnclosedAtomicBody,
    /// Data of COPY that the script ends in.
    #[error("the data of this COPY do not end with a line \\.")]
    UnterminatedCopyData,
    /// Something that stands on the line of a COPY after its semicolon; psql runs it after the data.
    #[error("the data of COPY begin on the next line; nothing may follow COPY on its own line")]
    TextAfterCopy,
    /// A backslash inside a statement: a psql command there acts on what psql has read so far.
    #[error("{command} is a psql command inside a statement")]
    MetaCommandInStatement {
        /// The command, as far as its name goes.
        command: String,
    },
    /// A line that git left for a person to resolve.
    #[error("merge conflict not resolved: {mark}")]
    ConflictMark {
        /// The mark at the beginning of the line.
        mark: &'static str,
    },
    /// PostgreSQL would see the text end here.
    #[error("the script contains a NUL byte")]
    Nul,
}

/// Splits a script into its statements, in their order; comments alone are no statement.
///
/// Follows psql, except where psql itself misreads what the server reads rightly: `BEGIN` opens a body
/// only before `ATOMIC`, and an `E''` string continued on the next line keeps its escapes. A `\;` outside
/// parentheses ends a statement as `;` does (psql would send both in one message).
///
/// # Errors
///
/// What is opened and not closed, merge conflict marks, and psql commands inside a statement.
pub fn split(text: &str) -> Result<Vec<Statement<'_>>, SplitError> {
    let splitter = Splitter::new(text);
    match text.find('\0') {
        Some(offset) => Err(splitter.lines.error(offset, SplitErrorKind::Nul)),
        None => splitter.run(),
    }
}

/// psql and editors on Windows put one before the first statement.
const BYTE_ORDER_MARK: &str = "\u{feff}";

struct Splitter<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    lines: Lines<'a>,
    statements: Vec<Statement<'a>>,
    /// Where the span of the statement being read begins.
    span_start: usize,
}

impl<'a> Splitter<'a> {
    fn new(text: &'a str) -> Self {
        let start = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Splitter {
            text,
            lexer: Lexer::new(text, start),
            lines: Lines { text, counted_to: 0, line: 1 },
            statements: Vec::new(),
            span_start: start,
        }
    }

    fn run(mut self) -> Result<Vec<Statement<'a>>, SplitError> {
        while let Some(first) = self.next_token()? {
            match first.kind {
                TokenKind::Backslash if self.is_escaped_semicolon(first) => self.lexer.seek(first.end + 1),
                TokenKind::Backslash => self.meta_command(first),
                TokenKind::Symbol(b';') => {}
                _ => self.sql(first)?,
            }
        }
        Ok(self.statements)
    }

    fn next_token(&mut self) -> Result<Option<Token>, SplitError> {
        self.lexer.next_token().map_err(|error| self.lines.error(error.offset, error.into()))
    }

    fn meta_command(&mut self, backslash: Token) {
        let (line_end, next_line) = lexer::line_end(self.text, backslash.start);
        let range = lexer::trim_range(self.text, backslash.start..line_end);
        self.push(range, next_line, StatementKind::MetaCommand);
        self.lexer.seek(next_line);
    }

    /// Reads to the semicolon that ends the statement, or to the end of the text.
    fn sql(&mut self, first: Token) -> Result<(), SplitError> {
        let mut nesting = Nesting::default();
        let mut last = first;
        let mut next = Some(first);
        while let Some(token) = next {
            match token.kind {
                TokenKind::Symbol(b';') if nesting.is_flat() => break,
                TokenKind::Backslash if nesting.is_flat() && self.is_escaped_semicolon(token) => {
                    self.lexer.seek(token.end + 1);
                    break;
                }
                TokenKind::Backslash => return Err(self.command_in_statement(token)),
                _ => {}
            }
            nesting.see(self.text, token);
            last = token;
            next = self.next_token()?;
        }
        if let Some((offset, kind)) = nesting.unclosed() {
            return Err(self.lines.error(offset, kind));
        }
        let range = first.start..last.end;
        if classify(&self.text[range.clone()]) == Class::Copy(CopyDirection::FromStdin) {
            return self.copy_data(range);
        }
        self.push(range, self.lexer.position(), StatementKind::Sql);
        Ok(())
    }

    /// The data begin on the line after the one on which the statement ended.
    fn copy_data(&mut self, range: Range<usize>) -> Result<(), SplitError> {
        let (statement_line_end, data_start) = lexer::line_end(self.text, self.lexer.position());
        let mut rest = Lexer::new(&self.text[..statement_line_end], self.lexer.position());
        let follows = rest.next_token().map_err(|error| self.lines.error(error.offset, error.into()))?;
        if let Some(token) = follows {
            return Err(self.lines.error(token.start, SplitErrorKind::TextAfterCopy));
        }
        let mut at = data_start;
        while at < self.text.len() {
            let (line_end, next_line) = lexer::line_end(self.text, at);
            if self.text[at..line_end].trim_end_matches('\r') == "\\." {
                let data = &self.text[data_start..at];
                self.push(range, next_line, StatementKind::CopyData { data });
                self.lexer.seek(next_line);
                return Ok(());
            }
            at = next_line;
        }
        Err(self.lines.error(range.start, SplitErrorKind::UnterminatedCopyData))
    }

    fn push(&mut self, range: Range<usize>, span_end: usize, kind: StatementKind<'a>) {
        self.statements.push(Statement {
            text: &self.text[range.clone()],
            offset: range.start,
            span: self.span_start..span_end,
            line: self.lines.at(range.start),
            kind,
        });
        self.span_start = span_end;
    }

    fn is_escaped_semicolon(&self, backslash: Token) -> bool {
        self.text.as_bytes().get(backslash.end) == Some(&b';')
    }

    fn command_in_statement(&self, backslash: Token) -> SplitError {
        let name = self.text[backslash.end..].chars();
        let name: String = name.take_while(|c| !c.is_whitespace() && *c != '\\').take(32).collect();
        let kind = SplitErrorKind::MetaCommandInStatement { command: format!("\\{name}") };
        self.lines.error(backslash.start, kind)
    }
}

impl From<LexError> for SplitErrorKind {
    fn from(error: LexError) -> Self {
        match error.kind {
            LexErrorKind::String => SplitErrorKind::UnterminatedString,
            LexErrorKind::QuotedIdent => SplitErrorKind::UnterminatedIdentifier,
            LexErrorKind::DollarString { tag } => SplitErrorKind::UnterminatedDollarQuote { tag },
            LexErrorKind::Comment => SplitErrorKind::UnterminatedComment,
            LexErrorKind::ConflictMark { mark } => SplitErrorKind::ConflictMark { mark },
        }
    }
}

/// Counts lines forward, so that a script of many statements is counted once.
#[derive(Clone, Copy)]
struct Lines<'a> {
    text: &'a str,
    counted_to: usize,
    line: u32,
}

impl Lines<'_> {
    /// The line of an offset; offsets must not go back.
    fn at(&mut self, offset: usize) -> u32 {
        let passed = &self.text.as_bytes()[self.counted_to..offset];
        let breaks = passed.iter().filter(|&&b| b == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.counted_to = offset;
        self.line
    }

    /// An error there; it ends the splitting, so the count itself need not move.
    fn error(mut self, offset: usize, kind: SplitErrorKind) -> SplitError {
        SplitError { line: self.at(offset), offset, kind }
    }
}

/// What a semicolon may be inside of without ending the statement.
#[derive(Default)]
struct Nesting {
    parentheses: u32,
    outermost_parenthesis: usize,
    atomic: AtomicBody,
}

impl Nesting {
    fn is_flat(&self) -> bool {
        self.parentheses == 0 && self.atomic.depth == 0
    }

    fn see(&mut self, text: &str, token: Token) {
        match token.kind {
            TokenKind::Symbol(b'(') => {
                if self.parentheses == 0 {
                    self.outermost_parenthesis = token.start;
                }
                self.parentheses += 1;
            }
            TokenKind::Symbol(b')') => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        if self.parentheses == 0 {
            self.atomic.see(text, token);
        }
    }

    fn unclosed(&self) -> Option<(usize, SplitErrorKind)> {
        if self.parentheses > 0 {
            return Some((self.outermost_parenthesis, SplitErrorKind::UnclosedParenthesis));
        }
        (self.atomic.depth > 0).then_some((self.atomic.start, SplitErrorKind::UnclosedAtomicBody))
    }
}

/// Follows `CREATE [OR REPLACE] {FUNCTION|PROCEDURE} ... BEGIN ATOMIC ... [CASE ... END] ... END`.
#[derive(Default)]
struct AtomicBody {
    head: RoutineHead,
    /// BEGIN and CASE that wait for their END.
    depth: u32,
    /// Where BEGIN stands.
    start: usize,
    /// What the token before was.
    previous: Previous,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum RoutineHead {
    #[default]
    Nothing,
    Create,
    CreateOr,
    CreateOrReplace,
    Routine,
    Other,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Previous {
    #[default]
    Other,
    Begin(usize),
    /// After `AS` or a dot even a reserved word is a name.
    Naming,
}

impl AtomicBody {
    fn see(&mut self, text: &str, token: Token) {
        let word = if token.kind == TokenKind::Word { &text[token.start..token.end] } else { "" };
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
        if self.head != RoutineHead::Routine {
            self.head = match self.head {
                RoutineHead::Nothing if is("create") => RoutineHead::Create,
                RoutineHead::Create if is("or") => RoutineHead::CreateOr,
                RoutineHead::CreateOr if is("replace") => RoutineHead::CreateOrReplace,
                RoutineHead::Create | RoutineHead::CreateOrReplace if is("function") || is("procedure") => {
                    RoutineHead::Routine
                }
                _ => RoutineHead::Other,
            };
            return;
        }
        match self.previous {
            Previous::Begin(start) if self.depth == 0 && is("atomic") => {
                self.depth = 1;
                self.start = start;
            }
            Previous::Naming => {}
            _ if self.depth > 0 && is("case") => self.depth += 1,
            _ if self.depth > 0 && is("end") => self.depth -= 1,
            _ => {}
        }
        self.previous = match token.kind {
            TokenKind::Word if is("begin") => Previous::Begin(token.start),
            TokenKind::Word if is("as") => Previous::Naming,
            TokenKind::Symbol(b'.') => Previous::Naming,
            _ => Previous::Other,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<&str> {
        split(script).unwrap().into_iter().map(|statement| statement.text).collect()
    }

    #[track_caller]
    fn check(script: &str, expected: &[&str]) {
        assert_eq!(texts(script), expected, "of {script:?}");
        // The same with the line ends of Windows, and after a byte order mark.
        let windows = script.replace('\n', "\r\n");
        let expected_windows: Vec<String> = expected.iter().map(|text| text.replace('\n', "\r\n")).collect();
        assert_eq!(texts(&windows), expected_windows, "of {windows:?}");
        let marked = format!("\u{feff}{script}");
        assert_eq!(texts(&marked), expected, "of {marked:?}");
        // Spans cover the script without a gap.
        let mut at = 0;
        for statement in split(script).unwrap() {
            assert_eq!(statement.span.start, at);
            assert_eq!(&script[statement.offset..statement.offset + statement.text.len()], statement.text);
            assert!(statement.span.start <= statement.offset);
            at = statement.span.end;
        }
    }

    #[test]
    fn statements_end_at_semicolons() {
        check("", &[]);
        check(" \n\t;;; ; ", &[]);
        check("select 1", &["select 1"]);
        check("select 1;", &["select 1"]);
        check("  select 1 ;\nselect\n2;select 3", &["select 1", "select\n2", "select 3"]);
        check("select 1 \\; select 2;\\;select 3", &["select 1", "select 2", "select 3"]);
        check("création é;ü", &["création é", "ü"]);
    }

    #[test]
    fn comments_are_blank() {
        check("-- a;\n/* b; /* c; */ d; */;", &[]);
        check("-- only", &[]);
        check("select 1; -- end", &["select 1"]);
        check("select 1 -- a;b\n+ 2; --", &["select 1 -- a;b\n+ 2"]);
        check("/* it's */ select /* ; \" ' $$ */ 1;", &["select /* ; \" ' $$ */ 1"]);
        check("select 1 /* a */ -- b\n; select 2", &["select 1", "select 2"]);
        check("select 1 +/* ; */ 2; select 3 *-- ;\n4", &["select 1 +/* ; */ 2", "select 3 *-- ;\n4"]);
        check("select 1/**/;/***/select 2;/*/**/*/", &["select 1", "select 2"]);
        check("select 1 - - 1; select '--'; select 2", &["select 1 - - 1", "select '--'", "select 2"]);
    }

    #[test]
    fn strings_hide_semicolons() {
        check("select 'a;b''c;', 'd'; x", &["select 'a;b''c;', 'd'", "x"]);
        check("select 'a\\'; x", &["select 'a\\'", "x"]);
        check("select E'a\\';b', e'\\\\'; x", &["select E'a\\';b', e'\\\\'", "x"]);
        check("select E'é\\é;'; x", &["select E'é\\é;'", "x"]);
        check(
            "select U&'\\0061;' , b'01', X'1F', n'a\\'; x",
            &["select U&'\\0061;' , b'01', X'1F', n'a\\'", "x"],
        );
        check("select \"a;\"\"b\", U&\"d;\\0061\"; x", &["select \"a;\"\"b\", U&\"d;\\0061\"", "x"]);
        check("select type'a\\'; x", &["select type'a\\'", "x"]);
        check("select '\n-- ;\n/* ;'; x", &["select '\n-- ;\n/* ;'", "x"]);
        check(
            "select :'var', :\"var\", :var, a[1:2], b::int; x",
            &["select :'var', :\"var\", :var, a[1:2], b::int", "x"],
        );
    }

    /// The server keeps the escapes of the first part in the next one; psql 15 does not.
    #[test]
    fn a_continued_string_keeps_its_escapes() {
        check("select E'a'\n'b\\';c'; x", &["select E'a'\n'b\\';c'", "x"]);
        check("select E'a' -- d'\n  'b\\';c'; x", &["select E'a' -- d'\n  'b\\';c'", "x"]);
        check("select E'a' 'b\\'; x", &["select E'a' 'b\\'", "x"]);
        check("select 'a'\n'b\\'; x", &["select 'a'\n'b\\'", "x"]);
    }

    #[test]
    fn dollar_quotes_hide_semicolons() {
        check("do $$ a; 'b $$; x", &["do $$ a; 'b $$", "x"]);
        check("do $a$ $$;$b$;$a$; x", &["do $a$ $$;$b$;$a$", "x"]);
        check("do $é1$ $é$;$é1$; x", &["do $é1$ $é$;$é1$", "x"]);
        check("do $$a$$$$b;$$; x", &["do $$a$$$$b;$$", "x"]);
        check("select a$$; x$a$; y", &["select a$$", "x$a$", "y"]);
        check("select $1; select $1$$;$$; x", &["select $1", "select $1$$;$$", "x"]);
        check("select 1$$;$$; select $1a$; x", &["select 1$$;$$", "select $1a$", "x"]);
        check("select $a; b$; c", &["select $a", "b$", "c"]);
        check("do $A$ $a$;$A$; x", &["do $A$ $a$;$A$", "x"]);
    }

    #[test]
    fn parentheses_hide_semicolons() {
        check(
            "create rule r as on insert to t do (select 1; select 2); x",
            &["create rule r as on insert to t do (select 1; select 2)", "x"],
        );
        check("select ((1;2);3); select ')' ; x", &["select ((1;2);3)", "select ')'", "x"]);
        check("select 1); x", &["select 1)", "x"]);
    }

    #[test]
    fn atomic_bodies_hide_semicolons() {
        for routine in ["function", "procedure", "FUNCTION"] {
            for create in ["create", "CREATE OR REPLACE", "create /* c */ or\nreplace"] {
                let whole = format!("{create} {routine} f() begin atomic select 1; select 2; end");
                check(&format!("{whole}; x"), &[&whole, "x"]);
            }
        }
        for body in [
            "create function f() returns int begin atomic select case when a then 1; else 2 end; return 1; end",
            "create function f() BEGIN /* ; */ ATOMIC select (case a when 1 then 2 end); END",
            "create function f() begin atomic select 1 as end; select t.case; end",
            "create function f() begin atomic select begin from t; end",
            "create function f() begin atomic select 'end'; select \"end\"; end",
            "create function f(a text default 'begin atomic') begin atomic end",
        ] {
            check(&format!("{body}; x"), &[body, "x"]);
        }
        // No body: BEGIN is a name like any other.
        for statement in [
            "create function begin() returns int language sql as 'select 1'",
            "create table begin(atomic int)",
            "begin",
            "create view v as select 1 as begin",
            "create table t(a int); create view w as select begin from atomic",
        ] {
            let expected: Vec<&str> = statement.split("; ").chain(["x"]).collect();
            check(&format!("{statement}; x"), &expected);
        }
    }

    #[test]
    fn psql_commands_end_with_their_line() {
        let script = "\\restrict abc\nselect 1;\n  \\connect \"a;b\"  \r\nselect 2; \\echo it's\n\\.";
        let statements = split(script).unwrap();
        let found: Vec<_> = statements.iter().map(|s| (s.text, s.kind, s.line)).collect();
        assert_eq!(
            found,
            [
                ("\\restrict abc", StatementKind::MetaCommand, 1),
                ("select 1", StatementKind::Sql, 2),
                ("\\connect \"a;b\"", StatementKind::MetaCommand, 3),
                ("select 2", StatementKind::Sql, 4),
                ("\\echo it's", StatementKind::MetaCommand, 4),
                ("\\.", StatementKind::MetaCommand, 5),
            ]
        );
    }

    #[test]
    fn copy_takes_its_data_with_it() {
        for copy in [
            "COPY t FROM stdin",
            "copy s.\"t\" (a, \"from\") from STDIN with (format csv)",
            "COPY t.from FROM stdout",
            "copy binary t from stdin",
        ] {
            for line_end in ["\n", "\r\n"] {
                let data = format!("1\t'a;{line_end}\\N\t$$ /*{line_end}\\.x{line_end}");
                let script = format!("-- c{line_end}{copy} ; -- d{line_end}{data}\\.{line_end}select 1;");
                let statements = split(&script).unwrap();
                assert_eq!(statements.len(), 2, "{script}");
                assert_eq!(statements[0].text, copy);
                assert_eq!(statements[0].kind, StatementKind::CopyData { data: &data });
                assert_eq!((statements[0].line, statements[1].line), (2, 7));
                assert_eq!(statements[0].span.end, statements[1].span.start);
                assert_eq!(statements[1].text, "select 1");
            }
        }
        assert_eq!(split("copy t from stdin;\n\\.").unwrap()[0].kind, StatementKind::CopyData { data: "" });
        check("copy t to stdout; x", &["copy t to stdout", "x"]);
        check("copy t from 'stdin'; x", &["copy t from 'stdin'", "x"]);
        check("copy t from program 'stdin'; x", &["copy t from program 'stdin'", "x"]);
        check("copy (select 1 from stdin) to stdout; x", &["copy (select 1 from stdin) to stdout", "x"]);
    }

    #[test]
    fn lines_are_those_of_the_first_word() {
        let script = "\n-- c\n\nselect\n1; select 2;\n/*\n*/ select 'a\nb'; select 3";
        let lines: Vec<u32> = split(script).unwrap().iter().map(|statement| statement.line).collect();
        assert_eq!(lines, [4, 5, 7, 8]);
    }

    #[test]
    fn what_cannot_be_split_is_named_where_it_begins() {
        use SplitErrorKind as K;
        let dollar = |tag: &str| K::UnterminatedDollarQuote { tag: tag.to_owned() };
        let command = |name: &str| K::MetaCommandInStatement { command: name.to_owned() };
        for (script, line, offset, kind) in [
            ("select 1;\nselect 'a;\n\n", 2, 17, K::UnterminatedString),
            ("select E'a\\'", 1, 7, K::UnterminatedString),
            ("select E'a'\n'b\\'", 1, 7, K::UnterminatedString),
            ("select E'\\", 1, 7, K::UnterminatedString),
            ("select \"a\"\"\n", 1, 7, K::UnterminatedIdentifier),
            ("\n/* a /* b */\n", 2, 1, K::UnterminatedComment),
            ("do $a$ $$ $A$", 1, 3, dollar("$a$")),
            ("x;\ndo $$ $", 2, 6, dollar("$$")),
            ("create table t(\n a int;\nselect (1);", 1, 14, K::UnclosedParenthesis),
            ("create function f() begin atomic select 1;\nx;", 1, 20, K::UnclosedAtomicBody),
            ("x; copy t from stdin;\n1\n\\. \n", 1, 3, K::UnterminatedCopyData),
            ("copy t from stdin", 1, 0, K::UnterminatedCopyData),
            ("copy t from stdin; select 1;\n1\n\\.\n", 1, 19, K::TextAfterCopy),
            ("select 1\n\\gexec\n", 2, 9, command("\\gexec")),
            ("select (1 \\; 2)", 1, 10, command("\\;")),
            ("select 1\\:2", 1, 8, command("\\:2")),
            ("x;\n<<<<<<< HEAD\ny;\n", 2, 3, K::ConflictMark { mark: "<<<<<<<" }),
            ("create table t(\n=======\n)", 2, 16, K::ConflictMark { mark: "=======" }),
            ("x;\r\n>>>>>>> b\r\n", 2, 4, K::ConflictMark { mark: ">>>>>>>" }),
            ("x;\n||||||| base\n", 2, 3, K::ConflictMark { mark: "|||||||" }),
            ("a\n\0;", 2, 2, K::Nul),
        ] {
            assert_eq!(split(script), Err(SplitError { line, offset, kind }), "of {script:?}");
        }
        assert_eq!(split("\n'").unwrap_err().to_string(), "line 2: the string opened here is not closed");
    }

    #[test]
    fn conflict_marks_may_stand_in_strings_and_comments() {
        check(
            "select '\n<<<<<<< a\n=======\n'; /*\n=======\n*/ x",
            &["select '\n<<<<<<< a\n=======\n'", "x"],
        );
        check("select 1 ======= 2", &["select 1 ======= 2"]);
        check("a\n<<<<<<<b", &["a\n<<<<<<<b"]);
    }

    /// Scripts that would take minutes if anything were read again and again.
    #[test]
    fn time_grows_with_the_script_only() {
        const MANY: usize = 200_000;
        for (piece, end) in [
            ("select 1;\n", ""),
            ("select E'a'\n -- b\n;", ""),
            ("(", ")"),
            ("/*", "*/"),
            ("$a", ""),
            ("'a'\n", ""),
            ("copy t from stdin;\n\\.\n", ""),
            ("=", ""),
        ] {
            let script = piece.repeat(MANY) + &end.repeat(MANY);
            assert!(split(&script).is_ok(), "{piece:?}");
        }
    }
}
