//! The order of the groups: each after what it needs, and otherwise as natural as can be.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Doing;
use super::steps::Steps;
use crate::fact::NO_FACT;
use crate::graph::Graph;
use crate::plan::{Place, position};

impl Steps<'_> {
    /// Each group after what it needs, and of those that are ready first what goes, then in natural order.
    pub(super) fn sort(&self, heads: &[usize], graph: &Graph) -> Vec<usize> {
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
                _ if self.ahead.contains(&at) => (0, place, id.parent(), 0, at),
                Doing::Drop => {
                    (1, Place::from_number(u32::MAX - place.number()), id.parent(), position(fact), at)
                }
                Doing::SetAside | Doing::Rename => (2, place, id.parent(), 0, at),
                Doing::Alter | Doing::Create => (3, place, id.parent(), position(fact), at),
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
