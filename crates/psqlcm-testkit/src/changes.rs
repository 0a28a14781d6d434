//! Changes of a schema made up at random, for whoever has to follow any of them.
//!
//! Statements come from templates over all kinds of objects, with names from pools so small that they meet again and again.
//! Many make no sense where they are run: PostgreSQL refuses those, and they are left out. They come from a seed.

use fastrand::Rng;

/// What every made-up schema begins with.
pub const BASE: &str = include_str!("changes/base.sql");

/// One template a line, blank lines and comments aside; `18:` before it says from which version on.
const TEMPLATES: &str = include_str!("changes/templates.txt");

/// A source of random statements.
pub struct Changes {
    rng: Rng,
    templates: Vec<&'static str>,
}

impl Changes {
    /// Statements for a server of that version; the same seed gives the same ones.
    #[must_use]
    pub fn new(seed: u64, major: u32) -> Self {
        let lines = TEMPLATES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let fitting = lines.filter_map(|line| match line.split_once(": ") {
            Some((since, template)) if since.parse::<u32>().is_ok() => {
                since.parse::<u32>().is_ok_and(|since| since <= major).then_some(template)
            }
            _ => Some(line),
        });
        Self { rng: Rng::with_seed(seed), templates: fitting.collect() }
    }

    /// A number of that range.
    pub fn number(&mut self, range: std::ops::RangeInclusive<usize>) -> usize {
        self.rng.usize(range)
    }

    /// The next statement.
    pub fn statement(&mut self) -> String {
        loop {
            let template = self.templates[self.rng.usize(..self.templates.len())];
            let statement = self.filled(template);
            if !selects_itself(&statement) {
                return statement;
            }
        }
    }

    /// The template with something in the place of each `{word}`; `{word1}` is the same wherever it stands.
    fn filled(&mut self, template: &str) -> String {
        let mut kept: Vec<(String, String)> = Vec::new();
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (word, end) = after.split_once('}').expect("a template closes what it opens");
            filled.push_str(before);
            match kept.iter().find(|(known, _)| known == word) {
                Some((_, value)) => filled.push_str(value),
                None => {
                    let value = self.value(word.trim_end_matches(|digit: char| digit.is_ascii_digit()));
                    filled.push_str(&value);
                    if word.ends_with(|last: char| last.is_ascii_digit()) {
                        kept.push((word.to_owned(), value));
                    }
                }
            }
            rest = end;
        }
        filled + rest
    }

    fn value(&mut self, word: &str) -> String {
        let pool: &[&str] = match word {
            "schema" => &["s1", "s2", "\"S 3\""],
            "table" => {
                &["{schema}.t1", "{schema}.t2", "{schema}.t3", "{schema}.t4", "s1.\"T 5\"", "s1.p", "s1.base"]
            }
            "column" => &["id", "a", "b", "c", "d", "\"E e\""],
            "part" => &["s1.p1", "s1.p2", "s1.p3", "s2.p1", "s1.pd"],
            "leaf" => &["s1.p3", "s2.p4", "s1.p5"],
            "base" => &["{schema}.b1", "s1.b2"],
            "event" => &["ev1", "ev2"],
            "type" => &[
                "integer",
                "bigint",
                "smallint",
                "text",
                "varchar(10)",
                "varchar(20)",
                "numeric",
                "numeric(10,2)",
                "boolean",
                "date",
                "timestamptz",
                "timestamp(3)",
                "jsonb",
                "uuid",
                "integer[]",
                "text[]",
                "{enum}",
                "{enum}",
                "{enum}[]",
                "{domain}",
                "{composite}",
                "{range}",
                "double precision",
                "interval",
                "bytea",
                "char(3)",
            ],
            "enum" => &["{schema}.e1", "{schema}.e2", "s1.mood"],
            "domain" => &["{schema}.d1", "{schema}.d2", "s1.posint"],
            "composite" => &["{schema}.k1", "s1.pair"],
            "range" => &["{schema}.r1", "s1.span"],
            "function" => &["{schema}.f1", "{schema}.f2", "{schema}.f3", "s1.twice"],
            "trigger" => &["tr1", "tr2", "\"Tr 3\""],
            "handler" => &["s1.trig", "s2.trig"],
            "view" => &["{schema}.v1", "{schema}.v2", "{schema}.v3", "s1.w"],
            "relation" => &["{table}", "{table}", "{view}", "{matview}"],
            "matview" => &["{schema}.m1", "{schema}.m2"],
            "sequence" => &["{schema}.q1", "{schema}.q2", "s1.serials"],
            "index" => &["i1", "i2", "i3", "\"I 4\""],
            "constraint" => &["k1", "k2", "k3", "\"K 4\""],
            "policy" => &["y1", "y2"],
            "statistics" => &["{schema}.st1", "{schema}.st2"],
            "publication" => &["pub1", "pub2"],
            "role" => &["cm_change_owner", "cm_change_reader", "\"cm_change Odd\""],
            "grantee" => &["{role}", "{role}", "PUBLIC"],
            "label" => &["'a'", "'b'", "'c'", "'d'", "'it''s'", "'F f'"],
            "comment" => &["'one'", "'two'", "NULL", "'it''s\na comment'"],
            "number" => &["1", "2", "5", "10", "42", "1000"],
            "literal" => &[
                "1",
                "'1'",
                "'a'",
                "NULL",
                "'{{}}'",
                "'2020-01-01'",
                "true",
                "s1.twice(2)",
                "now()",
                "'{1}'",
            ],
            "check" => &[
                "{column} IS NOT NULL",
                "id > 0",
                "a::text <> 'x'",
                "length(b::text) < 99",
                "s1.twice(id::integer) > 0",
                "{column} = {column}",
                "c IN ('a', 'b')",
                "d::text ~ '^[a-z]'",
            ],
            "expression" => &[
                "id",
                "a",
                "b",
                "lower(b::text)",
                "s1.twice(id::integer)",
                "(id::bigint + 1)",
                "c",
                "md5(a::text)",
            ],
            "body" => {
                &["SELECT 1", "SELECT 2", "SELECT count(*)::integer FROM s1.base", "SELECT s1.twice(4)"]
            }
            "query" => &[
                "SELECT id FROM {table}",
                "SELECT id, a FROM {table}",
                "SELECT a, id AS b FROM {table}",
                "SELECT * FROM {table}",
                "SELECT id, c FROM {view} WHERE id IS NOT NULL",
                "SELECT * FROM {view}",
                "SELECT * FROM {matview}",
                "SELECT x.id, y.a FROM {table} x JOIN {table} y USING (id)",
                "SELECT s1.twice(id::integer) AS id FROM {table}",
                "SELECT 1 AS id, 'x'::text AS c",
                "SELECT max(id) AS id FROM {table}",
                "SELECT t1 AS whole FROM s1.t1",
            ],
            "option" => {
                &["fillfactor = 50", "fillfactor = 70", "autovacuum_enabled = false", "parallel_workers = 2"]
            }
            other => panic!("no template knows `{other}`"),
        };
        let chosen = pool[self.rng.usize(..pool.len())].replace("{{}}", "\u{1}");
        let filled =
            if chosen.contains('{') && !chosen.starts_with('\'') { self.filled(&chosen) } else { chosen };
        filled.replace('\u{1}', "{}")
    }
}

/// Whether a view is replaced by one that selects from itself: PostgreSQL takes it, and nobody can use it.
fn selects_itself(statement: &str) -> bool {
    let view = statement.strip_prefix("CREATE OR REPLACE VIEW ");
    let (name, rest) = view.and_then(|view| view.split_once(" AS ")).unwrap_or_default();
    let name = name.split(" WITH ").next().unwrap_or_default();
    !name.is_empty() && rest.contains(&format!("FROM {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_that_selects_from_itself_is_none() {
        let replaced = |from: &str| {
            format!("CREATE OR REPLACE VIEW \"S 3\".v1 WITH (security_barrier) AS SELECT * FROM {from}")
        };
        assert!(selects_itself(&replaced("\"S 3\".v1")) && !selects_itself(&replaced("\"S 3\".v2")));
    }

    #[test]
    fn the_same_seed_gives_the_same_statements() {
        let (mut one, mut other) = (Changes::new(1, 18), Changes::new(1, 18));
        for _ in 0..2000 {
            assert_eq!(one.statement(), other.statement());
        }
        assert_ne!(Changes::new(1, 18).statement(), Changes::new(3, 18).statement());
    }
}
