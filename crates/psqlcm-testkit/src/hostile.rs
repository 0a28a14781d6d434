//! Names and texts made up to trip whoever writes them into SQL, into paths or onto a terminal.
//!
//! They come from a seed, so that a failure can be had again: `PSQL_CM_NAMES_SEED`. It gives values and knows of no object;
//! what is made of them is for the test. What holds of files and outputs, whatever the names, is judged here too.

use std::collections::{BTreeMap, HashSet};
use std::env;
use std::path::Path;

use fastrand::Rng;
use unicode_normalization::UnicodeNormalization;

/// The seed of the names, where it is not told.
const SEED: u64 = 20_260_719;

/// The longest name that PostgreSQL keeps, in bytes.
const LONGEST: usize = 63;

/// What would be made if a name or text became SQL: nothing of this name may exist afterwards.
pub const CANARY: &str = "psqlcm_canary";

/// What quotes, lexers, shells, file systems, terminals and psql treat in a way of their own.
const PIECES: [&str; 96] = [
    "\"",
    "'",
    "\\",
    "\n",
    "\t",
    "\r",
    "\r\n",
    "%",
    "%s",
    "%2f",
    "$",
    "$$",
    "$a$",
    "$_$",
    "/",
    "//",
    ".",
    "..",
    "../",
    "../../",
    ";",
    "--",
    "/*",
    "*/",
    ":",
    "::",
    ":a",
    ":'a'",
    ":\"a\"",
    ":{?a}",
    "\\.",
    "\n\\.\n",
    "\\restrict",
    "\\unrestrict x",
    "\n\\! touch psqlcm_canary\n",
    "\nCREATE TABLE psqlcm_canary();\n",
    "'; CREATE TABLE psqlcm_canary(); --",
    "\"; CREATE TABLE psqlcm_canary(); --",
    "$$; CREATE TABLE psqlcm_canary(); $$",
    "*/ CREATE TABLE psqlcm_canary(); /*",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{feff}",
    "\u{61c}",
    "\x1b[31m",
    "\x1b]0;x\x07",
    "\x07",
    "\x08",
    "\u{9b}31m",
    "\u{85}",
    "\u{2028}",
    "\u{a0}",
    "\x7f",
    "\x01",
    "é",
    "e\u{301}",
    "ﬁ",
    "Å",
    "\u{212b}",
    "ß",
    "İ",
    "ı",
    "\u{212a}",
    "Ǆ",
    "漢",
    "한",
    "🦀",
    " ",
    "  ",
    "~",
    "+",
    "#",
    "&",
    "|",
    "<",
    ">",
    "*",
    "?",
    "`",
    "$(id)",
    "{",
    "}",
    "@",
    "=",
    ",",
    "(",
    ")",
    "!",
    "-",
    "_",
    "a",
    "B",
    "0",
    "psqlcm",
    "CASE",
];

/// Names that mean something to SQL, to file systems, to git, to psql or to this tool.
const RESERVED: [&str; 68] = [
    "select",
    "SELECT",
    "user",
    "table",
    "null",
    "NULL",
    "true",
    "default",
    "all",
    "any",
    "as",
    "order",
    "current_user",
    "none",
    "public",
    "PUBLIC",
    "name",
    "database",
    "schema",
    "int",
    "integer",
    "char",
    "interval",
    "time",
    "between",
    "values",
    "json_table",
    "merge",
    "rows",
    "new",
    "old",
    "excluded",
    "CON",
    "con",
    "nul",
    "nul.sql",
    "aux.sql",
    "prn",
    "com1",
    "LPT9",
    "com1.txt",
    "desktop.ini",
    ".",
    "..",
    "...",
    ".git",
    ".gitattributes",
    ".facts",
    "-rf",
    "--help",
    "-",
    "~",
    "~root",
    "database.sql",
    "schema.sql",
    "roles.sql",
    "restore.sql",
    "manifest.json",
    "tables",
    "functions",
    "pg_psql_cm_id_seq",
    "pg_psql_cm_append_only",
    "pg_psql_cm_x",
    "pg_catalog",
    "information_schema",
    "pg_temp",
    "template1",
    "postgres",
];

/// Lines that would end a body, a statement or a script for whoever reads by lines.
const LINES: [&str; 22] = [
    "\\.",
    "\\restrict x",
    "\\unrestrict x",
    "\\connect postgres",
    "\\! touch psqlcm_canary",
    "\\gexec",
    "--",
    "/*",
    "*/",
    "/* /* */",
    "$$",
    "$_$ $_1$ $a$",
    "$body$",
    "END;",
    "COMMIT;",
    "CREATE TABLE psqlcm_canary();",
    "'; CREATE TABLE psqlcm_canary(); --",
    "BEGIN ATOMIC",
    "COPY t FROM stdin;",
    "-- Name: x; Type: TABLE",
    "-- f1:0",
    ":a :'a' :\"a\"",
];

/// Gives hostile names and texts, no name twice.
pub struct Hostile {
    seed: u64,
    rng: Rng,
    given: Vec<String>,
    used: HashSet<String>,
    texts: usize,
}

impl Hostile {
    /// From the seed of the environment, or the usual one, and a number that tells the parts of a run apart.
    #[must_use]
    pub fn new(part: u64) -> Self {
        let told = env::var("PSQL_CM_NAMES_SEED").ok();
        let seed = told.map_or(SEED, |seed| seed.parse().expect("PSQL_CM_NAMES_SEED is a number"));
        let rng = Rng::with_seed(seed.wrapping_add(part.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        Self { seed, rng, given: Vec::new(), used: HashSet::new(), texts: 0 }
    }

    /// How many names a run makes up: `PSQL_CM_NAMES`, else so many.
    #[must_use]
    pub fn wanted(usual: usize) -> usize {
        let told = env::var("PSQL_CM_NAMES").ok();
        told.map_or(usual, |count| count.parse().expect("PSQL_CM_NAMES is a number"))
    }

    /// The seed it all comes from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How many names and texts it gave.
    #[must_use]
    pub fn count(&self) -> usize {
        self.given.len() + self.texts
    }

    /// A name that was not given yet; PostgreSQL keeps it whole but for its end, which it may cut.
    pub fn name(&mut self) -> String {
        self.name_that(|_| true)
    }

    /// The same, of those that may be used.
    pub fn name_that(&mut self, may_be: impl Fn(&str) -> bool) -> String {
        loop {
            let name = self.made_up();
            let kept = cut(&name, LONGEST);
            if !kept.is_empty() && may_be(kept) && self.used.insert(kept.to_owned()) {
                self.given.push(name.clone());
                return name;
            }
        }
    }

    /// A hostile name with something in it that nobody else has: for what all databases share.
    pub fn name_with(&mut self, mark: &str) -> String {
        let name = self.name_that(|name| !name.contains(['\n', '\r']));
        format!("{}{mark}", cut(&name, LONGEST - mark.len()))
    }

    fn made_up(&mut self) -> String {
        match self.rng.u8(..100) {
            0..45 => self.pieces(1..=6),
            45..58 => self.one_of(&RESERVED).to_owned(),
            58..80 if !self.given.is_empty() => self.sibling(),
            80..90 => self.of_length(LONGEST),
            90..94 => {
                let length = LONGEST + self.rng.usize(1..20);
                self.of_length(length)
            }
            _ => self.pieces(0..=2) + &self.rng.char(..).to_string().replace('\0', "x") + &self.pieces(0..=2),
        }
    }

    fn pieces(&mut self, count: std::ops::RangeInclusive<usize>) -> String {
        (0..self.rng.usize(count)).map(|_| self.one_of(&PIECES)).collect()
    }

    fn one_of(&mut self, list: &[&'static str]) -> &'static str {
        list[self.rng.usize(..list.len())]
    }

    /// What some file system or reader takes for a name that was given before.
    fn sibling(&mut self) -> String {
        let of = self.given[self.rng.usize(..self.given.len())].clone();
        match self.rng.u8(..9) {
            0 => of.to_uppercase(),
            1 => of.to_lowercase(),
            2 => of.nfd().collect(),
            3 => of.nfkc().collect(),
            4 => of + " ",
            5 => of + ".",
            6 => of + "\u{200b}",
            7 => of + ".sql",
            _ => format!(" {of}"),
        }
    }

    /// Of that many bytes, with characters of several bytes where PostgreSQL cuts.
    fn of_length(&mut self, length: usize) -> String {
        let mut name = self.pieces(0..=2);
        let filling = self.one_of(&["é", "漢", "🦀", "x", "\"", "e\u{301}", "A", "\n"]);
        while name.len() + filling.len() <= length {
            name.push_str(filling);
        }
        while name.len() < length {
            name.insert(0, 'x');
        }
        name
    }

    /// A text for a comment, a value, a body: lines that end things, and once in a while a megabyte.
    pub fn text(&mut self) -> String {
        self.texts += 1;
        let size = if self.rng.u16(..700) == 0 { 1 << 20 } else { 0 };
        let mut text = String::new();
        for _ in 0..self.rng.usize(1..5) {
            text += &match self.rng.bool() {
                true => self.one_of(&LINES).to_owned(),
                false => self.pieces(1..=4),
            };
            text += self.one_of(&["\n", "\r\n", "\n\n", "\r", " ", "\n\t"]);
        }
        while text.len() < size {
            let more = self.pieces(20..=40);
            text += &more.repeat(30);
        }
        text
    }

    /// One of the values of SQL that the test knows, by chance.
    pub fn choose<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.rng.usize(..list.len())]
    }
}

/// The text up to that many bytes, as PostgreSQL cuts it: never within a character.
#[must_use]
pub fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    &text[..end.unwrap_or_default()]
}

/// What a terminal would obey instead of showing it, but for line ends and tabs.
#[must_use]
pub fn acts_on_terminal(text: &str) -> Option<char> {
    text.chars().find(|&c| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
    })
}

/// What some file system could not hold of the files below a folder, or would take for another of them.
#[must_use]
pub fn not_portable(folder: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        let Ok(name) = entry.file_name().into_string() else {
            wrong.push(format!("{} is no text", entry.path().display()));
            continue;
        };
        let place = entry.path().display().to_string();
        if let Some(why) = not_a_name(&name) {
            wrong.push(format!("{place:?}: {why}"));
        }
        let folded: String = name.nfkd().collect::<String>().to_uppercase().to_lowercase().nfkc().collect();
        if let Some(other) = seen.insert(folded, name.clone()) {
            wrong.push(format!("{name:?} and {other:?} in {} are the same file to some", folder.display()));
        }
        let kind = entry.file_type().expect("the folder can be read");
        if kind.is_symlink() {
            wrong.push(format!("{place:?} is a link"));
        }
        if kind.is_dir() && name != ".git" {
            wrong.extend(not_portable(&entry.path()));
        }
    }
    wrong
}

/// Why a name is none on some system.
fn not_a_name(name: &str) -> Option<&'static str> {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    const OWN: [&str; 3] = [".git", ".gitattributes", ".facts"];
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_lowercase();
    let is_port = |port: &str| {
        let number = stem.strip_prefix(port).unwrap_or_default();
        number.chars().count() == 1 && number.chars().all(|c| c.is_ascii_digit() || "¹²³".contains(c))
    };
    match () {
        () if name.len() > 255 => Some("it is too long"),
        () if name.ends_with(['.', ' ']) => Some("Windows drops its end"),
        () if name.starts_with('.') && !OWN.contains(&name) => Some("it is hidden"),
        () if name.contains(['<', '>', ':', '"', '|', '?', '*', '\\', '/']) => {
            Some("a character is reserved")
        }
        () if acts_on_terminal(name).is_some() || name.contains(['\n', '\t']) => {
            Some("it acts on a terminal")
        }
        () if DEVICES.contains(&stem.as_str()) || is_port("com") || is_port("lpt") => Some("it is a device"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_names_and_no_name_twice() {
        let names = |part| {
            let mut hostile = Hostile::new(part);
            (0..2_000).map(|_| hostile.name()).collect::<Vec<_>>()
        };
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
        let kept: HashSet<String> = names(1).iter().map(|name| cut(name, LONGEST).to_owned()).collect();
        assert_eq!(kept.len(), 2_000);
        assert!(names(1).iter().any(|name| name.len() > LONGEST && !name.is_char_boundary(LONGEST)));
        assert!(names(1).iter().all(|name| !name.contains('\0')));
    }

    #[test]
    fn the_judges_are_awake() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["aux.sql", "a b", "end.", ".hidden", "x?y", "Same", "same", "e\u{301}", "é", "bell\u{7}"]
        {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let wrong = not_portable(folder.path());
        for part in ["aux.sql", "end.", ".hidden", "x?y", "same", "é", "bell"] {
            assert!(wrong.iter().any(|line| line.contains(part)), "{part}: {wrong:#?}");
        }
        assert_eq!(wrong.len(), 7, "{wrong:#?}");
        assert_eq!(acts_on_terminal("a\nb"), None);
        assert_eq!(acts_on_terminal("a\u{202e}b"), Some('\u{202e}'));
    }
}
