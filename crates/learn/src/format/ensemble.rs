//! The section of an [`Ensemble`].

use super::{Container, Decoder, Encoder, FormatError, Writer};
use crate::ensemble::{Ensemble, Feature, FeatureKind, Link, Missing, Node, NodeKind, Test, Tree};
use rayon::prelude::*;

/// The section's name.
pub const ENSEMBLE: &str = "ensemble";

/// Stands for "the leaves have a value for every raw output".
const EVERY_OUTPUT: u32 = u32::MAX;
/// Bits of a node's first byte: a leaf has none; a split says what it tests and, in three bits, where missing values go.
const SPLIT: u8 = 1;
const CATEGORIES: u8 = 2;
const MISSING_SHIFT: u8 = 2;
const MISSING: [Missing; 5] = [Missing::Left, Missing::Right, Missing::ZeroLeft, Missing::ZeroRight, Missing::AsZero];
const LINKS: [Link; 5] = [Link::Identity, Link::Logistic, Link::Softmax, Link::Exponential, Link::NormalizedLogistic];
/// Flags of a tree: numbers of nodes, leaves and columns take two bytes; covers are whole and take four.
const SMALL: u8 = 1;
const WHOLE: u8 = 2;

/// A file with nothing in it but an ensemble.
#[must_use]
pub fn write_ensemble(ensemble: &Ensemble) -> Vec<u8> {
    let mut writer = Writer::default();
    // The name is a good one and the only one.
    let added = writer.section(ENSEMBLE, true, encode_ensemble(ensemble));
    debug_assert!(added.is_ok());
    writer.finish()
}

/// The ensemble of a file that has nothing else that must be understood.
///
/// # Errors
/// [`FormatError`] says what is wrong with the file.
pub fn read_ensemble(file: &[u8]) -> Result<Ensemble, FormatError> {
    let container = Container::open(file)?;
    container.expect_only(&[ENSEMBLE])?;
    decode_ensemble(container.section(ENSEMBLE)?)
}

/// The content of the section.
#[must_use]
pub fn encode_ensemble(ensemble: &Ensemble) -> Vec<u8> {
    let nodes: usize = ensemble.trees.iter().map(|tree| tree.nodes.len()).sum();
    let mut out = Encoder::with_capacity(nodes * 20 + 1024);
    out.u8(LINKS.iter().position(|link| *link == ensemble.link).unwrap_or(0) as u8);
    out.u8(u8::from(ensemble.single_precision_input));
    out.count(ensemble.features.len());
    for feature in &ensemble.features {
        out.u8(u8::from(feature.kind == FeatureKind::Categorical));
        out.text(&feature.name);
    }
    out.f64s(&ensemble.base);
    let trees: Vec<Vec<u8>> =
        ensemble.trees.par_iter().map(|tree| encode_tree(tree, ensemble.features.len())).collect();
    out.count(trees.len());
    trees.iter().for_each(|tree| out.count(tree.len()));
    trees.iter().for_each(|tree| out.bytes(tree));
    out.finish()
}

fn encode_tree(tree: &Tree, columns: usize) -> Vec<u8> {
    let small = tree.nodes.len().max(columns).max(tree.leaf_values.len()) <= usize::from(u16::MAX);
    let whole = tree.nodes.iter().all(|n| n.cover.fract() == 0.0 && n.cover >= 0.0 && n.cover <= f64::from(u32::MAX));
    let mut out = Encoder::with_capacity(tree.nodes.len() * 20);
    out.u8(if small { SMALL } else { 0 } | if whole { WHOLE } else { 0 });
    out.u32(tree.output.unwrap_or(EVERY_OUTPUT));
    out.count(tree.nodes.len());
    for node in &tree.nodes {
        out.u8(match node.kind {
            NodeKind::Leaf(_) => 0,
            NodeKind::Split { test, missing, .. } => {
                let place = MISSING.iter().position(|m| *m == missing).unwrap_or(0) as u8;
                SPLIT | if matches!(test, Test::Categories { .. }) { CATEGORIES } else { 0 } | place << MISSING_SHIFT
            }
        });
    }
    let number = |out: &mut Encoder, n: u32| if small { out.u16(n as u16) } else { out.u32(n) };
    for node in &tree.nodes {
        if let NodeKind::Split { feature, test, left, right, .. } = node.kind {
            [feature, left, right].into_iter().for_each(|n| number(&mut out, n));
            match test {
                Test::AtMost(threshold) => out.f64(threshold),
                Test::Categories { start, words } => {
                    out.u32(start);
                    out.u32(words);
                }
            }
        }
    }
    for node in &tree.nodes {
        if let NodeKind::Leaf(leaf) = node.kind {
            number(&mut out, leaf);
        }
    }
    for node in &tree.nodes {
        if whole { out.u32(node.cover as u32) } else { out.f64(node.cover) }
    }
    out.f64s(&tree.leaf_values);
    out.u64s(&tree.category_words);
    out.finish()
}

/// The ensemble of the section's content, checked by [`Ensemble::validate`].
///
/// # Errors
/// [`FormatError::Section`] says what is wrong.
pub fn decode_ensemble(content: &[u8]) -> Result<Ensemble, FormatError> {
    let mut from = Decoder::new(ENSEMBLE, content);
    let link = from.u8()?;
    let link = LINKS.get(usize::from(link)).copied().ok_or_else(|| from.fault(format!("link {link} is not known")))?;
    let single_precision_input = flag(&mut from)?;
    let mut features = Vec::new();
    for _ in 0..from.count(9)? {
        let kind = if flag(&mut from)? { FeatureKind::Categorical } else { FeatureKind::Numeric };
        features.push(Feature { name: from.text()?.to_owned(), kind });
    }
    let base = from.f64s()?;
    if base.iter().any(|b| !b.is_finite()) {
        return Err(from.fault("a raw output begins with no finite number"));
    }
    let mut lengths = Vec::new();
    for _ in 0..from.count(8)? {
        lengths.push(from.count(1)?);
    }
    let parts: Vec<&[u8]> = lengths.into_iter().map(|length| from.take(length)).collect::<Result<_, _>>()?;
    from.end()?;
    let mut ensemble = Ensemble { features, base, link, trees: Vec::new(), single_precision_input };
    ensemble.validate().map_err(|fault| from.fault(fault.to_string()))?;
    let (columns, outputs) = (ensemble.features.len(), ensemble.outputs());
    let trees = parts.par_iter().with_min_len(16).map(|part| decode_tree(part, columns, outputs));
    ensemble.trees = trees.collect::<Result<_, _>>()?;
    Ok(ensemble)
}

fn flag(from: &mut Decoder<'_>) -> Result<bool, FormatError> {
    match from.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(from.fault(format!("{other} where 0 or 1 must be"))),
    }
}

/// A tree, checked on the way as [`Ensemble::validate`] would.
fn decode_tree(content: &[u8], columns: usize, outputs: usize) -> Result<Tree, FormatError> {
    let mut from = Decoder::new(ENSEMBLE, content);
    let flags = from.u8()?;
    if flags & !(SMALL | WHOLE) != 0 {
        return Err(from.fault(format!("a tree has the flags {flags}")));
    }
    let (small, whole) = (flags & SMALL != 0, flags & WHOLE != 0);
    let output = Some(from.u32()?).filter(|output| *output != EVERY_OUTPUT);
    let count = from.count(1)?;
    let kinds = from.take(count)?;
    let (splits, leaves) = places(kinds);
    let width = if small { 2 } else { 4 };
    let split_bytes = from.take(splits.len() * (3 * width + 8))?;
    let leaf_bytes = from.take(leaves.len() * width)?;
    let covers = from.take(count * if whole { 4 } else { 8 })?;
    let (leaf_values, category_words) = (from.f64s()?, from.u64s()?);
    from.end()?;
    let nodes = Vec::with_capacity(count);
    let mut tree = Tree { output, nodes, leaf_values, category_words };
    read_covers(covers, whole, &mut tree.nodes);
    let bounds = Bounds { columns, outputs, words: tree.category_words.len() };
    let read = if small {
        read_splits::<2>(split_bytes, kinds, &splits, &bounds, &mut tree.nodes)
            .and_then(|()| read_leaves::<2>(leaf_bytes, &leaves, &bounds, &mut tree))
    } else {
        read_splits::<4>(split_bytes, kinds, &splits, &bounds, &mut tree.nodes)
            .and_then(|()| read_leaves::<4>(leaf_bytes, &leaves, &bounds, &mut tree))
    };
    match read {
        Ok(()) => Ok(tree),
        Err(fault) => Err(from.fault(fault)),
    }
}

/// What a tree's numbers must stay below.
struct Bounds {
    columns: usize,
    outputs: usize,
    words: usize,
}

/// Where the splits and where the leaves are. Told apart once and without a branch, so that what follows has none to guess either:
/// which comes next is as good as random.
fn places(kinds: &[u8]) -> (Vec<u32>, Vec<u32>) {
    let (mut splits, mut leaves) = (vec![0; kinds.len()], vec![0; kinds.len()]);
    let (mut to_splits, mut to_leaves) = (0, 0);
    for (at, kind) in kinds.iter().enumerate() {
        let is_split = usize::from(*kind != 0);
        splits[to_splits] = at as u32;
        leaves[to_leaves] = at as u32;
        to_splits += is_split;
        to_leaves += 1 - is_split;
    }
    splits.truncate(to_splits);
    leaves.truncate(to_leaves);
    (splits, leaves)
}

/// Every node as a leaf, with its cover.
fn read_covers(bytes: &[u8], whole: bool, nodes: &mut Vec<Node>) {
    let node = |cover: f64| Node { kind: NodeKind::Leaf(0), cover };
    if whole {
        nodes.extend(bytes.as_chunks::<4>().0.iter().map(|b| node(f64::from(u32::from_le_bytes(*b)))));
    } else {
        nodes.extend(bytes.as_chunks::<8>().0.iter().map(|b| node(f64::from_le_bytes(*b))));
    }
}

/// A number of `W` bytes at the place `at` of a record.
fn number<const W: usize>(record: &[u8], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes[..W].copy_from_slice(&record[at * W..(at + 1) * W]);
    u32::from_le_bytes(bytes)
}

fn read_splits<const W: usize>(
    bytes: &[u8],
    kinds: &[u8],
    splits: &[u32],
    bounds: &Bounds,
    nodes: &mut [Node],
) -> Result<(), String> {
    let mut parents = vec![0_u8; nodes.len()];
    for (record, at) in bytes.chunks_exact(3 * W + 8).zip(splits) {
        let at = *at as usize;
        let kind = kinds[at];
        let missing = MISSING.get(usize::from(kind >> MISSING_SHIFT)).filter(|_| kind & SPLIT != 0);
        let missing = *missing.ok_or_else(|| format!("node {at} has the kind {kind}"))?;
        let (feature, left, right) = (number::<W>(record, 0), number::<W>(record, 1), number::<W>(record, 2));
        let bits = number::<4>(&record[3 * W..], 0);
        let more = number::<4>(&record[3 * W..], 1);
        let test = if kind & CATEGORIES == 0 {
            Test::AtMost(f64::from_bits(u64::from(bits) | u64::from(more) << 32))
        } else {
            Test::Categories { start: bits, words: more }
        };
        let good_test = match test {
            Test::AtMost(threshold) => !threshold.is_nan(),
            Test::Categories { start, words } => start as usize + words as usize <= bounds.words,
        };
        if !good_test || feature as usize >= bounds.columns {
            return Err(format!("node {at} tests column {feature} in a way that cannot be"));
        }
        for child in [left as usize, right as usize] {
            match parents.get_mut(child) {
                Some(parents) if child > at && *parents == 0 => *parents = 1,
                _ => return Err(format!("node {at} has the child {child}")),
            }
        }
        nodes[at].kind = NodeKind::Split { feature, test, missing, left, right };
    }
    if nodes.len() == splits.len() * 2 + 1 { Ok(()) } else { Err("a node of a tree has no parent".to_owned()) }
}

fn read_leaves<const W: usize>(bytes: &[u8], leaves: &[u32], bounds: &Bounds, tree: &mut Tree) -> Result<(), String> {
    let width = if tree.output.is_some() { 1 } else { bounds.outputs };
    if tree.output.is_some_and(|output| output as usize >= bounds.outputs) {
        return Err("a tree adds to an output that is not there".to_owned());
    }
    if let Some(node) = tree.nodes.iter().find(|node| !(node.cover.is_finite() && node.cover >= 0.0)) {
        return Err(format!("a node has the cover {}", node.cover));
    }
    for (record, at) in bytes.chunks_exact(W).zip(leaves) {
        let leaf = number::<W>(record, 0);
        let from = leaf as usize * width;
        match tree.leaf_values.get(from..from + width) {
            Some(values) if values.iter().all(|v| v.is_finite()) => {
                tree.nodes[*at as usize].kind = NodeKind::Leaf(leaf)
            }
            _ => return Err(format!("leaf {leaf} has no finite value")),
        }
    }
    Ok(())
}
