//! Reads a script as psql does, just enough to tell what stands outside of quotes: comments and psql's own commands. It
//! shares no code with the product.

/// What stands outside of quotes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Comments, as they are.
    pub comments: Vec<String>,
    /// Commands of psql, up to the end of their line.
    pub commands: Vec<String>,
    /// What psql would replace by a variable: `:name`.
    pub variables: Vec<String>,
    /// A quote or comment that never ends.
    pub unfinished: Option<String>,
}

/// Reads a whole script.
pub fn outside(text: &str) -> Outside {
    let mut found = Outside::default();
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '\'' => quoted(rest, '\'', matches!(before, 'E' | 'e')),
            '"' => quoted(rest, '"', false),
            '$' if !is_word(before) => dollar_quoted(rest),
            '-' if rest.starts_with("--") => Some(line(rest).len()),
            '/' if rest.starts_with("/*") => block(rest),
            '\\' => Some(line(rest).len()),
            ':' => Some(variable(rest)),
            other => Some(other.len_utf8()),
        };
        let Some(taken) = taken else {
            found.unfinished = Some(rest.chars().take(60).collect());
            return found;
        };
        let token = rest[..taken].to_owned();
        match c {
            '-' | '/' if taken > 1 => found.comments.push(token),
            '\\' => found.commands.push(token),
            ':' if taken > 1 && !token.starts_with("::") => found.variables.push(token),
            _ => {}
        }
        before = c;
        rest = &rest[taken..];
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

fn line(text: &str) -> &str {
    text.split('\n').next().unwrap_or(text)
}

fn quoted(text: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c == '\\' && escapes {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// A tag and what it quotes; one character where there is none, as in `$1`.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag = &text[1..1 + text[1..].find(|c| !is_word(c) || c == '$')?];
    let is_tag = text[1 + tag.len()..].starts_with('$') && !tag.starts_with(|c: char| c.is_ascii_digit());
    let tag = &text[..tag.len() + 2];
    match is_tag {
        true => Some(text[tag.len()..].find(tag)? + 2 * tag.len()),
        false => Some(1),
    }
}

/// A comment, and those within it.
fn block(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_u32, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    None
}

fn variable(text: &str) -> usize {
    let after = &text[1..];
    match after.chars().next() {
        Some(':' | '=') => 2,
        Some('\'' | '"' | '{') => 2,
        Some(c) if is_word(c) && c != '$' => 1 + after.find(|c| !is_word(c)).unwrap_or(after.len()),
        _ => 1,
    }
}

#[test]
fn what_stands_outside_of_quotes_is_told() {
    let text = "SELECT 'a -- \\b', E'\\' --', \"c\\d\" -- one\n\\gexec\n$$ -- \\x $$ $1 $_$ $$ $_$ a$b -- two\n\
        /* three /* \\. */ */ x::int [1:2] [1:a] 'x''\n-- y\n'\n\\set x y\n";
    let found = outside(text);
    assert_eq!(found.comments, ["-- one", "-- two", "/* three /* \\. */ */"]);
    assert_eq!(found.commands, ["\\gexec", "\\set x y"]);
    assert_eq!(found.variables, [":2", ":a"]);
    assert_eq!(found.unfinished, None);
    assert!(outside("SELECT 'x").unfinished.is_some());
    assert!(outside("$$ x $").unfinished.is_some());
}
