//! Cycles in a directed graph, and lists of nodes.

/// A list of nodes for each node, all in one piece of memory: there are many, and most are short.
pub struct Lists {
    /// Where each list ends, which is where the next one begins.
    ends: Vec<usize>,
    nodes: Vec<usize>,
}

impl Lists {
    /// Lists in the order of the nodes that they are for.
    pub fn of<L: IntoIterator<Item = usize>>(lists: impl Iterator<Item = L>) -> Self {
        let mut all = Self { ends: Vec::new(), nodes: Vec::new() };
        for list in lists {
            all.nodes.extend(list);
            all.ends.push(all.nodes.len());
        }
        all
    }

    /// For each node those that name it as theirs, in order.
    pub fn by_name(names: &[usize]) -> Self {
        let mut ends = vec![0; names.len()];
        names.iter().for_each(|&name| ends[name] += 1);
        let mut start = 0;
        for end in &mut ends {
            // As long as it is not filled each list ends where it begins.
            start += std::mem::replace(end, start);
        }
        let mut nodes = vec![0; names.len()];
        for (node, &name) in names.iter().enumerate() {
            nodes[ends[name]] = node;
            ends[name] += 1;
        }
        Self { ends, nodes }
    }

    /// The list of a node.
    pub fn list(&self, node: usize) -> &[usize] {
        let start = node.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.nodes[start..self.ends[node]]
    }

    /// All lists in order.
    pub fn iter(&self) -> impl Iterator<Item = &[usize]> {
        (0..self.ends.len()).map(|node| self.list(node))
    }
}

/// For each node the nodes it points to.
pub type Graph = Vec<Vec<usize>>;

/// The cycles of a graph as its strongly connected components of more than one node, each sorted, in an
/// order that depends on the graph alone. Nodes do not point to themselves.
///
/// Tarjan's algorithm (R. Tarjan, "Depth-first search and linear graph algorithms", 1972) with its own stack,
/// because dependency chains can be longer than the thread's.
pub fn cycles(graph: &Graph) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    let mut index = vec![NEW; graph.len()];
    let mut low = vec![0; graph.len()];
    let mut on_stack = vec![false; graph.len()];
    let mut stack = Vec::new();
    let mut found = Vec::new();
    let mut next = 0;
    let mut calls = Vec::new();
    for root in 0..graph.len() {
        if index[root] != NEW {
            continue;
        }
        calls.push((root, 0));
        while let Some((node, edge)) = calls.pop() {
            if edge == 0 {
                index[node] = next;
                low[node] = next;
                next += 1;
                stack.push(node);
                on_stack[node] = true;
            } else {
                low[node] = low[node].min(low[graph[node][edge - 1]]);
            }
            let unseen = (edge..graph[node].len()).find(|&at| {
                let to = graph[node][at];
                if on_stack[to] {
                    low[node] = low[node].min(index[to]);
                }
                index[to] == NEW
            });
            if let Some(at) = unseen {
                calls.push((node, at + 1));
                calls.push((graph[node][at], 0));
                continue;
            }
            if low[node] == index[node] {
                let start = stack.iter().rposition(|&at| at == node).unwrap_or(0);
                let component = &mut stack[start..];
                component.iter().for_each(|&at| on_stack[at] = false);
                if component.len() > 1 {
                    component.sort_unstable();
                    found.push(component.to_vec());
                }
                stack.truncate(start);
            }
        }
    }
    found
}

/// The nodes of a graph without cycles, each after those it points to.
pub fn needed_first(graph: &Graph) -> Vec<usize> {
    let mut order = Vec::with_capacity(graph.len());
    let mut seen = vec![false; graph.len()];
    let mut calls = Vec::new();
    for root in 0..graph.len() {
        calls.push((root, 0));
        while let Some((node, edge)) = calls.pop() {
            if edge == 0 && std::mem::replace(&mut seen[node], true) {
                continue;
            }
            match graph[node].get(edge) {
                Some(&to) => calls.extend([(node, edge + 1), (to, 0)]),
                None => order.push(node),
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::{Lists, cycles, needed_first};

    #[test]
    fn lists_are_those_that_were_given() {
        let lists = Lists::of([vec![1, 2], vec![], vec![0]].into_iter());
        assert_eq!(lists.iter().collect::<Vec<_>>(), [&[1, 2][..], &[], &[0]]);
        let lists = Lists::by_name(&[2, 0, 2, 3]);
        assert_eq!(lists.iter().collect::<Vec<_>>(), [&[1][..], &[], &[0, 2], &[3]]);
    }

    #[test]
    fn what_is_needed_comes_first() {
        assert_eq!(needed_first(&vec![vec![2, 1], vec![2], vec![], vec![0]]), [2, 1, 0, 3]);
    }

    #[test]
    fn finds_components_and_only_those() {
        assert!(cycles(&vec![vec![1], vec![2], vec![], vec![0]]).is_empty());
        assert_eq!(cycles(&vec![vec![1], vec![0], vec![0, 1]]), [vec![0, 1]]);
        let two = vec![vec![1, 2], vec![0], vec![3], vec![4], vec![2, 5], vec![]];
        assert_eq!(cycles(&two), [vec![2, 3, 4], vec![0, 1]]);
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let length = 300_000;
        let mut chain: Vec<Vec<usize>> = (1..length).map(|to| vec![to]).collect();
        chain.push(vec![0]);
        assert_eq!(cycles(&chain).len(), 1);
    }
}
