//! XGBoost's JSON and UBJSON models (`save_model`), as written by versions 1.3 to 3.

use super::assemble::{Foreign, ForeignTest, assemble, set_of};
use super::{ImportError, Imported, sound, ubjson};
use crate::ensemble::{Ensemble, Feature, FeatureKind, Link, Missing, Tree};
use serde_json::Value;

const FORMAT: &str = "XGBoost";

/// Whether the file begins like an object in UBJSON: a brace and the type of the first key's length.
pub(super) fn is_ubjson(file: &[u8]) -> bool {
    matches!(file, [b'{', b'L' | b'l' | b'i' | b'U' | b'I' | b'#' | b'$', ..])
}

/// Reads a model. Covers are XGBoost's sums of hessians.
///
/// # Errors
/// [`ImportError`] names the tree that is wrong, or what is not supported (linear boosters, leaves with several targets, hinge loss).
pub fn read(file: &[u8]) -> Result<Imported, ImportError> {
    let bad = |fault| ImportError::Bad { format: FORMAT, fault };
    let whole = if is_ubjson(file) {
        ubjson::parse(file).map_err(bad)?
    } else {
        serde_json::from_slice(file).map_err(|fault| bad(format!("no JSON: {fault}")))?
    };
    let ensemble = ensemble(&whole, file.len()).map_err(bad)?;
    sound(FORMAT, ensemble, Vec::new())
}

/// The value at the end of a path of keys.
fn at<'a>(value: &'a Value, path: &[&str]) -> Result<&'a Value, String> {
    let mut here = value;
    for key in path {
        here = here.get(key).ok_or_else(|| format!("`{}` is not there", path.join(".")))?;
    }
    Ok(here)
}

/// A number; XGBoost writes parameters as text.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        _ => None,
    }
}

fn number_at(value: &Value, path: &[&str]) -> Result<f64, String> {
    number(at(value, path)?).ok_or_else(|| format!("`{}` is no number", path.join(".")))
}

/// A count of what the file itself must hold.
fn count_at(value: &Value, path: &[&str], most: usize) -> Result<usize, String> {
    let count = number_at(value, path)?;
    if count.fract() == 0.0 && count >= 0.0 && count <= most as f64 {
        return Ok(count as usize);
    }
    Err(format!("`{}` is {count}", path.join(".")))
}

fn list<'a>(value: &'a Value, path: &[&str]) -> Result<&'a Vec<Value>, String> {
    at(value, path)?.as_array().ok_or_else(|| format!("`{}` is no list", path.join(".")))
}

fn numbers(value: &Value, key: &str) -> Result<Vec<f64>, String> {
    let all = list(value, &[key])?.iter().map(number).collect::<Option<Vec<f64>>>();
    all.ok_or_else(|| format!("`{key}` holds something that is no finite number"))
}

/// A hundred columns for every byte of the file is more than any model has.
fn most_columns(bytes: usize) -> usize {
    bytes.saturating_mul(100)
}

fn ensemble(whole: &Value, bytes: usize) -> Result<Ensemble, String> {
    let learner = at(whole, &["learner"])?;
    let param = at(learner, &["learner_model_param"])?;
    let classes = count_at(param, &["num_class"], bytes)?;
    let targets = param.get("num_target").map_or(Ok(1), |_| count_at(param, &["num_target"], bytes))?;
    let outputs = classes.max(targets).max(1);
    let columns = count_at(param, &["num_feature"], most_columns(bytes))?;
    let objective = at(learner, &["objective", "name"])?.as_str().unwrap_or_default();
    let (link, to_margin) = link(objective)?;
    let base = base(at(param, &["base_score"])?, outputs)?.into_iter().map(to_margin).collect();
    let (model, drops) = model(learner)?;
    let groups = list(model, &["tree_info"])?;
    let mut trees = Vec::new();
    let mut categorical = vec![false; columns];
    for (k, tree) in list(model, &["trees"])?.iter().enumerate() {
        let group = groups.get(k).and_then(number).filter(|g| *g >= 0.0 && *g < outputs as f64);
        let group = group.ok_or_else(|| format!("tree {k} adds to no output"))? as u32;
        let factor = drops.as_ref().map_or(Ok(1.0), |d| d.get(k).copied().ok_or(format!("tree {k} has no weight")))?;
        let made = XgTree::new(tree).and_then(|tree| tree.read(group, outputs, factor, &mut categorical));
        trees.push(made.map_err(|fault| format!("tree {k}: {fault}"))?);
    }
    let features = features(learner, &categorical);
    Ok(Ensemble { features, base, link, trees, single_precision_input: true })
}

/// The trees' part of the booster, and the trees' weights where some were dropped.
fn model(learner: &Value) -> Result<(&Value, Option<Vec<f64>>), String> {
    let booster = at(learner, &["gradient_booster"])?;
    match at(booster, &["name"])?.as_str() {
        Some("gbtree") => Ok((at(booster, &["model"])?, None)),
        Some("dart") => Ok((at(booster, &["gbtree", "model"])?, Some(numbers(booster, "weight_drop")?))),
        other => Err(format!("the booster {} has no trees that are read", other.unwrap_or("without a name"))),
    }
}

fn features(learner: &Value, categorical: &[bool]) -> Vec<Feature> {
    let names = list(learner, &["feature_names"]).ok();
    let kinds = list(learner, &["feature_types"]).ok();
    let text = |list: Option<&Vec<Value>>, j: usize| Some(list?.get(j)?.as_str()?.to_owned());
    let feature = |(j, split): (usize, &bool)| {
        let is_set = *split || text(kinds, j).is_some_and(|kind| kind == "c");
        Feature {
            name: text(names, j).unwrap_or_else(|| format!("f{j}")),
            kind: if is_set { FeatureKind::Categorical } else { FeatureKind::Numeric },
        }
    };
    categorical.iter().enumerate().map(feature).collect()
}

/// From a base score as it is written to a raw output.
type ToMargin = fn(f64) -> f64;

/// The link of an objective, and the way from the base score as it is written to a raw output.
fn link(objective: &str) -> Result<(Link, ToMargin), String> {
    let same: ToMargin = |x| x;
    // In single precision, as XGBoost itself reckons.
    let logit: ToMargin = |p| f64::from(-(1.0 / p as f32 - 1.0).ln());
    let log: ToMargin = |x| f64::from((x as f32).ln());
    match objective {
        "binary:logistic" | "reg:logistic" => Ok((Link::Logistic, logit)),
        "binary:logitraw" => Ok((Link::Identity, logit)),
        "multi:softprob" | "multi:softmax" => Ok((Link::Softmax, same)),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => Ok((Link::Exponential, log)),
        "binary:hinge" => Err("hinge loss is not supported".to_owned()),
        _ => Ok((Link::Identity, same)),
    }
}

/// One base score for all outputs or one for each; newer versions write a list, as text.
fn base(value: &Value, outputs: usize) -> Result<Vec<f64>, String> {
    let fault = || format!("`base_score` is {value}");
    let scores: Vec<f64> = match value {
        Value::Array(list) => list.iter().map(number).collect::<Option<_>>(),
        Value::String(text) => {
            let inside = text.trim_start_matches('[').trim_end_matches(']');
            inside.split(',').map(|word| word.trim().parse().ok()).collect()
        }
        other => number(other).map(|one| vec![one]),
    }
    .filter(|scores| scores.iter().all(|s| s.is_finite()))
    .ok_or_else(fault)?;
    let scores: Vec<f64> = scores.into_iter().map(|score| f64::from(score as f32)).collect();
    match scores.len() {
        1 => Ok(vec![scores[0]; outputs]),
        n if n == outputs => Ok(scores),
        _ => Err(fault()),
    }
}

/// A tree's lists.
struct XgTree {
    left: Vec<f64>,
    right: Vec<f64>,
    feature: Vec<f64>,
    condition: Vec<f64>,
    default_left: Vec<f64>,
    hessian: Vec<f64>,
    is_set: Vec<f64>,
    /// Categories, and for each node that has some: its number, where they begin, how many.
    categories: Vec<f64>,
    sets: Vec<[f64; 3]>,
}

impl XgTree {
    fn new(tree: &Value) -> Result<Self, String> {
        if number_at(tree, &["tree_param", "size_leaf_vector"]).is_ok_and(|size| size > 1.0) {
            return Err("leaves with several targets are not supported".to_owned());
        }
        let left = numbers(tree, "left_children")?;
        let optional = |key: &str| if tree.get(key).is_some() { numbers(tree, key) } else { Ok(Vec::new()) };
        let is_set = optional("split_type")?;
        let (nodes, starts) = (optional("categories_nodes")?, optional("categories_segments")?);
        let sizes = optional("categories_sizes")?;
        let made = Self {
            right: numbers(tree, "right_children")?,
            feature: numbers(tree, "split_indices")?,
            condition: numbers(tree, "split_conditions")?,
            default_left: numbers(tree, "default_left")?,
            hessian: optional("sum_hessian")?,
            is_set: if is_set.is_empty() { vec![0.0; left.len()] } else { is_set },
            categories: optional("categories")?,
            sets: nodes.into_iter().zip(starts.into_iter().zip(sizes)).map(|(n, (s, l))| [n, s, l]).collect(),
            left,
        };
        let all = [&made.right, &made.feature, &made.condition, &made.default_left, &made.is_set];
        if all.iter().any(|list| list.len() != made.left.len()) {
            return Err("its lists differ in length".to_owned());
        }
        Ok(made)
    }

    fn read(&self, group: u32, outputs: usize, factor: f64, categorical: &mut [bool]) -> Result<Tree, String> {
        assemble(0, self.left.len(), outputs, |at| {
            let cover = self.hessian.get(at).map(|sum| f64::from(*sum as f32));
            if self.left[at] < 0.0 {
                let value = f64::from(self.condition[at] as f32 * factor as f32);
                return Ok(Foreign::Leaf { values: vec![(group, value)], cover });
            }
            let feature = self.feature[at] as u32;
            let (left, right) = (self.left[at] as usize, self.right[at] as usize);
            let default_left = self.default_left[at] > 0.0;
            let Some(kind) = categorical.get_mut(feature as usize) else {
                return Err(format!("node {at} looks at column {feature}, which there is not"));
            };
            if self.is_set[at] > 0.0 {
                *kind = true;
                // What is in the set goes right in XGBoost: the sides change places.
                let missing = if default_left { Missing::Right } else { Missing::Left };
                let test = ForeignTest::Categories(self.set(at)?);
                return Ok(Foreign::Split { feature, test, missing, left: right, right: left, cover });
            }
            let missing = if default_left { Missing::Left } else { Missing::Right };
            // `value < t` in single precision.
            let below = f64::from((self.condition[at] as f32).next_down());
            Ok(Foreign::Split { feature, test: ForeignTest::AtMost(below), missing, left, right, cover })
        })
    }

    fn set(&self, at: usize) -> Result<Vec<u64>, String> {
        let found = self.sets.iter().find(|[node, ..]| *node == at as f64);
        let range = found.and_then(|[_, start, length]| {
            let start = *start as usize;
            self.categories.get(start..start.checked_add(*length as usize)?)
        });
        let codes = range.ok_or_else(|| format!("node {at} has no set of categories"))?;
        match codes.iter().find(|code| !(**code >= 0.0 && **code <= crate::matrix::MAX_CATEGORY)) {
            Some(code) => Err(format!("node {at} has the category {code}")),
            None => Ok(set_of(codes.iter().map(|code| *code as u32))),
        }
    }
}
