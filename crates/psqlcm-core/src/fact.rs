//! Facts: the smallest separately changeable pieces of a database, and their identities.
//!
//! A fact never holds an OID: it can be compared between databases, clusters and moments. What a kind of
//! fact means, how it is read and how it is made stands in [`crate::kinds`], not here.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::kinds::KindId;

/// The identity of a fact: its kind, its name, and the fact it belongs to.
///
/// Identities sort in a natural order that is the same on every machine: by parent first, then by the
/// order of kinds in the registry, then by name, byte by byte. A parent sorts before its children.
#[derive(Clone)]
pub struct FactId(Arc<Node>);

struct Node {
    parent: Option<FactId>,
    kind: KindId,
    /// The path from the root: for each level the kind, the name and the qualifier, each ended by NUL.
    /// PostgreSQL names cannot hold NUL, so equal keys mean equal paths.
    key: Box<str>,
    name: (u32, u32),
}

impl FactId {
    /// A fact that belongs to nothing else, such as a schema or a role.
    pub fn root(kind: KindId, name: &str) -> Self {
        Self::build(None, kind, name, "")
    }

    /// A fact that belongs to this one, such as a column to its table.
    pub fn child(&self, kind: KindId, name: &str) -> Self {
        Self::build(Some(self.clone()), kind, name, "")
    }

    /// A child that needs more than a name to be told from its siblings, such as a function its argument types.
    pub fn qualified_child(&self, kind: KindId, name: &str, qualifier: &str) -> Self {
        Self::build(Some(self.clone()), kind, name, qualifier)
    }

    /// [`Self::qualified_child`] where there may be no parent.
    pub fn build(parent: Option<Self>, kind: KindId, name: &str, qualifier: &str) -> Self {
        let prefix = parent.as_ref().map_or("", |parent| &parent.0.key);
        let mut key = String::with_capacity(prefix.len() + name.len() + qualifier.len() + 3);
        key.push_str(prefix);
        key.push(char::from(kind as u8 + 1));
        let start = key.len();
        key.push_str(name);
        let end = key.len();
        key.push('\0');
        key.push_str(qualifier);
        key.push('\0');
        let name = (offset(start), offset(end));
        Self(Arc::new(Node { parent, kind, key: key.into_boxed_str(), name }))
    }

    /// What kind of fact this is.
    pub fn kind(&self) -> KindId {
        self.0.kind
    }

    /// The fact this one belongs to.
    pub fn parent(&self) -> Option<&Self> {
        self.0.parent.as_ref()
    }

    /// The last part of the name, unquoted.
    pub fn name(&self) -> &str {
        &self.0.key[self.0.name.0 as usize..self.0.name.1 as usize]
    }

    /// What tells it from siblings of the same kind and name; empty for most kinds.
    pub fn qualifier(&self) -> &str {
        &self.0.key[self.0.name.1 as usize + 1..self.0.key.len() - 1]
    }

    /// This fact and all it belongs to, from the inside out.
    pub fn path(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |id| id.parent())
    }

    /// The nearest fact of that kind on the path, this one included.
    pub fn ancestor(&self, kind: KindId) -> Option<&Self> {
        self.path().find(|id| id.kind() == kind)
    }

    /// The name of the schema the fact is in or is; `None` for what belongs to no schema.
    pub fn schema(&self) -> Option<&str> {
        self.ancestor(KindId::Schema).map(Self::name)
    }

    /// The object a fact hangs on: the member of a schema (a table for its columns), the schema itself, or
    /// for what belongs to no schema the outermost fact.
    pub fn object(&self) -> &Self {
        let mut object = self;
        for id in self.path() {
            if id.kind() == KindId::Schema {
                break;
            }
            object = id;
        }
        match object.kind().kind().satellite {
            true => object.parent().unwrap_or(object),
            false => object,
        }
    }

    /// The canonical bytes of the identity, for hashing; stable as long as the registry's names are.
    pub(crate) fn canonical(&self, out: &mut Vec<u8>) {
        if let Some(parent) = self.parent() {
            parent.canonical(out);
        }
        for part in [self.kind().kind().name, self.name(), self.qualifier()] {
            out.extend_from_slice(part.as_bytes());
            out.push(0);
        }
    }
}

/// Keys are a few names long; PostgreSQL limits a name to 63 bytes and a signature to 100 types.
fn offset(position: usize) -> u32 {
    u32::try_from(position).expect("an identity is shorter than 4 GiB")
}

impl PartialEq for FactId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.key == other.0.key
    }
}

impl Eq for FactId {}

impl PartialOrd for FactId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FactId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.key.cmp(&other.0.key)
    }
}

impl Hash for FactId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

/// As people name it: `column app.orders.id`, `owner of table app.orders`.
impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&(self.kind().kind().display)(self))
    }
}

impl fmt::Debug for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// One attribute of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A property that holds; one that does not is left out.
    Yes,
    /// A number.
    Int(i64),
    /// A name, an expression, a definition.
    Text(Box<str>),
    /// Several texts whose order means something.
    List(Box<[Box<str>]>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::List(items) => f.write_str(&items.join(", ")),
        }
    }
}

/// The attributes of one fact, by name. What has its usual value is left out, so that a fact is small and
/// a new PostgreSQL version's new attribute changes no fingerprint where it is not used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    attributes: Vec<(&'static str, Value)>,
}

/// The fact of which nothing is known, where one has to be lent.
pub(crate) static NO_FACT: Fact = Fact { attributes: Vec::new() };

impl Fact {
    /// A fact of which nothing is known but that it exists.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces texts by others; `None` leaves one as it is.
    pub(crate) fn replace_texts(&mut self, other: impl Fn(&'static str, &str) -> Option<String>) {
        for (name, value) in &mut self.attributes {
            if let Value::Text(text) = value
                && let Some(replaced) = other(name, text)
            {
                *text = replaced.into();
            }
        }
    }

    /// Adds an attribute, or replaces it.
    pub fn set(&mut self, name: &'static str, value: Value) {
        match self.attributes.binary_search_by_key(&name, |(name, _)| name) {
            Ok(at) => self.attributes[at].1 = value,
            Err(at) => self.attributes.insert(at, (name, value)),
        }
    }

    /// Gives back the room that building it left over: there are a hundred facts to a dozen tables.
    pub(crate) fn shrink(&mut self) {
        self.attributes.shrink_to_fit();
    }

    /// Takes an attribute away.
    pub fn remove(&mut self, name: &str) {
        self.attributes.retain(|(known, _)| *known != name);
    }

    /// [`Self::set`] for building a fact in one expression.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.set(name, value);
        self
    }

    /// Adds the text where there is one.
    #[must_use]
    pub fn text(self, name: &'static str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.with(name, Value::Text(text.into())),
            None => self,
        }
    }

    /// Adds the property where it holds.
    #[must_use]
    pub fn yes(self, name: &'static str, holds: bool) -> Self {
        match holds {
            true => self.with(name, Value::Yes),
            false => self,
        }
    }

    /// Adds the number where there is one.
    #[must_use]
    pub fn int(self, name: &'static str, number: Option<i64>) -> Self {
        match number {
            Some(number) => self.with(name, Value::Int(number)),
            None => self,
        }
    }

    /// Adds the list unless it is empty.
    #[must_use]
    pub fn list<S: AsRef<str>>(self, name: &'static str, items: &[S]) -> Self {
        match items {
            [] => self,
            _ => self.with(name, Value::List(items.iter().map(|item| item.as_ref().into()).collect())),
        }
    }

    /// The attribute, if it is there.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.attributes.binary_search_by_key(&name, |(name, _)| name).ok()?;
        Some(&self.attributes[at].1)
    }

    /// The text of an attribute that is one.
    pub fn get_text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the property holds.
    pub fn is(&self, name: &str) -> bool {
        self.get(name) == Some(&Value::Yes)
    }

    /// The number of an attribute that is one.
    pub fn get_int(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The items of an attribute that is a list; empty where there is none.
    pub fn get_list(&self, name: &str) -> &[Box<str>] {
        match self.get(name) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// All attributes, by name.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.attributes.iter().map(|(name, value)| (*name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_know_their_parts() {
        let schema = FactId::root(KindId::Schema, "app");
        let table = schema.child(KindId::Table, "orders");
        let function = schema.qualified_child(KindId::Function, "f", "integer, text");
        let comment = table.child(KindId::Column, "id").child(KindId::Comment, "");
        assert_eq!(function.name(), "f");
        assert_eq!(function.qualifier(), "integer, text");
        assert_eq!(comment.schema(), Some("app"));
        assert_eq!(comment.object(), &table);
        assert_eq!(schema.child(KindId::Comment, "").object(), &schema);
        assert!(schema < table && table < comment);
        assert_ne!(function, schema.qualified_child(KindId::Function, "f", "integer"));
    }

    #[test]
    fn attributes_are_found_whatever_the_order_they_were_set_in() {
        let fact = Fact::new().text("type", Some("text")).yes("not_null", true).int("limit", None);
        assert_eq!(fact.get_text("type"), Some("text"));
        assert!(fact.is("not_null"));
        assert_eq!(fact.get("limit"), None);
        assert_eq!(fact.attributes().map(|(name, _)| name).collect::<Vec<_>>(), ["not_null", "type"]);
    }
}
