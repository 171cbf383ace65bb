//! `TreeEnsemble` of ai.onnx.ml 5: lists of forks and lists of leaves.

use super::graph::Operator;
use super::{Trees, aggregate, below, code_of, link};
use crate::ensemble::Missing;
use crate::import::assemble::{Foreign, ForeignTest, assemble, set_of};

/// The operator's numbers for its modes.
const LEQ: u8 = 0;
const LT: u8 = 1;
const GTE: u8 = 2;
const GT: u8 = 3;
const EQ: u8 = 4;
const NEQ: u8 = 5;
const MEMBER: u8 = 6;

struct Nodes<'a> {
    modes: Vec<u8>,
    features: &'a [i64],
    splits: Vec<f64>,
    tracks: &'a [i64],
    hits: Vec<f64>,
    /// Node or leaf on either side, and whether it is a leaf.
    sides: [(&'a [i64], &'a [i64]); 2],
    /// The set of each node with the mode "member".
    members: Vec<Vec<f64>>,
    targets: &'a [i64],
    weights: Vec<f64>,
}

pub(super) fn read(operator: &Operator<'_>) -> Result<Trees, String> {
    let outputs = operator.whole("n_targets").unwrap_or(1);
    let outputs = usize::try_from(outputs).ok().filter(|n| (1..=1 << 20).contains(n)).ok_or("n_targets")?;
    let mean = match operator.whole("aggregate_function").unwrap_or(1) {
        0 => true,
        1 => false,
        other => return Err(format!("aggregate_function {other} is not supported")),
    };
    let transform = match operator.whole("post_transform").unwrap_or(0) {
        0 => "NONE",
        1 => "SOFTMAX",
        2 => "LOGISTIC",
        other => return Err(format!("post_transform {other} is not supported")),
    };
    let nodes = Nodes::new(operator)?;
    let roots = operator.wholes("tree_roots");
    let tree = |(number, root): (usize, &i64)| {
        let root = usize::try_from(*root).map_err(|_| format!("tree {number} has no root"))?;
        // Forks come first, then two places for each fork's leaves, so that a leaf on both sides is two leaves.
        assemble(root, nodes.modes.len() * 3, outputs, |at| nodes.node(at))
            .map_err(|fault| format!("tree {number}: {fault}"))
    };
    let mut trees = roots.iter().enumerate().map(tree).collect::<Result<Vec<_>, String>>()?;
    aggregate(&mut trees, mean);
    Ok(Trees { trees, base: vec![0.0; outputs], link: link(transform, outputs)?, labels: Vec::new() })
}

impl<'a> Nodes<'a> {
    fn new(operator: &'a Operator<'a>) -> Result<Self, String> {
        let modes: Vec<u8> = operator.numbers("nodes_modes")?.into_iter().map(|mode| mode as u8).collect();
        let count = modes.len();
        let splits = operator.numbers("nodes_splits")?;
        if splits.len() != count {
            return Err(format!("{} splits for {count} nodes", splits.len()));
        }
        let list = |name: &str| operator.wholes_of(name, count);
        let weights = operator.numbers("leaf_weights")?;
        // The sets follow one another in the nodes' order, each ended by NaN.
        let all = operator.numbers("membership_values")?;
        let mut sets = all.split(|value| value.is_nan());
        let mut members = vec![Vec::new(); count];
        for (at, _) in modes.iter().enumerate().filter(|(_, mode)| **mode == MEMBER) {
            let set = sets.next().ok_or_else(|| format!("node {at} has no set"))?;
            members[at] = set.to_vec();
        }
        Ok(Self {
            features: list("nodes_featureids")?,
            splits,
            tracks: operator.wholes("nodes_missing_value_tracks_true"),
            hits: operator.numbers("nodes_hitrates")?,
            sides: [
                (list("nodes_truenodeids")?, list("nodes_trueleafs")?),
                (list("nodes_falsenodeids")?, list("nodes_falseleafs")?),
            ],
            members,
            targets: operator.wholes_of("leaf_targetids", weights.len())?,
            weights,
            modes,
        })
    }

    fn node(&self, at: usize) -> Result<Foreign, String> {
        let count = self.modes.len();
        if let Some(place) = at.checked_sub(count) {
            return self.leaf(place / 2, place % 2);
        }
        let threshold = self.splits[at];
        let one = || Ok::<_, String>(ForeignTest::Categories(set_of(std::iter::once(code_of(threshold)?))));
        let (test, swapped) = match self.modes[at] {
            LEQ => (ForeignTest::AtMost(threshold), false),
            LT => (ForeignTest::AtMost(below(threshold)), false),
            GT => (ForeignTest::AtMost(threshold), true),
            GTE => (ForeignTest::AtMost(below(threshold)), true),
            EQ => (one()?, false),
            NEQ => (one()?, true),
            MEMBER => {
                let codes = self.members[at].iter().map(|value| code_of(*value)).collect::<Result<Vec<u32>, _>>()?;
                (ForeignTest::Categories(set_of(codes.into_iter())), false)
            }
            other => return Err(format!("node {at} has the mode {other}")),
        };
        let tracks = self.tracks.get(at).is_some_and(|flag| *flag != 0) || self.modes[at] == NEQ;
        let missing = if tracks != swapped { Missing::Left } else { Missing::Right };
        let child = |side: usize| {
            let (ids, leaves) = self.sides[side];
            if leaves[at] != 0 {
                return Ok(count + at * 2 + side);
            }
            let id = usize::try_from(ids[at]).ok().filter(|id| *id < count);
            id.ok_or_else(|| format!("node {at} has the child {}, which there is not", ids[at]))
        };
        let (yes, no) = (child(0)?, child(1)?);
        let (left, right) = if swapped { (no, yes) } else { (yes, no) };
        let feature = u32::try_from(self.features[at]).map_err(|_| format!("node {at} looks at no column"))?;
        Ok(Foreign::Split { feature, test, missing, left, right, cover: self.hits.get(at).copied() })
    }

    fn leaf(&self, node: usize, side: usize) -> Result<Foreign, String> {
        let number = self.sides[side].0[node];
        let found = usize::try_from(number).ok().and_then(|n| Some((self.targets.get(n)?, self.weights.get(n)?)));
        let (target, weight) = found.ok_or_else(|| format!("node {node} has the leaf {number}, which there is not"))?;
        let target = u32::try_from(*target).map_err(|_| format!("leaf {number} adds to output {target}"))?;
        Ok(Foreign::Leaf { values: vec![(target, *weight)], cover: None })
    }
}
