//! The order in which nodes lie best.

use super::{NodeKind, Tree};
use std::collections::VecDeque;

/// Nodes that lie level by level: four levels.
const TOP: usize = 15;

impl Tree {
    /// The tree's nodes in the order in which they are used: the first lie level by level, because every row passes them; below them,
    /// the child that more training rows went to follows its parent, so that the usual way down touches few cache lines. Children
    /// come after their parents, side by side. Nodes that no way leads to are left out.
    pub(crate) fn order(&self) -> Vec<u32> {
        let mut order = Vec::with_capacity(self.nodes.len());
        if self.nodes.is_empty() {
            return order;
        }
        order.push(0);
        let mut open = VecDeque::from([0_u32]);
        while let Some(at) = if order.len() < TOP { open.pop_front() } else { open.pop_back() } {
            if let NodeKind::Split { left, right, .. } = self.nodes[at as usize].kind {
                order.extend([left, right]);
                let cover = |node: u32| self.nodes[node as usize].cover;
                open.extend(if cover(left) > cover(right) { [right, left] } else { [left, right] });
            }
        }
        order
    }

    /// Where each node of an [`Tree::order`] stands in it.
    pub(crate) fn places(&self, order: &[u32]) -> Vec<u32> {
        let mut places = vec![0; self.nodes.len()];
        for (place, node) in (0_u32..).zip(order) {
            places[*node as usize] = place;
        }
        places
    }

    /// The same tree with its nodes in [`Tree::order`].
    #[cfg(test)]
    pub(crate) fn in_order(&self) -> Self {
        let order = self.order();
        let places = self.places(&order);
        let mut tree = Self { nodes: order.iter().map(|node| self.nodes[*node as usize]).collect(), ..self.clone() };
        for node in &mut tree.nodes {
            if let NodeKind::Split { left, right, .. } = &mut node.kind {
                (*left, *right) = (places[*left as usize], places[*right as usize]);
            }
        }
        tree
    }
}
