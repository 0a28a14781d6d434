//! Which databases of two sides are compared with which. Pure: names in, pairs out.

use std::collections::BTreeSet;

/// The databases of a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// One that was named.
    One(String),
    /// Those that it has.
    Several(Vec<String>),
    /// One without a name: a script.
    Nameless,
    /// As many as the other side has.
    Nothing,
}

/// A database of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairing {
    /// Its name, for people.
    pub name: String,
    /// Its name on the one side, where it has one.
    pub from: Option<String>,
    /// Its name on the other.
    pub to: Option<String>,
    /// Whether the one side has it.
    pub is_in_from: bool,
    /// Whether the other has it.
    pub is_in_to: bool,
}

/// Why it is not clear what is compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// A side has several databases, and it is not said which is meant.
    #[error("{source_name} has several databases: {}", databases.join(", "))]
    Which {
        /// The side.
        source_name: String,
        /// Its databases.
        databases: Vec<String>,
    },
    /// A side has no database.
    #[error("{source_name} has no database to compare")]
    None {
        /// The side.
        source_name: String,
    },
    /// A database that was named is on neither side.
    #[error("neither side has the database {0}")]
    NotThere(String),
}

/// Finds the pairs.
pub(super) fn pair(
    from: (&str, &Names),
    to: (&str, &Names),
    wanted: Option<&[String]>,
) -> Result<Vec<Pairing>, PairError> {
    let (from_name, to_name) = (from.0, to.0);
    match (from.1, to.1) {
        (Names::Several(ours), Names::Several(theirs)) => of_both(ours, theirs, wanted),
        (Names::Nothing, Names::Several(theirs)) => of_both(&[], &of_one(to_name, theirs, wanted)?, wanted),
        (Names::Several(ours), Names::Nothing) => of_both(&of_one(from_name, ours, wanted)?, &[], wanted),
        (Names::Several(ours), other) => {
            let own = the_one(from_name, ours, other, wanted)?;
            Ok(vec![Pairing::of(Some(own), other.name())])
        }
        (other, Names::Several(theirs)) => {
            let own = the_one(to_name, theirs, other, wanted)?;
            Ok(vec![Pairing::of(other.name(), Some(own))])
        }
        (ours, theirs) => Ok(vec![Pairing::of(ours.name(), theirs.name())]),
    }
}

impl Names {
    fn name(&self) -> Option<String> {
        match self {
            Self::One(name) => Some(name.clone()),
            Self::Several(_) | Self::Nameless | Self::Nothing => None,
        }
    }
}

impl Pairing {
    fn of(from: Option<String>, to: Option<String>) -> Self {
        let name = to.clone().or_else(|| from.clone()).unwrap_or_else(|| "database".to_owned());
        Self { name, from, to, is_in_from: true, is_in_to: true }
    }
}

fn is_wanted(name: &str, wanted: Option<&[String]>) -> bool {
    wanted.is_none_or(|wanted| wanted.iter().any(|wanted| wanted == name))
}

fn of_one(source_name: &str, names: &[String], wanted: Option<&[String]>) -> Result<Vec<String>, PairError> {
    let names: Vec<String> = names.iter().filter(|name| is_wanted(name, wanted)).cloned().collect();
    if names.is_empty() { Err(PairError::None { source_name: source_name.to_owned() }) } else { Ok(names) }
}

/// The one of several that is compared with a single one: that of the same name, or the only one.
fn the_one(
    source_name: &str,
    names: &[String],
    other: &Names,
    wanted: Option<&[String]>,
) -> Result<String, PairError> {
    let names = of_one(source_name, names, wanted)?;
    match (other.name().filter(|name| names.contains(name)), names.as_slice()) {
        (Some(name), _) => Ok(name),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(PairError::Which { source_name: source_name.to_owned(), databases: names }),
    }
}

/// All of both sides; of two that are not on both, one side is empty.
fn of_both(ours: &[String], theirs: &[String], wanted: Option<&[String]>) -> Result<Vec<Pairing>, PairError> {
    let all: BTreeSet<&String> = ours.iter().chain(theirs).collect();
    if let Some(missing) = wanted.into_iter().flatten().find(|name| !all.contains(name)) {
        return Err(PairError::NotThere(missing.clone()));
    }
    let pairing = |name: &&String| Pairing {
        name: (*name).clone(),
        from: Some((*name).clone()),
        to: Some((*name).clone()),
        is_in_from: ours.contains(name),
        is_in_to: theirs.contains(name),
    };
    Ok(all.iter().filter(|name| is_wanted(name, wanted)).map(pairing).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn several(names: &[&str]) -> Names {
        Names::Several(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn shown(from: &Names, to: &Names, wanted: &[&str]) -> String {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let wanted = (!wanted.is_empty()).then_some(wanted.as_slice());
        match pair(("FROM", from), ("TO", to), wanted) {
            Err(error) => error.to_string(),
            Ok(pairs) => {
                let side = |name: &Option<String>, is_there: bool| match (name, is_there) {
                    (_, false) => "nothing".to_owned(),
                    (None, true) => "-".to_owned(),
                    (Some(name), true) => name.clone(),
                };
                let shown = |pair: &Pairing| {
                    format!(
                        "{} {}:{}",
                        pair.name,
                        side(&pair.from, pair.is_in_from),
                        side(&pair.to, pair.is_in_to)
                    )
                };
                pairs.iter().map(shown).collect::<Vec<_>>().join(", ")
            }
        }
    }

    #[test]
    fn single_ones_are_compared_whatever_their_names() {
        let one = |name: &str| Names::One(name.to_owned());
        assert_eq!(shown(&one("a"), &one("b"), &[]), "b a:b");
        assert_eq!(shown(&Names::Nameless, &one("b"), &[]), "b -:b");
        assert_eq!(shown(&Names::Nameless, &Names::Nameless, &[]), "database -:-");
        assert_eq!(shown(&one("a"), &Names::Nothing, &[]), "a a:-");
    }

    #[test]
    fn of_several_the_same_or_the_only_one_is_meant() {
        let one = Names::One("a".to_owned());
        assert_eq!(shown(&one, &several(&["a", "b"]), &[]), "a a:a");
        assert_eq!(shown(&one, &several(&["c"]), &[]), "c a:c");
        assert_eq!(shown(&several(&["c", "d"]), &one, &[]), "FROM has several databases: c, d");
        assert_eq!(shown(&several(&["c", "d"]), &one, &["d"]), "a d:a");
        assert_eq!(shown(&Names::Nameless, &several(&["c", "d"]), &[]), "TO has several databases: c, d");
        assert_eq!(shown(&one, &several(&[]), &[]), "TO has no database to compare");
    }

    #[test]
    fn several_are_compared_by_name() {
        let (ours, theirs) = (several(&["a", "b"]), several(&["b", "c"]));
        assert_eq!(shown(&ours, &theirs, &[]), "a a:nothing, b b:b, c nothing:c");
        assert_eq!(shown(&ours, &theirs, &["b"]), "b b:b");
        assert_eq!(shown(&ours, &theirs, &["x"]), "neither side has the database x");
        assert_eq!(shown(&Names::Nothing, &theirs, &[]), "b nothing:b, c nothing:c");
    }
}
