//! `TreeEnsembleRegressor` and `TreeEnsembleClassifier`: one list per property, all trees' nodes one after the other.

use super::graph::Operator;
use super::{Trees, aggregate, below, code_of, link};
use crate::ensemble::{Link, Missing, Tree};
use crate::import::assemble::{Foreign, ForeignTest, assemble, set_of};
use std::collections::HashMap;

/// The lists of the nodes.
struct Nodes<'a> {
    features: &'a [i64],
    thresholds: Vec<f64>,
    modes: &'a [&'a str],
    when_true: &'a [i64],
    when_false: &'a [i64],
    tracks: &'a [i64],
    hits: Vec<f64>,
    /// Of each tree, in the order in which they first appear: its first node and where its nodes are, by their numbers in the tree.
    trees: Vec<(usize, HashMap<i64, usize>)>,
    /// Tree (by its place in `trees`) of each node.
    tree_of: Vec<usize>,
}

/// Output and value of each leaf, by the place of its node.
type Weights = HashMap<usize, Vec<(u32, f64)>>;

pub(super) fn read(operator: &Operator<'_>) -> Result<Trees, String> {
    let nodes = Nodes::new(operator)?;
    let mean = match operator.text("aggregate_function") {
        "" | "SUM" => false,
        "AVERAGE" => true,
        other => return Err(format!("aggregate_function {other} is not supported")),
    };
    let transform = operator.text("post_transform");
    if operator.kind == "TreeEnsembleRegressor" {
        let outputs = operator.whole("n_targets").unwrap_or(1);
        let outputs = usize::try_from(outputs).ok().filter(|n| (1..=1 << 20).contains(n)).ok_or("n_targets")?;
        let weights = nodes.weights(operator, "target")?;
        let mut trees = nodes.trees(&weights, outputs)?;
        aggregate(&mut trees, mean);
        return Ok(Trees { trees, base: operator.base(outputs)?, link: link(transform, outputs)?, labels: Vec::new() });
    }
    let labels: Vec<String> = match operator.texts("classlabels_strings") {
        [] => operator.wholes("classlabels_int64s").iter().map(i64::to_string).collect(),
        texts => texts.iter().map(|text| (*text).to_owned()).collect(),
    };
    let weights = nodes.weights(operator, "class")?;
    let one = weights.values().flatten().map(|(id, _)| *id).next();
    if labels.len() == 2 && weights.values().flatten().all(|(id, _)| Some(*id) == one) {
        return binary(operator, &nodes, weights, labels);
    }
    let trees = nodes.trees(&weights, labels.len())?;
    Ok(Trees { trees, base: operator.base(labels.len())?, link: link(transform, labels.len())?, labels })
}

/// Two classes and one sum. What it means depends on the sign of the weights, as in onnxruntime: without negative ones it is the
/// second class's probability, else a score whose negative is the first class's.
fn binary(operator: &Operator<'_>, nodes: &Nodes<'_>, weights: Weights, labels: Vec<String>) -> Result<Trees, String> {
    let base = match operator.numbers("base_values")?.as_slice() {
        [] => 0.0,
        [one] | [_, one] => *one,
        more => return Err(format!("{} base values for two classes", more.len())),
    };
    let positive = weights.values().flatten().all(|(_, weight)| *weight >= 0.0);
    let spread = |pair: fn(f64) -> Vec<(u32, f64)>| -> Weights {
        let sum = |values: &[(u32, f64)]| values.iter().map(|(_, value)| value).sum();
        weights.iter().map(|(node, values)| (*node, pair(sum(values)))).collect()
    };
    let transform = operator.text("post_transform");
    if !positive && transform == "LOGISTIC" {
        let trees = nodes.trees(&spread(|x| vec![(0, x)]), 1)?;
        return Ok(Trees { trees, base: vec![base], link: Link::Logistic, labels });
    }
    if !["", "NONE", "LOGISTIC"].contains(&transform) {
        return Err(format!("post_transform {transform} of a single score is not supported"));
    }
    let trees = nodes.trees(&spread(|x| vec![(0, -x), (1, x)]), 2)?;
    let first = if positive { 1.0 - base } else { -base };
    Ok(Trees { trees, base: vec![first, base], link: Link::Identity, labels })
}

impl<'a> Nodes<'a> {
    fn new(operator: &'a Operator<'a>) -> Result<Self, String> {
        let ids = operator.wholes("nodes_nodeids");
        let count = ids.len();
        let tree_ids = operator.wholes_of("nodes_treeids", count)?;
        let (mut places, mut trees, mut tree_of) = (HashMap::new(), Vec::new(), Vec::new());
        for (at, (tree, id)) in tree_ids.iter().zip(ids).enumerate() {
            let place = *places.entry(*tree).or_insert_with(|| {
                trees.push((at, HashMap::new()));
                trees.len() - 1
            });
            tree_of.push(place);
            if trees[place].1.insert(*id, at).is_some() {
                return Err(format!("tree {tree} has two nodes {id}"));
            }
        }
        let thresholds = operator.numbers("nodes_values")?;
        let modes = operator.texts("nodes_modes");
        if thresholds.len() != count || modes.len() != count {
            return Err(format!("{} values and {} modes for {count} nodes", thresholds.len(), modes.len()));
        }
        Ok(Self {
            features: operator.wholes_of("nodes_featureids", count)?,
            thresholds,
            modes,
            when_true: operator.wholes_of("nodes_truenodeids", count)?,
            when_false: operator.wholes_of("nodes_falsenodeids", count)?,
            tracks: operator.wholes("nodes_missing_value_tracks_true"),
            hits: operator.numbers("nodes_hitrates")?,
            trees,
            tree_of,
        })
    }

    /// The leaves' weights; `of` is the word their lists begin with.
    fn weights(&self, operator: &Operator<'_>, of: &str) -> Result<Weights, String> {
        let values = operator.numbers(&format!("{of}_weights"))?;
        let nodes = operator.wholes_of(&format!("{of}_nodeids"), values.len())?;
        let trees = operator.wholes_of(&format!("{of}_treeids"), values.len())?;
        let ids = operator.wholes_of(&format!("{of}_ids"), values.len())?;
        let tree_ids = operator.wholes("nodes_treeids");
        let by_id: HashMap<i64, usize> =
            self.trees.iter().enumerate().map(|(k, (first, _))| (tree_ids[*first], k)).collect();
        let mut weights = Weights::new();
        for (at, value) in values.iter().enumerate() {
            let node = by_id.get(&trees[at]).and_then(|tree| self.trees[*tree].1.get(&nodes[at]));
            let node = node.ok_or_else(|| format!("a weight belongs to node {} of tree {}", nodes[at], trees[at]))?;
            let id = u32::try_from(ids[at]).map_err(|_| format!("a weight belongs to output {}", ids[at]))?;
            weights.entry(*node).or_default().push((id, *value));
        }
        Ok(weights)
    }

    fn trees(&self, weights: &Weights, outputs: usize) -> Result<Vec<Tree>, String> {
        let tree = |(number, (first, _)): (usize, &(usize, HashMap<i64, usize>))| {
            assemble(*first, self.modes.len(), outputs, |at| self.node(at, weights))
                .map_err(|fault| format!("tree {number}: {fault}"))
        };
        self.trees.iter().enumerate().map(tree).collect()
    }

    fn node(&self, at: usize, weights: &Weights) -> Result<Foreign, String> {
        let cover = self.hits.get(at).copied();
        if self.modes[at] == "LEAF" {
            return Ok(Foreign::Leaf { values: weights.get(&at).cloned().unwrap_or_default(), cover });
        }
        let threshold = self.thresholds[at];
        let tracks = self.tracks.get(at).is_some_and(|flag| *flag != 0);
        let set = || Ok::<ForeignTest, String>(ForeignTest::Categories(set_of(std::iter::once(code_of(threshold)?))));
        // Where the opposite is tested, the sides change places.
        let (test, swapped) = match self.modes[at] {
            "BRANCH_LEQ" => (ForeignTest::AtMost(threshold), false),
            "BRANCH_LT" => (ForeignTest::AtMost(below(threshold)), false),
            "BRANCH_GT" => (ForeignTest::AtMost(threshold), true),
            "BRANCH_GTE" => (ForeignTest::AtMost(below(threshold)), true),
            "BRANCH_EQ" => (set()?, false),
            "BRANCH_NEQ" => (set()?, true),
            other => return Err(format!("node {at} has the mode {other}")),
        };
        // NaN is never smaller, greater or equal; but it differs.
        let nan_is_true = tracks || self.modes[at] == "BRANCH_NEQ";
        let missing = if nan_is_true != swapped { Missing::Left } else { Missing::Right };
        let child = |id: i64| {
            let found = self.trees[self.tree_of[at]].1.get(&id);
            found.copied().ok_or_else(|| format!("node {at} has the child {id}, which there is not"))
        };
        let (yes, no) = (child(self.when_true[at])?, child(self.when_false[at])?);
        let (left, right) = if swapped { (no, yes) } else { (yes, no) };
        let feature = u32::try_from(self.features[at]).map_err(|_| format!("node {at} looks at no column"))?;
        Ok(Foreign::Split { feature, test, missing, left, right, cover })
    }
}
