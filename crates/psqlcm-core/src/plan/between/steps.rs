//! What is done, as a graph: a node for each thing that is done to a fact, what must be done before it, and what had
//! better be.
//!
//! What is done by one statement, and in which order, is for others to say.

use std::collections::{BTreeSet, HashMap};

use super::fates::{Fate, Fates};
use super::{Difference, Doing};
use crate::fact::FactId;
use crate::kinds::{self, Reaction, Space};

/// Why something had better be done before something else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    /// What a thing is made of is changed while nothing uses it.
    Unused,
    /// The kind asks for it.
    Asked,
    /// What it belongs to is what it is to be.
    Whole,
    /// What goes does so before others come and change.
    Gone,
}

/// What is done, as a graph.
pub(super) struct Steps<'a> {
    pub(super) fates: &'a Fates<'a>,
    /// Each fact with what is done to it; parents before what belongs to them.
    pub(super) nodes: Vec<(Doing, &'a FactId)>,
    at: HashMap<(Doing, &'a FactId), usize>,
    /// For each node what must be done before it.
    pub(super) needs: Vec<Vec<usize>>,
    /// Nodes with what had better be done before them, what matters most first.
    pub(super) wishes: BTreeSet<(Wish, usize, usize)>,
    /// What has to be committed before others can use it, and therefore comes first of all.
    pub(super) ahead: BTreeSet<usize>,
    /// What cannot be dropped one after the other: these are dropped with all that needs them.
    pub(super) cascades: BTreeSet<usize>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(fates: &'a Fates<'a>) -> Self {
        let mut nodes = Vec::new();
        for (&id, fate) in &fates.of {
            let aside = fate.drops() && fates.aside.contains(id);
            let doing = [
                (fate.drops(), Doing::Drop),
                (aside, Doing::SetAside),
                (*fate == Fate::Alter, Doing::Alter),
                (fate.creates(), Doing::Create),
            ];
            nodes.extend(doing.into_iter().filter(|(is, _)| *is).map(|(_, doing)| (doing, id)));
        }
        let at = nodes.iter().enumerate().map(|(at, node)| (*node, at)).collect();
        let needs = vec![Vec::new(); nodes.len()];
        let (wishes, ahead, cascades) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut steps = Self { fates, nodes, at, needs, wishes, ahead, cascades };
        steps.ahead = (0..steps.nodes.len()).filter(|&at| steps.is_ahead(at)).collect();
        steps.connect();
        steps
    }

    pub(super) fn node(&self, doing: Doing, id: &FactId) -> Option<usize> {
        self.at.get(&(doing, id)).copied()
    }

    pub(super) fn difference(&self, id: &'a FactId) -> Difference<'a> {
        Difference { fates: Some(&self.fates.of), ..self.fates.difference(id) }
    }

    fn is_ahead(&self, at: usize) -> bool {
        let (doing, id) = self.nodes[at];
        let effect = || (id.kind().kind().effect)(&self.difference(id), doing);
        doing == Doing::Alter && !effect().new_values.is_empty()
    }

    /// Whether it is [`kinds::is_part`].
    fn is_part(&self, at: usize) -> bool {
        let id = self.nodes[at].1;
        let fact = self.fates.to.get(id).or_else(|| self.fates.from.get(id));
        fact.is_some_and(|fact| kinds::is_part(id, fact))
    }

    /// The node that makes the fact what it is to be.
    fn made(&self, id: &FactId) -> Option<usize> {
        self.node(Doing::Create, id).or_else(|| self.node(Doing::Alter, id))
    }

    fn connect(&mut self) {
        let mut freed: HashMap<Space<'a>, Vec<usize>> = HashMap::new();
        for at in 0..self.nodes.len() {
            let (doing, id) = self.nodes[at];
            let free = match doing {
                Doing::Drop if self.fates.set_aside(id).is_none() => true,
                Doing::SetAside => true,
                _ => false,
            };
            if let (true, Some(fact)) = (free, self.fates.from.get(id)) {
                for space in (id.kind().kind().spaces)(id, fact) {
                    freed.entry(space).or_default().push(at);
                }
            }
        }
        let mut parts: HashMap<&FactId, Vec<usize>> = HashMap::new();
        for (at, (_, id)) in self.nodes.iter().enumerate().filter(|(at, _)| self.is_part(*at)) {
            parts.entry(id.parent().unwrap_or(id)).or_default().push(at);
        }
        for at in 0..self.nodes.len() {
            let (doing, id) = self.nodes[at];
            match doing {
                Doing::Create => self.connect_create(at, id, &freed),
                Doing::Alter => self.connect_alter(at, id),
                Doing::Drop => self.connect_drop(at, id),
                Doing::SetAside | Doing::Rename => {}
            }
            self.wish(at, doing, id, &parts);
        }
        for needed in &mut self.needs {
            needed.sort_unstable();
            needed.dedup();
        }
    }

    /// What is needed is what it is to be; what it belongs to is there.
    fn connect_made(&mut self, at: usize, id: &'a FactId) {
        let needed = self.fates.to.needs(id).iter().filter_map(|needed| self.made(needed));
        let whole = id.parent().and_then(|parent| self.node(Doing::Create, parent));
        let before: Vec<usize> = needed.chain(whole).collect();
        self.needs[at].extend(before);
        let altered = id.parent().and_then(|parent| self.node(Doing::Alter, parent));
        self.wishes.extend(altered.map(|altered| (Wish::Whole, at, altered)));
    }

    /// What is needed is there, what had the name is gone.
    fn connect_create(&mut self, at: usize, id: &'a FactId, freed: &HashMap<Space<'a>, Vec<usize>>) {
        self.connect_made(at, id);
        let own = match self.fates.set_aside(id) {
            Some(aside) => self.node(Doing::SetAside, aside),
            None => self.node(Doing::Drop, id),
        };
        self.needs[at].extend(own);
        if let Some(fact) = self.fates.to.get(id) {
            for space in (id.kind().kind().spaces)(id, fact) {
                self.needs[at].extend(freed.get(&space).into_iter().flatten());
            }
        }
    }

    /// What is needed now is there, what was needed is still there.
    fn connect_alter(&mut self, at: usize, id: &'a FactId) {
        self.connect_made(at, id);
        for needed in self.fates.from.needs(id) {
            if let Some(gone) = self.node(Doing::Drop, needed) {
                self.needs[gone].push(at);
            }
        }
    }

    /// Before anything goes, what needs it is gone; before it changes, what that would disturb, and better all.
    fn connect_drop(&mut self, at: usize, id: &'a FactId) {
        let react = id.kind().kind().react;
        let difference = self.difference(id);
        let holds_back = |needed: &&FactId| react(&difference, needed) != Reaction::Stays;
        for needed in self.fates.from.needs(id).iter().filter(holds_back) {
            if let Some(dropped) = self.node(Doing::Drop, needed) {
                self.needs[dropped].push(at);
            }
            if let Some(altered) = self.node(Doing::Alter, needed) {
                let is_disturbed = (needed.kind().kind().disturbs)(&self.difference(needed), id);
                match is_disturbed {
                    true => self.needs[altered].push(at),
                    false if self.ahead.contains(&altered) => {}
                    false => _ = self.wishes.insert((Wish::Gone, altered, at)),
                }
            }
        }
        if let Some(parent) = id.parent().and_then(|parent| self.node(Doing::Drop, parent)) {
            self.needs[parent].push(at);
        }
    }

    /// What the kind would have done before, if that closes no cycle.
    fn wish(&mut self, at: usize, doing: Doing, id: &'a FactId, parts: &HashMap<&FactId, Vec<usize>>) {
        // What a thing is made of is changed while nothing uses it, or not yet. That an index or constraint uses columns of its
        // own table goes without saying in the needs.
        let side = if doing == Doing::Drop { self.fates.from } else { self.fates.to };
        let own = id.parent().filter(|_| !self.is_part(at));
        let wholes = side.needs(id).iter().chain(own);
        let parts: Vec<usize> = wholes.filter_map(|whole| parts.get(whole)).flatten().copied().collect();
        for part in parts {
            let wish = match (doing, self.nodes[part].0) {
                (Doing::Create, Doing::Alter | Doing::Create) => (Wish::Unused, at, part),
                (Doing::Create, Doing::Drop) => (Wish::Gone, at, part),
                (Doing::Drop, Doing::Create) => (Wish::Gone, part, at),
                (Doing::Drop, Doing::Alter | Doing::Drop) => (Wish::Unused, part, at),
                _ => continue,
            };
            self.wishes.insert(wish);
        }
        for other in (id.kind().kind().also)(&self.difference(id), doing) {
            let before = match doing {
                Doing::Drop => self.node(Doing::Drop, &other).or_else(|| self.node(Doing::Alter, &other)),
                _ => self.made(&other).or_else(|| self.node(Doing::Drop, &other)),
            };
            self.wishes.extend(before.filter(|&before| before != at).map(|before| (Wish::Asked, at, before)));
        }
    }
}
