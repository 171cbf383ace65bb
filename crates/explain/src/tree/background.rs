//! Shapley values against a background: what is not known of a row is taken from rows of another table, one after the other
//! ("interventional" TreeSHAP: Lundberg and others, 2020; the grouping by patterns follows Nadel and Wettenstein, "From decision
//! trees to Boolean logic", 2025).
//!
//! A leaf's path has tests on `m` different columns. What counts of a row is which of them it passes: a pattern of `m` bits, `p` for
//! the row to explain and `b` for a background row. The leaf is worth its value `v` to the coalition `S` when every column passes in
//! the row it is taken from, so it counts only where `p ∪ b` is everything; the columns in `X = p \ b` then need the row and those
//! in `Z = b \ p` need the background, and
//!
//! ```text
//! φ_i = v (|X| − 1)! |Z|! / (|X| + |Z|)!  for i in X,      φ_i = −v |X|! (|Z| − 1)! / (|X| + |Z|)!  for i in Z.
//! ```
//!
//! `Z` is all that `p` lacks and `X` all that `b` lacks, so sums over background rows are sums over supersets of `Z`, made for all
//! patterns at once where there are more rows than patterns.

use super::plan::leaf_value;
use super::{ExplainError, Explanation, Rows, TreeExplainer};
use crate::count;
use rayon::prelude::*;
use rhiza_learn::ensemble::{NodeKind, Tree};

/// Columns that a path may test at most.
const WIDEST: usize = 128;
/// Patterns of more bits are not tabled.
const TABLED: usize = 10;
/// Rows that one thread takes at a time.
const CHUNK: usize = 64;

type Mask = u128;

impl TreeExplainer {
    /// The exact Shapley value of each column, for each row and raw output, where columns that are not known are taken from the rows
    /// of `background`; the base value is the mean raw output over them. The bits do not depend on the number of threads.
    ///
    /// # Errors
    /// [`ExplainError::Columns`] when either table is not as wide as the ensemble's, [`ExplainError::Empty`] for an empty background,
    /// [`ExplainError::Setting`] when a path of the ensemble tests more than 128 different columns.
    pub fn explain_against(&self, rows: Rows<'_>, background: Rows<'_>) -> Result<Explanation, ExplainError> {
        let columns = self.ensemble.features.len();
        rows.expect("the table to explain", columns)?;
        background.expect("the background", columns)?;
        if background.is_empty() {
            return Err(ExplainError::Empty("the background"));
        }
        let outputs = self.ensemble.outputs();
        let mut base = vec![0.0; outputs];
        for raw in self.raw(background)?.chunks_exact(outputs) {
            base.iter_mut().zip(raw).for_each(|(sum, raw)| *sum += raw);
        }
        base.iter_mut().for_each(|sum| *sum /= count(background.len()));
        let mut values = vec![0.0; rows.len() * columns * outputs];
        for (number, tree) in self.ensemble.trees.iter().enumerate() {
            let paths = Paths::of(tree).ok_or_else(|| ExplainError::Setting {
                setting: "ensemble",
                fault: format!("a path of tree {number} tests more than {WIDEST} different columns"),
            })?;
            let single = self.ensemble.single_precision_input;
            let judges = paths.judges(tree, single, background, rows.len());
            values
                .par_chunks_mut(CHUNK * columns * outputs)
                .zip(rows.values().par_chunks(CHUNK * columns))
                .for_each(|(values, rows)| paths.explain(tree, single, &judges, rows, columns, outputs, values));
        }
        Ok(Explanation::new(rows.len(), columns, base, values))
    }
}

/// The paths of a tree.
struct Paths {
    /// Of each fork: the bit of its column in the patterns below.
    bits: Vec<u8>,
    leaves: Vec<Path>,
}

struct Path {
    node: usize,
    leaf: u32,
    /// The column of each bit.
    columns: Vec<usize>,
}

/// What a leaf says of a pattern, per unit of its value.
enum Judge {
    /// For each pattern a number per column of the path.
    Table(Vec<f64>),
    /// The background's patterns and how much of the background has each.
    List(Vec<(Mask, f64)>),
}

impl Paths {
    /// `None` when a path tests too many columns.
    fn of(tree: &Tree) -> Option<Self> {
        let mut paths = Self { bits: vec![0; tree.nodes.len()], leaves: Vec::new() };
        let mut waiting = vec![(0_usize, Vec::new())];
        while let Some((at, mut columns)) = waiting.pop() {
            match tree.nodes[at].kind {
                NodeKind::Leaf(leaf) => paths.leaves.push(Path { node: at, leaf, columns }),
                NodeKind::Split { feature, left, right, .. } => {
                    let bit = columns.iter().position(|c| *c == feature as usize).unwrap_or(columns.len());
                    if bit == columns.len() {
                        columns.push(feature as usize);
                    }
                    paths.bits[at] = u8::try_from(bit).ok().filter(|bit| usize::from(*bit) < WIDEST)?;
                    waiting.push((right as usize, columns.clone()));
                    waiting.push((left as usize, columns));
                }
            }
        }
        Some(paths)
    }

    /// The pattern of `row` at each node: a bit is 1 unless the row fails a test on the column above.
    fn patterns(&self, tree: &Tree, single: bool, row: &[f64], masks: &mut [Mask]) {
        masks[0] = Mask::MAX;
        for (at, node) in tree.nodes.iter().enumerate() {
            if let NodeKind::Split { feature, test, missing, left, right } = node.kind {
                let value = row[feature as usize];
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "rounding to single precision is what is asked for"
                )]
                let value = if single { f64::from(value as f32) } else { value };
                let failed = masks[at] & !(1 << self.bits[at]);
                let goes_left = tree.goes_left(value, test, missing);
                masks[left as usize] = if goes_left { masks[at] } else { failed };
                masks[right as usize] = if goes_left { failed } else { masks[at] };
            }
        }
    }

    /// What each leaf says, by the patterns of the background.
    fn judges(&self, tree: &Tree, single: bool, background: Rows<'_>, rows: usize) -> Vec<Judge> {
        let mut masks = vec![0; tree.nodes.len()];
        let mut patterns = vec![Vec::with_capacity(background.len()); self.leaves.len()];
        for row in background {
            self.patterns(tree, single, row, &mut masks);
            for (path, patterns) in self.leaves.iter().zip(&mut patterns) {
                patterns.push(masks[path.node] & full(path.columns.len()));
            }
        }
        let part = 1.0 / count(background.len());
        let judge = |(path, mut patterns): (&Path, Vec<Mask>)| {
            patterns.sort_unstable();
            let list: Vec<(Mask, f64)> =
                patterns.chunk_by(|a, b| a == b).map(|same| (same[0], part * count(same.len()))).collect();
            let wide = path.columns.len();
            if wide <= TABLED && (2 * wide * wide) << wide < 2 * rows * list.len() {
                Judge::Table(table(wide, &list))
            } else {
                Judge::List(list)
            }
        };
        self.leaves.par_iter().zip(patterns).map(judge).collect()
    }

    #[expect(clippy::too_many_arguments, reason = "one thread's share of everything")]
    fn explain(
        &self,
        tree: &Tree,
        single: bool,
        judges: &[Judge],
        rows: &[f64],
        columns: usize,
        outputs: usize,
        values: &mut [f64],
    ) {
        let mut masks = vec![0; tree.nodes.len()];
        let mut parts = Vec::new();
        let own = tree.output.map_or(0..outputs, |k| k as usize..k as usize + 1);
        for (row, values) in rows.chunks_exact(columns).zip(values.chunks_exact_mut(columns * outputs)) {
            self.patterns(tree, single, row, &mut masks);
            for (path, judge) in self.leaves.iter().zip(judges) {
                let wide = path.columns.len();
                let pattern = masks[path.node] & full(wide);
                let parts = judge.parts(pattern, wide, &mut parts);
                for output in own.clone() {
                    let value = leaf_value(tree, path.leaf, output, outputs);
                    for (column, part) in path.columns.iter().zip(parts) {
                        values[output * columns + column] += value * part;
                    }
                }
            }
        }
    }
}

impl Judge {
    /// The number of each column of the path for a row of this pattern; `room` is for numbers that no table holds.
    fn parts<'a>(&'a self, pattern: Mask, wide: usize, room: &'a mut Vec<f64>) -> &'a [f64] {
        match self {
            Self::Table(table) => {
                let start = pattern as usize * wide;
                &table[start..start + wide]
            }
            Self::List(list) => {
                room.clear();
                room.resize(wide, 0.0);
                for (other, part) in list.iter().filter(|(other, _)| pattern | other == full(wide)) {
                    let (own, foreign) = (pattern & !other, other & !pattern);
                    let (x, z) = (own.count_ones() as usize, foreign.count_ones() as usize);
                    add(room, own, part * if x > 0 { weight(x - 1, z) } else { 0.0 });
                    add(room, foreign, -part * if z > 0 { weight(x, z - 1) } else { 0.0 });
                }
                room
            }
        }
    }
}

/// Adds `value` at each bit of `mask`.
fn add(parts: &mut [f64], mut mask: Mask, value: f64) {
    while mask != 0 {
        parts[mask.trailing_zeros() as usize] += value;
        mask &= mask - 1;
    }
}

/// The numbers of every pattern at once. For each size `z` of what a pattern lacks, the background's weights are summed over
/// supersets: `gain` for the columns that need the row, `loss` for those that need the background.
fn table(wide: usize, list: &[(Mask, f64)]) -> Vec<f64> {
    let size = 1_usize << wide;
    let mut table = vec![0.0; size * wide];
    for z in 0..=wide {
        let (mut gain, mut loss) = (vec![0.0; size], vec![0.0; size]);
        for (other, part) in list {
            let other = *other as usize;
            let x = wide - other.count_ones() as usize;
            gain[other] = if x > 0 { part * weight(x - 1, z) } else { 0.0 };
            loss[other] = if z > 0 { part * weight(x, z - 1) } else { 0.0 };
        }
        for sums in [&mut gain, &mut loss] {
            for bit in 0..wide {
                for mask in (0..size).filter(|mask| mask >> bit & 1 == 0) {
                    sums[mask] += sums[mask | 1 << bit];
                }
            }
        }
        for pattern in (0..size).filter(|p| wide - p.count_ones() as usize == z) {
            let lacks = size - 1 - pattern;
            for (bit, part) in table[pattern * wide..(pattern + 1) * wide].iter_mut().enumerate() {
                *part = if lacks >> bit & 1 == 1 { -loss[lacks] } else { gain[lacks] - gain[lacks | 1 << bit] };
            }
        }
    }
    table
}

/// `a! b! / (a + b + 1)!`.
fn weight(a: usize, b: usize) -> f64 {
    (1..=a).fold(1.0 / count(b + 1), |w, k| w * count(k) / count(k + b + 1))
}

const fn full(wide: usize) -> Mask {
    if wide >= WIDEST { Mask::MAX } else { (1 << wide) - 1 }
}
