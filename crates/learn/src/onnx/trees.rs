//! An ensemble as a tree operator: the older one where all splits are by order, the newer where some are by category.

use super::OnnxError;
use super::graph::{Attribute, Element, Graph};
use crate::ensemble::{Ensemble, Missing, Node, NodeKind, Test, Tree, ZERO};
use crate::matrix::MAX_CATEGORY;

/// The newer operator's numbers for "at most" and "member".
const AT_MOST: f64 = 0.0;
const MEMBER: f64 = 6.0;

impl Graph {
    /// Adds the trees over the input `x`; the name of their raw outputs, of single precision.
    ///
    /// # Errors
    /// [`OnnxError::Node`] for a split that ONNX's operators do not have.
    pub fn trees(&mut self, ensemble: &Ensemble, x: &str) -> Result<String, OnnxError> {
        let element = element(ensemble);
        if has_sets(ensemble) {
            self.newer(ensemble, element, x, "sums")?;
            // This operator has no base values, and returns what it reads.
            self.constant("base", element, &ensemble.base);
            self.node("Add", "", &["sums", "base"], &["based"], vec![]);
            self.node("Cast", "", &["based"], &["raw"], vec![("to", Attribute::Whole(Element::Float.number()))]);
        } else {
            self.older(ensemble, element, (x, "raw"), &ensemble.base)?;
        }
        Ok("raw".to_owned())
    }

    /// `base`: added to the sums; none: zeros.
    pub(super) fn older(
        &mut self,
        ensemble: &Ensemble,
        element: Element,
        (x, out): (&str, &str),
        base: &[f64],
    ) -> Result<(), OnnxError> {
        let mut lists = Older::default();
        for (number, tree) in trees_of(ensemble, &nothing()).iter().enumerate() {
            lists.add(number, tree, ensemble)?;
        }
        // Lists of single precision would do for single precision, but a tensor does for both.
        let tensor = |values: Vec<f64>| Attribute::Tensor(element, values);
        let mut attributes = vec![
            ("n_targets", Attribute::Whole(ensemble.outputs() as i64)),
            ("nodes_treeids", Attribute::Wholes(lists.tree)),
            ("nodes_nodeids", Attribute::Wholes(lists.id)),
            ("nodes_featureids", Attribute::Wholes(lists.feature)),
            ("nodes_values_as_tensor", tensor(lists.threshold)),
            ("nodes_hitrates_as_tensor", tensor(lists.cover)),
            ("nodes_modes", Attribute::Texts(lists.mode)),
            ("nodes_truenodeids", Attribute::Wholes(lists.yes)),
            ("nodes_falsenodeids", Attribute::Wholes(lists.no)),
            ("nodes_missing_value_tracks_true", Attribute::Wholes(lists.tracks)),
            ("target_treeids", Attribute::Wholes(lists.leaf_tree)),
            ("target_nodeids", Attribute::Wholes(lists.leaf_node)),
            ("target_ids", Attribute::Wholes(lists.leaf_output)),
            ("target_weights_as_tensor", tensor(lists.leaf_value)),
        ];
        if !base.is_empty() {
            attributes.push(("base_values_as_tensor", tensor(base.to_vec())));
        }
        self.node("TreeEnsembleRegressor", "ai.onnx.ml", &[x], &[out], attributes);
        Ok(())
    }

    /// The sums without base values, in the precision of the input.
    pub(super) fn newer(&mut self, ensemble: &Ensemble, element: Element, x: &str, out: &str) -> Result<(), OnnxError> {
        let mut lists = Newer::default();
        for (number, tree) in trees_of(ensemble, &nothing()).iter().enumerate() {
            match tree.output {
                Some(output) => lists.add(number, tree, ensemble, output as usize)?,
                // A leaf there has one value: the tree comes once for every output.
                None => (0..ensemble.outputs()).try_for_each(|output| lists.add(number, tree, ensemble, output))?,
            }
        }
        let tensor = |values: Vec<f64>| Attribute::Tensor(element, values);
        let mut attributes = vec![
            ("n_targets", Attribute::Whole(ensemble.outputs() as i64)),
            ("aggregate_function", Attribute::Whole(1)),
            ("post_transform", Attribute::Whole(0)),
            ("tree_roots", Attribute::Wholes(lists.root)),
            ("nodes_modes", Attribute::Tensor(Element::Byte, lists.mode)),
            ("nodes_featureids", Attribute::Wholes(lists.feature)),
            ("nodes_splits", tensor(lists.threshold)),
            ("nodes_truenodeids", Attribute::Wholes(lists.sides[0].0.clone())),
            ("nodes_trueleafs", Attribute::Wholes(lists.sides[0].1.clone())),
            ("nodes_falsenodeids", Attribute::Wholes(lists.sides[1].0.clone())),
            ("nodes_falseleafs", Attribute::Wholes(lists.sides[1].1.clone())),
            ("nodes_missing_value_tracks_true", Attribute::Wholes(lists.tracks)),
        ];
        if !lists.members.is_empty() {
            attributes.push(("membership_values", tensor(lists.members)));
        }
        attributes.push(("leaf_targetids", Attribute::Wholes(lists.leaf_output)));
        attributes.push(("leaf_weights", tensor(lists.leaf_value)));
        // In double precision ONNX's own checker wants single precision here and onnxruntime double: better none.
        if element == Element::Float {
            attributes.push(("nodes_hitrates", tensor(lists.cover)));
        }
        self.node("TreeEnsemble", "ai.onnx.ml", &[x], &[out], attributes);
        Ok(())
    }
}

/// What the trees' operator reads.
pub(super) fn element(ensemble: &Ensemble) -> Element {
    if ensemble.single_precision_input { Element::Float } else { Element::Double }
}

/// Whether some split is by category.
pub(super) fn has_sets(ensemble: &Ensemble) -> bool {
    let mut nodes = ensemble.trees.iter().flat_map(|tree| &tree.nodes);
    nodes.any(|node| matches!(node.kind, NodeKind::Split { test: Test::Categories { .. }, .. }))
}

/// A tree that adds nothing.
fn nothing() -> Tree {
    Tree {
        output: Some(0),
        nodes: vec![Node { kind: NodeKind::Leaf(0), cover: 1.0 }],
        leaf_values: vec![0.0],
        category_words: vec![],
    }
}

/// Without any tree there is nothing for the operator to hold: `other` takes their place.
fn trees_of<'a>(ensemble: &'a Ensemble, other: &'a Tree) -> &'a [Tree] {
    if ensemble.trees.is_empty() { std::slice::from_ref(other) } else { &ensemble.trees }
}

/// The older operator's lists.
#[derive(Default)]
struct Older {
    tree: Vec<i64>,
    id: Vec<i64>,
    feature: Vec<i64>,
    threshold: Vec<f64>,
    cover: Vec<f64>,
    mode: Vec<String>,
    yes: Vec<i64>,
    no: Vec<i64>,
    tracks: Vec<i64>,
    leaf_tree: Vec<i64>,
    leaf_node: Vec<i64>,
    leaf_output: Vec<i64>,
    leaf_value: Vec<f64>,
}

impl Older {
    fn add(&mut self, number: usize, tree: &Tree, ensemble: &Ensemble) -> Result<(), OnnxError> {
        for (id, node) in tree.nodes.iter().enumerate() {
            self.tree.push(number as i64);
            self.id.push(id as i64);
            self.cover.push(node.cover);
            match node.kind {
                NodeKind::Leaf(leaf) => {
                    self.fork("LEAF", 0, 0.0, (0, 0), false);
                    for (output, value) in leaf_values(tree, leaf, ensemble.outputs()) {
                        self.leaf_tree.push(number as i64);
                        self.leaf_node.push(id as i64);
                        self.leaf_output.push(output as i64);
                        self.leaf_value.push(value);
                    }
                }
                NodeKind::Split { feature, test, missing, left, right } => {
                    let tracks = tracks(tree, test, missing).map_err(|fault| OnnxError::Node {
                        tree: number,
                        node: id,
                        fault,
                    })?;
                    let threshold = match test {
                        Test::AtMost(threshold) => rounded(threshold, ensemble),
                        // A model with sets takes the newer operator.
                        Test::Categories { .. } => f64::NAN,
                    };
                    self.fork("BRANCH_LEQ", feature, threshold, (left, right), tracks);
                }
            }
        }
        Ok(())
    }

    fn fork(&mut self, mode: &str, feature: u32, threshold: f64, sides: (u32, u32), tracks: bool) {
        self.mode.push(mode.to_owned());
        self.feature.push(i64::from(feature));
        self.threshold.push(threshold);
        self.yes.push(i64::from(sides.0));
        self.no.push(i64::from(sides.1));
        self.tracks.push(i64::from(tracks));
    }
}

/// The newer operator's lists: forks and leaves apart.
#[derive(Default)]
struct Newer {
    root: Vec<i64>,
    mode: Vec<f64>,
    feature: Vec<i64>,
    threshold: Vec<f64>,
    cover: Vec<f64>,
    /// Fork or leaf on either side, and whether it is a leaf.
    sides: [(Vec<i64>, Vec<i64>); 2],
    tracks: Vec<i64>,
    members: Vec<f64>,
    leaf_output: Vec<i64>,
    leaf_value: Vec<f64>,
}

impl Newer {
    fn add(&mut self, number: usize, tree: &Tree, ensemble: &Ensemble, output: usize) -> Result<(), OnnxError> {
        let first = self.mode.len();
        self.root.push(first as i64);
        // Where each node's fork or leaf will be.
        let (mut forks, mut leaves) = (first, self.leaf_value.len());
        let places: Vec<(usize, bool)> = tree
            .nodes
            .iter()
            .map(|node| {
                let leaf = matches!(node.kind, NodeKind::Leaf(_));
                let place = if leaf { &mut leaves } else { &mut forks };
                *place += 1;
                (*place - 1, leaf)
            })
            .collect();
        if let [Node { kind: NodeKind::Leaf(_), cover }] = tree.nodes[..] {
            // A tree is begun by a fork: one with the same leaf on both sides.
            self.fork(AT_MOST, 0, 0.0, cover, [places[0]; 2], false);
        }
        for (id, node) in tree.nodes.iter().enumerate() {
            match node.kind {
                NodeKind::Leaf(leaf) => {
                    let values = leaf_values(tree, leaf, ensemble.outputs());
                    let value = values.into_iter().find(|(of, _)| *of == output).map_or(0.0, |(_, value)| value);
                    self.leaf_output.push(output as i64);
                    self.leaf_value.push(value);
                }
                NodeKind::Split { feature, test, missing, left, right } => {
                    let tracks = tracks(tree, test, missing).map_err(|fault| OnnxError::Node {
                        tree: number,
                        node: id,
                        fault,
                    })?;
                    let sides = [places[left as usize], places[right as usize]];
                    let (mode, threshold) = match test {
                        Test::AtMost(threshold) => (AT_MOST, rounded(threshold, ensemble)),
                        Test::Categories { start, words } => {
                            self.set(&tree.category_words[start as usize..(start + words) as usize]);
                            (MEMBER, f64::NAN)
                        }
                    };
                    self.fork(mode, feature, threshold, node.cover, sides, tracks);
                }
            }
        }
        Ok(())
    }

    /// The codes of a set, ended by NaN.
    fn set(&mut self, words: &[u64]) {
        let codes = words.iter().enumerate().flat_map(|(at, word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| (at * 64 + bit) as f64)
        });
        let before = self.members.len();
        self.members.extend(codes);
        if self.members.len() == before {
            // Runtimes expect a member: one that no column can hold.
            self.members.push(MAX_CATEGORY * 2.0);
        }
        self.members.push(f64::NAN);
    }

    fn fork(&mut self, mode: f64, feature: u32, threshold: f64, cover: f64, sides: [(usize, bool); 2], tracks: bool) {
        self.mode.push(mode);
        self.feature.push(i64::from(feature));
        self.threshold.push(threshold);
        self.cover.push(cover);
        for ((places, leaves), (place, leaf)) in self.sides.iter_mut().zip(sides) {
            places.push(place as i64);
            leaves.push(i64::from(leaf));
        }
        self.tracks.push(i64::from(tracks));
    }
}

/// A leaf's outputs and values.
fn leaf_values(tree: &Tree, leaf: u32, outputs: usize) -> Vec<(usize, f64)> {
    let leaf = leaf as usize;
    match tree.output {
        Some(output) => vec![(output as usize, tree.leaf_values[leaf])],
        None => tree.leaf_values[leaf * outputs..(leaf + 1) * outputs].iter().copied().enumerate().collect(),
    }
}

/// The threshold in the precision the model reads: for single precision the greatest number not above it, which parts the same
/// values.
fn rounded(threshold: f64, ensemble: &Ensemble) -> f64 {
    if !ensemble.single_precision_input {
        return threshold;
    }
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is wanted")]
    let near = threshold as f32;
    f64::from(if f64::from(near) > threshold { near.next_down() } else { near })
}

/// Whether a missing value follows the test's true side.
fn tracks(tree: &Tree, test: Test, missing: Missing) -> Result<bool, &'static str> {
    let fault = Err("zero counts as missing and goes against the comparison, which no single node can say");
    match (missing, test) {
        (Missing::Left, _) => Ok(true),
        (Missing::Right, _) => Ok(false),
        (Missing::AsZero, _) => Ok(tree.goes_left(0.0, test, Missing::Right)),
        // Where the comparison sends zeros the same way, only NaN needs to be told.
        (Missing::ZeroLeft, Test::AtMost(threshold)) => {
            if threshold >= ZERO {
                Ok(true)
            } else {
                fault
            }
        }
        (Missing::ZeroRight, Test::AtMost(threshold)) => {
            if threshold < -ZERO {
                Ok(false)
            } else {
                fault
            }
        }
        (Missing::ZeroLeft | Missing::ZeroRight, Test::Categories { .. }) => fault,
    }
}
