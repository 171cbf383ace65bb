//! LightGBM's text model (`save_model`), as written by versions 2 to 4.

use super::assemble::{Foreign, ForeignTest, assemble};
use super::{ImportError, Imported, sound};
use crate::ensemble::{Ensemble, Feature, FeatureKind, Link, Missing, Tree};
use std::collections::HashMap;

const FORMAT: &str = "LightGBM text";
/// Bits of `decision_type`.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;

type Block<'a> = HashMap<&'a str, &'a str>;

/// Reads a text model.
///
/// Covers are LightGBM's row counts. Where the file averages its trees (random forests), the leaves are divided beforehand, and
/// where the objective has a `sigmoid` factor, they are multiplied by it: raw outputs then are LightGBM's divided by the
/// number of rounds, or multiplied by that factor.
///
/// # Errors
/// [`ImportError`] names the tree and the line that is wrong, or what is not supported (linear trees, outputs by square root).
pub fn read(file: &[u8]) -> Result<Imported, ImportError> {
    let text = std::str::from_utf8(file).map_err(|_| bad("the file is no text"))?;
    let (head, trees) = blocks(text);
    let outputs: usize = number(&head, "num_tree_per_iteration").map_err(bad)?;
    let last: usize = number(&head, "max_feature_idx").map_err(bad)?;
    // A line per tree at the least; and a column takes a name of one letter and a space.
    if outputs == 0 || outputs > text.len() || last >= text.len() {
        return Err(bad(format!("{outputs} trees a round and {last} as last column cannot be")));
    }
    let (link, factor) = link(head.get("objective").copied().unwrap_or("custom"), outputs).map_err(bad)?;
    let rounds = (trees.len() / outputs).max(1) as f64;
    let scale = |value: f64| if head.contains_key("average_output") { value / rounds } else { value } * factor;
    let mut made = Vec::with_capacity(trees.len());
    let mut categorical = vec![false; last + 1];
    for (at, block) in trees.iter().enumerate() {
        let output = (at % outputs) as u32;
        let tree = tree(block, output, outputs, &scale, &mut categorical);
        made.push(tree.map_err(|fault| bad(format!("tree {at}: {fault}")))?);
    }
    let names: Vec<&str> = head.get("feature_names").map(|names| names.split(' ').collect()).unwrap_or_default();
    let feature = |(j, categorical): (usize, &bool)| Feature {
        name: names.get(j).map_or_else(|| format!("f{j}"), |name| (*name).to_owned()),
        kind: if *categorical { FeatureKind::Categorical } else { FeatureKind::Numeric },
    };
    let features = categorical.iter().enumerate().map(feature).collect();
    let ensemble = Ensemble { features, base: vec![0.0; outputs], link, trees: made, single_precision_input: false };
    sound(FORMAT, ensemble, Vec::new())
}

fn bad(fault: impl Into<String>) -> ImportError {
    ImportError::Bad { format: FORMAT, fault: fault.into() }
}

/// The head's lines and each tree's, as key and value. What follows the trees (importances, parameters) is passed over.
fn blocks(text: &str) -> (Block<'_>, Vec<Block<'_>>) {
    let (mut head, mut trees) = (Block::new(), Vec::new());
    for line in text.lines().map(str::trim_end) {
        if line == "end of trees" {
            break;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if key == "Tree" {
            trees.push(Block::new());
        } else {
            trees.last_mut().unwrap_or(&mut head).insert(key, value);
        }
    }
    (head, trees)
}

/// The link of an objective, and the factor its raw outputs are multiplied by.
fn link(objective: &str, outputs: usize) -> Result<(Link, f64), String> {
    let mut words = objective.split(' ');
    let name = words.next().unwrap_or_default();
    let option = |key: &str| objective.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix(':'));
    let sigmoid = match option("sigmoid") {
        Some(text) => text.parse::<f64>().ok().filter(|s| s.is_finite()).ok_or(format!("sigmoid {text}"))?,
        None => 1.0,
    };
    if objective.split(' ').any(|word| word == "sqrt") {
        return Err("an objective whose output is squared is not supported".to_owned());
    }
    match name {
        "binary" | "multiclassova" => Ok((Link::Logistic, sigmoid)),
        "cross_entropy" | "xentropy" => Ok((Link::Logistic, 1.0)),
        "multiclass" if outputs > 1 => Ok((Link::Softmax, 1.0)),
        "poisson" | "gamma" | "tweedie" => Ok((Link::Exponential, 1.0)),
        "cross_entropy_lambda" | "xentlambda" => Err(format!("the objective {name} is not supported")),
        _ => Ok((Link::Identity, 1.0)),
    }
}

fn number<T: std::str::FromStr>(block: &Block<'_>, key: &str) -> Result<T, String> {
    let text = block.get(key).ok_or_else(|| format!("there is no line `{key}=`"))?;
    text.parse().map_err(|_| format!("`{key}={text}` is not the number it should be"))
}

fn list<T: std::str::FromStr>(block: &Block<'_>, key: &str, count: usize) -> Result<Vec<T>, String> {
    let text = block.get(key).ok_or_else(|| format!("there is no line `{key}=`"))?;
    let one = |word: &str| word.parse().map_err(|_| format!("`{word}` in the line `{key}=` is no number"));
    let values: Vec<T> = text.split(' ').filter(|w| !w.is_empty()).map(one).collect::<Result<_, _>>()?;
    if values.len() == count { Ok(values) } else { Err(format!("`{key}=` has {} numbers, not {count}", values.len())) }
}

/// The lines of a tree as numbers.
struct Lines {
    feature: Vec<u32>,
    threshold: Vec<f64>,
    decision: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    counts: Option<Vec<f64>>,
    boundaries: Vec<usize>,
    words: Vec<u32>,
}

fn tree(
    block: &Block<'_>,
    output: u32,
    outputs: usize,
    scale: &dyn Fn(f64) -> f64,
    categorical: &mut [bool],
) -> Result<Tree, String> {
    let leaves: usize = number(block, "num_leaves")?;
    if block.get("is_linear").is_some_and(|text| *text != "0") {
        return Err("linear models in leaves are not supported".to_owned());
    }
    if leaves == 0 {
        return Err("it has no leaves".to_owned());
    }
    let values: Vec<f64> = list(block, "leaf_value", leaves)?;
    let leaf_counts = list::<f64>(block, "leaf_count", leaves).ok();
    let splits = leaves - 1;
    let lines = if splits == 0 { Lines::none() } else { Lines::new(block, splits)? };
    // Splits are numbered first, then leaves.
    let child = |number: i64| if number >= 0 { number as usize } else { splits + (-1 - number) as usize };
    assemble(0, splits + leaves, outputs, |at| {
        if let Some(leaf) = at.checked_sub(splits) {
            let cover = leaf_counts.as_ref().map(|counts| counts[leaf]);
            return Ok(Foreign::Leaf { values: vec![(output, scale(values[leaf]))], cover });
        }
        let feature = lines.feature[at];
        let is_set = lines.decision[at] & CATEGORICAL != 0;
        match categorical.get_mut(feature as usize) {
            Some(kind) => *kind |= is_set,
            None => return Err(format!("split {at} looks at column {feature}, which there is not")),
        }
        let (test, missing) = if is_set { (lines.set(at)?, Missing::Right) } else { lines.threshold(at)? };
        let cover = lines.counts.as_ref().map(|counts| counts[at]);
        let (left, right) = (child(lines.left[at]), child(lines.right[at]));
        Ok(Foreign::Split { feature, test, missing, left, right, cover })
    })
}

impl Lines {
    fn none() -> Self {
        Self {
            feature: vec![],
            threshold: vec![],
            decision: vec![],
            left: vec![],
            right: vec![],
            counts: None,
            boundaries: vec![],
            words: vec![],
        }
    }

    fn new(block: &Block<'_>, splits: usize) -> Result<Self, String> {
        let sets: usize = if block.contains_key("num_cat") { number(block, "num_cat")? } else { 0 };
        let (mut boundaries, mut words) = (Vec::new(), Vec::new());
        if sets > 0 {
            let room = block.get("cat_boundaries").map_or(0, |text| text.len());
            boundaries = list(block, "cat_boundaries", sets.min(room) + 1)?;
            words = list(block, "cat_threshold", boundaries.last().copied().unwrap_or(0))?;
        }
        Ok(Self {
            feature: list(block, "split_feature", splits)?,
            threshold: list(block, "threshold", splits)?,
            decision: list(block, "decision_type", splits)?,
            left: list(block, "left_child", splits)?,
            right: list(block, "right_child", splits)?,
            counts: list(block, "internal_count", splits).ok(),
            boundaries,
            words,
        })
    }

    fn threshold(&self, at: usize) -> Result<(ForeignTest, Missing), String> {
        let left = self.decision[at] & DEFAULT_LEFT != 0;
        let missing = match (self.decision[at] >> 2 & 3, left) {
            (0, _) => Missing::AsZero,
            (1, true) => Missing::ZeroLeft,
            (1, false) => Missing::ZeroRight,
            (2, true) => Missing::Left,
            (2, false) => Missing::Right,
            (other, _) => return Err(format!("split {at} has the unknown kind {other} of missing values")),
        };
        Ok((ForeignTest::AtMost(self.threshold[at]), missing))
    }

    fn set(&self, at: usize) -> Result<ForeignTest, String> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a wrong number finds no set")]
        let number = self.threshold[at] as usize;
        let bounds = self.boundaries.get(number).zip(self.boundaries.get(number.saturating_add(1)));
        let words = bounds.and_then(|(from, to)| self.words.get(*from..*to));
        let words = words.ok_or_else(|| format!("split {at} has no set of categories"))?;
        let pair = |pair: &[u32]| u64::from(pair[0]) | u64::from(pair.get(1).copied().unwrap_or(0)) << 32;
        Ok(ForeignTest::Categories(words.chunks(2).map(pair).collect()))
    }
}
