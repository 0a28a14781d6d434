//! Facts: the smallest separately changeable pieces of a database, and their identities.
//!
//! A fact never holds an OID: it can be compared between databases, clusters and moments. What a kind of
//! fact means, how it is read and how it is made stands in [`crate::kinds`], not here.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
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
    /// Of the whole path, so that most identities are told apart without a look at their names.
    hash: u64,
    /// The name, and after a NUL the qualifier, if there is one. PostgreSQL names cannot hold NUL, so labels sort
    /// as names do, and then as qualifiers do.
    label: Box<str>,
    name: u32,
    depth: u8,
    kind: KindId,
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
        let label = match qualifier {
            "" => name.into(),
            _ => [name, qualifier].join("\0").into_boxed_str(),
        };
        let (hash, depth) = parent.as_ref().map_or((0, 0), |parent| (parent.0.hash, parent.0.depth + 1));
        let hash = mixed(hash ^ kind as u64, label.as_bytes());
        let name = u32::try_from(name.len()).expect("PostgreSQL limits a name to 63 bytes");
        Self(Arc::new(Node { parent, hash, label, name, depth, kind }))
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
        &self.0.label[..self.0.name as usize]
    }

    /// What tells it from siblings of the same kind and name; empty for most kinds.
    pub fn qualifier(&self) -> &str {
        self.0.label.get(self.0.name as usize + 1..).unwrap_or_default()
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

/// A quick hash that is the same in every run: words of eight bytes, each multiplied by the golden ratio.
fn mixed(start: u64, bytes: &[u8]) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let word = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    };
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(GOLDEN);
    let hash = bytes.chunks(8).map(word).fold(mix(start, bytes.len() as u64), mix);
    hash ^ (hash >> 32)
}

impl PartialEq for FactId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.hash == other.0.hash && self.cmp(other).is_eq()
    }
}

impl Eq for FactId {}

impl PartialOrd for FactId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FactId {
    fn cmp(&self, other: &Self) -> Ordering {
        let depth = self.0.depth.min(other.0.depth);
        let (own, others) = (self.at_depth(depth), other.at_depth(depth));
        own.cmp_level(others).then_with(|| self.0.depth.cmp(&other.0.depth))
    }
}

impl FactId {
    /// The fact on the path that belongs to so many others.
    fn at_depth(&self, depth: u8) -> &Self {
        match self.parent() {
            Some(parent) if self.0.depth > depth => parent.at_depth(depth),
            _ => self,
        }
    }

    /// Compares what is equally deep: mostly siblings, which share their parent.
    fn cmp_level(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        let parents = match (self.parent(), other.parent()) {
            (Some(own), Some(others)) => own.cmp_level(others),
            _ => Ordering::Equal,
        };
        parents.then_with(|| (self.0.kind, &self.0.label).cmp(&(other.0.kind, &other.0.label)))
    }
}

impl Hash for FactId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

/// Builds hashers that are the same in every run, for tables by identity, which knows its hash, and by numbers. They are quick,
/// and no match for somebody who wants collisions; that could only make a capture slow for whoever makes such names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quick;

impl BuildHasher for Quick {
    type Hasher = QuickHasher;

    fn build_hasher(&self) -> QuickHasher {
        QuickHasher(0)
    }
}

/// The hasher of [`Quick`].
pub struct QuickHasher(u64);

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = mixed(self.0, bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
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
        assert!(table < schema.child(KindId::Table, "orders2") && comment < schema.child(KindId::View, "a"));
        assert!(function < schema.qualified_child(KindId::Function, "f", "integer, text, text"));
        assert!(
            function < schema.qualified_child(KindId::Function, "f1", "")
                && table < FactId::root(KindId::Schema, "b")
        );
        assert_eq!(table, FactId::root(KindId::Schema, "app").child(KindId::Table, "orders"));
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
