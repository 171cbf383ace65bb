//! ONNX models of one tree ensemble: `TreeEnsembleRegressor`, `TreeEnsembleClassifier` (ai.onnx.ml 1 to 4) and `TreeEnsemble` (5).

use super::{ImportError, Imported, sound};
use crate::ensemble::{Ensemble, Feature, FeatureKind, Link, NodeKind, Test, Tree};
use graph::{Graph, Operator};

mod graph;
mod older;
mod version5;

const FORMAT: &str = "ONNX";
/// ONNX's numbers for element types.
const FLOAT: i64 = 1;

/// Whether the first bytes can be those of a `ModelProto`: the tag of one of its fields.
pub(super) fn may_be_onnx(file: &[u8]) -> bool {
    // ir_version, opset_import, producer_name and the like, graph, metadata.
    matches!(file.first(), Some(0x08 | 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42 | 0x72))
}

/// What both kinds of operator give.
struct Trees {
    trees: Vec<Tree>,
    base: Vec<f64>,
    link: Link,
    labels: Vec<String>,
}

/// Reads a model.
///
/// The graph may change types before the trees and rename or label what comes out of them, but not reckon with it. A binary
/// classifier that sums up one score is read with one output and the logistic link; every other has an output per class. Covers are
/// the file's hit rates where they are told, else leaves count once each. Columns that are compared for equality or membership hold
/// category codes.
///
/// # Errors
/// [`ImportError`] says what is wrong or not supported.
pub fn read(file: &[u8]) -> Result<Imported, ImportError> {
    let bad = |fault| ImportError::Bad { format: FORMAT, fault };
    let graph = Graph::parse(file).map_err(bad)?;
    let (operator, single, columns) = graph.tree_operator().map_err(bad)?;
    let made = match operator.kind {
        "TreeEnsemble" => version5::read(operator),
        _ => older::read(operator),
    };
    let Trees { trees, base, link, labels } = made.map_err(bad)?;
    let features = features(&trees, columns, file.len()).map_err(bad)?;
    sound(FORMAT, Ensemble { features, base, link, trees, single_precision_input: single }, labels)
}

/// As many columns as the graph says or the trees look at.
fn features(trees: &[Tree], told: Option<usize>, bytes: usize) -> Result<Vec<Feature>, String> {
    let (mut count, mut by_order, mut by_set) = (told.unwrap_or(0), Vec::new(), Vec::new());
    for node in trees.iter().flat_map(|tree| &tree.nodes) {
        if let NodeKind::Split { feature, test, .. } = node.kind {
            count = count.max(feature as usize + 1);
            if matches!(test, Test::Categories { .. }) { by_set.push(feature) } else { by_order.push(feature) }
        }
    }
    // Far more than any table has, and a bound on what a damaged file can ask for.
    if count > bytes.saturating_mul(100) {
        return Err(format!("a model of {bytes} bytes with {count} columns"));
    }
    let mut features: Vec<Feature> =
        (0..count).map(|j| Feature { name: format!("f{j}"), kind: FeatureKind::Numeric }).collect();
    by_set.iter().for_each(|j| features[*j as usize].kind = FeatureKind::Categorical);
    match by_order.iter().find(|j| features[**j as usize].kind == FeatureKind::Categorical) {
        None => Ok(features),
        Some(j) => Err(format!("column {j} is compared both by order and by equality, which is not supported")),
    }
}

/// The category code that a value compared for equality stands for.
fn code_of(value: f64) -> Result<u32, String> {
    if (0.0..=crate::matrix::MAX_CATEGORY).contains(&value) && value.fract() == 0.0 {
        return Ok(value as u32);
    }
    Err(format!("equality with {value}, which is no category code, is not supported"))
}

/// Divides the leaves where the trees' mean is asked for.
fn aggregate(trees: &mut [Tree], mean: bool) {
    let count = trees.len() as f64;
    if mean {
        trees.iter_mut().flat_map(|tree| &mut tree.leaf_values).for_each(|value| *value /= count);
    }
}

fn link(name: &str, outputs: usize) -> Result<Link, String> {
    match name {
        "" | "NONE" => Ok(Link::Identity),
        "LOGISTIC" => Ok(Link::Logistic),
        "SOFTMAX" if outputs > 1 => Ok(Link::Softmax),
        other => Err(format!("post_transform {other} is not supported")),
    }
}

/// `value < threshold` as `value ≤ …`.
fn below(threshold: f64) -> f64 {
    threshold.next_down()
}

impl Operator<'_> {
    /// The base values, one per output.
    fn base(&self, outputs: usize) -> Result<Vec<f64>, String> {
        let base = self.numbers("base_values")?;
        match base.len() {
            0 => Ok(vec![0.0; outputs]),
            n if n == outputs => Ok(base),
            n => Err(format!("{n} base values for {outputs} outputs")),
        }
    }
}
