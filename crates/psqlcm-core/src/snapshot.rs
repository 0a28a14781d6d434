//! All facts and edges of one database at one moment.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;

use crate::deparsed;
use crate::fact::{Fact, FactId, Quick};
use crate::graph::Lists;
use crate::kinds::Nature;

/// All facts of a database, which of them need which, and what could not be captured.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The server the facts were read from, as `server_version_num`.
    pub server_version: u32,
    /// In natural order, but while they are gathered.
    facts: IndexMap<FactId, Fact, Quick>,
    needs: HashMap<FactId, Vec<FactId>, Quick>,
    /// What is there and that no kind can hold, with the reason.
    pub left_out: Vec<LeftOut>,
    /// What is no schema, such as rows, and yet worth saying.
    pub mentions: Vec<LeftOut>,
}

/// Something that is in the database and not in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// What kind of thing, in PostgreSQL's words.
    pub kind: String,
    /// Its name as PostgreSQL prints it.
    pub identity: String,
    /// Why it was left out.
    pub reason: String,
}

impl LeftOut {
    /// Puts the three together.
    pub fn new(kind: &str, identity: &str, reason: &str) -> Self {
        Self { kind: kind.to_owned(), identity: identity.to_owned(), reason: reason.to_owned() }
    }

    /// Whether all of the kind is left out, as the role may not read it.
    pub fn is_not_read(&self) -> bool {
        self.identity == NOT_READ
    }
}

/// The identity under which a whole kind is left out that may not be read.
pub const NOT_READ: &str = "(all of them)";

impl Snapshot {
    /// The snapshot of nothing.
    pub fn new(server_version: u32) -> Self {
        Self {
            server_version,
            facts: IndexMap::with_hasher(Quick),
            needs: HashMap::with_hasher(Quick),
            left_out: Vec::new(),
            mentions: Vec::new(),
        }
    }

    /// Adds a fact, or replaces it.
    pub fn insert(&mut self, id: FactId, fact: Fact) {
        self.facts.insert_sorted(id, fact);
    }

    /// [`Self::insert`] where many come in any order; [`Self::sort`] brings them into theirs.
    pub(crate) fn gather(&mut self, id: FactId, mut fact: Fact) {
        fact.shrink();
        self.facts.insert(id, fact);
    }

    /// Ends the gathering. Siblings are quickly compared: so they are sorted by themselves, and then put after what they
    /// belong to.
    pub(crate) fn sort(&mut self) {
        let parent = |id: &FactId| id.parent().map(|parent| self.facts.get_index_of(parent));
        // All that belongs to nothing else is called the child of one more.
        let none = self.facts.len();
        let mut parents: Vec<usize> = Vec::with_capacity(none + 1);
        for id in self.facts.keys() {
            match parent(id) {
                Some(Some(parent)) => parents.push(parent),
                None => parents.push(none),
                // Its place is among the children of others.
                Some(None) => return self.facts.sort_unstable_keys(),
            }
        }
        parents.push(none);
        let children = Lists::by_name(&parents);
        let mut facts: Vec<_> = std::mem::take(&mut self.facts).into_iter().map(Some).collect();
        let id = |at: usize| facts[at].as_ref().map(|(id, _)| id);
        let mut sorted = Vec::with_capacity(none);
        let mut next = vec![none];
        while let Some(at) = next.pop() {
            let start = next.len();
            next.extend(children.list(at).iter().copied().filter(|&child| child != none));
            next[start..].sort_unstable_by(|&one, &other| id(other).cmp(&id(one)));
            sorted.push(at);
        }
        self.facts.reserve(none);
        self.facts.extend(sorted.into_iter().filter_map(|at| facts.get_mut(at)?.take()));
    }

    /// The fact of that identity.
    pub fn get(&self, id: &FactId) -> Option<&Fact> {
        self.facts.get(id)
    }

    /// The same with the snapshot's own identity of it.
    pub(crate) fn entry(&self, id: &FactId) -> Option<(&FactId, &Fact)> {
        self.facts.get_key_value(id)
    }

    /// Where the fact stands in the natural order.
    pub(crate) fn place(&self, id: &FactId) -> Option<usize> {
        self.facts.get_index_of(id)
    }

    /// The fact of that identity, to change it.
    pub fn get_mut(&mut self, id: &FactId) -> Option<&mut Fact> {
        self.facts.get_mut(id)
    }

    /// Records that `id` cannot be without `needed`. That a fact needs its parent goes without saying.
    pub fn add_need(&mut self, id: &FactId, needed: &FactId) {
        if id != needed && id.parent() != Some(needed) {
            self.needs.entry(id.clone()).or_default().push(needed.clone());
        }
    }

    /// Makes `id` need `other` in the place of `needed`.
    pub(crate) fn replace_need(&mut self, id: &FactId, needed: &FactId, other: &FactId) {
        self.drop_need(id, needed);
        self.add_need(id, other);
    }

    /// Makes `other` need `needed` in the place of `id`.
    pub(crate) fn hand_on_need(&mut self, id: &FactId, needed: &FactId, other: &FactId) {
        self.drop_need(id, needed);
        self.add_need(other, needed);
    }

    fn drop_need(&mut self, id: &FactId, needed: &FactId) {
        if let Some(needs) = self.needs.get_mut(id) {
            needs.retain(|known| known != needed);
        }
    }

    /// What a fact needs, its parent aside; sorted once the snapshot is settled.
    pub fn needs(&self, id: &FactId) -> &[FactId] {
        self.needs.get(id).map_or(&[], Vec::as_slice)
    }

    /// All facts in natural order.
    pub fn facts(&self) -> impl ExactSizeIterator<Item = (&FactId, &Fact)> {
        self.facts.iter()
    }

    /// What belongs to a fact, at any depth, in natural order; the fact itself is not among them.
    pub fn below<'a>(&'a self, id: &'a FactId) -> impl Iterator<Item = (&'a FactId, &'a Fact)> {
        let after = match self.facts.get_index_of(id) {
            Some(own) => own + 1,
            None => self.facts.partition_point(|other, _| other < id),
        };
        let after = self.facts.get_range(after..).into_iter().flatten();
        after.take_while(move |(below, _)| below.path().any(|at| at == id))
    }

    /// The schemas of the database, by name.
    pub fn schemas(&self) -> BTreeSet<&str> {
        self.facts.keys().filter(|id| id.kind() == crate::kinds::KindId::Schema).map(FactId::name).collect()
    }

    /// Sorts what is kept in lists, drops edges to what is not there, and brings what the server printed into the form that it would
    /// have if it were made again.
    pub(crate) fn settle(&mut self) {
        for (id, fact) in &mut self.facts {
            let kind = id.kind().kind();
            let is_printed = |name| kind.nature(name) == Nature::Deparsed;
            fact.replace_texts(|name, text| deparsed::settled(text).filter(|_| is_printed(name)));
        }
        self.drop_loose_needs();
        for needed in self.needs.values_mut() {
            needed.sort_unstable();
            needed.dedup();
        }
        self.left_out.sort();
        self.left_out.dedup();
    }

    /// Drops the edges from and to what is not there.
    fn drop_loose_needs(&mut self) {
        let facts = &self.facts;
        self.needs.retain(|id, needed| {
            needed.retain(|id| facts.contains_key(id));
            !needed.is_empty() && facts.contains_key(id)
        });
    }

    /// Hands the facts over; what else is known stays.
    #[must_use]
    pub fn take_facts(&mut self) -> Self {
        let (facts, needs) = (std::mem::take(&mut self.facts), std::mem::take(&mut self.needs));
        Self { facts, needs, ..Self::new(self.server_version) }
    }

    /// Splits off the facts for which `apart` holds, with their edges.
    #[must_use]
    pub fn split(mut self, apart: impl Fn(&FactId) -> bool) -> (Self, Self) {
        let mut split = Self::new(self.server_version);
        split.facts = self.facts.extract_if(.., |id, _| apart(id)).collect();
        split.needs = self.needs.extract_if(|id, _| split.facts.contains_key(id)).collect();
        self.drop_loose_needs();
        split.drop_loose_needs();
        (self, split)
    }
}
