//! What comes or goes by one statement: parts with their whole, and what is inherited with what it is inherited from, as far as
//! that closes no cycle.
//!
//! A cycle of what must be is taken apart, or what goes is dropped all at once; one that neither helps is an error. A wish
//! that would close one is given up.

use std::collections::{BTreeMap, BTreeSet};

use super::Doing;
use super::steps::Steps;
use crate::graph::{self, Graph};
use crate::kinds::{Alone, Fold};
use crate::plan::PlanError;

impl Steps<'_> {
    /// Folds what comes or goes with its parent: for each node the head of its group, and the graph of the groups.
    pub(super) fn fold(&mut self) -> Result<(Vec<usize>, Graph), PlanError> {
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
        let mut apart = vec![0; self.nodes.len()];
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

    fn heads(&self, apart: &[u8], joined: &[Option<usize>]) -> Vec<usize> {
        let mut heads: Vec<usize> = (0..self.nodes.len()).collect();
        for at in 0..heads.len() {
            if apart[at] == 0
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
                && apart[at] <= u8::from(self.folds_into(at).is_some())
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
        let needs =
            self.needs.iter().enumerate().flat_map(|(at, needed)| needed.iter().map(move |&to| (at, to)));
        let wishes = self.wishes.iter().filter(|_| wishes).map(|&(_, at, to)| (at, to));
        for (at, to) in needs.chain(wishes).filter(|&(at, to)| heads[at] != heads[to]) {
            edges[heads[at]].push(heads[to]);
        }
        for needed in &mut edges {
            needed.sort_unstable();
            needed.dedup();
        }
        edges
    }

    /// Of the wishes in a cycle only those stay that close none with what must be and with those before them.
    fn forgo(&mut self, cycle: &[usize], heads: &[usize]) {
        let groups: BTreeSet<usize> = cycle.iter().copied().collect();
        let inside = |at: usize, to: usize| {
            heads[at] != heads[to] && groups.contains(&heads[at]) && groups.contains(&heads[to])
        };
        let mut edges: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (at, needed) in self.needs.iter().enumerate() {
            let needed = needed.iter().filter(|&&to| inside(at, to)).map(|&to| heads[to]);
            edges.entry(heads[at]).or_default().extend(needed);
        }
        self.wishes.retain(|&(_, at, to)| {
            let closes = inside(at, to) && leads(&edges, heads[to], heads[at]);
            if inside(at, to) && !closes {
                edges.entry(heads[at]).or_default().insert(heads[to]);
            }
            !closes
        });
    }

    /// Gives the facts that hold a cycle together statements of their own, apart first from what they belong to and then from what
    /// they come with; false when there are none left.
    fn take_apart(&self, cycle: &[usize], heads: &[usize], apart: &mut [u8]) -> bool {
        let groups: BTreeSet<usize> = cycle.iter().copied().collect();
        let outside = |at: usize, to: usize| heads[to] != heads[at] && groups.contains(&heads[to]);
        let mut holding = BTreeSet::new();
        for (at, needed) in self.needs.iter().enumerate() {
            for &to in needed.iter().filter(|&&to| groups.contains(&heads[at]) && outside(at, to)) {
                holding.insert(at);
                holding.insert(to);
            }
        }
        holding.retain(|&at| heads[at] != at && apart[at] < 2);
        let ease = |at: usize| {
            let alone = self.alone(at);
            (alone, alone == Alone::AtLast && self.nodes[at].0 == Doing::Drop)
        };
        let easiest = holding.iter().map(|&at| ease(at)).max().unwrap_or((Alone::Never, false));
        let parted = holding.into_iter().filter(|&at| easiest.0 != Alone::Never && ease(at) == easiest);
        parted.map(|at| apart[at] += 1).count() > 0
    }

    /// Whether it can have statements of its own.
    fn alone(&self, at: usize) -> Alone {
        match self.nodes[at].0 {
            // What another's statement brings might come twice.
            Doing::Create if self.folds_into(at).is_none() && self.comes_with(at).is_some() => {
                match self.fold_of(at) {
                    Fold::May => Alone::AtLast,
                    _ => Alone::Never,
                }
            }
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
}

/// Whether the edges lead from one node to another.
fn leads(edges: &BTreeMap<usize, BTreeSet<usize>>, from: usize, to: usize) -> bool {
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(at) = waiting.pop() {
        if at == to {
            return true;
        }
        waiting.extend(edges.get(&at).into_iter().flatten().copied().filter(|&next| seen.insert(next)));
    }
    false
}
