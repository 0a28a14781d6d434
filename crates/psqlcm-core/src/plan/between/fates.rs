//! What becomes of each fact: what differs, and all that has to be done again for its sake.
//!
//! It knows no order, and writes no statement.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Difference;
use crate::delta::{Delta, What};
use crate::fact::{FactId, NO_FACT};
use crate::kinds::{Reaction, Response, Space};
use crate::plan::moved::Moves;
use crate::snapshot::Snapshot;

/// Who needs the facts of a snapshot.
pub(super) struct Dependents<'a>(HashMap<&'a FactId, Vec<&'a FactId>>);

impl<'a> Dependents<'a> {
    pub(super) fn new(side: &'a Snapshot) -> Self {
        let mut dependents: HashMap<&FactId, Vec<&FactId>> = HashMap::new();
        for (id, _) in side.facts() {
            for needed in side.needs(id) {
                dependents.entry(needed).or_default().push(id);
            }
        }
        Self(dependents)
    }

    pub(super) fn of(&self, id: &FactId) -> &[&'a FactId] {
        self.0.get(id).map_or(&[], Vec::as_slice)
    }
}

/// What becomes of a fact that does not stay as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Create,
    Drop,
    Alter,
    /// Dropped, and made again.
    Again,
}

impl Fate {
    pub(super) fn drops(self) -> bool {
        matches!(self, Self::Drop | Self::Again)
    }

    pub(super) fn creates(self) -> bool {
        matches!(self, Self::Create | Self::Again)
    }
}

pub(super) struct Fates<'a> {
    pub(super) from: &'a Snapshot,
    pub(super) to: &'a Snapshot,
    pub(super) of: BTreeMap<&'a FactId, Fate>,
    /// Who needs the facts of both sides.
    dependents: &'a [Dependents<'a>; 2],
    /// What is changed in place because something it is made of is made anew.
    remade: BTreeSet<&'a FactId>,
    /// What stays under another name until what was made of it is remade.
    pub(super) aside: BTreeSet<&'a FactId>,
    waiting: Vec<&'a FactId>,
}

impl<'a> Fates<'a> {
    pub(super) fn new(from: &'a Snapshot, to: &'a Snapshot, dependents: &'a [Dependents<'a>; 2]) -> Self {
        let (of, waiting) = (BTreeMap::new(), Vec::new());
        Self { from, to, of, dependents, remade: BTreeSet::new(), aside: BTreeSet::new(), waiting }
    }

    /// What differs, and all that must be done again for its sake.
    pub(super) fn settle(&mut self) {
        let moves = Moves::between(self.from, self.to);
        for delta in Delta::between(self.from, self.to).facts {
            match &delta.what {
                What::Removed(_) => self.put_side(self.from, &delta.id, Fate::Drop),
                What::Added(_) => self.put_side(self.to, &delta.id, Fate::Create),
                What::Changed(_) => {
                    let before = self.from.get(&delta.id);
                    if let (Some((id, after)), Some(before)) = (self.to.entry(&delta.id), before)
                        && !moves.explain(id, before, after)
                    {
                        self.respond(id);
                    }
                }
            }
        }
        self.follow();
        self.set_meddlers_apart();
        self.follow();
        self.make_room();
    }

    fn follow(&mut self) {
        while let Some(id) = self.waiting.pop() {
            match self.of[id] {
                Fate::Create | Fate::Alter => self.disturb(id),
                Fate::Drop | Fate::Again => self.take_along(id),
            }
        }
    }

    /// What would have a say in how something is made is not there until that is made.
    fn set_meddlers_apart(&mut self) {
        let made: Vec<&FactId> =
            self.of.iter().filter(|(_, fate)| fate.creates()).map(|(id, _)| *id).collect();
        let facts = self.from.facts().map(|(id, _)| id);
        let meddlers: Vec<&FactId> = facts
            .filter(|id| {
                id.kind().kind().meddles.is_some_and(|meddles| made.iter().any(|made| meddles(id, made)))
            })
            .collect();
        for id in meddlers {
            self.again(id);
        }
    }

    /// What can go only once others are changed keeps no name from those that they are changed for.
    fn make_room(&mut self) {
        let spaces = |side: &'a Snapshot, id: &'a FactId| {
            side.get(id).map(|fact| (id.kind().kind().spaces)(id, fact)).unwrap_or_default()
        };
        let made = self.of.iter().filter(|(_, fate)| fate.creates());
        let wanted: HashSet<Space<'a>> = made.flat_map(|(id, _)| spaces(self.to, id)).collect();
        let [before, _] = self.dependents;
        let is_held = |id: &FactId| before.of(id).iter().any(|one| self.of.get(one) == Some(&Fate::Alter));
        let gone = self.of.iter().filter(|(_, fate)| **fate == Fate::Drop).map(|(id, _)| *id);
        let in_the_way = gone.filter(|id| {
            spaces(self.from, id).iter().any(|space| wanted.contains(space))
                && is_held(id)
                && !(id.kind().kind().set_aside)(&self.difference(id)).is_empty()
        });
        let in_the_way: Vec<_> = in_the_way.collect();
        self.aside.extend(in_the_way);
    }

    /// What makes room under another name, with all that belongs to it, if that is so.
    pub(super) fn set_aside(&self, id: &'a FactId) -> Option<&'a FactId> {
        id.path().find(|id| self.aside.contains(id))
    }

    /// A fact of one side alone comes or goes with all that belongs to it, states too.
    fn put_side(&mut self, side: &'a Snapshot, id: &FactId, fate: Fate) {
        let Some((id, _)) = side.entry(id) else { return };
        match self.response(id) {
            Response::Parent => return self.again_parent(id),
            Response::Nothing => return,
            Response::Alter | Response::Again => {}
        }
        for (id, _) in std::iter::once((id, &NO_FACT)).chain(side.below(id)) {
            self.put(id, fate);
        }
    }

    fn respond(&mut self, id: &'a FactId) {
        match self.response(id) {
            Response::Nothing => {}
            Response::Alter => self.put(id, Fate::Alter),
            Response::Again => self.put(id, Fate::Again),
            Response::Parent => self.again_parent(id),
        }
    }

    fn response(&self, id: &'a FactId) -> Response {
        (id.kind().kind().respond)(&self.difference(id))
    }

    pub(super) fn difference(&self, id: &'a FactId) -> Difference<'a> {
        let is_remade = self.remade.contains(id);
        Difference {
            id,
            before: self.from.get(id),
            after: self.to.get(id),
            from: self.from,
            to: self.to,
            is_remade,
            dependents: Some(self.dependents),
            fates: None,
        }
    }

    fn put(&mut self, id: &'a FactId, fate: Fate) {
        let known = self.of.get(id).copied();
        if known != Some(fate) && !matches!(known, Some(Fate::Create | Fate::Drop | Fate::Again)) {
            self.of.insert(id, fate);
            self.waiting.push(id);
        }
    }

    /// What is on both sides is made again; what is on one only comes or goes anyway.
    fn again(&mut self, id: &'a FactId) {
        if let (Some(_), Some((id, _))) = (self.from.get(id), self.to.entry(id)) {
            match (id.kind().kind().made_with_parent)(id) {
                true => self.again_parent(id),
                false => self.put(id, Fate::Again),
            }
        }
    }

    /// What cannot be made alone is made with what it belongs to.
    fn again_parent(&mut self, id: &'a FactId) {
        if let Some(parent) = id.parent() {
            self.again(parent);
        }
    }

    /// What goes takes along what belongs to it and what needs it.
    fn take_along(&mut self, id: &'a FactId) {
        for (below, _) in self.from.below(id) {
            if let Some((below, _)) = self.to.entry(below) {
                self.put(below, Fate::Again);
            }
        }
        if self.of[id] == Fate::Again {
            for (below, _) in self.to.below(id) {
                if self.from.get(below).is_none() {
                    self.put(below, Fate::Create);
                }
            }
        }
        let difference = Difference { fates: Some(&self.of), ..self.difference(id) };
        for taken in (id.kind().kind().takes)(&difference) {
            if let Some((taken, _)) = self.from.entry(&taken) {
                self.again(taken);
            }
        }
        let [before, _] = self.dependents;
        for &dependent in before.of(id) {
            let fate = self.of.get(dependent);
            // What is changed so that it needs the other no more lets it go.
            let lets_go = fate == Some(&Fate::Alter)
                && self.of[id] == Fate::Drop
                && !self.to.needs(dependent).contains(id);
            if lets_go || fate.is_some_and(|fate| fate.drops()) {
                continue;
            }
            match (dependent.kind().kind().react)(&self.difference(dependent), id) {
                Reaction::Stays | Reaction::GoesFirst => {}
                Reaction::Again => self.again(dependent),
                Reaction::Remade => {
                    self.aside.insert(id);
                    self.remade.insert(dependent);
                    self.of.remove(dependent);
                    self.put(dependent, Fate::Alter);
                }
            }
        }
    }

    /// What is changed in place, or added, disturbs some of what needs it or what it belongs to.
    fn disturb(&mut self, id: &'a FactId) {
        let difference = self.difference(id);
        let disturbs = id.kind().kind().disturbs;
        let below = self.from.below(id).map(|(below, _)| below);
        let [before, _] = self.dependents;
        let dependents = id.path().take(2).flat_map(|id| before.of(id)).copied();
        // What comes may disturb what the thing that it needs has already, and the other parts of its whole, as what changes may.
        let needed = if difference.before.is_none() { self.to.needs(id) } else { &[] };
        let whole = id.parent().filter(|_| id.object() != id);
        let beside = needed.iter().chain(whole).flat_map(|id| self.from.below(id)).map(|(below, _)| below);
        let around = below.chain(dependents).chain(beside);
        let disturbed: Vec<_> = around.filter(|other| disturbs(&difference, other)).collect();
        for other in disturbed {
            self.again(other);
        }
    }
}
