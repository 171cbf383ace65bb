//! One tree, grown leaf by leaf: the leaf whose split gains most is split next.

use super::histogram::{Histogram, Layout, Units};
use super::params::Params;
use super::partition::partition;
use super::split::{self, BinTest, Leaf, Rules, Scan, Split, Sums};
use crate::bins::{Bins, Cut};
use rayon::prelude::*;

/// Least number of bins for which the columns are searched by more than one thread.
const SCAN_WORK: usize = 4096;
/// Histograms are kept for later subtraction while they take at most this much memory; beyond it they are counted anew.
const KEEP_BYTES: usize = 1 << 30;

/// What a tree is grown from.
pub(super) struct Ground<'a> {
    pub(super) bins: &'a Bins,
    pub(super) params: &'a Params,
    pub(super) layout: &'a Layout,
    pub(super) units: &'a Units,
    pub(super) rules: Rules,
}

/// Memory that is used again from tree to tree.
#[derive(Default)]
pub(super) struct Workspace {
    /// Numbers of the rows looked at; a grown leaf's are together.
    pub(super) rows: Vec<u32>,
    left: Vec<u32>,
    right: Vec<u32>,
    spare: Vec<Histogram>,
}

/// A grown tree.
#[derive(Debug)]
pub(super) struct Grown {
    pub(super) nodes: Vec<GrownNode>,
    pub(super) leaves: Vec<GrownLeaf>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum GrownNode {
    Leaf(usize),
    Fork { column: u32, test: BinTest, missing_left: bool, left: usize, right: usize },
}

/// A leaf: its rows in [`Workspace::rows`] and its output, not yet multiplied by the learning rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct GrownLeaf {
    pub(super) start: usize,
    pub(super) count: usize,
    pub(super) output: f64,
}

/// A leaf that may be split yet.
struct Open {
    node: usize,
    start: usize,
    count: usize,
    depth: usize,
    sums: Sums,
    output: f64,
    low: f64,
    high: f64,
    histogram: Option<Histogram>,
    split: Option<Split>,
}

impl Workspace {
    fn take(&mut self) -> Histogram {
        self.spare.pop().unwrap_or_default()
    }

    fn give(&mut self, histogram: Option<Histogram>) {
        self.spare.extend(histogram);
    }
}

impl Ground<'_> {
    /// Grows a tree on [`Workspace::rows`].
    pub(super) fn grow(&self, work: &mut Workspace) -> Grown {
        let count = work.rows.len();
        work.left.resize(count, 0);
        work.right.resize(count, 0);
        let mut nodes = vec![GrownNode::Leaf(0)];
        let mut open = vec![self.root(work)];
        while open.len() < self.params.max_leaves {
            let Some(best) = best_of(&open) else { break };
            let parent = open.swap_remove(best);
            let last = open.len() + 2 >= self.params.max_leaves;
            let pair = self.split(parent, last, &mut nodes, work);
            open.extend(pair);
        }
        // In the order of their nodes, whatever the order in which they were split.
        open.sort_by_key(|leaf| leaf.node);
        let scale = self.units.g / self.units.h;
        let mut leaves = Vec::with_capacity(open.len());
        for (number, leaf) in open.into_iter().enumerate() {
            nodes[leaf.node] = GrownNode::Leaf(number);
            leaves.push(GrownLeaf { start: leaf.start, count: leaf.count, output: leaf.output * scale });
            work.give(leaf.histogram);
        }
        Grown { nodes, leaves }
    }

    fn root(&self, work: &mut Workspace) -> Open {
        let mut histogram = work.take();
        self.layout.count(&work.rows, self.units, &mut histogram, &mut work.spare);
        let end = self.layout.offsets.get(1).copied().unwrap_or(0);
        let sums = Sums { g: histogram.g[..end].iter().sum(), h: histogram.h[..end].iter().sum() };
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        let output = self.rules.output(sums, self.rules.l2, low, high);
        let count = work.rows.len();
        let mut root =
            Open { node: 0, start: 0, count, depth: 0, sums, output, low, high, histogram: None, split: None };
        root.split = self.search(&root, &histogram);
        root.histogram = Some(histogram);
        root
    }

    /// Parts a leaf's rows and, unless these are the tree's last leaves, looks for its children's splits.
    fn split(&self, parent: Open, last: bool, nodes: &mut Vec<GrownNode>, work: &mut Workspace) -> Vec<Open> {
        let Some(split) = &parent.split else { return vec![parent] };
        let number = self.layout.columns[split.column];
        let column = &self.bins.columns[number as usize];
        let range = parent.start..parent.start + parent.count;
        let missing = column.cut.value_bins() as u8;
        let mut table = [0; 256];
        for (code, left) in (0..=255).zip(&mut table) {
            *left = u8::from(goes_left(split.test, false, code, missing));
        }
        let to_left = partition(
            &mut work.rows[range],
            &column.codes,
            &table,
            &mut work.left[..parent.count],
            &mut work.right[..parent.count],
        );
        let missing_left = match split.test {
            BinTest::AtMost { missing_left: Some(left), .. } => left,
            // No row says where what is missing belongs: to where most rows go.
            BinTest::AtMost { missing_left: None, .. } => to_left * 2 >= parent.count,
            BinTest::OneOf(_) => false,
        };
        let (left, right) = (nodes.len(), nodes.len() + 1);
        nodes[parent.node] = GrownNode::Fork { column: number, test: split.test, missing_left, left, right };
        nodes.extend([GrownNode::Leaf(0), GrownNode::Leaf(0)]);
        let mut children = self.children(&parent, split, to_left, left);
        self.search_children(&mut children, parent.histogram, last, work);
        children
    }

    fn children(&self, parent: &Open, split: &Split, to_left: usize, node: usize) -> Vec<Open> {
        let right = Sums { g: parent.sums.g - split.left.g, h: parent.sums.h - split.left.h };
        let bounds = (parent.low, parent.high);
        let outputs = [split.left, right].map(|sums| self.rules.output(sums, split.l2, bounds.0, bounds.1));
        let direction = self.direction(split.column);
        let middle = f64::midpoint(outputs[0], outputs[1]);
        let mut sides = [bounds, bounds];
        if direction != 0 {
            let (lower, upper) = if direction > 0 { (0, 1) } else { (1, 0) };
            sides[lower].1 = middle;
            sides[upper].0 = middle;
        }
        let counts = [to_left, parent.count - to_left];
        let starts = [parent.start, parent.start + to_left];
        (0..2)
            .map(|i| Open {
                node: node + i,
                start: starts[i],
                count: counts[i],
                depth: parent.depth + 1,
                sums: [split.left, right][i],
                output: outputs[i],
                low: sides[i].0,
                high: sides[i].1,
                histogram: None,
                split: None,
            })
            .collect()
    }

    fn search_children(&self, children: &mut [Open], parent: Option<Histogram>, last: bool, work: &mut Workspace) {
        let wanted = |leaf: &Open| {
            !last
                && self.params.max_depth.is_none_or(|most| leaf.depth < most)
                && leaf.count >= 2 * self.params.min_rows.max(1)
        };
        if !children.iter().any(wanted) {
            work.give(parent);
            return;
        }
        let small = usize::from(children[1].count < children[0].count);
        let range = |leaf: &Open| leaf.start..leaf.start + leaf.count;
        let mut smaller = work.take();
        let Workspace { rows, spare, .. } = work;
        self.layout.count(&rows[range(&children[small])], self.units, &mut smaller, spare);
        let larger = match parent {
            Some(mut histogram) => {
                histogram.g.iter_mut().zip(&smaller.g).for_each(|(whole, part)| *whole -= part);
                histogram.h.iter_mut().zip(&smaller.h).for_each(|(whole, part)| *whole -= part);
                histogram
            }
            None => {
                let mut histogram = spare.pop().unwrap_or_default();
                self.layout.count(&rows[range(&children[1 - small])], self.units, &mut histogram, spare);
                histogram
            }
        };
        // The spare ones are not in use, so what is kept is at most one per leaf: the number of leaves bounds it.
        let keep = children[0].node * 8 * self.layout.bins() <= KEEP_BYTES;
        for (which, histogram) in [(small, smaller), (1 - small, larger)] {
            let leaf = &mut children[which];
            if wanted(leaf) {
                leaf.split = self.search(leaf, &histogram);
            }
            if leaf.split.is_some() && keep {
                leaf.histogram = Some(histogram);
            } else {
                work.give(Some(histogram));
            }
        }
    }

    fn direction(&self, column: usize) -> i8 {
        let number = self.layout.columns[column] as usize;
        self.params.monotone.get(number).copied().unwrap_or(0)
    }

    /// The best split of a leaf, if any gains enough.
    fn search(&self, open: &Open, histogram: &Histogram) -> Option<Split> {
        let rows_per_hessian = open.count as f64 / open.sums.h.max(f64::MIN_POSITIVE);
        let min_rows = (self.params.min_rows.max(1) as f64 - 0.5) / rows_per_hessian;
        let least = min_rows.max(self.params.min_hessian / self.units.h).max(f64::MIN_POSITIVE);
        let leaf = Leaf { total: open.sums, least, rows_per_hessian, low: open.low, high: open.high };
        if open.sums.h < 2.0 * least {
            return None;
        }
        let look = |scan: &mut Scan, column: usize| self.look(column, histogram, &leaf, scan);
        let better = |a: Split, b: Split| {
            if (b.gain, std::cmp::Reverse(b.column)) > (a.gain, std::cmp::Reverse(a.column)) { b } else { a }
        };
        let columns = self.layout.columns.len();
        let best = if histogram.g.len() < SCAN_WORK {
            let mut scan = Scan::default();
            (0..columns).filter_map(|column| look(&mut scan, column)).reduce(better)
        } else {
            let each = (0..columns).into_par_iter().with_min_len(8).map_init(Scan::default, look);
            each.flatten().reduce_with(better)
        }?;
        // A gain that small beside what the leaf gains unsplit is what rounding makes of nothing.
        let noise = self.rules.gain(leaf.total, self.rules.l2, &leaf).abs() * self.rules.gain_scale * 1e-12;
        (best.gain > self.params.min_gain + noise).then_some(best)
    }

    fn look(&self, column: usize, histogram: &Histogram, leaf: &Leaf, scan: &mut Scan) -> Option<Split> {
        let range = self.layout.offsets[column]..self.layout.offsets[column + 1];
        let (g, h) = (&histogram.g[range.clone()], &histogram.h[range]);
        let cut = &self.bins.columns[self.layout.columns[column] as usize].cut;
        match cut {
            Cut::Quantity { .. } => {
                split::quantity(column, (g, h), cut.value_bins(), self.direction(column), leaf, &self.rules, scan)
            }
            Cut::Category { .. } => split::category(column, g, h, leaf, &self.rules),
        }
    }
}

/// The open leaf whose split gains most; among equals the one whose node is oldest.
fn best_of(open: &[Open]) -> Option<usize> {
    let gain = |leaf: &Open| leaf.split.as_ref().map(|split| split.gain);
    let candidates =
        open.iter().enumerate().filter_map(|(at, leaf)| Some((gain(leaf)?, std::cmp::Reverse(leaf.node), at)));
    candidates.max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|(.., at)| at)
}

/// Whether a bin goes left; `missing` is the code of what is missing or unknown.
pub(super) fn goes_left(test: BinTest, missing_left: bool, code: u8, missing: u8) -> bool {
    match test {
        BinTest::AtMost { missing_left: known, .. } if code == missing => known.unwrap_or(missing_left),
        BinTest::AtMost { bin, .. } => code <= bin,
        BinTest::OneOf(set) => set[usize::from(code / 64)] >> (code % 64) & 1 == 1,
    }
}

impl Grown {
    /// The leaf a row of bins falls into; `code` tells the bin of a column.
    pub(super) fn leaf_of(&self, bins: &Bins, row: usize) -> usize {
        let mut at = 0;
        loop {
            match self.nodes[at] {
                GrownNode::Leaf(leaf) => return leaf,
                GrownNode::Fork { column, test, missing_left, left, right } => {
                    let column = &bins.columns[column as usize];
                    let missing = column.cut.value_bins() as u8;
                    at = if goes_left(test, missing_left, column.codes[row], missing) { left } else { right };
                }
            }
        }
    }
}
