//! The fast form: nodes of eight bytes that compare whole numbers.

use super::{BLOCK, LANES, TREES};
use crate::ensemble::{Ensemble, Missing, NodeKind, Test, Tree, ZERO};
use std::collections::VecDeque;

/// Trees whose leaves are noted before their values are added.
const SOME: usize = 256;
/// Nodes of a tree that lie level by level: four levels.
const TOP: usize = 15;
/// The number of a missing value.
const MISSING: u16 = u16::MAX;
/// The number of a category that is in no set.
const NO_CATEGORY: u16 = u16::MAX - 1;
/// Thresholds of a column, or categories: as many as have a number.
const MOST: usize = NO_CATEGORY as usize;
/// Flags of a node, in the upper bits of its child's number.
const MISSING_LEFT: u32 = 1 << 31;
const IN_SET: u32 = 1 << 30;
const CHILD: u32 = IN_SET - 1;

#[derive(Debug, Clone)]
pub(super) struct Flat {
    columns: Vec<Grid>,
    single: bool,
    nodes: Vec<Small>,
    /// Of each node that is a leaf: its value, or (for leaves with a value per output) where its values begin.
    values: Vec<f64>,
    vectors: Vec<f64>,
    sets: Vec<Box<[u64]>>,
    trees: Vec<Root>,
}

/// A node. The right child follows the left; a leaf is its own left child and sends everything there.
#[derive(Debug, Clone, Copy)]
struct Small {
    column: u16,
    /// Number of the threshold, or of the set.
    number: u16,
    /// Left child and flags.
    left: u32,
}

#[derive(Debug, Clone, Copy)]
struct Root {
    node: u32,
    /// `None`: its leaves have a value per output.
    output: Option<u32>,
    /// Has splits by category.
    sets: bool,
}

/// How the values of a column become numbers.
#[derive(Debug, Clone, Default)]
struct Grid {
    /// Thresholds in ascending order.
    thresholds: Vec<f64>,
    /// Values are category codes.
    categories: bool,
    /// Zero counts as missing.
    zero_is_missing: bool,
    /// Whether any split looks at the column.
    used: bool,
}

impl Flat {
    pub(super) fn new(ensemble: &Ensemble) -> Option<Self> {
        let count: usize = ensemble.trees.iter().map(|tree| tree.nodes.len()).sum();
        if ensemble.features.len() > MOST || count >= CHILD as usize {
            return None;
        }
        let columns = grids(ensemble)?;
        let mut flat = Self {
            columns,
            single: ensemble.single_precision_input,
            nodes: Vec::with_capacity(count),
            values: Vec::with_capacity(count),
            vectors: Vec::new(),
            sets: Vec::new(),
            trees: Vec::with_capacity(ensemble.trees.len()),
        };
        for tree in &ensemble.trees {
            flat.plant(tree, ensemble.outputs())?;
        }
        Some(flat)
    }

    /// Adds a tree. Its first nodes lie level by level, because every row passes them; below them, the child that more training rows
    /// went to follows its parent, so that the usual way down touches few cache lines.
    fn plant(&mut self, tree: &Tree, outputs: usize) -> Option<()> {
        let root = self.nodes.len();
        let empty = Small { column: 0, number: MISSING, left: 0 };
        self.nodes.push(empty);
        self.values.push(0.0);
        let mut sets = false;
        let mut open = VecDeque::from([(0_u32, root)]);
        while let Some((old, at)) = if self.nodes.len() - root < TOP { open.pop_front() } else { open.pop_back() } {
            match tree.nodes[old as usize].kind {
                NodeKind::Leaf(leaf) => {
                    self.nodes[at].left = at as u32;
                    self.values[at] = match tree.output {
                        Some(_) => tree.leaf_values[leaf as usize],
                        None => {
                            let from = leaf as usize * outputs;
                            self.vectors.extend_from_slice(&tree.leaf_values[from..from + outputs]);
                            (self.vectors.len() - outputs) as f64
                        }
                    };
                }
                NodeKind::Split { feature, test, missing, left, right } => {
                    let child = self.nodes.len();
                    let (number, flags) = self.test(tree, feature, test, missing)?;
                    sets |= flags & IN_SET != 0;
                    self.nodes[at] = Small { column: feature as u16, number, left: child as u32 | flags };
                    self.nodes.extend([empty; 2]);
                    self.values.extend([0.0; 2]);
                    let cover = |node: u32| tree.nodes[node as usize].cover;
                    let mut pair = [(left, child), (right, child + 1)];
                    if cover(left) > cover(right) {
                        pair.swap(0, 1);
                    }
                    open.extend(pair);
                }
            }
        }
        self.trees.push(Root { node: root as u32, output: tree.output, sets });
        Some(())
    }

    fn test(&mut self, tree: &Tree, feature: u32, test: Test, missing: Missing) -> Option<(u16, u32)> {
        let left_if = |left: bool| if left { MISSING_LEFT } else { 0 };
        let flag = match missing {
            Missing::Left | Missing::ZeroLeft => MISSING_LEFT,
            Missing::Right | Missing::ZeroRight => 0,
            Missing::AsZero => left_if(tree.goes_left(0.0, test, Missing::Right)),
        };
        match test {
            Test::AtMost(threshold) => {
                let thresholds = &self.columns[feature as usize].thresholds;
                Some((thresholds.partition_point(|t| *t < threshold) as u16, flag))
            }
            Test::Categories { start, words } => {
                let words = &tree.category_words[start as usize..start as usize + words as usize];
                self.sets.push(words.into());
                // Sets are numbered with 16 bits; a model with more of them is asked itself.
                Some((u16::try_from(self.sets.len() - 1).ok()?, flag | IN_SET))
            }
        }
    }

    /// The numbers of a row's values.
    fn number(&self, row: &[f64], into: &mut [u16]) {
        for ((grid, value), into) in self.columns.iter().zip(row).zip(into) {
            if grid.used {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "rounding to single precision is what is asked for"
                )]
                let value = if self.single { f64::from(*value as f32) } else { *value };
                *into = grid.number(value);
            }
        }
    }

    pub(super) fn row(&self, row: &[f64], base: &[f64], raw: &mut [f64]) {
        raw.copy_from_slice(base);
        let mut few = [MISSING; 256];
        let mut many;
        let numbers = if row.len() < few.len() {
            &mut few[..=row.len()]
        } else {
            many = vec![MISSING; row.len() + 1];
            &mut many[..]
        };
        self.number(row, numbers);
        let mut leaves = [0; SOME];
        for trees in self.trees.chunks(SOME) {
            self.descend_all(trees, numbers, &mut leaves);
            trees.iter().zip(&leaves).for_each(|(tree, leaf)| self.add(tree, *leaf, raw));
        }
    }

    /// The leaves of one row in these trees. Some trees are on their way at any time; where one has arrived, the next begins.
    fn descend_all(&self, trees: &[Root], numbers: &[u16], leaves: &mut [u32; SOME]) {
        let mut under_way = TREES.min(trees.len());
        let mut begun = under_way;
        let mut at = [0_u32; TREES];
        let mut which = [0_usize; TREES];
        for (lane, tree) in trees[..under_way].iter().enumerate() {
            (at[lane], which[lane]) = (tree.node, lane);
        }
        while under_way > 0 {
            let mut lane = 0;
            while lane < under_way {
                let here = at[lane];
                let node = self.nodes[here as usize];
                let next = self.step(node, numbers[node.column as usize]);
                at[lane] = next;
                if next == here {
                    leaves[which[lane]] = here;
                    if let Some(tree) = trees.get(begun) {
                        (at[lane], which[lane]) = (tree.node, begun);
                        begun += 1;
                    } else {
                        under_way -= 1;
                        (at[lane], which[lane]) = (at[under_way], which[under_way]);
                    }
                }
                lane += 1;
            }
        }
    }

    pub(super) fn block(&self, rows: &[f64], columns: usize, base: &[f64], out: &mut [f64]) {
        let outputs = base.len();
        // One place more than columns, so that the leaves' column 0 is always there.
        let stride = columns + 1;
        let mut numbers = vec![MISSING; BLOCK * stride];
        for (row, into) in rows.chunks(columns).zip(numbers.chunks_mut(stride)) {
            self.number(row, into);
        }
        out.chunks_mut(outputs).for_each(|raw| raw.copy_from_slice(base));
        let count = rows.len() / columns;
        for tree in &self.trees {
            let mut first = 0;
            while first < count {
                let lanes = LANES.min(count - first);
                let here = &numbers[first * stride..];
                let mut at = [tree.node; LANES];
                if tree.sets || lanes < LANES {
                    for (lane, at) in at[..lanes].iter_mut().enumerate() {
                        *at = self.descend(tree.node, &here[lane * stride..(lane + 1) * stride]);
                    }
                } else {
                    self.descend_in_step(&mut at, |lane| &here[lane * stride..(lane + 1) * stride]);
                }
                for (leaf, raw) in at[..lanes].iter().zip(out[first * outputs..].chunks_mut(outputs)) {
                    self.add(tree, *leaf, raw);
                }
                first += lanes;
            }
        }
    }

    fn add(&self, tree: &Root, leaf: u32, raw: &mut [f64]) {
        let value = self.values[leaf as usize];
        match tree.output {
            Some(output) => raw[output as usize] += value,
            None => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made from a usize")]
                let values = &self.vectors[value as usize..];
                raw.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
    }

    /// The leaf below `at`, whatever its splits.
    fn descend(&self, mut at: u32, numbers: &[u16]) -> u32 {
        loop {
            let node = self.nodes[at as usize];
            let next = self.step(node, numbers[node.column as usize]);
            if next == at {
                return at;
            }
            at = next;
        }
    }

    /// The child of any node; a leaf is its own.
    #[inline(always)]
    fn step(&self, node: Small, number: u16) -> u32 {
        if node.left & IN_SET == 0 {
            return step(node, number);
        }
        let set = &self.sets[node.number as usize];
        let held = set.get(usize::from(number / 64)).is_some_and(|word| word >> (number % 64) & 1 == 1);
        let left = if number == MISSING { node.left & MISSING_LEFT != 0 } else { held };
        (node.left & CHILD) + u32::from(!left)
    }

    /// Moves all lanes down to their leaves; no split is by category.
    #[inline(always)]
    fn descend_in_step<'n>(&self, at: &mut [u32; LANES], numbers: impl Fn(usize) -> &'n [u16]) {
        loop {
            let mut moved = 0;
            // Two steps for one question whether all have arrived.
            for _ in 0..2 {
                moved = 0;
                for (lane, at) in at.iter_mut().enumerate() {
                    let node = self.nodes[*at as usize];
                    let next = step(node, numbers(lane)[node.column as usize]);
                    moved |= next ^ *at;
                    *at = next;
                }
            }
            if moved == 0 {
                return;
            }
        }
    }
}

#[inline(always)]
fn step(node: Small, number: u16) -> u32 {
    let missing_left = number == MISSING && node.left & MISSING_LEFT != 0;
    // A leaf's number is the greatest there is: everything goes to its left, that is, to itself.
    let left = number <= node.number || missing_left;
    (node.left & CHILD) + u32::from(!left)
}

impl Grid {
    fn number(&self, value: f64) -> u16 {
        if value.is_nan() || (self.zero_is_missing && value.abs() <= ZERO) {
            return MISSING;
        }
        if self.categories {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just seen to be in range")]
            return if value >= 0.0 && value < MOST as f64 { value as u16 } else { NO_CATEGORY };
        }
        below(&self.thresholds, value) as u16
    }
}

/// How many of the ascending `thresholds` are less than `value`: a binary search without branches to guess.
fn below(thresholds: &[f64], value: f64) -> usize {
    let (mut from, mut length) = (0, thresholds.len());
    while length > 1 {
        let half = length / 2;
        from += if thresholds[from + half - 1] < value { half } else { 0 };
        length -= half;
    }
    from + usize::from(length == 1 && thresholds[from] < value)
}

/// The columns' grids; `None` when a column is split in ways that have no common number.
fn grids(ensemble: &Ensemble) -> Option<Vec<Grid>> {
    let mut grids = vec![Grid::default(); ensemble.features.len()];
    let mut zeros = vec![[false; 2]; grids.len()];
    for tree in &ensemble.trees {
        for node in &tree.nodes {
            let NodeKind::Split { feature, test, missing, .. } = node.kind else { continue };
            let grid = &mut grids[feature as usize];
            let zero = matches!(missing, Missing::ZeroLeft | Missing::ZeroRight);
            zeros[feature as usize][usize::from(zero)] = true;
            let categories = matches!(test, Test::Categories { .. });
            if grid.used && grid.categories != categories {
                return None;
            }
            (grid.used, grid.categories) = (true, categories);
            match test {
                Test::AtMost(threshold) => grid.thresholds.push(threshold),
                Test::Categories { words, .. } if words as usize * 64 > MOST => return None,
                Test::Categories { .. } => {}
            }
        }
    }
    for (grid, [plain, zero]) in grids.iter_mut().zip(zeros) {
        if plain && zero {
            return None;
        }
        grid.zero_is_missing = zero;
        grid.thresholds.sort_unstable_by(f64::total_cmp);
        grid.thresholds.dedup_by(|a, b| a == b);
        if grid.thresholds.len() > MOST {
            return None;
        }
    }
    Some(grids)
}
