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
        match node.kind {
            NodeKind::Leaf(leaf) => number(&mut out, leaf),
            NodeKind::Split { feature, test, left, right, .. } => {
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
    let trees = parts.par_iter().with_min_len(16).map(|part| decode_tree(part)).collect::<Result<Vec<Tree>, _>>()?;
    let ensemble = Ensemble { features, base, link, trees, single_precision_input };
    ensemble.validate().map_err(|fault| from.fault(fault.to_string()))?;
    Ok(ensemble)
}

fn flag(from: &mut Decoder<'_>) -> Result<bool, FormatError> {
    match from.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(from.fault(format!("{other} where 0 or 1 must be"))),
    }
}

fn decode_tree(content: &[u8]) -> Result<Tree, FormatError> {
    let mut from = Decoder::new(ENSEMBLE, content);
    let flags = from.u8()?;
    if flags & !(SMALL | WHOLE) != 0 {
        return Err(from.fault(format!("a tree has the flags {flags}")));
    }
    let output = Some(from.u32()?).filter(|output| *output != EVERY_OUTPUT);
    let count = from.count(1)?;
    let kinds = from.take(count)?;
    let splits = kinds.iter().filter(|kind| **kind & SPLIT != 0).count();
    let width = if flags & SMALL != 0 { 2 } else { 4 };
    // Never more than a few times the bytes that were there to be read.
    let bytes = splits * (3 * width + 8) + (count - splits) * width;
    let mut shapes = Shapes { rest: from.take(bytes)?, small: flags & SMALL != 0 };
    let covers = from.take(count * if flags & WHOLE != 0 { 4 } else { 8 })?;
    let mut nodes = Vec::with_capacity(count);
    for (kind, cover) in kinds.iter().zip(Covers { rest: covers, whole: flags & WHOLE != 0 }) {
        match shapes.node(*kind) {
            Some(kind) => nodes.push(Node { kind, cover }),
            None => return Err(from.fault(format!("a node has the kind {kind}"))),
        }
    }
    let (leaf_values, category_words) = (from.f64s()?, from.u64s()?);
    from.end()?;
    Ok(Tree { output, nodes, leaf_values, category_words })
}

/// Reads the nodes' numbers and thresholds; it was given all the bytes they need.
struct Shapes<'a> {
    rest: &'a [u8],
    small: bool,
}

impl Shapes<'_> {
    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*chunk)
    }

    fn number(&mut self) -> Option<u32> {
        Some(if self.small { u32::from(u16::from_le_bytes(self.chunk()?)) } else { u32::from_le_bytes(self.chunk()?) })
    }

    fn node(&mut self, kind: u8) -> Option<NodeKind> {
        if kind == 0 {
            return Some(NodeKind::Leaf(self.number()?));
        }
        let missing = *MISSING.get(usize::from(kind >> MISSING_SHIFT))?;
        if kind & SPLIT == 0 {
            return None;
        }
        let (feature, left, right) = (self.number()?, self.number()?, self.number()?);
        let test = if kind & CATEGORIES == 0 {
            Test::AtMost(f64::from_le_bytes(self.chunk()?))
        } else {
            Test::Categories { start: u32::from_le_bytes(self.chunk()?), words: u32::from_le_bytes(self.chunk()?) }
        };
        Some(NodeKind::Split { feature, test, missing, left, right })
    }
}

/// Reads the nodes' covers.
struct Covers<'a> {
    rest: &'a [u8],
    whole: bool,
}

impl Iterator for Covers<'_> {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        if self.whole {
            let (chunk, rest) = self.rest.split_first_chunk()?;
            self.rest = rest;
            Some(f64::from(u32::from_le_bytes(*chunk)))
        } else {
            let (chunk, rest) = self.rest.split_first_chunk()?;
            self.rest = rest;
            Some(f64::from_le_bytes(*chunk))
        }
    }
}
