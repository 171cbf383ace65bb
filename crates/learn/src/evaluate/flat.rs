//! The fast form: forks of eight bytes that compare whole numbers.

use super::{BLOCK, LANES, TREES};
use crate::ensemble::ZERO;

/// Trees that lie together, and whose leaves are noted before their values are added.
pub(crate) const SOME: usize = 256;
/// The number of a missing value.
const MISSING: u16 = u16::MAX;
/// The number of a category that is in no set.
const NO_CATEGORY: u16 = u16::MAX - 1;
/// Thresholds of a column, or categories: as many as have a number.
pub(crate) const MOST: usize = NO_CATEGORY as usize;

/// An ensemble's trees, ready for prediction.
#[derive(Debug, Clone)]
pub(crate) struct Flat {
    pub(super) columns: Vec<Grid>,
    pub(super) single: bool,
    pub(super) trees: Parts,
}

/// Trees, some at a time, as small as they can be.
#[derive(Debug, Clone)]
pub(super) enum Parts {
    Small(Vec<Trees<Small>>),
    Wide(Vec<Trees<Wide>>),
}

/// A fork. Its children are numbered within the tree: forks from 0, leaves from [`Fork::LEAF`].
pub(crate) trait Fork: Copy + Send + Sync {
    /// The number of the first leaf; as many forks have numbers.
    const LEAF: u32;
    /// Columns that it can look at.
    const COLUMNS: usize;

    /// `number`: of the threshold, or of the set within the tree; of a threshold one more where missing values go left.
    fn new(column: u32, flags: Flags, number: u16, children: [u32; 2]) -> Self;
    fn column(self) -> usize;
    fn flags(self) -> Flags;
    fn number(self) -> u16;
    fn child(self, left: bool) -> u32;
}

/// What kind of fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) missing_left: bool,
    pub(crate) in_set: bool,
}

/// For trees of up to 32,768 forks over up to 16,384 columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Small {
    /// The column and, in the upper bits, the flags.
    column: u16,
    number: u16,
    /// The left child in the lower half. Which half is wanted is reckoned, not branched on: no processor could guess it.
    children: u32,
}

/// For all others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wide {
    column: u32,
    number: u16,
    /// As in [`Small`].
    children: u64,
}

impl Fork for Small {
    const LEAF: u32 = 1 << 15;
    const COLUMNS: usize = 1 << 14;

    fn new(column: u32, flags: Flags, number: u16, [left, right]: [u32; 2]) -> Self {
        let flags = u16::from(flags.missing_left) << 15 | u16::from(flags.in_set) << 14;
        Self { column: column as u16 | flags, number, children: left & 0xffff | right << 16 }
    }

    #[inline(always)]
    fn column(self) -> usize {
        usize::from(self.column & 0x3fff)
    }

    #[inline(always)]
    fn flags(self) -> Flags {
        Flags { missing_left: self.column >> 15 == 1, in_set: self.column >> 14 & 1 == 1 }
    }

    #[inline(always)]
    fn number(self) -> u16 {
        self.number
    }

    #[inline(always)]
    fn child(self, left: bool) -> u32 {
        self.children >> (u32::from(!left) << 4) & 0xffff
    }
}

impl Fork for Wide {
    const LEAF: u32 = 1 << 31;
    const COLUMNS: usize = 1 << 30;

    fn new(column: u32, flags: Flags, number: u16, [left, right]: [u32; 2]) -> Self {
        let flags = u32::from(flags.missing_left) << 31 | u32::from(flags.in_set) << 30;
        Self { column: column | flags, number, children: u64::from(left) | u64::from(right) << 32 }
    }

    #[inline(always)]
    fn column(self) -> usize {
        (self.column & 0x3fff_ffff) as usize
    }

    #[inline(always)]
    fn flags(self) -> Flags {
        Flags { missing_left: self.column >> 31 == 1, in_set: self.column >> 30 & 1 == 1 }
    }

    #[inline(always)]
    fn number(self) -> u16 {
        self.number
    }

    #[inline(always)]
    fn child(self, left: bool) -> u32 {
        (self.children >> (u32::from(!left) << 5)) as u32
    }
}

/// Up to [`SOME`] trees.
#[derive(Debug, Clone)]
pub(crate) struct Trees<F> {
    pub(super) forks: Vec<F>,
    /// Values of the leaves, one each or one per output.
    pub(super) values: Vec<f64>,
    /// Where the words of each set begin, and how many there are.
    pub(super) sets: Vec<(u32, u32)>,
    pub(super) words: Vec<u64>,
    pub(super) roots: Vec<Root>,
}

/// Where a tree's parts begin. Every tree has a fork.
#[derive(Debug, Clone, Copy)]
pub(super) struct Root {
    pub(super) fork: u32,
    pub(super) value: u32,
    pub(super) set: u32,
    /// `None`: its leaves have a value per output.
    pub(super) output: Option<u32>,
    /// Has splits by category.
    pub(super) has_sets: bool,
}

/// One row on its way down one tree.
#[derive(Clone, Copy)]
struct Lane {
    /// The tree's first fork.
    first: u32,
    /// The fork within the tree.
    at: u32,
    tree: usize,
}

/// How the values of a column become numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grid {
    /// Thresholds in ascending order.
    pub(crate) thresholds: Vec<f64>,
    /// Values are category codes.
    pub(crate) categories: bool,
    /// Zero counts as missing.
    pub(crate) zero_is_missing: bool,
    /// Whether any split looks at the column.
    pub(crate) used: bool,
}

impl Flat {
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
        let numbers = if row.len() <= few.len() {
            &mut few[..row.len()]
        } else {
            many = vec![MISSING; row.len()];
            &mut many[..]
        };
        self.number(row, numbers);
        match &self.trees {
            Parts::Small(parts) => parts.iter().for_each(|trees| trees.row(numbers, raw)),
            Parts::Wide(parts) => parts.iter().for_each(|trees| trees.row(numbers, raw)),
        }
    }

    pub(super) fn block(&self, rows: &[f64], columns: usize, base: &[f64], out: &mut [f64]) {
        let mut numbers = vec![MISSING; BLOCK * columns];
        for (row, into) in rows.chunks(columns).zip(numbers.chunks_mut(columns)) {
            self.number(row, into);
        }
        out.chunks_mut(base.len()).for_each(|raw| raw.copy_from_slice(base));
        let outputs = base.len();
        match &self.trees {
            Parts::Small(parts) => parts.iter().for_each(|trees| trees.block(&numbers, columns, outputs, out)),
            Parts::Wide(parts) => parts.iter().for_each(|trees| trees.block(&numbers, columns, outputs, out)),
        }
    }
}

impl<F: Fork> Trees<F> {
    fn row(&self, numbers: &[u16], raw: &mut [f64]) {
        let mut leaves = [0; SOME];
        self.descend_all(numbers, &mut leaves);
        self.roots.iter().zip(&leaves).for_each(|(tree, leaf)| self.add(tree, *leaf, raw));
    }

    /// The leaves of one row. Some trees are on their way at any time; where one has arrived, the next begins.
    fn descend_all(&self, numbers: &[u16], leaves: &mut [u32; SOME]) {
        let roots = &self.roots[..self.roots.len().min(SOME)];
        let mut lanes: [Lane; TREES] = std::array::from_fn(|tree| {
            let first = roots.get(tree).map_or(0, |root| root.fork);
            Lane { first, at: 0, tree }
        });
        let mut lanes = &mut lanes[..TREES.min(roots.len())];
        let mut begun = lanes.len();
        while !lanes.is_empty() {
            let mut arrived = None;
            for (number, lane) in lanes.iter_mut().enumerate() {
                let (forks, root) = (&self.forks[lane.first as usize..], &roots[lane.tree]);
                // Two steps at a time: half the bookkeeping.
                for _ in 0..2 {
                    let fork = forks[lane.at as usize];
                    lane.at = self.child(root, fork, numbers[fork.column()]);
                    if lane.at >= F::LEAF {
                        leaves[lane.tree] = lane.at - F::LEAF;
                        match roots.get(begun) {
                            Some(next) => *lane = Lane { first: next.fork, at: 0, tree: begun },
                            None => arrived = Some(number),
                        }
                        begun += 1;
                        break;
                    }
                }
                if arrived.is_some() {
                    break;
                }
            }
            // With no more trees to begin, the others close up.
            if let Some(number) = arrived {
                let last = lanes.len() - 1;
                lanes.swap(number, last);
                lanes = &mut lanes[..last];
            }
        }
    }

    fn block(&self, numbers: &[u16], columns: usize, outputs: usize, out: &mut [f64]) {
        let count = out.len() / outputs;
        for tree in &self.roots {
            let mut first = 0;
            while first < count {
                let lanes = LANES.min(count - first);
                let here = &numbers[first * columns..];
                let mut leaves = [0; LANES];
                if tree.has_sets || lanes < LANES {
                    for (lane, leaf) in leaves[..lanes].iter_mut().enumerate() {
                        *leaf = self.descend(tree, &here[lane * columns..(lane + 1) * columns]);
                    }
                } else {
                    leaves = self.descend_in_step(tree, |lane| &here[lane * columns..(lane + 1) * columns]);
                }
                for (leaf, raw) in leaves[..lanes].iter().zip(out[first * outputs..].chunks_mut(outputs)) {
                    self.add(tree, *leaf, raw);
                }
                first += lanes;
            }
        }
    }

    fn add(&self, tree: &Root, leaf: u32, raw: &mut [f64]) {
        let first = tree.value as usize;
        match tree.output {
            Some(output) => raw[output as usize] += self.values[first + leaf as usize],
            None => {
                let values = &self.values[first + leaf as usize * raw.len()..];
                raw.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
    }

    /// The row's leaf in a tree, whatever its splits.
    fn descend(&self, tree: &Root, numbers: &[u16]) -> u32 {
        let forks = &self.forks[tree.fork as usize..];
        let mut at = 0;
        while at < F::LEAF {
            let fork = forks[at as usize];
            at = self.child(tree, fork, numbers[fork.column()]);
        }
        at - F::LEAF
    }

    /// The child of any fork.
    #[inline(always)]
    fn child(&self, tree: &Root, fork: F, number: u16) -> u32 {
        let flags = fork.flags();
        if flags.in_set { self.child_by_set(tree, fork, number) } else { fork.child(goes_left(fork, flags, number)) }
    }

    /// The child of a fork by category. A call of its own: what both kinds of fork had in common would be made a branch on the
    /// outcome of the comparison.
    #[inline(never)]
    fn child_by_set(&self, tree: &Root, fork: F, number: u16) -> u32 {
        if number == MISSING {
            return fork.child(fork.flags().missing_left);
        }
        let (start, words) = self.sets[tree.set as usize + usize::from(fork.number())];
        let words = &self.words[start as usize..][..words as usize];
        fork.child(words.get(usize::from(number / 64)).is_some_and(|word| word >> (number % 64) & 1 == 1))
    }

    /// The leaves of several rows; no split is by category.
    #[inline(always)]
    fn descend_in_step<'n>(&self, tree: &Root, numbers: impl Fn(usize) -> &'n [u16]) -> [u32; LANES] {
        let forks = &self.forks[tree.fork as usize..];
        let mut at = [0_u32; LANES];
        loop {
            let mut arrived = F::LEAF;
            // Two steps for one question whether all have arrived.
            for _ in 0..2 {
                arrived = F::LEAF;
                for (lane, at) in at.iter_mut().enumerate() {
                    // Who has arrived takes the first fork again, in vain: no branch to guess.
                    let there = *at >= F::LEAF;
                    let fork = forks[if there { 0 } else { *at as usize }];
                    let next = fork.child(goes_left(fork, fork.flags(), numbers(lane)[fork.column()]));
                    *at = if there { *at } else { next };
                    arrived &= *at;
                }
            }
            if arrived & F::LEAF != 0 {
                return at.map(|at| at - F::LEAF);
            }
        }
    }
}

/// Missing values have the greatest number: they go right, unless one more makes it the least.
#[inline(always)]
fn goes_left<F: Fork>(fork: F, flags: Flags, number: u16) -> bool {
    number.wrapping_add(u16::from(flags.missing_left)) <= fork.number()
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
