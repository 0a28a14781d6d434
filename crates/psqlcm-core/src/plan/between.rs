//! The plan between two snapshots: what of the one is dropped, changed in place and made anew so that it becomes the
//! other.
//!
//! One graph of all that is done, at the grain of facts, with the needs of both sides as its edges, and one sort. It names
//! no kind: what can be changed in place, what that disturbs and what it says stands in the registry.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use super::{Effect, Group, Place, PlanError, position};
use crate::delta::{Delta, What};
use crate::fact::{Fact, FactId, NO_FACT};
use crate::graph::{self, Graph};
use crate::kinds::{self, Alone, Fold, Reaction, Response, Space};
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
    /// What becomes of each fact, once that is settled.
    fates: Option<&'a BTreeMap<&'a FactId, Fate>>,
}

impl<'a> Difference<'a> {
    /// A fact that stays as it is.
    pub(super) fn none(id: &'a FactId, side: &'a Snapshot) -> Self {
        let fact = side.get(id);
        Self { id, before: fact, after: fact, from: side, to: side, is_remade: false, fates: None }
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

    /// Whether another fact is dropped, be it to be made again; not known while that is being settled.
    pub fn drops(&self, other: &FactId) -> bool {
        self.fates.and_then(|fates| fates.get(other)).is_some_and(|fate| fate.drops())
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
    let mut fates = Fates::new(from, to);
    fates.settle();
    Steps::new(&fates).actions()
}

/// What becomes of a fact that does not stay as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Create,
    Drop,
    Alter,
    /// Dropped, and made again.
    Again,
}

impl Fate {
    fn drops(self) -> bool {
        matches!(self, Self::Drop | Self::Again)
    }

    fn creates(self) -> bool {
        matches!(self, Self::Create | Self::Again)
    }
}

struct Fates<'a> {
    from: &'a Snapshot,
    to: &'a Snapshot,
    of: BTreeMap<&'a FactId, Fate>,
    /// Who needs a fact of `from`.
    dependents: HashMap<&'a FactId, Vec<&'a FactId>>,
    /// What is changed in place because something it is made of is made anew.
    remade: BTreeSet<&'a FactId>,
    /// What stays under another name until what was made of it is remade.
    aside: BTreeSet<&'a FactId>,
    waiting: Vec<&'a FactId>,
}

impl<'a> Fates<'a> {
    fn new(from: &'a Snapshot, to: &'a Snapshot) -> Self {
        let mut dependents: HashMap<&FactId, Vec<&FactId>> = HashMap::new();
        for (id, _) in from.facts() {
            for needed in from.needs(id) {
                dependents.entry(needed).or_default().push(id);
            }
        }
        let (of, waiting) = (BTreeMap::new(), Vec::new());
        Self { from, to, of, dependents, remade: BTreeSet::new(), aside: BTreeSet::new(), waiting }
    }

    /// What differs, and all that must be done again for its sake.
    fn settle(&mut self) {
        for delta in Delta::between(self.from, self.to).facts {
            match &delta.what {
                What::Removed(_) => self.put_side(self.from, &delta.id, Fate::Drop),
                What::Added(_) => self.put_side(self.to, &delta.id, Fate::Create),
                What::Changed(_) => {
                    if let Some((id, _)) = self.to.entry(&delta.id) {
                        self.respond(id);
                    }
                }
            }
        }
        self.follow();
        self.set_meddlers_apart();
        self.follow();
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

    /// What makes room under another name, with all that belongs to it, if that is so.
    fn set_aside(&self, id: &'a FactId) -> Option<&'a FactId> {
        id.path().find(|id| self.aside.contains(id))
    }

    /// A fact of one side alone comes or goes with all that belongs to it, states too.
    fn put_side(&mut self, side: &'a Snapshot, id: &FactId, fate: Fate) {
        let Some((id, _)) = side.entry(id) else { return };
        if self.response(id) == Response::Parent {
            return self.again_parent(id);
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

    fn difference(&self, id: &'a FactId) -> Difference<'a> {
        let is_remade = self.remade.contains(id);
        Difference {
            id,
            before: self.from.get(id),
            after: self.to.get(id),
            from: self.from,
            to: self.to,
            is_remade,
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
            for taken in (id.kind().kind().takes)(&self.difference(id)) {
                if let Some((taken, _)) = self.from.entry(&taken) {
                    self.again(taken);
                }
            }
        }
        for dependent in self.dependents.get(id).cloned().unwrap_or_default() {
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
        let dependents = id.path().take(2).filter_map(|id| self.dependents.get(id)).flatten().copied();
        let disturbed: Vec<_> =
            below.chain(dependents).filter(|other| disturbs(&difference, other)).collect();
        for other in disturbed {
            self.again(other);
        }
    }
}

/// What is done, as a graph.
struct Steps<'a> {
    fates: &'a Fates<'a>,
    /// Each fact with what is done to it; parents before what belongs to them.
    nodes: Vec<(Doing, &'a FactId)>,
    at: HashMap<(Doing, &'a FactId), usize>,
    /// For each node what must be done before it.
    needs: Vec<Vec<usize>>,
    /// For each node what had better be done before it.
    wishes: Vec<Vec<usize>>,
    /// What cannot be dropped one after the other: these are dropped with all that needs them.
    cascades: BTreeSet<usize>,
}

impl<'a> Steps<'a> {
    fn new(fates: &'a Fates<'a>) -> Self {
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
        let (needs, wishes) = (vec![Vec::new(); nodes.len()], vec![Vec::new(); nodes.len()]);
        let mut steps = Self { fates, nodes, at, needs, wishes, cascades: BTreeSet::new() };
        steps.connect();
        steps
    }

    fn node(&self, doing: Doing, id: &FactId) -> Option<usize> {
        self.at.get(&(doing, id)).copied()
    }

    fn difference(&self, id: &'a FactId) -> Difference<'a> {
        Difference { fates: Some(&self.fates.of), ..self.fates.difference(id) }
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

    /// What is needed, what it belongs to included, is what it is to be.
    fn connect_made(&mut self, at: usize, id: &'a FactId) {
        let needed = self.fates.to.needs(id).iter().chain(id.parent());
        let before: Vec<usize> = needed.filter_map(|needed| self.made(needed)).collect();
        self.needs[at].extend(before);
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

    /// Before anything goes or changes, what needs it is gone.
    fn connect_drop(&mut self, at: usize, id: &'a FactId) {
        let react = id.kind().kind().react;
        let difference = self.difference(id);
        let holds_back = |needed: &&FactId| react(&difference, needed) != Reaction::Stays;
        for needed in self.fates.from.needs(id).iter().filter(holds_back) {
            for doing in [Doing::Drop, Doing::Alter] {
                if let Some(other) = self.node(doing, needed) {
                    self.needs[other].push(at);
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
            match (doing, self.nodes[part].0) {
                (Doing::Create, Doing::Alter | Doing::Create) => self.wishes[at].push(part),
                (Doing::Drop, Doing::Alter | Doing::Drop) => self.wishes[part].push(at),
                _ => {}
            }
        }
        for other in (id.kind().kind().also)(&self.difference(id), doing) {
            let before = match doing {
                Doing::Drop => self.node(Doing::Drop, &other).or_else(|| self.node(Doing::Alter, &other)),
                _ => self.made(&other),
            };
            self.wishes[at].extend(before.filter(|&before| before != at));
        }
    }

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
                let cascade = if self.cascades.contains(&at) { " CASCADE" } else { "" };
                (kind.drop)(&self.difference(id)).into_iter().map(|drop| drop + cascade).collect()
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

    /// Folds what comes or goes with its parent: for each node the head of its group, and the graph of the groups.
    fn fold(&mut self) -> Result<(Vec<usize>, Graph), PlanError> {
        let heads = self.fold_needs()?;
        loop {
            let graph = self.contract(&heads, true);
            let cycles = graph::cycles(&graph);
            if cycles.is_empty() {
                return Ok((heads, graph));
            }
            cycles.iter().for_each(|cycle| self.forgo(cycle, &heads));
        }
    }

    /// The heads of groups whose needs form no cycle.
    fn fold_needs(&mut self) -> Result<Vec<usize>, PlanError> {
        let mut apart = vec![false; self.nodes.len()];
        let mut joined: Vec<Option<usize>> = vec![None; self.nodes.len()];
        loop {
            let heads = self.heads(&apart, &joined);
            let cycles = graph::cycles(&self.contract(&heads, false));
            if cycles.is_empty() {
                return Ok(heads);
            }
            for cycle in cycles {
                if !self.take_apart(&cycle, &heads, &mut apart) && !self.join(&cycle, &mut joined) {
                    let ids = cycle.iter().map(|&at| self.nodes[at].1.clone());
                    return Err(PlanError::Cycle(ids.collect()));
                }
            }
        }
    }

    fn heads(&self, apart: &[bool], joined: &[Option<usize>]) -> Vec<usize> {
        let mut heads: Vec<usize> = (0..self.nodes.len()).collect();
        for at in 0..heads.len() {
            if !apart[at]
                && let Some(parent) = self.folds_into(at)
            {
                heads[at] = heads[parent];
            }
        }
        // Of what comes with another table's, that one may sort later.
        let folded = heads.clone();
        for (at, head) in heads.iter_mut().enumerate() {
            let alone = |other: &usize| folded[*other] == *other || self.nodes[at].0 == Doing::Drop;
            if *head == at
                && let Some(other) = self.comes_with(at).filter(alone)
            {
                *head = other;
            }
        }
        for at in 0..heads.len() {
            while heads[heads[at]] != heads[at] {
                heads[at] = heads[heads[at]];
            }
            if let Some(other) = joined[heads[at]] {
                heads[at] = heads[other];
            }
        }
        heads
    }

    /// The node whose statements do it too, where nothing is in the way.
    fn folds_into(&self, at: usize) -> Option<usize> {
        let (doing, id) = self.nodes[at];
        let parent = self.node(doing, id.parent()?)?;
        let folds = match doing {
            Doing::Create => self.fold_of(at) != Fold::Never,
            Doing::Drop => id.object() != id && self.alone(at) != Alone::Always && !self.stays(parent),
            Doing::Alter | Doing::SetAside | Doing::Rename => false,
        };
        folds.then_some(parent)
    }

    /// Whether it does not really go, as something else brought it.
    fn stays(&self, at: usize) -> bool {
        let id = self.nodes[at].1;
        let given = id.path().find(|id| id.kind().kind().is_given);
        given
            .is_some_and(|given| given.parent().is_none_or(|parent| self.node(Doing::Drop, parent).is_none()))
    }

    fn fold_of(&self, at: usize) -> Fold {
        let id = self.nodes[at].1;
        self.fates.to.get(id).map_or(Fold::Never, |fact| (id.kind().kind().fold)(id, fact))
    }

    /// The node of another table's fact that brings this one about, such as the parent's column.
    fn comes_with(&self, at: usize) -> Option<usize> {
        let (doing, id) = self.nodes[at];
        let with = (id.kind().kind().comes_with)(&self.difference(id), doing);
        with.iter().find_map(|other| self.node(doing, other)).filter(|&other| other != at)
    }

    fn contract(&self, heads: &[usize], wishes: bool) -> Graph {
        let mut edges = vec![Vec::new(); self.nodes.len()];
        for (at, needed) in self.needs.iter().zip(&self.wishes).enumerate() {
            let needed = needed.0.iter().chain(needed.1.iter().filter(|_| wishes));
            edges[heads[at]].extend(needed.map(|&to| heads[to]).filter(|&to| to != heads[at]));
        }
        for needed in &mut edges {
            needed.sort_unstable();
            needed.dedup();
        }
        edges
    }

    /// Gives up the wishes that close a cycle of what must be, or where none does by itself, all that hold this one
    /// together: what must be forms none.
    fn forgo(&mut self, cycle: &[usize], heads: &[usize]) {
        let groups: BTreeSet<usize> = cycle.iter().copied().collect();
        let inside = |at: usize, to: usize| {
            heads[at] != heads[to] && groups.contains(&heads[at]) && groups.contains(&heads[to])
        };
        let mut must: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (at, needed) in self.needs.iter().enumerate() {
            must.entry(heads[at])
                .or_default()
                .extend(needed.iter().filter(|&&to| inside(at, to)).map(|&to| heads[to]));
        }
        let leads = |from: usize, to: usize| {
            let (mut seen, mut waiting) = (BTreeSet::new(), vec![from]);
            while let Some(at) = waiting.pop() {
                waiting.extend(must[&at].iter().copied().filter(|&next| seen.insert(next)));
            }
            seen.contains(&to)
        };
        let wishes =
            self.wishes.iter().enumerate().flat_map(|(at, wished)| wished.iter().map(move |&to| (at, to)));
        let holding: Vec<_> = wishes.filter(|&(at, to)| inside(at, to)).collect();
        let closing: Vec<_> =
            holding.iter().copied().filter(|&(at, to)| leads(heads[to], heads[at])).collect();
        let given_up = if closing.is_empty() { holding } else { closing };
        for &(at, to) in &given_up {
            self.wishes[at].retain(|&wished| wished != to);
        }
    }

    /// Gives the facts that hold a cycle together statements of their own; false when there are none left.
    fn take_apart(&self, cycle: &[usize], heads: &[usize], apart: &mut [bool]) -> bool {
        let groups: BTreeSet<usize> = cycle.iter().copied().collect();
        let outside = |at: usize, to: usize| heads[to] != heads[at] && groups.contains(&heads[to]);
        let mut holding = BTreeSet::new();
        for (at, needed) in self.needs.iter().enumerate() {
            for &to in needed.iter().filter(|&&to| groups.contains(&heads[at]) && outside(at, to)) {
                holding.insert(at);
                holding.insert(to);
            }
        }
        holding.retain(|&at| heads[at] != at && !apart[at]);
        let easiest = holding.iter().map(|&at| self.alone(at)).max().unwrap_or(Alone::Never);
        let parted = holding.into_iter().filter(|&at| easiest != Alone::Never && self.alone(at) == easiest);
        parted.map(|at| apart[at] = true).count() > 0
    }

    /// Whether it can have statements of its own.
    fn alone(&self, at: usize) -> Alone {
        match self.nodes[at].0 {
            Doing::Create if self.fold_of(at) == Fold::May => Alone::AtOnce,
            Doing::Drop => self.nodes[at].1.kind().kind().drops_alone,
            _ => Alone::Never,
        }
    }

    /// What needs each other and goes is dropped with the first of them.
    fn join(&mut self, cycle: &[usize], joined: &mut [Option<usize>]) -> bool {
        if !cycle.iter().all(|&at| self.nodes[at].0 == Doing::Drop) {
            return false;
        }
        let first = cycle[0];
        for &at in &cycle[1..] {
            joined[at] = Some(first);
        }
        self.cascades.insert(first)
    }

    /// Each group after what it needs, and of those that are ready first what goes, then in natural order.
    fn sort(&self, heads: &[usize], graph: &Graph) -> Vec<usize> {
        let mut missing: Vec<usize> = graph.iter().map(Vec::len).collect();
        let mut waiting = vec![Vec::new(); graph.len()];
        for (at, needed) in graph.iter().enumerate() {
            for &to in needed {
                waiting[to].push(at);
            }
        }
        let rank = self.ranks();
        let is_ready = |at: &usize| heads[*at] == *at && missing[*at] == 0;
        let mut ready: BinaryHeap<_> =
            (0..graph.len()).filter(is_ready).map(|at| Reverse((rank[at], at))).collect();
        let mut order = Vec::new();
        while let Some(Reverse((_, at))) = ready.pop() {
            order.push(at);
            for &next in &waiting[at] {
                missing[next] -= 1;
                if missing[next] == 0 {
                    ready.push(Reverse((rank[next], next)));
                }
            }
        }
        order
    }

    /// The place of each node among all if nothing needed another.
    fn ranks(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        let key = |&at: &usize| {
            let (doing, id) = self.nodes[at];
            let fact = self.fates.to.get(id).or_else(|| self.fates.from.get(id)).unwrap_or(&NO_FACT);
            let place = Place::new(id, 0);
            match doing {
                Doing::Drop => {
                    (0, Place::from_number(u32::MAX - place.number()), id.parent(), position(fact), at)
                }
                Doing::SetAside | Doing::Rename => (1, place, id.parent(), 0, at),
                Doing::Alter | Doing::Create => (2, place, id.parent(), position(fact), at),
            }
        };
        order.sort_by_cached_key(key);
        let mut ranks = vec![0; order.len()];
        for (rank, at) in order.into_iter().enumerate() {
            ranks[at] = rank;
        }
        ranks
    }
}
