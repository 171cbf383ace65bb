//! The making of the fast form.

use super::flat::{Flags, Flat, Fork, Grid, MOST, Parts, Root, SOME, Trees};
use crate::ensemble::{Ensemble, Missing, NodeKind, Test, Tree};
use rayon::prelude::*;

/// How many trees lie together, of so many: enough parts for some threads to make them, and trees enough in each to go down in
/// step.
pub(crate) fn part(trees: usize) -> usize {
    trees.div_ceil(4).clamp(64, SOME)
}

/// Trees in the making, one after the other: [`Planter::begin`], all its forks in order, all its leaves in order, [`Planter::end`].
pub(crate) struct Planter<F> {
    trees: Trees<F>,
}

impl<F: Fork> Planter<F> {
    pub(crate) fn new() -> Self {
        let trees =
            Trees { forks: Vec::new(), values: Vec::new(), sets: Vec::new(), words: Vec::new(), roots: Vec::new() };
        Self { trees }
    }

    /// Makes room.
    pub(crate) fn reserve(&mut self, forks: usize, values: usize) {
        self.trees.forks.reserve(forks);
        self.trees.values.reserve(values);
    }

    /// `output`: what all its leaves add to; `None`: they have a value per output.
    pub(crate) fn begin(&mut self, output: Option<u32>) -> Option<()> {
        let trees = &mut self.trees;
        let place = |length: usize| u32::try_from(length).ok();
        let (fork, value, set) = (place(trees.forks.len())?, place(trees.values.len())?, place(trees.sets.len())?);
        trees.roots.push(Root { fork, value, set, output, has_sets: false });
        Some(())
    }

    /// A fork at a threshold of this number.
    #[inline(always)]
    pub(crate) fn fork(&mut self, column: u32, missing_left: bool, number: u16, children: [u32; 2]) {
        let number = number + u16::from(missing_left);
        self.trees.forks.push(F::new(column, Flags { missing_left, in_set: false }, number, children));
    }

    /// A fork by category. `None` if a tree has too many of them.
    pub(crate) fn set(&mut self, column: u32, missing_left: bool, words: &[u64], children: [u32; 2]) -> Option<()> {
        let trees = &mut self.trees;
        let root = trees.roots.last_mut()?;
        root.has_sets = true;
        let number = u16::try_from(trees.sets.len() - root.set as usize).ok()?;
        trees.sets.push((u32::try_from(trees.words.len()).ok()?, u32::try_from(words.len()).ok()?));
        trees.words.extend_from_slice(words);
        trees.forks.push(F::new(column, Flags { missing_left, in_set: true }, number, children));
        Some(())
    }

    /// A leaf's value, or values.
    #[inline(always)]
    pub(crate) fn leaf(&mut self, values: &[f64]) {
        self.trees.values.extend_from_slice(values);
    }

    pub(crate) fn end(&mut self) {
        let trees = &mut self.trees;
        if trees.roots.last().is_some_and(|root| root.fork as usize == trees.forks.len()) {
            // A lone leaf: a fork with it on both sides.
            let flags = Flags { missing_left: false, in_set: false };
            trees.forks.push(F::new(0, flags, 0, [F::LEAF; 2]));
        }
    }

    pub(crate) fn finish(self) -> Trees<F> {
        self.trees
    }
}

impl Flat {
    /// `None` when the ensemble is of a shape that has no fast form.
    pub(super) fn new(ensemble: &Ensemble) -> Option<Self> {
        // A fork's column has to be there, even that of a lone leaf.
        if ensemble.features.is_empty() {
            return None;
        }
        let columns = grids(ensemble)?;
        let fits = |tree: &Tree| tree.nodes.len() <= crate::evaluate::SMALL_TREE;
        let trees = if columns.len() <= super::flat::Small::COLUMNS && ensemble.trees.iter().all(fits) {
            Parts::Small(plant_all(ensemble, &columns)?)
        } else if columns.len() <= super::flat::Wide::COLUMNS {
            Parts::Wide(plant_all(ensemble, &columns)?)
        } else {
            return None;
        };
        Some(Self { columns, single: ensemble.single_precision_input, trees })
    }

    /// Out of parts that were made elsewhere.
    pub(crate) fn small(columns: Vec<Grid>, single: bool, parts: Vec<Trees<super::flat::Small>>) -> Self {
        Self { columns, single, trees: Parts::Small(parts) }
    }

    /// As [`Flat::small`].
    pub(crate) fn wide(columns: Vec<Grid>, single: bool, parts: Vec<Trees<super::flat::Wide>>) -> Self {
        Self { columns, single, trees: Parts::Wide(parts) }
    }
}

fn plant_all<F: Fork>(ensemble: &Ensemble, grids: &[Grid]) -> Option<Vec<Trees<F>>> {
    let chunks = ensemble.trees.par_chunks(part(ensemble.trees.len()));
    chunks
        .map(|chunk| {
            let mut planter = Planter::new();
            let leaves: usize = chunk.iter().map(|tree| tree.leaf_values.len()).sum();
            planter.reserve(leaves, leaves);
            chunk.iter().try_for_each(|tree| plant(&mut planter, tree, ensemble.outputs(), grids))?;
            Some(planter.finish())
        })
        .collect()
}

fn plant<F: Fork>(planter: &mut Planter<F>, tree: &Tree, outputs: usize, grids: &[Grid]) -> Option<()> {
    let order = tree.order();
    let mut codes = vec![0; tree.nodes.len()];
    let (mut forks, mut leaves) = (0, F::LEAF);
    for node in &order {
        let next = if matches!(tree.nodes[*node as usize].kind, NodeKind::Leaf(_)) { &mut leaves } else { &mut forks };
        codes[*node as usize] = *next;
        *next += 1;
    }
    let width = if tree.output.is_some() { 1 } else { outputs };
    planter.begin(tree.output)?;
    for node in &order {
        match tree.nodes[*node as usize].kind {
            NodeKind::Leaf(leaf) => {
                let from = leaf as usize * width;
                planter.leaf(&tree.leaf_values[from..from + width]);
            }
            NodeKind::Split { feature, test, missing, left, right } => {
                let children = [codes[left as usize], codes[right as usize]];
                match test {
                    Test::AtMost(threshold) => {
                        let number = number_of(&grids[feature as usize].thresholds, threshold);
                        planter.fork(feature, missing_left(missing, 0.0 <= threshold), number, children);
                    }
                    Test::Categories { start, words } => {
                        let words = &tree.category_words[start as usize..start as usize + words as usize];
                        let zero = words.first().is_some_and(|word| word & 1 == 1);
                        planter.set(feature, missing_left(missing, zero), words, children)?;
                    }
                }
            }
        }
    }
    planter.end();
    Some(())
}

/// The number of a threshold among its column's.
pub(crate) fn number_of(thresholds: &[f64], threshold: f64) -> u16 {
    thresholds.partition_point(|t| *t < threshold) as u16
}

/// Whether missing values go left, where `zero` says whether zero does.
pub(crate) fn missing_left(missing: Missing, zero: bool) -> bool {
    match missing {
        Missing::Left | Missing::ZeroLeft => true,
        Missing::Right | Missing::ZeroRight => false,
        Missing::AsZero => zero,
    }
}

/// The columns' grids; `None` when a column is split in ways that have no common number.
pub(crate) fn grids(ensemble: &Ensemble) -> Option<Vec<Grid>> {
    let mut kinds = Kinds::new(ensemble.features.len());
    let mut thresholds: Vec<Vec<f64>> = vec![Vec::new(); ensemble.features.len()];
    for tree in &ensemble.trees {
        for node in &tree.nodes {
            let NodeKind::Split { feature, test, missing, .. } = node.kind else { continue };
            kinds.see(feature, missing, matches!(test, Test::Categories { .. }));
            match test {
                Test::AtMost(threshold) => thresholds[feature as usize].push(threshold),
                Test::Categories { words, .. } if words as usize * 64 > MOST => return None,
                Test::Categories { .. } => {}
            }
        }
    }
    thresholds.par_iter_mut().for_each(|own| {
        own.sort_unstable_by(f64::total_cmp);
        own.dedup_by(|a, b| a == b);
    });
    kinds.grids(thresholds)
}

/// In which ways columns are split.
#[derive(Debug, Clone)]
pub(crate) struct Kinds {
    /// By order, by category, with zero as a number, with zero as missing.
    seen: Vec<u8>,
}

const BY_ORDER: u8 = 1;
const BY_CATEGORY: u8 = 2;
const ZERO_COUNTS: u8 = 4;
const ZERO_IS_MISSING: u8 = 8;

impl Kinds {
    pub(crate) fn new(columns: usize) -> Self {
        Self { seen: vec![0; columns] }
    }

    #[inline(always)]
    pub(crate) fn see(&mut self, column: u32, missing: Missing, by_category: bool) {
        let zero = matches!(missing, Missing::ZeroLeft | Missing::ZeroRight);
        let test = if by_category { BY_CATEGORY } else { BY_ORDER };
        self.seen[column as usize] |= test | if zero { ZERO_IS_MISSING } else { ZERO_COUNTS };
    }

    pub(crate) fn merge(mut self, other: &Self) -> Self {
        self.seen.iter_mut().zip(&other.seen).for_each(|(own, other)| *own |= other);
        self
    }

    /// With the thresholds of each column; `None` as for [`grids`].
    pub(crate) fn grids(&self, thresholds: Vec<Vec<f64>>) -> Option<Vec<Grid>> {
        let grid = |(seen, thresholds): (&u8, Vec<f64>)| {
            let both = |a: u8, b: u8| seen & (a | b) == a | b;
            if both(BY_ORDER, BY_CATEGORY) || both(ZERO_COUNTS, ZERO_IS_MISSING) || thresholds.len() > MOST {
                return None;
            }
            let (categories, zero_is_missing) = (seen & BY_CATEGORY != 0, seen & ZERO_IS_MISSING != 0);
            Some(Grid { thresholds, categories, zero_is_missing, used: *seen != 0 })
        };
        self.seen.iter().zip(thresholds).map(grid).collect()
    }
}
