//! Access control lists as PostgreSQL writes them (`aclitem` in `src/backend/utils/adt/acl.c`; the letters
//! are those of the documentation, section 5.8, "Privileges").

use crate::read::ReadError;

/// An access control list: who was granted what by whom, in stored order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    grantee: String,
    grantor: String,
    /// Privileges by their SQL names, those with the grant option followed by `*`.
    privileges: Vec<String>,
}

/// How one grantee's privileges differ from those of a new object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The role; empty for PUBLIC.
    pub grantee: String,
    /// The role that granted.
    pub grantor: String,
    /// What it holds: privileges by their SQL names, those with the grant option followed by `*`.
    pub privileges: Vec<String>,
    /// Whether a new object would give it something that must be taken away first.
    pub revoke_first: bool,
}

impl Acl {
    /// Reads PostgreSQL's text form of an `aclitem[]`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        let bad = || ReadError::Cell { what: "an access control list", cell: Some(text.to_owned()) };
        let items = parse_array(text).ok_or_else(bad)?;
        let entries = items.iter().map(|item| entry(item).ok_or_else(bad)).collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    fn find(&self, grantee: &str, grantor: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.grantee == grantee && entry.grantor == grantor)
    }
}

/// What must be granted and revoked on a new object, which has `usual`, so that it has `actual`: first what
/// is only taken away, then the rest in stored order.
pub fn differences(actual: &Acl, usual: &Acl) -> Vec<Difference> {
    let gone = usual.entries.iter().filter(|entry| actual.find(&entry.grantee, &entry.grantor).is_none());
    let revoked = gone.map(|entry| Difference {
        grantee: entry.grantee.clone(),
        grantor: entry.grantor.clone(),
        privileges: Vec::new(),
        revoke_first: true,
    });
    let granted = actual.entries.iter().filter_map(|entry| {
        let before = usual.find(&entry.grantee, &entry.grantor);
        (before != Some(entry)).then(|| Difference {
            grantee: entry.grantee.clone(),
            grantor: entry.grantor.clone(),
            privileges: entry.privileges.clone(),
            revoke_first: before.is_some(),
        })
    });
    revoked.chain(granted).collect()
}

/// `grantee=letters/grantor`; names are quoted where they hold more than letters, digits and underscores.
fn entry(item: &str) -> Option<Entry> {
    let (grantee, rest) = role(item)?;
    let rest = rest.strip_prefix('=')?;
    let (letters, grantor) = rest.split_once('/')?;
    let (grantor, rest) = role(grantor)?;
    let mut privileges: Vec<String> = Vec::new();
    for letter in letters.chars() {
        match letter {
            '*' => privileges.last_mut()?.push('*'),
            letter => privileges.push(privilege(letter)?.to_owned()),
        }
    }
    rest.is_empty().then_some(Entry { grantee, grantor, privileges })
}

fn role(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

fn privilege(letter: char) -> Option<&'static str> {
    Some(match letter {
        'r' => "SELECT",
        'a' => "INSERT",
        'w' => "UPDATE",
        'd' => "DELETE",
        'D' => "TRUNCATE",
        'x' => "REFERENCES",
        't' => "TRIGGER",
        'm' => "MAINTAIN",
        'X' => "EXECUTE",
        'U' => "USAGE",
        'C' => "CREATE",
        'c' => "CONNECT",
        'T' => "TEMPORARY",
        's' => "SET",
        'A' => "ALTER SYSTEM",
        _ => return None,
    })
}

/// The items of a one-dimensional array in PostgreSQL's text form (documentation, section 8.15.6); `None`
/// when the text is none. A NULL item becomes the text `NULL`, which no caller's arrays hold.
pub fn parse_array(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    let mut chars = inner.chars().peekable();
    while chars.peek().is_some() {
        let mut item = String::new();
        if chars.next_if_eq(&'"').is_some() {
            loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => item.push(chars.next()?),
                    c => item.push(c),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| *c != ',') {
                item.push(if c == '\\' { chars.next()? } else { c });
            }
        }
        items.push(item);
        match chars.next() {
            None => break,
            Some(',') => {}
            Some(_) => return None,
        }
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_read_as_postgresql_writes_them() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(parse_array(text).unwrap(), expected, "{text}");
        };
        check("{}", &[]);
        check("{a,b c}", &["a", "b c"]);
        check(r#"{"a,b","c\"d","e\\f",""}"#, &["a,b", "c\"d", "e\\f", ""]);
        assert_eq!(parse_array("{a"), None);
        assert_eq!(parse_array(r#"{"a"b}"#), None);
    }

    #[test]
    fn differences_take_away_before_they_give() {
        let usual = Acl::parse("{=X/app,app=X/app}").unwrap();
        let actual = Acl::parse(r#"{app=X*/app,"\"odd \"\"name\"=X/app"}"#).unwrap();
        let difference = |grantee: &str, privileges: &[&str], revoke_first| Difference {
            grantee: grantee.to_owned(),
            grantor: "app".to_owned(),
            privileges: privileges.iter().map(|&name| name.to_owned()).collect(),
            revoke_first,
        };
        let expected = [
            difference("", &[], true),
            difference("app", &["EXECUTE*"], true),
            difference("odd \"name", &["EXECUTE"], false),
        ];
        assert_eq!(differences(&actual, &usual), expected);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["x", "{a=?/b}", "{a=r}", "{a=r/b/c}"] {
            assert!(Acl::parse(text).is_err(), "{text}");
        }
    }
}
