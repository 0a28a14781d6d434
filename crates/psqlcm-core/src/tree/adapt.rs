//! Statements of a tree adapted to another cluster: other roles, no owners, no privileges.
//!
//! Looks at words alone, and only at statements of the forms the tool writes: what else names a role stays. Several
//! statements that belong together, as what is done as another role, may come as one text.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::name::quote_ident;
use crate::script::{split, words};

/// What a statement is about, as far as roles go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// It makes a role.
    Role,
    /// It says who owns something.
    Owner,
    /// It gives or takes privileges, or acts as a role to do so.
    Privilege,
    /// Something else.
    Other,
}

/// What the statement is about.
pub fn concern(statement: &str) -> Concern {
    let words = Words::of(statement);
    match () {
        () if words.begins(&["CREATE", "ROLE"]) => Concern::Role,
        () if words.begins(&["GRANT"]) || words.begins(&["REVOKE"]) => Concern::Privilege,
        () if words.begins(&["ALTER", "DEFAULT", "PRIVILEGES"]) => Concern::Privilege,
        () if words.begins(&["SET", "ROLE"]) || words.begins(&["RESET", "ROLE"]) => Concern::Privilege,
        () if words.begins(&["ALTER"]) && words.owner().is_some() => Concern::Owner,
        () => Concern::Other,
    }
}

/// Whether the statement brings back a state, which may depend on data: the rows of a materialized view.
pub fn brings_state(statement: &str) -> bool {
    let is_one = |text: &str| Words::of(text).begins(&["REFRESH", "MATERIALIZED", "VIEW"]);
    // Together with the search path that it needs.
    let on_path = || split(statement).is_ok_and(|parts| parts.iter().any(|part| is_one(part.text)));
    is_one(statement) || Words::of(statement).begins(&["SET", "search_path"]) && on_path()
}

/// Whether the statement would act on what is made after it: default privileges, and triggers on events.
pub fn acts_on_what_follows(statement: &str) -> bool {
    let words = Words::of(statement);
    words.begins(&["ALTER", "DEFAULT", "PRIVILEGES"])
        || words.begins(&["CREATE", "EVENT", "TRIGGER"])
        || words.begins(&["ALTER", "EVENT", "TRIGGER"])
        || words.begins(&["COMMENT", "ON", "EVENT", "TRIGGER"])
}

/// The roles a statement of the tool's forms names, in order.
pub fn roles(statement: &str) -> Vec<String> {
    let each = each(statement).flat_map(|range| {
        let words = Words::of(&statement[range]);
        words.roles().into_iter().map(|at| words.name(at)).collect::<Vec<_>>()
    });
    each.collect()
}

/// The statement with roles exchanged.
pub fn with_roles(statement: &str, map: &BTreeMap<String, String>) -> String {
    let mut text = statement.to_owned();
    for range in each(statement).collect::<Vec<_>>().into_iter().rev() {
        let words = Words::of(&statement[range.clone()]);
        for at in words.roles().into_iter().rev() {
            if let Some(role) = map.get(&words.name(at)) {
                let word = range.start + words.at[at].start..range.start + words.at[at].end;
                let name = apart(&text, &word, &quote_ident(role));
                text.replace_range(word, &name);
            }
        }
    }
    text
}

/// A name that is to stand in the place of a word, with spaces where it would run into what is beside it.
pub(super) fn apart(text: &str, place: &Range<usize>, name: &str) -> String {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '"');
    let before = if text[..place.start].ends_with(joins) { " " } else { "" };
    let after = if text[place.end..].starts_with(joins) { " " } else { "" };
    format!("{before}{name}{after}")
}

/// Where the statements of a text stand; one that cannot be split is taken as one.
fn each(text: &str) -> impl Iterator<Item = Range<usize>> {
    let statements = match concern(text) {
        Concern::Privilege => split(text).unwrap_or_default(),
        _ => Vec::new(),
    };
    let mut ranges: Vec<_> = statements
        .iter()
        .map(|statement| statement.offset..statement.offset + statement.text.len())
        .collect();
    if ranges.is_empty() {
        ranges.push(0..text.len());
    }
    ranges.into_iter()
}

/// The words that follow a keyword where it stands alone, unquoted: `CREATE EXTENSION name`, `TABLESPACE name`.
pub fn names_after(statement: &str, keyword: &str) -> Vec<String> {
    let words = Words::of(statement);
    let after = (1..words.at.len()).filter(|&at| words.is(at - 1, keyword));
    after.map(|at| words.name(at)).collect()
}

/// The name a statement makes an extension of, past `IF NOT EXISTS`.
pub fn extension(statement: &str) -> Option<String> {
    let words = Words::of(statement);
    let at = match () {
        () if words.begins(&["CREATE", "EXTENSION", "IF", "NOT", "EXISTS"]) => 5,
        () if words.begins(&["CREATE", "EXTENSION"]) => 2,
        () => return None,
    };
    (at < words.at.len()).then(|| words.name(at))
}

pub(crate) struct Words<'a> {
    statement: &'a str,
    at: Vec<Range<usize>>,
}

impl<'a> Words<'a> {
    pub(crate) fn of(statement: &'a str) -> Self {
        Self { statement, at: words(statement).collect() }
    }

    pub(crate) fn is(&self, at: usize, keyword: &str) -> bool {
        self.at.get(at).is_some_and(|word| self.statement[word.clone()].eq_ignore_ascii_case(keyword))
    }

    pub(crate) fn begins(&self, keywords: &[&str]) -> bool {
        keywords.iter().enumerate().all(|(at, keyword)| self.is(at, keyword))
    }

    /// Where a word stands in the statement.
    pub(crate) fn range(&self, at: usize) -> Option<Range<usize>> {
        self.at.get(at).cloned()
    }

    /// A word as the name it means.
    pub(crate) fn name(&self, at: usize) -> String {
        let word = &self.statement[self.at[at].clone()];
        match word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => word.to_lowercase(),
        }
    }

    /// The owner of `... OWNER TO name`, which ends its statement.
    fn owner(&self) -> Option<usize> {
        let last = self.at.len().checked_sub(1)?;
        (last >= 2 && self.is(last - 2, "OWNER") && self.is(last - 1, "TO")).then_some(last)
    }

    /// Where roles stand.
    fn roles(&self) -> Vec<usize> {
        let after = |keywords: &[&str]| {
            let follows = |at: &usize| keywords.iter().any(|keyword| self.is(at - 1, keyword));
            (1..self.at.len()).filter(follows).filter(|&at| !self.is(at, "PUBLIC")).collect::<Vec<_>>()
        };
        let third = || (2..self.at.len()).take(1).collect();
        match concern(self.statement) {
            Concern::Role => third(),
            Concern::Owner => self.owner().into_iter().collect(),
            // The last TO or FROM: a table may have such a name.
            Concern::Privilege if self.begins(&["GRANT"]) || self.begins(&["REVOKE"]) => {
                after(&["TO", "FROM"]).pop().into_iter().collect()
            }
            Concern::Privilege if self.begins(&["ALTER"]) => {
                let roles = after(&["ROLE"]).into_iter().take(1);
                let mut roles: Vec<usize> = roles.chain(after(&["TO", "FROM"]).pop()).collect();
                // They are exchanged from the last to the first.
                roles.sort_unstable();
                roles.dedup();
                roles
            }
            Concern::Privilege => after(&["ROLE"]),
            Concern::Other if self.begins(&["CREATE", "POLICY"]) => self.policy_roles(),
            Concern::Other if self.begins(&["CREATE", "USER", "MAPPING", "FOR"]) => {
                after(&["FOR"]).into_iter().take(1).collect()
            }
            Concern::Other if self.begins(&["ALTER", "ROLE"]) => third(),
            Concern::Other => Vec::new(),
        }
    }

    /// `CREATE POLICY name ON table [AS ...] [FOR ...] TO role, role [USING (...)]`.
    fn policy_roles(&self) -> Vec<usize> {
        let Some(to) = (3..self.at.len()).find(|&at| self.is(at, "TO")) else { return Vec::new() };
        let mut roles = Vec::new();
        for at in to + 1..self.at.len() {
            if self.is(at, "USING") || self.is(at, "WITH") {
                break;
            }
            roles.push(at);
        }
        roles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_found_where_statements_name_them() {
        let check =
            |statement: &str, expected: &[&str]| assert_eq!(roles(statement), expected, "{statement}");
        check("CREATE ROLE \"My role\" LOGIN", &["My role"]);
        check("ALTER TABLE a.b OWNER TO app", &["app"]);
        check("GRANT SELECT (a), UPDATE (b) ON TABLE a.\"to\" TO app WITH GRANT OPTION", &["app"]);
        check("REVOKE ALL ON SCHEMA public FROM PUBLIC", &[]);
        check("ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA s GRANT SELECT ON TABLES TO b", &["a", "b"]);
        check("CREATE POLICY p ON a.b FOR SELECT TO x, y USING ((z = 1))", &["x", "y"]);
        check("CREATE USER MAPPING FOR app SERVER s OPTIONS (a 'for b')", &["app"]);
        check("CREATE USER MAPPING FOR PUBLIC SERVER \"for\"", &[]);
        check("ALTER ROLE r IN DATABASE d SET a TO 'b'", &["r"]);
        check("COMMENT ON TABLE a.b IS 'OWNER TO app'", &[]);
        // What a person has left unfinished names nobody; the server says what is missing.
        for unfinished in ["CREATE ROLE", "ALTER ROLE", "GRANT a TO", "ALTER TABLE a OWNER TO", "SET ROLE"] {
            check(unfinished, &[]);
        }
        check("SET ROLE a\n;\nGRANT SELECT ON TABLE s.t TO \"b c\"\n;\nRESET ROLE", &["a", "b c"]);
    }

    #[test]
    fn refreshes_bring_a_state() {
        assert!(brings_state("REFRESH MATERIALIZED VIEW a.m"));
        assert!(brings_state(
            "SET search_path = a, public\n;\nREFRESH MATERIALIZED VIEW a.m\n;\nSET search_path = ''"
        ));
        assert!(!brings_state(
            "SET search_path = a\n;\nCREATE INDEX i ON a.m (a.f(b))\n;\nSET search_path = ''"
        ));
        assert!(!brings_state("COMMENT ON TABLE a.t IS 'REFRESH MATERIALIZED VIEW a.m'"));
    }

    #[test]
    fn roles_are_exchanged_and_nothing_else() {
        let map = BTreeMap::from([("app".to_owned(), "My app".to_owned())]);
        assert_eq!(
            with_roles("ALTER TABLE app.app OWNER TO app", &map),
            "ALTER TABLE app.app OWNER TO \"My app\""
        );
        assert_eq!(with_roles("SELECT app", &map), "SELECT app");
        // Quotes part words; a name without them must not run into its neighbours.
        let map = BTreeMap::from([("My app".to_owned(), "app".to_owned()), ("a".to_owned(), "B".to_owned())]);
        assert_eq!(with_roles("ALTER TABLE t OWNER TO\"My app\"", &map), "ALTER TABLE t OWNER TO app");
        assert_eq!(
            with_roles("CREATE POLICY p ON t TO\"My app\"USING (true)", &map),
            "CREATE POLICY p ON t TO app USING (true)"
        );
        assert_eq!(with_roles("GRANT b TO a\"c\"", &map), "GRANT b TO \"B\" \"c\"");
        // Wherever the two stand.
        assert_eq!(
            with_roles("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO a FOR ROLE \"My app\"", &map),
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO \"B\" FOR ROLE app"
        );
        let map = BTreeMap::from([("app".to_owned(), "My app".to_owned())]);
        assert_eq!(
            with_roles("SET ROLE app\n;\nGRANT SELECT ON TABLE app.app TO app\n;\nRESET ROLE", &map),
            "SET ROLE \"My app\"\n;\nGRANT SELECT ON TABLE app.app TO \"My app\"\n;\nRESET ROLE"
        );
    }

    #[test]
    fn requirements_are_named() {
        assert_eq!(
            extension("CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA public").unwrap(),
            "uuid-ossp"
        );
        assert_eq!(names_after("CREATE TABLE a (b int) TABLESPACE fast", "TABLESPACE"), ["fast"]);
        assert_eq!(concern("ALTER SEQUENCE a OWNED BY b.c.d"), Concern::Other);
    }
}
