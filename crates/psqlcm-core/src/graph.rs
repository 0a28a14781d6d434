//! Cycles in a directed graph.

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
    for root in 0..graph.len() {
        if index[root] != NEW {
            continue;
        }
        let mut calls = vec![(root, 0)];
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
                let mut component = stack.split_off(start);
                component.iter().for_each(|&at| on_stack[at] = false);
                if component.len() > 1 {
                    component.sort_unstable();
                    found.push(component);
                }
            }
        }
    }
    found
}

/// The nodes of a graph without cycles, each after those it points to.
pub fn needed_first(graph: &Graph) -> Vec<usize> {
    let mut order = Vec::with_capacity(graph.len());
    let mut seen = vec![false; graph.len()];
    for root in 0..graph.len() {
        let mut calls = vec![(root, 0)];
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
    use super::{cycles, needed_first};

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
