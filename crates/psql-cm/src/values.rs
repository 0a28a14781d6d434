//! How the values of options are written.

use std::num::NonZeroU16;
use std::str::FromStr;
use std::time::Duration;

use psqlcm_core::targets::{TargetError, parse_names};

/// A list of names, `a,b,"My, Schema"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameList(pub Vec<String>);

impl FromStr for NameList {
    type Err = TargetError;

    fn from_str(list: &str) -> Result<Self, TargetError> {
        parse_names(list).map(Self)
    }
}

/// One role in the place of another, `old=new`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleMap {
    /// The role as the tree names it.
    pub from: String,
    /// The role of this cluster.
    pub to: String,
}

impl FromStr for RoleMap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not of the form old=new (a name with = or , in double quotes)");
        let (from, to) = split_at_equals(text).ok_or_else(wrong)?;
        let one = |name: &str| match parse_names(name) {
            Ok(names) if names.len() == 1 => Ok(names.concat()),
            Ok(_) => Err(wrong()),
            Err(error) => Err(error.to_string()),
        };
        Ok(Self { from: one(from)?, to: one(to)? })
    }
}

/// One folder of the server's machine in the place of another, `old=new`; as `pg_basebackup` reads it, where `\=` is an
/// equals sign in a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderMap {
    /// The folder as the tree names it.
    pub from: String,
    /// The folder on this machine.
    pub to: String,
}

impl FromStr for FolderMap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not of the form old=new (an = within a path is written \\=)");
        let (mut sides, mut chars) = (vec![String::new()], text.chars().peekable());
        while let Some(c) = chars.next() {
            let side = sides.last_mut().ok_or_else(wrong)?;
            match c {
                '\\' if chars.next_if_eq(&'=').is_some() => side.push('='),
                '=' => sides.push(String::new()),
                c => side.push(c),
            }
        }
        let [from, to] = <[String; 2]>::try_from(sides).map_err(|_| wrong())?;
        match from.is_empty() || to.is_empty() {
            true => Err(wrong()),
            false => Ok(Self { from: without_end(&from), to: without_end(&to) }),
        }
    }
}

/// The server keeps a path without the slashes at its end.
fn without_end(path: &str) -> String {
    path.trim_end_matches('/').to_owned()
}

fn split_at_equals(text: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    for (index, character) in text.char_indices() {
        match character {
            '"' => is_quoted = !is_quoted,
            '=' if !is_quoted => return Some((&text[..index], &text[index + 1..])),
            _ => {}
        }
    }
    None
}

/// Reads a time span with its unit, `500ms`, `5s`, `2min`, `1h`.
///
/// A bare number is refused: PostgreSQL would take it for milliseconds, most people for seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time span; write 500ms, 5s, 2min or 1h");
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..unit_at].parse().map_err(|_| wrong())?;
    let milliseconds = match &text[unit_at..] {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let total = number.checked_mul(milliseconds).filter(|total| i32::try_from(*total).is_ok());
    // PostgreSQL keeps its timeouts in milliseconds, as a signed 32-bit number.
    total.map(Duration::from_millis).ok_or_else(|| format!("{text:?} is longer than PostgreSQL can wait"))
}

/// How many things are done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jobs(pub NonZeroU16);

impl FromStr for Jobs {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "it is a whole number from 1 to 65535")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_mapped_by_their_paths() {
        let map = |text: &str| text.parse::<FolderMap>().map(|map| format!("{} to {}", map.from, map.to));
        assert_eq!(map("/a/b=/c"), Ok("/a/b to /c".to_owned()));
        assert_eq!(map(r"/a\=b/=/c d/"), Ok("/a=b to /c d".to_owned()));
        for wrong in ["/a", "/a=/b=/c", "=/b", "/a=", "=", ""] {
            assert!(map(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn time_spans_have_a_unit() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_millis), "{text}");
        };
        check("500ms", Some(500));
        check("5s", Some(5_000));
        check("2min", Some(120_000));
        check("1h", Some(3_600_000));
        check("0s", Some(0));
        check("5", None);
        check("s", None);
        check("", None);
        check("5 s", None);
        check("-5s", None);
        check("1.5s", None);
        check("5m", None);
        check("597h", None);
        check("99999999999999999999h", None);
    }

    #[test]
    fn role_maps() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let map = text.parse::<RoleMap>().ok();
            assert_eq!(map.as_ref().map(|map| (map.from.as_str(), map.to.as_str())), expected, "{text}");
        };
        check("a=b", Some(("a", "b")));
        check("Old Owner=new-owner", Some(("Old Owner", "new-owner")));
        check(r#""a=b"="c,d""#, Some(("a=b", "c,d")));
        check("a", None);
        check("=b", None);
        check("a=", None);
        check("a=b,c", None);
        check("a=b=c", Some(("a", "b=c")));
    }
}
