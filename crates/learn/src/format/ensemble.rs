//! The section of an [`Ensemble`].

use std::sync::Arc;

use rayon::prelude::*;

use super::packed::{
    Bounds, CATEGORIES, Compared, EVERY_OUTPUT, LINKS, MISSING, MISSING_SHIFT, Packed, Records, SMALL, SPLIT, WHOLE,
    nodes,
};
use super::{Container, Encoder, FormatError, Writer, fault};
use crate::ensemble::{Ensemble, FeatureKind, Node, NodeKind, Test, Tree};
use crate::evaluate::{Flat, Fork, Kinds, MOST, Planter, Predictor, SMALL_TREE, Small, Trees, Wide};
use crate::evaluate::{grids, missing_left, number_of, part};

/// The section's name.
pub const ENSEMBLE: &str = "ensemble";

/// A file with nothing in it but an ensemble.
#[must_use]
pub fn write_ensemble(ensemble: &Ensemble) -> Vec<u8> {
    let mut writer = Writer::default();
    // The name is a good one and the only one.
    let added = writer.section(ENSEMBLE, true, encode_ensemble(ensemble));
    debug_assert!(added.is_ok());
    writer.finish()
}

/// The ensemble of a file that has nothing else that must be understood. Its trees are those that were written; their nodes may be
/// numbered otherwise.
///
/// # Errors
/// [`FormatError`] says what is wrong with the file.
pub fn read_ensemble(file: &[u8]) -> Result<Ensemble, FormatError> {
    decode_ensemble(only(file)?)
}

/// As [`read_ensemble`], ready for prediction: faster than to make a predictor of the ensemble, which is unpacked when somebody asks
/// for it.
///
/// # Errors
/// [`FormatError`] says what is wrong with the file.
pub fn read_predictor(file: &[u8]) -> Result<Predictor, FormatError> {
    decode_predictor(only(file)?)
}

fn only(file: &[u8]) -> Result<&[u8], FormatError> {
    let container = Container::open(file)?;
    container.expect_only(&[ENSEMBLE])?;
    container.section(ENSEMBLE)
}

/// The content of the section.
#[must_use]
pub fn encode_ensemble(ensemble: &Ensemble) -> Vec<u8> {
    let nodes: usize = ensemble.trees.iter().map(|tree| tree.nodes.len()).sum();
    let thresholds: Option<Vec<Vec<f64>>> = grids(ensemble)
        .filter(|_| ensemble.trees.iter().all(|tree| sets(tree) <= MOST))
        .map(|grids| grids.into_iter().map(|grid| grid.thresholds).collect());
    let mut out = Encoder::with_capacity(nodes * 20 + 1024);
    out.u8(LINKS.iter().position(|link| *link == ensemble.link).unwrap_or(0) as u8);
    out.u8(u8::from(ensemble.single_precision_input));
    out.u8(u8::from(thresholds.is_some()));
    out.count(ensemble.features.len());
    for feature in &ensemble.features {
        out.u8(u8::from(feature.kind == FeatureKind::Categorical));
        out.text(&feature.name);
    }
    out.f64s(&ensemble.base);
    thresholds.iter().flatten().for_each(|own| out.f64s(own));
    let columns = ensemble.features.len();
    let trees: Vec<Vec<u8>> =
        ensemble.trees.par_iter().map(|tree| encode_tree(tree, columns, thresholds.as_deref())).collect();
    out.count(trees.len());
    trees.iter().for_each(|tree| out.count(tree.len()));
    trees.iter().for_each(|tree| out.bytes(tree));
    out.finish()
}

/// Number of splits by category.
fn sets(tree: &Tree) -> usize {
    let by_category = |node: &&Node| matches!(node.kind, NodeKind::Split { test: Test::Categories { .. }, .. });
    tree.nodes.iter().filter(by_category).count()
}

fn encode_tree(tree: &Tree, columns: usize, thresholds: Option<&[Vec<f64>]>) -> Vec<u8> {
    let order = tree.order();
    let places = tree.places(&order);
    let nodes: Vec<Node> = order.iter().map(|node| tree.nodes[*node as usize]).collect();
    let small = nodes.len().max(columns).max(tree.leaf_values.len()) <= usize::from(u16::MAX);
    let whole = nodes.iter().all(|n| n.cover.fract() == 0.0 && n.cover >= 0.0 && n.cover <= f64::from(u32::MAX));
    let mut out = Encoder::with_capacity(nodes.len() * 20);
    out.u8(if small { SMALL } else { 0 } | if whole { WHOLE } else { 0 });
    out.u32(tree.output.unwrap_or(EVERY_OUTPUT));
    out.count(nodes.len());
    for node in &nodes {
        out.u8(match node.kind {
            NodeKind::Leaf(_) => 0,
            NodeKind::Split { test, missing, .. } => {
                let place = MISSING.iter().position(|m| *m == missing).unwrap_or(0) as u8;
                SPLIT | if matches!(test, Test::Categories { .. }) { CATEGORIES } else { 0 } | place << MISSING_SHIFT
            }
        });
    }
    encode_splits(&nodes, &places, small, thresholds, &mut out);
    let number = |out: &mut Encoder, n: u32| if small { out.u16(n as u16) } else { out.u32(n) };
    for node in &nodes {
        if let NodeKind::Leaf(leaf) = node.kind {
            number(&mut out, leaf);
        }
    }
    for node in &nodes {
        if whole { out.u32(node.cover as u32) } else { out.f64(node.cover) }
    }
    out.f64s(&tree.leaf_values);
    out.u64s(&tree.category_words);
    out.finish()
}

/// Their columns, children and tests; `places`: where each node of the tree stands now.
fn encode_splits(nodes: &[Node], places: &[u32], small: bool, thresholds: Option<&[Vec<f64>]>, out: &mut Encoder) {
    let number = |out: &mut Encoder, n: u32| if small { out.u16(n as u16) } else { out.u32(n) };
    let mut sets: Vec<(u32, u32)> = Vec::new();
    for node in nodes {
        if let NodeKind::Split { feature, test, left, right, .. } = node.kind {
            [feature, places[left as usize], places[right as usize]].into_iter().for_each(|n| number(out, n));
            match (test, thresholds) {
                (Test::AtMost(threshold), Some(all)) => out.u16(number_of(&all[feature as usize], threshold)),
                (Test::AtMost(threshold), None) => out.f64(threshold),
                (Test::Categories { start, words }, Some(_)) => {
                    out.u16(sets.len() as u16);
                    sets.push((start, words));
                }
                (Test::Categories { start, words }, None) => [start, words].into_iter().for_each(|n| out.u32(n)),
            }
        }
    }
    if thresholds.is_some() {
        out.count(sets.len());
        sets.into_iter().flat_map(|(start, words)| [start, words]).for_each(|n| out.u32(n));
    }
}

/// An ensemble without trees, checked, out of the head of the section.
fn head(packed: &mut Packed<'_>) -> Result<Ensemble, FormatError> {
    let ensemble = Ensemble {
        features: std::mem::take(&mut packed.features),
        base: std::mem::take(&mut packed.base),
        link: packed.link,
        trees: Vec::new(),
        single_precision_input: packed.single,
    };
    ensemble.validate().map_err(|e| fault(ENSEMBLE, e.to_string()))?;
    Ok(ensemble)
}

/// The ensemble of the section's content, checked by [`Ensemble::validate`].
///
/// # Errors
/// [`FormatError::Section`] says what is wrong.
pub fn decode_ensemble(content: &[u8]) -> Result<Ensemble, FormatError> {
    let mut packed = Packed::read(content)?;
    let mut ensemble = head(&mut packed)?;
    let bounds = bounds(&ensemble, &packed);
    let trees = packed.trees.par_iter().with_min_len(16).map(|tree| decode_tree(tree, &bounds));
    ensemble.trees = trees.collect::<Result<_, _>>()?;
    Ok(ensemble)
}

fn bounds<'a>(head: &Ensemble, packed: &'a Packed<'_>) -> Bounds<'a> {
    Bounds { columns: head.features.len(), outputs: head.outputs(), thresholds: packed.thresholds.as_deref() }
}

/// A tree, checked on the way as [`Ensemble::validate`] would.
fn decode_tree(content: &[u8], bounds: &Bounds<'_>) -> Result<Tree, FormatError> {
    let mut records = Records::read(content, bounds)?;
    let mut nodes: Vec<Node> = records.covers().map(|cover| Node { kind: NodeKind::Leaf(0), cover }).collect();
    let splits = records.each_split(bounds, |at, split| {
        let test = match split.compared {
            Compared::Threshold(threshold) => Test::AtMost(threshold),
            Compared::Number(number) => {
                let own = bounds.thresholds.and_then(|all| all.get(split.feature as usize)?.get(usize::from(number)));
                Test::AtMost(own.copied().ok_or("a threshold is not there")?)
            }
            Compared::Set(start, words) => Test::Categories { start, words },
        };
        let (feature, missing, left, right) = (split.feature, split.missing, split.left, split.right);
        nodes[at].kind = NodeKind::Split { feature, test, missing, left, right };
        Ok(())
    });
    splits.map_err(|what| fault(ENSEMBLE, what))?;
    let leaves = records.each_leaf(|at, leaf, _| nodes[at].kind = NodeKind::Leaf(leaf));
    leaves.map_err(|what| fault(ENSEMBLE, what))?;
    let leaf_values = std::mem::take(&mut records.leaf_values);
    Ok(Tree { output: records.output, nodes, leaf_values, category_words: records.words })
}

/// The predictor of the section's content; everything in it is checked, as by [`decode_ensemble`].
///
/// # Errors
/// [`FormatError::Section`] says what is wrong.
pub fn decode_predictor(content: &[u8]) -> Result<Predictor, FormatError> {
    let mut packed = Packed::read(content)?;
    let head = head(&mut packed)?;
    let bounds = bounds(&head, &packed);
    let parts: Option<Flat> = if bounds.thresholds.is_none() || bounds.columns == 0 {
        None
    } else if bounds.columns <= Small::COLUMNS && packed.trees.iter().all(|tree| nodes(tree) <= SMALL_TREE as u64) {
        plant_all::<Small>(&packed, &bounds)?.and_then(|(kinds, parts)| {
            Some(Flat::small(kinds.grids(packed.thresholds.clone()?)?, packed.single, parts))
        })
    } else {
        plant_all::<Wide>(&packed, &bounds)?
            .and_then(|(kinds, parts)| Some(Flat::wide(kinds.grids(packed.thresholds.clone()?)?, packed.single, parts)))
    };
    let Some(flat) = parts else {
        // No fast form: the ensemble itself will be asked.
        return Ok(Predictor::whole(decode_ensemble(content)?, None));
    };
    Ok(Predictor::packed(head.features, head.base, head.link, Arc::from(content), flat))
}

type Planted<F> = (Kinds, Vec<Trees<F>>);

/// `None` where trees have no fast form.
fn plant_all<F: Fork>(packed: &Packed<'_>, bounds: &Bounds<'_>) -> Result<Option<Planted<F>>, FormatError> {
    let chunks = packed.trees.par_chunks(part(packed.trees.len()));
    let made: Vec<Option<(Kinds, Trees<F>)>> = chunks
        .map(|chunk| {
            let (mut planter, mut kinds) = (Planter::new(), Kinds::new(bounds.columns));
            let mut codes = Vec::new();
            for tree in chunk {
                if plant(tree, bounds, &mut planter, &mut kinds, &mut codes)?.is_none() {
                    return Ok(None);
                }
            }
            Ok(Some((kinds, planter.finish())))
        })
        .collect::<Result<_, FormatError>>()?;
    let (mut all, mut parts) = (Kinds::new(bounds.columns), Vec::with_capacity(made.len()));
    for made in made {
        let Some((kinds, trees)) = made else { return Ok(None) };
        all = all.merge(&kinds);
        parts.push(trees);
    }
    Ok(Some((all, parts)))
}

/// A tree, checked, in the fast form. `codes`: room for the numbers of its nodes.
fn plant<F: Fork>(
    content: &[u8],
    bounds: &Bounds<'_>,
    planter: &mut Planter<F>,
    kinds: &mut Kinds,
    codes: &mut Vec<u32>,
) -> Result<Option<()>, FormatError> {
    let records = Records::read(content, bounds)?;
    codes.clear();
    let (mut forks, mut leaves) = (0, F::LEAF);
    codes.extend(records.kinds.iter().map(|kind| {
        // Without a branch: which comes next is as good as random.
        let is_fork = u32::from(*kind != 0);
        let code = if is_fork == 1 { forks } else { leaves };
        forks += is_fork;
        leaves += 1 - is_fork;
        code
    }));
    let mut fits = planter.begin(records.output);
    let splits = records.each_split(bounds, |_, split| {
        let children = [codes[split.left as usize], codes[split.right as usize]];
        match split.compared {
            Compared::Number(number) => {
                kinds.see(split.feature, split.missing, false);
                let own = bounds.thresholds.and_then(|all| all.get(split.feature as usize)?.get(usize::from(number)));
                let zero = own.is_some_and(|threshold| 0.0 <= *threshold);
                planter.fork(split.feature, missing_left(split.missing, zero), number, children);
            }
            Compared::Set(start, count) => {
                kinds.see(split.feature, split.missing, true);
                let words = records.words.get(start as usize..start as usize + count as usize).unwrap_or_default();
                let zero = words.first().is_some_and(|word| word & 1 == 1);
                if words.len() * 64 > MOST {
                    fits = None;
                }
                let set = planter.set(split.feature, missing_left(split.missing, zero), words, children);
                fits = fits.and(set);
            }
            // Only where thresholds have no numbers.
            Compared::Threshold(_) => fits = None,
        }
        Ok(())
    });
    splits.map_err(|what| fault(ENSEMBLE, what))?;
    records.each_leaf(|_, _, values| planter.leaf(values)).map_err(|what| fault(ENSEMBLE, what))?;
    planter.end();
    Ok(fits)
}
