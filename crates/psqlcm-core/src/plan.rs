//! The plan from empty: every fact of a snapshot made, in an order in which PostgreSQL accepts it.
//!
//! One graph, one deterministic sort. Facts are folded into their parent's statement (a column into CREATE
//! TABLE) where that closes no cycle; where it would, they get a statement of their own (a default after the
//! function it calls). What cannot be taken apart is an error that names the cycle.

mod between;
mod effect;
pub mod header;
mod moved;
mod renamed_from;
mod renames;
pub mod script;

use std::collections::BTreeSet;
use std::ops::Range;

pub use between::{Action, Difference, Doing, between};
pub use effect::{Blocks, Effect, Lock, Touch, WaysBack, Work};
pub use renamed_from::{RenamedFrom, renamed_from, renames_said};
pub use renames::{Rename, RenameError, candidates, statements as rename_statements, steps as rename_steps};

use crate::fact::{Fact, FactId};
use crate::graph::{self, Graph, Lists};
use crate::kinds::{self, Fold, KindId, Sharing};
use crate::snapshot::Snapshot;

/// One fact with all that is made in the same statements.
pub struct Group<'a> {
    /// The fact that gives the statement its name.
    pub id: &'a FactId,
    /// Its attributes.
    pub fact: &'a Fact,
    /// What is folded into it, in natural order.
    pub members: Vec<(&'a FactId, &'a Fact)>,
    /// Where everything else can be looked up.
    pub snapshot: &'a Snapshot,
    /// Whether it comes to what may be there before, as in a plan that begins with something.
    pub is_added: bool,
}

impl<'a> Group<'a> {
    /// A fact alone, of something that is there.
    pub(crate) fn of(id: &'a FactId, fact: &'a Fact, snapshot: &'a Snapshot) -> Self {
        Self { id, fact, members: Vec::new(), snapshot, is_added: true }
    }
}

impl<'a> Group<'a> {
    /// The folded facts of a kind whose parent is that one.
    pub fn members_of(&self, parent: &FactId, kind: KindId) -> impl Iterator<Item = (&'a FactId, &'a Fact)> {
        let of = move |id: &FactId| id.kind() == kind && id.parent() == Some(parent);
        self.members.iter().copied().filter(move |(id, _)| of(id)).collect::<Vec<_>>().into_iter()
    }

    /// The one folded fact of a kind directly below the group's own, if it is folded.
    pub fn member(&self, kind: KindId) -> Option<&'a Fact> {
        self.members_of(self.id, kind).next().map(|(_, fact)| fact)
    }

    /// Facts of a kind directly below one, folded or not, in stored order.
    pub fn children(&self, parent: &'a FactId, kind: KindId) -> Vec<(&'a FactId, &'a Fact)> {
        let of = |id: &FactId| id.kind() == kind && id.parent() == Some(parent);
        let mut children: Vec<_> = self.snapshot.below(parent).filter(|(id, _)| of(id)).collect();
        children.sort_by_key(|(_, fact)| position(fact));
        children
    }
}

/// One step of a plan: the statements that make a fact and what is folded into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The fact that gives the step its name.
    pub id: FactId,
    /// When it comes, for sorting steps of several plans into one another.
    pub place: Place,
    /// Its statements in order, each without the final semicolon; empty where PostgreSQL makes the fact along
    /// with another.
    pub statements: Vec<String>,
}

/// When a step comes: first the pass, then the kind. What would change later steps comes after all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u32);

impl Place {
    /// How many places a pass has; more than there are kinds.
    const PASS: u32 = 100;
    /// More passes than a database has.
    const PASSES: u32 = 1_000_000;
    /// What comes last.
    const LATE: u32 = Self::PASSES * Self::PASS;

    /// Late kinds come one after the other, each with all its passes and with what is said of it.
    fn new(id: &FactId, pass: u32) -> Self {
        match id.path().map(FactId::kind).find(|kind| kind.kind().late) {
            Some(kind) => Self(Self::LATE + kind as u32 * Self::PASSES + pass),
            None => Self(pass * Self::PASS + id.kind() as u32),
        }
    }

    /// The place of something of which only the kind is known.
    pub fn of_kind(kind: KindId) -> Self {
        Self(kind as u32)
    }

    /// Whether it comes after all that is not late.
    pub fn is_late(self) -> bool {
        self.0 >= Self::LATE
    }

    /// How several sessions can make what has it at once. In a later pass a kind may be made of its own kind, as a table
    /// that inherits is, and lock what it is made of.
    pub fn sharing(self) -> Sharing {
        let kind = usize::try_from(self.0).ok().and_then(|number| kinds::ALL.get(number));
        kind.map_or(Sharing::Never, |kind| kind.kind().sharing)
    }

    /// The place as a number to be kept.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The place that was kept as that number.
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Facts need each other and none of them can be made later.
    #[error("these need each other and cannot be taken apart: {}", names(.0))]
    Cycle(Vec<FactId>),
}

fn names(ids: &[FactId]) -> String {
    ids.iter().map(FactId::to_string).collect::<Vec<_>>().join(", ")
}

/// The steps that make a snapshot's facts in an empty database, in order.
///
/// # Errors
/// When facts form a cycle that nothing takes apart.
pub fn from_empty(snapshot: &Snapshot) -> Result<Vec<Step>, PlanError> {
    let order = Order::of(snapshot)?;
    Ok(order.steps(0..order.len()).collect())
}

/// The order of the plan from empty. Its steps can be written apart from each other, as by several threads.
pub struct Order<'a> {
    snapshot: &'a Snapshot,
    facts: Vec<(&'a FactId, &'a Fact)>,
    /// For each fact those that are made in its statements, itself included.
    groups: Lists,
    /// The facts with statements of their own, each with its pass.
    heads: Vec<(usize, u32)>,
}

impl<'a> Order<'a> {
    /// Finds an order in which the facts can be made.
    ///
    /// # Errors
    /// When facts form a cycle that nothing takes apart.
    pub fn of(snapshot: &'a Snapshot) -> Result<Self, PlanError> {
        let builder = Builder::new(snapshot);
        let (heads, graph) = builder.fold()?;
        let order = builder.sort(&heads, &graph);
        Ok(Self { snapshot, facts: builder.facts, groups: Lists::by_name(&heads), heads: order })
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is nothing to be made.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Some of the steps, in order.
    pub fn steps(&self, range: Range<usize>) -> impl Iterator<Item = Step> {
        self.heads[range].iter().map(|&(head, pass)| {
            let (id, fact) = self.facts[head];
            let members = self.groups.list(head).iter().filter(|&&at| at != head);
            let members = members.map(|&at| self.facts[at]).collect();
            let group = Group { id, fact, members, snapshot: self.snapshot, is_added: false };
            Step {
                id: id.clone(),
                place: Place::new(id, pass),
                statements: (id.kind().kind().create)(&group),
            }
        })
    }
}

/// The statement for a database of that name: what stands on the database itself (its owner, comment, grants and
/// settings) is planned without it, as a database can be restored under another name.
pub fn with_database_name(statement: &str, database: &str) -> String {
    kinds::database::with_name(statement, database).into_owned()
}

/// The statement that makes the database, as a server of this version takes it.
pub fn database_for_version(create: &str, server_version: u32) -> String {
    kinds::database::for_version(create, server_version)
}

/// The stored position of a fact among its siblings.
pub fn position(fact: &Fact) -> i64 {
    fact.get_int("position").unwrap_or_default()
}

struct Builder<'a> {
    facts: Vec<(&'a FactId, &'a Fact)>,
    /// For each fact the one it is folded into when nothing is in the way, else itself.
    parents: Vec<usize>,
    folds: Vec<Fold>,
    /// For each fact what it needs, its parent included.
    needs: Lists,
}

impl<'a> Builder<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        let facts: Vec<_> = snapshot.facts().collect();
        let at = |id: &FactId| snapshot.place(id);
        let parent = |(own, (id, _)): (usize, &(&FactId, &Fact))| id.parent().and_then(at).unwrap_or(own);
        let parents: Vec<usize> = facts.iter().enumerate().map(parent).collect();
        let folds = facts.iter().map(|(id, fact)| (id.kind().kind().fold)(id, fact)).collect();
        let needs = Lists::of(facts.iter().zip(&parents).enumerate().map(|(own, ((id, _), &parent))| {
            let needed = snapshot.needs(id).iter().filter_map(at);
            needed.chain(Some(parent).filter(|&parent| parent != own))
        }));
        Self { facts, parents, folds, needs }
    }

    /// Folds all that can be folded: for each fact the head of its group, and the graph of the groups.
    fn fold(&self) -> Result<(Vec<usize>, Graph), PlanError> {
        let mut apart = vec![false; self.facts.len()];
        loop {
            let heads = self.heads(&apart);
            let graph = self.contract(&heads);
            let cycles: Vec<Vec<usize>> = graph::cycles(&graph);
            if cycles.is_empty() {
                return Ok((heads, graph));
            }
            for cycle in cycles {
                if !self.take_apart(&cycle, &heads, &mut apart) {
                    let ids = cycle.iter().map(|&at| self.facts[at].0.clone());
                    return Err(PlanError::Cycle(ids.collect()));
                }
            }
        }
    }

    /// Parents sort before children, so one pass finds the head of every group.
    fn heads(&self, apart: &[bool]) -> Vec<usize> {
        let mut heads: Vec<usize> = (0..self.facts.len()).collect();
        for at in 0..heads.len() {
            if self.folds[at] != Fold::Never && !apart[at] {
                heads[at] = heads[self.parents[at]];
            }
        }
        heads
    }

    fn contract(&self, heads: &[usize]) -> Graph {
        let mut edges = vec![Vec::new(); self.facts.len()];
        for (at, needed) in self.needs.iter().enumerate() {
            let apart = needed.iter().map(|&to| heads[to]).filter(|&to| to != heads[at]);
            edges[heads[at]].extend(apart);
        }
        for needed in &mut edges {
            needed.sort_unstable();
            needed.dedup();
        }
        edges
    }

    /// Gives the facts that hold a cycle together statements of their own; false when there are none left.
    fn take_apart(&self, cycle: &[usize], heads: &[usize], apart: &mut [bool]) -> bool {
        let groups: BTreeSet<usize> = cycle.iter().copied().collect();
        let mut any = false;
        for (at, needed) in self.needs.iter().enumerate() {
            let inside = groups.contains(&heads[at]) && heads[at] != at && self.folds[at] == Fold::May;
            if inside && needed.iter().any(|&to| heads[to] != heads[at] && groups.contains(&heads[to])) {
                apart[at] = true;
                any = true;
            }
        }
        any
    }

    /// The groups in order, each with its pass.
    ///
    /// A pass goes through the kinds in their natural order; what needs something of a later kind, or of its
    /// own, waits for the next pass. The order hardly moves when one object changes, as it would if it were
    /// counted from the start.
    fn sort(&self, heads: &[usize], graph: &Graph) -> Vec<(usize, u32)> {
        let kind = |at: usize| self.facts[at].0.kind();
        let mut passes = vec![0; graph.len()];
        for at in graph::needed_first(graph) {
            let after = |&to: &usize| if kind(to) < kind(at) { passes[to] } else { passes[to] + 1 };
            passes[at] = graph[at].iter().map(after).max().unwrap_or_default();
        }
        let mut order: Vec<usize> = (0..graph.len()).filter(|&at| heads[at] == at).collect();
        order.sort_by_cached_key(|&at| {
            let (id, fact) = self.facts[at];
            (Place::new(id, passes[at]), id.parent(), position(fact), at)
        });
        order.into_iter().map(|at| (at, passes[at])).collect()
    }
}
