//! A sum of decision trees: what boosting and forests grow, what foreign model files are read into, and what `rhiza-explain`
//! takes apart. It is the form for exchange; a faster form for prediction is derived from it.

use rayon::prelude::*;

mod order;

/// What a row goes through on its way down, and what is added up at the leaves.
///
/// The raw output `k` of a row is `base[k]` plus, over all trees, the value of the leaf the row falls into. [`Link`] makes the
/// prediction out of the raw outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensemble {
    /// One per column of the input, in the input's order.
    pub features: Vec<Feature>,
    /// Raw output before any tree; its length is the number of raw outputs (classes, or 1).
    pub base: Vec<f64>,
    /// From raw outputs to what is predicted.
    pub link: Link,
    /// The trees, in the order in which they are added.
    pub trees: Vec<Tree>,
    /// Inputs are rounded to `f32` before they are compared (XGBoost and scikit-learn compare so).
    pub single_precision_input: bool,
}

/// A column as the trees see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// The column's name.
    pub name: String,
    /// How its values are to be read.
    pub kind: FeatureKind,
}

/// How the values of a column are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureKind {
    /// A quantity; NaN is "missing".
    Numeric,
    /// A category's code: a whole number from 0; NaN, negative and unknown codes are "no known category".
    Categorical,
}

/// From raw outputs to predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The raw outputs are the prediction.
    Identity,
    /// `1 / (1 + e^-raw)`: the probability of the second class; of several raw outputs, each for itself.
    Logistic,
    /// `e^raw_k / Σ e^raw_j`.
    Softmax,
    /// `e^raw`.
    Exponential,
    /// Each raw output through the logistic function, then divided by their sum (one against the rest).
    NormalizedLogistic,
}

impl Link {
    /// Turns the raw outputs of one row into its prediction.
    pub fn apply(self, raw: &mut [f64]) {
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        match self {
            Self::Identity => {}
            Self::Logistic => raw.iter_mut().for_each(|x| *x = logistic(*x)),
            Self::Exponential => raw.iter_mut().for_each(|x| *x = x.exp()),
            Self::Softmax => {
                // Less the largest, so that no power overflows.
                let top = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                raw.iter_mut().for_each(|x| *x = (*x - top).exp());
                divide_by_sum(raw);
            }
            Self::NormalizedLogistic => {
                raw.iter_mut().for_each(|x| *x = logistic(*x));
                divide_by_sum(raw);
            }
        }
    }
}

fn divide_by_sum(values: &mut [f64]) {
    let sum: f64 = values.iter().sum();
    if sum > 0.0 {
        values.iter_mut().for_each(|x| *x /= sum);
    }
}

/// One decision tree. Node 0 is the root; a child's number is greater than its parent's, so there is no way round in a circle.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The tree adds to this raw output alone and each leaf has one value; `None`: each leaf has a value for every raw output.
    pub output: Option<u32>,
    /// All nodes.
    pub nodes: Vec<Node>,
    /// The leaves' values: leaf `i`'s begin at `i × width`, width 1 or the number of raw outputs.
    pub leaf_values: Vec<f64>,
    /// Bit sets of the categorical splits, 64 codes a word; [`Test::Categories`] says where its own begins.
    pub category_words: Vec<u64>,
}

/// A node and the weight of the training rows that came to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// What is here.
    pub kind: NodeKind,
    /// Rows, sum of weights or of hessians that reached this node in training; > 0. Path-dependent SHAP weighs by it.
    pub cover: f64,
}

/// A fork or a leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NodeKind {
    /// Where the row goes on to one of two children.
    Split {
        /// Number of the column looked at.
        feature: u32,
        /// What sends a row to the left.
        test: Test,
        /// What happens to values that are missing.
        missing: Missing,
        /// Child when the test holds.
        left: u32,
        /// Child when it does not.
        right: u32,
    },
    /// The end of the way; the number of the leaf in [`Tree::leaf_values`].
    Leaf(u32),
}

/// What sends a row to the left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Test {
    /// `value ≤ threshold`. (A foreign `value < t` on single precision is `value ≤ t.next_down()`.)
    AtMost(f64),
    /// The value's whole part is a code in the set; what is in no set, NaN included, goes right unless [`Missing`] says otherwise.
    Categories {
        /// First word of the set in [`Tree::category_words`].
        start: u32,
        /// Number of words.
        words: u32,
    },
}

/// Where a missing value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// NaN goes left.
    Left,
    /// NaN goes right.
    Right,
    /// NaN and values within ±1e-35 of zero go left (LightGBM's `missing_type` zero).
    ZeroLeft,
    /// NaN and values within ±1e-35 of zero go right.
    ZeroRight,
    /// NaN is read as 0.0 and then tested like any other value (LightGBM's `missing_type` none).
    AsZero,
}

/// LightGBM's `kZeroThreshold`: what it stores as zero, a constant of single precision.
pub(crate) const ZERO: f64 = 1e-35_f32 as f64;

/// What makes an ensemble unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnsembleError {
    /// A tree without nodes, a child that is its own ancestor, a number of a column, leaf or output that is not there.
    #[error("tree {tree}: {fault}")]
    BadTree {
        /// Number of the tree.
        tree: usize,
        /// What is wrong with it.
        fault: String,
    },
    /// No raw output at all, or a link that needs another number of them.
    #[error("{0}")]
    BadOutputs(String),
}

impl Ensemble {
    /// Number of raw outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.base.len()
    }

    /// Checks everything that [`Ensemble::raw`] and the explainers rely on.
    ///
    /// # Errors
    /// [`EnsembleError`] names the first fault.
    pub fn validate(&self) -> Result<(), EnsembleError> {
        let outputs = self.outputs();
        let fits = match self.link {
            Link::Identity | Link::Exponential | Link::Logistic => outputs >= 1,
            Link::Softmax | Link::NormalizedLogistic => outputs >= 2,
        };
        if !fits {
            return Err(EnsembleError::BadOutputs(format!("{:?} does not go with {outputs} raw outputs", self.link)));
        }
        let fault = |(number, tree): (usize, &Tree)| {
            let fault = tree.check(self.features.len(), outputs).err()?;
            Some(EnsembleError::BadTree { tree: number, fault })
        };
        self.trees.par_iter().with_min_len(16).enumerate().find_map_first(fault).map_or(Ok(()), Err)
    }

    /// The raw outputs of one row, added to nothing but `base`. `row` has a value per column; `raw` one per raw output.
    pub fn raw(&self, row: &[f64], raw: &mut [f64]) {
        raw.copy_from_slice(&self.base);
        for tree in &self.trees {
            tree.add(row, self.single_precision_input, raw);
        }
    }
}

impl Ensemble {
    /// The prediction for one row: its raw outputs through the link. `row` has a value per column, `out` one per raw output.
    pub fn predict(&self, row: &[f64], out: &mut [f64]) {
        self.raw(row, out);
        self.link.apply(out);
    }
}

impl Tree {
    fn check(&self, columns: usize, outputs: usize) -> Result<(), String> {
        let width = if self.output.is_some() { 1 } else { outputs };
        if self.output.is_some_and(|k| k as usize >= outputs) {
            return Err("it adds to an output that is not there".to_owned());
        }
        if self.nodes.is_empty() {
            return Err("it has no nodes".to_owned());
        }
        let mut parents = vec![0_u32; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            if !(node.cover.is_finite() && node.cover >= 0.0) {
                return Err(format!("node {at} has the cover {}", node.cover));
            }
            match node.kind {
                NodeKind::Leaf(leaf) => {
                    let end = (leaf as usize + 1) * width;
                    let Some(values) = self.leaf_values.get(leaf as usize * width..end) else {
                        return Err(format!("leaf {leaf} has no value"));
                    };
                    if values.iter().any(|v| !v.is_finite()) {
                        return Err(format!("leaf {leaf} has a value that is no finite number"));
                    }
                }
                NodeKind::Split { feature, test, left, right, .. } => {
                    if feature as usize >= columns {
                        return Err(format!("node {at} looks at column {feature} of {columns}"));
                    }
                    for child in [left, right] {
                        if child as usize <= at || child as usize >= self.nodes.len() {
                            return Err(format!("node {at} has the child {child}"));
                        }
                        parents[child as usize] += 1;
                    }
                    match test {
                        Test::AtMost(t) if t.is_nan() => return Err(format!("node {at} compares with NaN")),
                        Test::Categories { start, words }
                            if (start as usize + words as usize) > self.category_words.len() =>
                        {
                            return Err(format!("node {at} names categories that are not there"));
                        }
                        _ => {}
                    }
                }
            }
        }
        if parents.iter().skip(1).any(|n| *n != 1) {
            return Err("a node has no parent, or more than one".to_owned());
        }
        Ok(())
    }

    /// Adds the values of the leaf that `row` falls into.
    fn add(&self, row: &[f64], single: bool, raw: &mut [f64]) {
        let leaf = self.leaf_of(row, single) as usize;
        match self.output {
            Some(k) => raw[k as usize] += self.leaf_values[leaf],
            None => {
                let values = &self.leaf_values[leaf * raw.len()..(leaf + 1) * raw.len()];
                raw.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
    }

    /// The leaf that `row` falls into.
    #[must_use]
    pub fn leaf_of(&self, row: &[f64], single_precision_input: bool) -> u32 {
        let mut at = 0_usize;
        loop {
            match self.nodes[at].kind {
                NodeKind::Leaf(leaf) => return leaf,
                NodeKind::Split { feature, test, missing, left, right } => {
                    let value = row[feature as usize];
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "rounding to single precision is what is asked for"
                    )]
                    let value = if single_precision_input { f64::from(value as f32) } else { value };
                    at = if self.goes_left(value, test, missing) { left } else { right } as usize;
                }
            }
        }
    }

    /// Whether `value` (already rounded when the ensemble says so) goes to the left child.
    #[must_use]
    pub fn goes_left(&self, value: f64, test: Test, missing: Missing) -> bool {
        let value = match missing {
            Missing::Left if value.is_nan() => return true,
            Missing::Right if value.is_nan() => return false,
            Missing::ZeroLeft if value.is_nan() || value.abs() <= ZERO => return true,
            Missing::ZeroRight if value.is_nan() || value.abs() <= ZERO => return false,
            Missing::AsZero if value.is_nan() => 0.0,
            _ => value,
        };
        match test {
            Test::AtMost(threshold) => value <= threshold,
            Test::Categories { start, words } => {
                if !(value >= 0.0 && value < f64::from(words) * 64.0) {
                    return false;
                }
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just seen to be in range")]
                let code = value as usize;
                self.category_words[start as usize + code / 64] >> (code % 64) & 1 == 1
            }
        }
    }
}
