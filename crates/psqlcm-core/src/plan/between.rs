//! The plan between two snapshots: what of the one is dropped, changed in place and made anew so that it becomes the
//! other.
//!
//! One graph of all that is done, at the grain of facts, with the needs of both sides as its edges, and one sort. It names
//! no kind: what can be changed in place, what that disturbs and what it says stands in the registry.

mod fates;
mod groups;
mod order;
mod steps;

use std::collections::BTreeMap;

use self::fates::{Dependents, Fate, Fates};
use self::steps::Steps;
use super::{Effect, Group, PlanError};
use crate::fact::{Fact, FactId, NO_FACT};
use crate::snapshot::Snapshot;

/// One fact on both sides of a plan.
#[derive(Clone, Copy)]
pub struct Difference<'a> {
    /// Which fact.
    pub id: &'a FactId,
    /// What it was; `None` if it was not there.
    pub before: Option<&'a Fact>,
    /// What it is to be; `None` if it is to go.
    pub after: Option<&'a Fact>,
    /// The side that is left.
    pub from: &'a Snapshot,
    /// The side that is to be reached.
    pub to: &'a Snapshot,
    /// Whether the fact stays while something it is made of is made anew under the same name, as the type of a column.
    pub is_remade: bool,
    /// Who needs the facts of both sides.
    dependents: Option<&'a [Dependents<'a>; 2]>,
    /// What becomes of each fact, as far as that is settled.
    fates: Option<&'a BTreeMap<&'a FactId, Fate>>,
}

impl<'a> Difference<'a> {
    /// A fact that stays as it is.
    pub(super) fn none(id: &'a FactId, side: &'a Snapshot) -> Self {
        let fact = side.get(id);
        Self {
            id,
            before: fact,
            after: fact,
            from: side,
            to: side,
            is_remade: false,
            dependents: None,
            fates: None,
        }
    }

    /// Whether an attribute of both sides differs.
    pub fn differs(&self, attribute: &str) -> bool {
        self.before.and_then(|fact| fact.get(attribute)) != self.after.and_then(|fact| fact.get(attribute))
    }

    /// Whether the only attributes that differ are among those.
    pub fn differs_only_in(&self, attributes: &[&str]) -> bool {
        let sides = [self.before, self.after];
        let names = sides.into_iter().flatten().flat_map(Fact::attributes).map(|(name, _)| name);
        names.into_iter().all(|name| attributes.contains(&name) || !self.differs(name))
    }

    /// Whether another fact is dropped, be it to be made again; while that is being settled, as far as it is known.
    pub fn drops(&self, other: &FactId) -> bool {
        self.fates.and_then(|fates| fates.get(other)).is_some_and(|fate| fate.drops())
    }

    /// What needs another fact on the side that is left; nothing where the plan is for a fact that stays.
    pub fn dependents(&self, other: &FactId) -> &'a [&'a FactId] {
        self.dependents.map_or(&[], |[before, _]| before.of(other))
    }

    /// What needs another fact on the side that is to be reached; nothing where the plan is for a fact that stays.
    pub fn dependents_after(&self, other: &FactId) -> &'a [&'a FactId] {
        self.dependents.map_or(&[], |[_, after]| after.of(other))
    }

    /// What it is to be, for facts that stay.
    pub fn becomes(&self) -> &'a Fact {
        self.after.or(self.before).expect("a fact of one side at least")
    }

    /// What it was, for facts that stay.
    pub fn was(&self) -> &'a Fact {
        self.before.or(self.after).expect("a fact of one side at least")
    }
}

/// What is done to a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doing {
    /// It goes.
    Drop,
    /// It makes room for its successor under another name, until nothing uses it any more.
    SetAside,
    /// It gets another name, because somebody said that it is the same thing.
    Rename,
    /// It is changed in place.
    Alter,
    /// It is made.
    Create,
}

/// One thing that is done: the statements for a fact, and for all that comes or goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What is done.
    pub doing: Doing,
    /// The fact that gives it its name.
    pub id: FactId,
    /// What else comes or goes with the same statements.
    pub members: Vec<FactId>,
    /// Without semicolons; none where PostgreSQL does it along with another.
    pub statements: Vec<String>,
    /// What that means for what was there before.
    pub effect: Effect,
}

/// What turns one snapshot into the other, in order; what needs nothing done has no action.
///
/// # Errors
/// When what is to be done forms a cycle that nothing takes apart.
pub fn between(from: &Snapshot, to: &Snapshot) -> Result<Vec<Action>, PlanError> {
    let dependents = [Dependents::new(from), Dependents::new(to)];
    let mut fates = Fates::new(from, to, &dependents);
    fates.settle();
    Steps::new(&fates).actions()
}

impl<'a> Steps<'a> {
    fn actions(mut self) -> Result<Vec<Action>, PlanError> {
        let (heads, graph) = self.fold()?;
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); heads.len()];
        for (at, &head) in heads.iter().enumerate() {
            if at != head {
                members[head].push(at);
            }
        }
        let order = self.sort(&heads, &graph);
        Ok(order.into_iter().map(|at| self.action(at, &members[at])).collect())
    }

    fn action(&self, at: usize, members: &[usize]) -> Action {
        let (doing, id) = self.nodes[at];
        let kind = id.kind().kind();
        let side = if doing == Doing::Create { self.fates.to } else { self.fates.from };
        let group = || Group {
            id,
            fact: side.get(id).unwrap_or(&NO_FACT),
            members: members.iter().filter_map(|&at| side.entry(self.nodes[at].1)).collect(),
            snapshot: side,
            is_added: true,
        };
        let statements = match doing {
            Doing::Create => (kind.create)(&group()),
            Doing::Alter => (kind.alter)(&self.difference(id)),
            Doing::Rename => Vec::new(),
            Doing::SetAside => (kind.set_aside)(&self.difference(id)),
            Doing::Drop if self.fates.aside.contains(id) => (kind.drop_aside)(id),
            Doing::Drop => {
                let mut statements = (kind.drop)(&self.difference(id));
                if let Some(drop) = statements.first_mut().filter(|_| self.cascades.contains(&at)) {
                    *drop += " CASCADE";
                }
                statements
            }
        };
        Action {
            doing,
            id: id.clone(),
            members: members.iter().map(|&at| self.nodes[at].1.clone()).collect(),
            statements,
            effect: self.effect(at, members),
        }
    }

    /// What it means for relations that were there before, with those of other objects that it reaches.
    fn effect(&self, at: usize, members: &[usize]) -> Effect {
        let (doing, id) = self.nodes[at];
        let of = |id: &'a FactId| (id.kind().kind().effect)(&self.difference(id), doing);
        let mut effect = of(id);
        for &member in members {
            if self.nodes[member].1.object() != id.object() {
                effect.join(of(self.nodes[member].1));
            }
        }
        let is_new = |relation: &FactId| doing != Doing::Drop && self.node(Doing::Create, relation).is_some();
        effect.only(|relation| self.fates.from.get(relation).is_some() && !is_new(relation))
    }
}
