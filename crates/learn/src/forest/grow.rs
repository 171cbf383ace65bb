//! One tree of a forest, grown depth first.

use super::search::{Found, Node as Sums, Searcher};
use super::{Columns, IN_BAG, Params, bag};
use crate::bins::{Bins, Cut};
use crate::ensemble::{Missing, Node, NodeKind, Test, Tree};
use crate::random::Random;

/// What all trees are grown from.
pub(super) struct Grower<'a> {
    pub(super) bins: &'a Bins,
    pub(super) params: &'a Params,
    /// The number, or the code of the class.
    pub(super) truth: &'a [f64],
    weights: Option<&'a [f64]>,
    /// Classes, or 1 for a number.
    pub(super) outputs: usize,
    /// Columns looked at for each split.
    look_at: usize,
}

/// A tree, and the leaf of each row that it was not grown on ([`IN_BAG`] for the others; empty when it was grown on all).
pub(super) struct OneTree {
    pub(super) tree: Tree,
    pub(super) out_of_bag: Vec<u32>,
}

/// A node that has yet to be split.
struct Open {
    node: usize,
    start: usize,
    count: usize,
    depth: usize,
}

/// A fork as bins see it: whether each code goes left.
struct Fork {
    column: usize,
    table: [bool; 256],
}

/// A tree in the making.
struct Growing {
    nodes: Vec<Node>,
    forks: Vec<Option<Fork>>,
    leaf_values: Vec<f64>,
    category_words: Vec<u64>,
    /// Row number and weight of the rows in the bag.
    rows: Vec<(u32, f64)>,
    aside: Vec<(u32, f64)>,
}

impl<'a> Grower<'a> {
    pub(super) fn new(
        bins: &'a Bins,
        params: &'a Params,
        truth: &'a [f64],
        weights: Option<&'a [f64]>,
        outputs: usize,
    ) -> Self {
        let width = bins.width() as f64;
        let look_at = match params.columns {
            Columns::All => width,
            Columns::Root => width.sqrt().floor(),
            Columns::Share(share) => (width * share).round(),
        };
        Self { bins, params, truth, weights, outputs, look_at: (look_at as usize).max(1) }
    }

    pub(super) fn grow(&self, number: usize) -> OneTree {
        let times = bag(self.bins.rows(), self.params.rows, self.params.seed, number);
        let weight = |row: usize| {
            times.as_ref().map_or(1.0, |times| times[row]) * self.weights.map_or(1.0, |weights| weights[row])
        };
        let rows: Vec<(u32, f64)> =
            (0..self.bins.rows()).map(|row| (row as u32, weight(row))).filter(|(_, weight)| *weight > 0.0).collect();
        let mut growing = Growing {
            nodes: vec![Node { kind: NodeKind::Leaf(0), cover: 0.0 }],
            forks: vec![None],
            leaf_values: Vec::new(),
            category_words: Vec::new(),
            aside: vec![(0, 0.0); rows.len()],
            rows,
        };
        let mut random = Random::stream(self.params.seed, "splits of a tree", number as u64);
        let mut searcher = Searcher::new(self);
        let mut order: Vec<usize> = (0..self.bins.width()).collect();
        let mut open = vec![Open { node: 0, start: 0, count: growing.rows.len(), depth: 0 }];
        while let Some(next) = open.pop() {
            let sums = searcher.sums(&growing.rows[next.start..next.start + next.count]);
            growing.nodes[next.node].cover = sums.weight;
            match self.find(&next, &sums, &growing.rows, &mut order, &mut searcher, &mut random) {
                Some(found) => open.extend(self.split(&next, &found, &mut growing)),
                None => self.close(&next, &sums, &mut growing),
            }
        }
        let out_of_bag = match times {
            Some(times) => self.unseen(&times, &growing),
            None => Vec::new(),
        };
        let Growing { nodes, leaf_values, category_words, .. } = growing;
        OneTree { tree: Tree { output: None, nodes, leaf_values, category_words }, out_of_bag }
    }

    fn find(
        &self,
        open: &Open,
        sums: &Sums,
        rows: &[(u32, f64)],
        order: &mut [usize],
        searcher: &mut Searcher<'_>,
        random: &mut Random,
    ) -> Option<Found> {
        let limits = sums.weight >= self.params.min_split_rows
            && sums.weight >= 2.0 * self.params.min_leaf_rows
            && self.params.max_depth.is_none_or(|most| open.depth < most);
        if !limits || open.count < 2 || sums.is_pure() {
            return None;
        }
        let rows = &rows[open.start..open.start + open.count];
        let mut best: Option<Found> = None;
        for looked in 0..order.len() {
            if looked >= self.look_at && best.is_some() {
                break;
            }
            let other = looked + random.below(order.len() - looked);
            order.swap(looked, other);
            if let Some(found) = searcher.look(order[looked], rows, sums, random)
                && best.as_ref().is_none_or(|best| found.gain > best.gain)
            {
                best = Some(found);
            }
        }
        best
    }

    fn split(&self, open: &Open, found: &Found, growing: &mut Growing) -> [Open; 2] {
        let codes = &self.bins.columns[found.column].codes;
        let rows = &mut growing.rows[open.start..open.start + open.count];
        let (mut to_left, mut to_right) = (0, 0);
        for at in 0..rows.len() {
            let row = rows[at];
            let left = found.table[usize::from(codes[row.0 as usize])];
            rows[to_left] = row;
            growing.aside[to_right] = row;
            to_left += usize::from(left);
            to_right += usize::from(!left);
        }
        rows[to_left..].copy_from_slice(&growing.aside[..to_right]);
        let (left, right) = (growing.nodes.len(), growing.nodes.len() + 1);
        let (test, missing) = self.test(found, growing);
        let fork =
            NodeKind::Split { feature: found.column as u32, test, missing, left: left as u32, right: right as u32 };
        growing.nodes[open.node].kind = fork;
        growing.forks[open.node] = Some(Fork { column: found.column, table: found.table });
        let empty = Node { kind: NodeKind::Leaf(0), cover: 0.0 };
        growing.nodes.extend([empty, empty]);
        growing.forks.extend([None, None]);
        let depth = open.depth + 1;
        [
            Open { node: right, start: open.start + to_left, count: to_right, depth },
            Open { node: left, start: open.start, count: to_left, depth },
        ]
    }

    fn test(&self, found: &Found, growing: &mut Growing) -> (Test, Missing) {
        match &self.bins.columns[found.column].cut {
            Cut::Quantity { upper, .. } => {
                let threshold = upper.get(found.bin).copied().unwrap_or(f64::INFINITY);
                (Test::AtMost(threshold), if found.missing_left { Missing::Left } else { Missing::Right })
            }
            Cut::Category { codes } => {
                let words = &mut growing.category_words;
                let start = words.len();
                for code in codes.iter().enumerate().filter(|(bin, _)| found.table[*bin]).map(|(_, code)| *code) {
                    let word = start + code as usize / 64;
                    if words.len() <= word {
                        words.resize(word + 1, 0);
                    }
                    words[word] |= 1 << (code % 64);
                }
                (Test::Categories { start: start as u32, words: (words.len() - start) as u32 }, Missing::Right)
            }
        }
    }

    fn close(&self, open: &Open, sums: &Sums, growing: &mut Growing) {
        growing.nodes[open.node].kind = NodeKind::Leaf((growing.leaf_values.len() / self.outputs) as u32);
        growing.leaf_values.extend(sums.values.iter().map(|value| value / sums.weight));
    }

    fn unseen(&self, times: &[f64], growing: &Growing) -> Vec<u32> {
        let leaf_of = |row: usize| {
            let mut at = 0;
            loop {
                match (growing.nodes[at].kind, &growing.forks[at]) {
                    (NodeKind::Split { left, right, .. }, Some(fork)) => {
                        let code = self.bins.columns[fork.column].codes[row];
                        at = if fork.table[usize::from(code)] { left } else { right } as usize;
                    }
                    (NodeKind::Leaf(leaf), _) => return leaf,
                    // Every split has its fork.
                    (NodeKind::Split { left, .. }, None) => at = left as usize,
                }
            }
        };
        times.iter().enumerate().map(|(row, times)| if *times > 0.0 { IN_BAG } else { leaf_of(row) }).collect()
    }
}
