//! An ensemble rewritten as tapes: for each tree the straight sequence of steps that a block of rows goes through.
//!
//! # What is computed
//! Let a leaf `ℓ` with value `v` be reached by tests on the features `F`. For a row and a feature `i ∈ F`, `o_i` is 1 when the
//! row passes all tests on `i` on the way and 0 otherwise; `z_i` is the product of the shares of training rows that took the same
//! turns at the tests on `i`. Where a set `S` of features is known, the leaf is worth `v Π_{i∈S} o_i Π_{i∉S} z_i`, and the Shapley
//! value of `i` in this game is
//!
//! ```text
//! φ_i(ℓ) = v (o_i − z_i) ∫₀¹ Π_{j∈F, j≠i} g_j(t) dt,   g_j(t) = z_j (1 − t) + o_j t,
//! ```
//!
//! because `∫ t^s (1−t)^(m−1−s) dt = s! (m−1−s)! / m!` is Shapley's weight (Owen, "Multilinear extensions of games", 1972). The
//! integrand is a polynomial of degree `|F| − 1`, so Gauss's rule with `⌈|F|/2⌉` points gives the integral exactly, and what is
//! left is a sum over products along paths, separately for each point `t`.
//!
//! # How the tree shares it
//! Let `G_n(t)` be the product of all `g_j` of the path to node `n`, times the weight of the point, and `B_n(t)` the sum over the
//! leaves below of their value times what their path adds to the product. With `z` the share of rows that goes left at `n`, `o` the
//! row's own turn there (1 left, 0 right), `f` the product of the row's earlier turns at tests on the same feature (1 or 0) and
//! `z_f` the product of their shares:
//!
//! ```text
//! s   = f (o − z)
//! r   = z + s w(t)             w = t / g_f,  g_f = z_f (1 − t) + t          (w = t where the feature is new)
//! G_left = r G_n               G_right = G_n − G_left
//! B_n = B_right + r (B_left − B_right)
//! φ  += s Σ_t G_n (B_left − B_right) h(t)    h = z_f / g_f²                 (h = 1 where the feature is new)
//! ```
//!
//! The two children's factors add up to one, which is why one multiplication serves both; where a feature is met again, the term
//! with `h` is just what replaces the upper test's share for the leaves below by their own. Every step is the same for every row,
//! so rows lie in the lanes of vectors.

use super::quadrature::gauss;
use super::walk::{Walk, fuse};
use rhiza_learn::ensemble::{Ensemble, Missing, Node, NodeKind, Test, Tree};
use std::collections::BTreeMap;

/// Points a tape handles at once; trees that need more have several tapes.
pub(super) const POINTS: usize = 4;

/// LightGBM's bound of what it takes for zero.
const ZERO: f64 = 1e-35;

/// The steps for one tree, one raw output and up to [`POINTS`] points.
#[derive(Debug, Clone)]
pub(super) struct Tape {
    pub steps: Vec<Step>,
    /// `w` and `h` of the tests on features met before, one entry per such test.
    pub shapes: Vec<Shape>,
    /// For each step, where its entries in `others` begin and end. Empty where interactions are not asked for.
    pub ranges: Vec<(u32, u32)>,
    /// The other features on the path above a fork.
    pub others: Vec<Other>,
    pub output: usize,
    pub count: usize,
    pub nodes: [f64; POINTS],
    pub weights: [f64; POINTS],
}

/// `w` and `h` at the tape's points.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub w: [f64; POINTS],
    pub h: [f64; POINTS],
}

impl Shape {
    /// Of tests on new features, which the kernel does without.
    pub(super) const NONE: Self = Self { w: [0.0; POINTS], h: [0.0; POINTS] };
}

/// Another feature on the path above a fork, as the interaction of the two needs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Other {
    /// Number of the pair that it makes with the fork's.
    pub pair: u32,
    /// Level of the last test on it.
    pub level: u32,
    /// The turn that counts there is "right".
    pub right: bool,
    /// `(1 − z) / (z (1 − t) + t)` at the tape's points.
    pub on: [f64; POINTS],
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Enters a fork and prepares its left child.
    Down,
    /// Goes from the left child to the right one.
    Turn,
    /// Puts down the value of a leaf, where its sibling is a fork.
    Leaf,
    /// Leaves a fork.
    Up,
    /// Enters and leaves a fork with two leaves.
    Twig,
    /// Enters and leaves a fork whose children are the two twigs of the next two steps.
    Pair,
}

/// One step. What a kind does not use is zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub kind: Kind,
    /// The feature was tested above.
    pub again: bool,
    /// A test on the same feature follows below: the turn is to be remembered.
    pub remember: bool,
    /// The row's earlier turn that counts is "right".
    pub from_right: bool,
    /// Level of the fork; the root's is 0.
    pub level: u32,
    /// Level of the last test on the same feature.
    pub above: u32,
    /// Where the fork's or leaf's sum goes: twice its level, one more for a right child.
    pub slot: u32,
    /// Number of the plane with the values to compare: twice the used feature's, one more where NaN goes left.
    pub plane: u32,
    /// Number among the features used.
    pub feature: u32,
    /// Number of the shape, when `again`.
    pub shape: u32,
    /// One more than the number in [`Plan::odd`] of the test that no comparison with a threshold can do; 0: none.
    pub odd: u32,
    pub threshold: f64,
    /// Share of the rows that goes left.
    pub share: f64,
    /// Value of the left leaf, or of the leaf.
    pub left: f64,
    /// Value of the right leaf.
    pub right: f64,
}

/// A test that is no plain comparison.
#[derive(Debug, Clone, Copy)]
pub(super) struct Odd {
    pub tree: u32,
    pub test: Test,
    pub missing: Missing,
}

/// All tapes of an ensemble.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub tapes: Vec<Tape>,
    pub odd: Vec<Odd>,
    /// Columns that any tree looks at, ascending.
    pub used: Vec<usize>,
    /// Whether any test on the used feature wants NaN to go left.
    pub wants_low: Vec<bool>,
    /// What the ensemble says on average over its training rows, per raw output.
    pub base: Vec<f64>,
    pub levels: usize,
    /// Pairs of used features that meet on a path, the lower number first, with their numbers; only where interactions are asked for.
    pub pairs: BTreeMap<(u32, u32), u32>,
}

/// A fork's children, test and share, checked before.
#[derive(Clone, Copy)]
pub(super) struct Fork {
    pub feature: usize,
    pub test: Test,
    pub missing: Missing,
    pub left: usize,
    pub right: usize,
    pub share: f64,
}

/// The share of rows that goes left: by the children's covers; half where no row came.
pub(super) fn share(nodes: &[Node], left: usize, right: usize) -> f64 {
    let (l, r) = (nodes[left].cover, nodes[right].cover);
    if l + r > 0.0 { l / (l + r) } else { 0.5 }
}

pub(super) fn fork(tree: &Tree, at: usize) -> Option<Fork> {
    match tree.nodes[at].kind {
        NodeKind::Leaf(_) => None,
        NodeKind::Split { feature, test, missing, left, right } => {
            let (left, right) = (left as usize, right as usize);
            let share = share(&tree.nodes, left, right);
            Some(Fork { feature: feature as usize, test, missing, left, right, share })
        }
    }
}

/// Value of leaf `leaf` for raw output `output`; 0 when the tree does not add to it.
pub(super) fn leaf_value(tree: &Tree, leaf: u32, output: usize, outputs: usize) -> f64 {
    match tree.output {
        Some(k) if k as usize == output => tree.leaf_values[leaf as usize],
        Some(_) => 0.0,
        None => tree.leaf_values[leaf as usize * outputs + output],
    }
}

impl Plan {
    /// The plan of `ensemble`; with what interactions need when `pairs`.
    pub(super) fn new(ensemble: &Ensemble, pairs: bool) -> Self {
        let mut seen = vec![false; ensemble.features.len()];
        for node in ensemble.trees.iter().flat_map(|t| &t.nodes) {
            if let NodeKind::Split { feature, .. } = node.kind {
                seen[feature as usize] = true;
            }
        }
        let used: Vec<usize> = (0..seen.len()).filter(|f| seen[*f]).collect();
        let mut number = vec![0; seen.len()];
        used.iter().enumerate().for_each(|(n, f)| number[*f] = n);
        let mut plan = Self {
            tapes: Vec::new(),
            odd: Vec::new(),
            wants_low: vec![false; used.len()],
            used,
            base: ensemble.base.clone(),
            levels: 0,
            pairs: BTreeMap::new(),
        };
        for (at, tree) in ensemble.trees.iter().enumerate() {
            plan.add(at, tree, &number, ensemble.outputs(), pairs);
        }
        plan
    }

    fn add(&mut self, at: usize, tree: &Tree, number: &[usize], outputs: usize, pairs: bool) {
        let walk = Walk::of(tree, pairs);
        for (leaf, reach) in &walk.leaves {
            for (output, base) in self.base.iter_mut().enumerate() {
                *base += reach * leaf_value(tree, *leaf, output, outputs);
            }
        }
        if walk.forks.is_empty() {
            return;
        }
        self.levels = self.levels.max(walk.levels);
        let rule = gauss(walk.features.div_ceil(2));
        let tests = self.tests(at, &walk, number);
        let own = tree.output.map_or(0..outputs, |k| k as usize..k as usize + 1);
        for points in rule.chunks(POINTS) {
            let (nodes, weights) = spread(points);
            for output in own.clone() {
                let value = |leaf| leaf_value(tree, leaf, output, outputs);
                let (mut steps, shapes) = walk.steps(tree, &tests, &nodes[..points.len()], value);
                if !pairs {
                    fuse(&mut steps);
                }
                let (ranges, others) = if pairs {
                    walk.others(&tests, &nodes[..points.len()], &mut self.pairs)
                } else {
                    (Vec::new(), Vec::new())
                };
                let count = points.len();
                self.tapes.push(Tape { steps, shapes, ranges, others, output, count, nodes, weights });
            }
        }
    }

    /// What each fork of the walk compares with what.
    fn tests(&mut self, tree: usize, walk: &Walk, number: &[usize]) -> Vec<Comparison> {
        let mut tests = Vec::with_capacity(walk.forks.len());
        for visit in &walk.forks {
            let feature = number[visit.fork.feature];
            let plain = plain(visit.fork.test, visit.fork.missing);
            let (threshold, low, odd) = match plain {
                Some((threshold, low)) => (threshold, low, 0),
                None => {
                    let tree = narrow(tree);
                    self.odd.push(Odd { tree, test: visit.fork.test, missing: visit.fork.missing });
                    (0.0, false, narrow(self.odd.len()))
                }
            };
            self.wants_low[feature] |= low;
            let plane = narrow(2 * feature + usize::from(low));
            tests.push(Comparison { feature: narrow(feature), plane, threshold, odd });
        }
        tests
    }
}

/// A fork's test as the kernel does it.
#[derive(Clone, Copy)]
pub(super) struct Comparison {
    pub feature: u32,
    pub plane: u32,
    pub threshold: f64,
    pub odd: u32,
}

/// The threshold, and whether NaN goes left, where that is all there is to a test.
fn plain(test: Test, missing: Missing) -> Option<(f64, bool)> {
    let Test::AtMost(threshold) = test else { return None };
    match missing {
        Missing::Left => Some((threshold, true)),
        Missing::Right => Some((threshold, false)),
        Missing::AsZero => Some((threshold, threshold >= 0.0)),
        // Zeros go where they would go anyway.
        Missing::ZeroLeft if threshold >= ZERO => Some((threshold, true)),
        Missing::ZeroRight if threshold < -ZERO => Some((threshold, false)),
        Missing::ZeroLeft | Missing::ZeroRight => None,
    }
}

fn spread(points: &[(f64, f64)]) -> ([f64; POINTS], [f64; POINTS]) {
    let (mut nodes, mut weights) = ([0.0; POINTS], [0.0; POINTS]);
    for (q, (t, w)) in points.iter().enumerate() {
        (nodes[q], weights[q]) = (*t, *w);
    }
    (nodes, weights)
}

/// Numbers of forks, levels and features fit 32 bits: the ensemble numbers its nodes so.
#[expect(clippy::cast_possible_truncation, reason = "an ensemble numbers nodes and columns with 32 bits")]
pub(super) const fn narrow(n: usize) -> u32 {
    n as u32
}
