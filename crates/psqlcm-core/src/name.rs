//! Names and values as SQL text: the one place that decides when an identifier needs quotes and how a
//! literal is written.
//!
//! It writes text only: whether a name exists, how long a server lets it be, or what type a value has
//! is not decided here.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text cannot be a name or a value in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// PostgreSQL has no zero-length identifier, not even in quotes.
    #[error("an identifier cannot be empty")]
    Empty,
    /// The wire protocol ends a text at a NUL byte, so what follows it would be cut off silently.
    #[error("a text in PostgreSQL cannot contain a NUL byte (at byte {offset})")]
    Nul {
        /// Byte offset of the first NUL.
        offset: usize,
    },
}

/// A name as the catalog holds it; its `Display` is SQL, quoted where PostgreSQL would quote it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ident(String);

impl Ident {
    /// Takes a name as the catalog holds it (not SQL text: no quotes are removed, no case is folded).
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        refuse_nul(&name)?;
        Ok(Ident(name))
    }

    /// The bare name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bare name, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote_ident(&self.0))
    }
}

impl AsRef<str> for Ident {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Ident {
    type Error = NameError;
    fn try_from(name: String) -> Result<Self, NameError> {
        Ident::new(name)
    }
}

impl TryFrom<&str> for Ident {
    type Error = NameError;
    fn try_from(name: &str) -> Result<Self, NameError> {
        Ident::new(name)
    }
}

impl From<Ident> for String {
    fn from(ident: Ident) -> String {
        ident.0
    }
}

/// A name that may say its schema; its `Display` is SQL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QualifiedName {
    /// The schema, where one is said.
    pub schema: Option<Ident>,
    /// The name inside the schema.
    pub name: Ident,
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        write!(f, "{}", self.name)
    }
}

/// A text value; its `Display` is an SQL string literal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Literal<'a>(Cow<'a, str>);

impl<'a> Literal<'a> {
    /// Takes the value itself, not SQL text.
    pub fn new(value: impl Into<Cow<'a, str>>) -> Result<Self, NameError> {
        let value = value.into();
        refuse_nul(&value)?;
        Ok(Literal(value))
    }

    /// The value itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote_literal(&self.0))
    }
}

/// Quotes an identifier as PostgreSQL's `quote_identifier` does, for every supported version at once:
/// a word that is a keyword in only one of them is quoted for all, so text does not depend on the server.
pub fn quote_ident(name: &str) -> Cow<'_, str> {
    quote_unless_plain(name, is_quoted_keyword)
}

/// [`quote_ident`] as a server does it whose keywords are asked for: they are other ones in each version.
pub(crate) fn quote_unless_plain(name: &str, is_keyword: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if is_safe_unquoted(name) && !is_keyword(name) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// Writes a string literal as PostgreSQL's `quote_literal` does: the result means the same whether
/// `standard_conforming_strings` is on or off.
pub fn quote_literal(value: &str) -> String {
    let doubled = value.replace('\'', "''");
    if !doubled.contains('\\') {
        return format!("'{doubled}'");
    }
    format!("E'{}'", doubled.replace('\\', "\\\\"))
}

/// Writes a dollar-quoted literal, for text that people read such as function bodies.
///
/// The tag is the first of `$$`, `$_$`, `$_1$`, `$_2$`, ... whose beginning the text does not contain:
/// a text that ends in the beginning of the tag would otherwise end the literal too early.
pub fn dollar_quote(body: &str) -> String {
    let mut tag = "$".to_owned();
    let mut tried = 0_u32;
    while body.contains(&tag) {
        tag = if tried == 0 { "$_".to_owned() } else { format!("$_{tried}") };
        tried += 1;
    }
    format!("{tag}${body}{tag}$")
}

fn refuse_nul(text: &str) -> Result<(), NameError> {
    text.find('\0').map_or(Ok(()), |offset| Err(NameError::Nul { offset }))
}

/// `$` is allowed in an unquoted identifier, but `quote_identifier` quotes it, as it is not standard SQL.
fn is_safe_unquoted(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Tells a keyword that must be quoted when it is a name.
fn is_quoted_keyword(name: &str) -> bool {
    KEYWORDS.binary_search(&name).is_ok()
}

/// The keywords of PostgreSQL 13 to 18 that are not "unreserved": reserved, usable as function or type
/// name, usable as column name. 16 added `system_user` and the first `json` words, 17 the other `json`
/// words and `merge_action`; none was taken away. Sorted, for the binary search.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization",
    "between", "bigint", "binary", "bit", "boolean", "both", "case", "cast", "char", "character",
    "check", "coalesce", "collate", "collation", "column", "concurrently", "constraint", "create",
    "cross", "current_catalog", "current_date", "current_role", "current_schema", "current_time",
    "current_timestamp", "current_user", "dec", "decimal", "default", "deferrable", "desc", "distinct",
    "do", "else", "end", "except", "exists", "extract", "false", "fetch", "float", "for", "foreign",
    "freeze", "from", "full", "grant", "greatest", "group", "grouping", "having", "ilike", "in",
    "initially", "inner", "inout", "int", "integer", "intersect", "interval", "into", "is", "isnull",
    "join", "json", "json_array", "json_arrayagg", "json_exists", "json_object", "json_objectagg",
    "json_query", "json_scalar", "json_serialize", "json_table", "json_value", "lateral", "leading",
    "least", "left", "like", "limit", "localtime", "localtimestamp", "merge_action", "national",
    "natural", "nchar", "none", "normalize", "not", "notnull", "null", "nullif", "numeric", "offset",
    "on", "only", "or", "order", "out", "outer", "overlaps", "overlay", "placing", "position",
    "precision", "primary", "real", "references", "returning", "right", "row", "select", "session_user",
    "setof", "similar", "smallint", "some", "substring", "symmetric", "system_user", "table",
    "tablesample", "then", "time", "timestamp", "to", "trailing", "treat", "trim", "true", "union",
    "unique", "user", "using", "values", "varchar", "variadic", "verbose", "when", "where", "window",
    "with", "xmlattributes", "xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlnamespaces",
    "xmlparse", "xmlpi", "xmlroot", "xmlserialize", "xmltable",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_quoted_where_postgresql_quotes_them() {
        for (name, sql) in [
            ("a", "a"),
            ("_a1", "_a1"),
            ("a_varchar", "a_varchar"),
            ("public", "public"),
            ("begin", "begin"),
            ("name", "name"),
            ("schema", "schema"),
            ("select", "\"select\""),
            ("user", "\"user\""),
            ("int", "\"int\""),
            ("left", "\"left\""),
            ("json_table", "\"json_table\""),
            ("system_user", "\"system_user\""),
            ("Upper", "\"Upper\""),
            ("1a", "\"1a\""),
            ("a$b", "\"a$b\""),
            ("My Schema", "\"My Schema\""),
            ("sch-ema", "\"sch-ema\""),
            ("a\"b", "\"a\"\"b\""),
            ("\"", "\"\"\"\""),
            ("ünï", "\"ünï\""),
            ("a/b", "\"a/b\""),
            ("..", "\"..\""),
        ] {
            assert_eq!(quote_ident(name), sql);
            assert_eq!(Ident::new(name).unwrap().to_string(), sql);
        }
    }

    #[test]
    fn names_that_postgresql_cannot_hold_are_errors() {
        assert_eq!(Ident::new(""), Err(NameError::Empty));
        assert_eq!(Ident::new("a\0b"), Err(NameError::Nul { offset: 1 }));
        assert_eq!(Literal::new("\0"), Err(NameError::Nul { offset: 0 }));
        assert!(serde_json::from_str::<Ident>("\"\"").is_err());
    }

    #[test]
    fn qualified_names_quote_each_part() {
        let name =
            QualifiedName { schema: Some(Ident::new("My").unwrap()), name: Ident::new("a.b").unwrap() };
        assert_eq!(name.to_string(), "\"My\".\"a.b\"");
    }

    #[test]
    fn literals_are_written_as_postgresql_writes_them() {
        for (value, sql) in [
            ("", "''"),
            ("a", "'a'"),
            ("it's", "'it''s'"),
            ("a\\b", "E'a\\\\b'"),
            ("a\\'b", "E'a\\\\''b'"),
            ("line\nline", "'line\nline'"),
        ] {
            assert_eq!(quote_literal(value), sql);
            assert_eq!(Literal::new(value).unwrap().to_string(), sql);
        }
    }

    #[test]
    fn dollar_quotes_choose_a_tag_that_the_body_cannot_end() {
        for (body, sql) in [
            ("", "$$$$"),
            ("select 1", "$$select 1$$"),
            ("a$", "$_$a$$_$"),
            ("select $1", "$_$select $1$_$"),
            ("$$ $_$", "$_1$$$ $_$$_1$"),
            ("x$_", "$_1$x$_$_1$"),
            ("x$_1", "$_2$x$_1$_2$"),
        ] {
            assert_eq!(dollar_quote(body), sql);
        }
    }

    /// Whatever is quoted comes back when the one lexer of this crate reads it.
    #[test]
    fn quoted_texts_are_one_token_that_reads_back() {
        let alphabet = ['a', 'Z', '"', '\'', '\\', '$', '_', '1', ' ', '\n', 'é', '-', '/', '*', ';'];
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..=state % 7 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                text.push(alphabet[(state % alphabet.len() as u64) as usize]);
            }
            for sql in [quote_ident(&text).into_owned(), quote_literal(&text), dollar_quote(&text)] {
                let script = format!("{sql};x");
                let statements = crate::script::split(&script).unwrap();
                assert_eq!(statements[0].text, sql, "from {text:?}");
                assert_eq!(statements.len(), 2, "from {text:?}");
            }
            let reread = crate::script::read_ident(&quote_ident(&text));
            assert_eq!(reread, Ident::new(text.clone()).ok());
        }
    }

    #[test]
    fn the_keyword_list_can_be_searched() {
        assert!(KEYWORDS.is_sorted());
        assert_eq!(KEYWORDS.len(), 164);
    }
}
