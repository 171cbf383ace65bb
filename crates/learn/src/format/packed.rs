//! The section of an ensemble as it lies in a file, checked while it is gone through.

use super::{Decoder, ENSEMBLE, FormatError};
use crate::ensemble::{Feature, FeatureKind, Link, Missing};

/// Stands for "the leaves have a value for every raw output".
pub(super) const EVERY_OUTPUT: u32 = u32::MAX;
/// Bits of a node's first byte: a leaf has none; a split says what it tests and, in three bits, where missing values go.
pub(super) const SPLIT: u8 = 1;
pub(super) const CATEGORIES: u8 = 2;
pub(super) const MISSING_SHIFT: u8 = 2;
pub(super) const MISSING: [Missing; 5] =
    [Missing::Left, Missing::Right, Missing::ZeroLeft, Missing::ZeroRight, Missing::AsZero];
pub(super) const LINKS: [Link; 5] =
    [Link::Identity, Link::Logistic, Link::Softmax, Link::Exponential, Link::NormalizedLogistic];
/// Flags of a tree: numbers of nodes, leaves and columns take two bytes; covers are whole and take four.
pub(super) const SMALL: u8 = 1;
pub(super) const WHOLE: u8 = 2;

/// The head of the section, and its trees one by one.
pub(super) struct Packed<'a> {
    pub(super) features: Vec<Feature>,
    pub(super) base: Vec<f64>,
    pub(super) link: Link,
    pub(super) single: bool,
    /// Of each column, ascending; splits have their numbers. Absent where splits have the thresholds themselves.
    pub(super) thresholds: Option<Vec<Vec<f64>>>,
    pub(super) trees: Vec<&'a [u8]>,
}

impl<'a> Packed<'a> {
    pub(super) fn read(content: &'a [u8]) -> Result<Self, FormatError> {
        let mut from = Decoder::new(ENSEMBLE, content);
        let link = from.u8()?;
        let link =
            LINKS.get(usize::from(link)).copied().ok_or_else(|| from.fault(format!("link {link} is not known")))?;
        let (single, numbered) = (flag(&mut from)?, flag(&mut from)?);
        let mut features = Vec::new();
        for _ in 0..from.count(9)? {
            let kind = if flag(&mut from)? { FeatureKind::Categorical } else { FeatureKind::Numeric };
            features.push(Feature { name: from.text()?.to_owned(), kind });
        }
        let base = from.f64s()?;
        if base.iter().any(|b| !b.is_finite()) {
            return Err(from.fault("a raw output begins with no finite number"));
        }
        let thresholds = if numbered { Some(thresholds(&mut from, features.len())?) } else { None };
        let mut lengths = Vec::new();
        for _ in 0..from.count(8)? {
            lengths.push(from.count(1)?);
        }
        let trees: Vec<&[u8]> = lengths.into_iter().map(|length| from.take(length)).collect::<Result<_, _>>()?;
        from.end()?;
        Ok(Self { features, base, link, single, thresholds, trees })
    }
}

fn thresholds(from: &mut Decoder<'_>, columns: usize) -> Result<Vec<Vec<f64>>, FormatError> {
    let mut all = Vec::with_capacity(columns);
    for column in 0..columns {
        let own = from.f64s()?;
        // Comparing is false of NaN.
        let ascend = own.windows(2).all(|pair| pair[0] < pair[1]) && !own.first().is_some_and(|first| first.is_nan());
        if !ascend || own.len() > crate::evaluate::MOST {
            return Err(from.fault(format!("the thresholds of column {column} do not ascend")));
        }
        all.push(own);
    }
    Ok(all)
}

fn flag(from: &mut Decoder<'_>) -> Result<bool, FormatError> {
    match from.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(from.fault(format!("{other} where 0 or 1 must be"))),
    }
}

/// What a split compares with.
#[derive(Clone, Copy)]
pub(super) enum Compared {
    /// The threshold of this number.
    Number(u16),
    Threshold(f64),
    /// A set: its first word and number of words.
    Set(u32, u32),
}

/// One split.
#[derive(Clone, Copy)]
pub(super) struct Split {
    pub(super) feature: u32,
    pub(super) missing: Missing,
    pub(super) compared: Compared,
    pub(super) left: u32,
    pub(super) right: u32,
}

/// What a tree's numbers must stay below.
pub(super) struct Bounds<'a> {
    pub(super) columns: usize,
    pub(super) outputs: usize,
    pub(super) thresholds: Option<&'a [Vec<f64>]>,
}

/// The parts of a tree.
pub(super) struct Records<'a> {
    small: bool,
    whole: bool,
    numbered: bool,
    /// Numbers from each leaf: 1, or one per output.
    pub(super) width: usize,
    pub(super) output: Option<u32>,
    pub(super) kinds: &'a [u8],
    /// Numbers of the nodes that are splits, and of those that are leaves.
    splits: Vec<u32>,
    leaves: Vec<u32>,
    split_bytes: &'a [u8],
    /// Of numbered splits by category: first word and number of words.
    sets: &'a [u8],
    leaf_bytes: &'a [u8],
    covers: &'a [u8],
    pub(super) leaf_values: Vec<f64>,
    pub(super) words: Vec<u64>,
}

impl<'a> Records<'a> {
    pub(super) fn read(content: &'a [u8], bounds: &Bounds<'_>) -> Result<Self, FormatError> {
        let mut from = Decoder::new(ENSEMBLE, content);
        let flags = from.u8()?;
        if flags & !(SMALL | WHOLE) != 0 {
            return Err(from.fault(format!("a tree has the flags {flags}")));
        }
        let (small, whole, numbered) = (flags & SMALL != 0, flags & WHOLE != 0, bounds.thresholds.is_some());
        let output = Some(from.u32()?).filter(|output| *output != EVERY_OUTPUT);
        if output.is_some_and(|output| output as usize >= bounds.outputs) {
            return Err(from.fault("a tree adds to an output that is not there"));
        }
        let count = from.count(1)?;
        let kinds = from.take(count)?;
        let (splits, leaves) = places(kinds);
        if count != splits.len() * 2 + 1 {
            return Err(from.fault("a node of a tree has no parent"));
        }
        let width = if small { 2 } else { 4 };
        let split_bytes = from.take(splits.len() * (3 * width + if numbered { 2 } else { 8 }))?;
        let sets = if numbered { from.count(8)? } else { 0 };
        let sets = from.take(sets * 8)?;
        let leaf_bytes = from.take(leaves.len() * width)?;
        let covers = from.take(count * if whole { 4 } else { 8 })?;
        let (leaf_values, words) = (from.f64s()?, from.u64s()?);
        from.end()?;
        let width = if output.is_some() { 1 } else { bounds.outputs };
        let read = Self {
            small,
            whole,
            numbered,
            width,
            output,
            kinds,
            splits,
            leaves,
            split_bytes,
            sets,
            leaf_bytes,
            covers,
            leaf_values,
            words,
        };
        if !read.whole && read.covers().any(|cover| !(cover.is_finite() && cover >= 0.0)) {
            return Err(from.fault("a node has a cover that is none"));
        }
        if read.leaf_values.iter().any(|value| !value.is_finite()) {
            return Err(from.fault("a leaf has no finite value"));
        }
        Ok(read)
    }

    pub(super) fn covers(&self) -> impl Iterator<Item = f64> {
        let width = if self.whole { 4 } else { 8 };
        self.covers.chunks_exact(width).map(move |bytes| {
            let (low, high) = (number::<4>(bytes, 0), if width == 8 { number::<4>(bytes, 1) } else { 0 });
            if width == 4 { f64::from(low) } else { f64::from_bits(u64::from(low) | u64::from(high) << 32) }
        })
    }

    /// The splits in order, each with the number of its node.
    pub(super) fn each_split(
        &self,
        bounds: &Bounds<'_>,
        split: impl FnMut(usize, Split) -> Result<(), String>,
    ) -> Result<(), String> {
        match (self.small, self.numbered) {
            (true, true) => self.splits_of::<2, 8>(bounds, split),
            (true, false) => self.splits_of::<2, 14>(bounds, split),
            (false, true) => self.splits_of::<4, 14>(bounds, split),
            (false, false) => self.splits_of::<4, 20>(bounds, split),
        }
    }

    /// Numbers take `W` bytes, records `R`.
    #[inline(always)]
    fn splits_of<const W: usize, const R: usize>(
        &self,
        bounds: &Bounds<'_>,
        mut split: impl FnMut(usize, Split) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut parents = vec![0_u8; self.kinds.len()];
        for (record, at) in self.split_bytes.as_chunks::<R>().0.iter().zip(&self.splits) {
            let at = *at as usize;
            let kind = self.kinds[at];
            let missing = MISSING.get(usize::from(kind >> MISSING_SHIFT)).filter(|_| kind & SPLIT != 0);
            let missing = *missing.ok_or_else(|| format!("node {at} has the kind {kind}"))?;
            let (feature, left, right) = (number::<W>(record, 0), number::<W>(record, 1), number::<W>(record, 2));
            let compared = self.compared::<W>(&record[3 * W..], kind & CATEGORIES != 0, feature, bounds);
            let Some(compared) = compared.filter(|_| (feature as usize) < bounds.columns) else {
                return Err(format!("node {at} tests column {feature} in a way that cannot be"));
            };
            for child in [left as usize, right as usize] {
                match parents.get_mut(child) {
                    Some(parents) if child > at && *parents == 0 => *parents = 1,
                    _ => return Err(format!("node {at} has the child {child}")),
                }
            }
            split(at, Split { feature, missing, compared, left, right })?;
        }
        Ok(())
    }

    #[inline(always)]
    fn compared<const W: usize>(
        &self,
        rest: &[u8],
        by_category: bool,
        feature: u32,
        bounds: &Bounds<'_>,
    ) -> Option<Compared> {
        let Some(thresholds) = bounds.thresholds else {
            let (low, high) = (number::<4>(rest, 0), number::<4>(rest, 1));
            if by_category {
                return self.set(low, high);
            }
            let threshold = f64::from_bits(u64::from(low) | u64::from(high) << 32);
            return (!threshold.is_nan()).then_some(Compared::Threshold(threshold));
        };
        let place = number::<2>(rest, 0);
        if by_category {
            let record = self.sets.get(place as usize * 8..place as usize * 8 + 8)?;
            return self.set(number::<4>(record, 0), number::<4>(record, 1));
        }
        let known = thresholds.get(feature as usize)?.len();
        ((place as usize) < known).then_some(Compared::Number(place as u16))
    }

    fn set(&self, start: u32, words: u32) -> Option<Compared> {
        (start as usize + words as usize <= self.words.len()).then_some(Compared::Set(start, words))
    }

    /// The leaves in order, each with the number of its node, its own number and its values.
    pub(super) fn each_leaf(&self, mut leaf: impl FnMut(usize, u32, &[f64])) -> Result<(), String> {
        let width = if self.small { 2 } else { 4 };
        for (at, bytes) in self.leaves.iter().zip(self.leaf_bytes.chunks_exact(width)) {
            let own = if self.small { number::<2>(bytes, 0) } else { number::<4>(bytes, 0) };
            let from = own as usize * self.width;
            match self.leaf_values.get(from..from + self.width) {
                Some(values) => leaf(*at as usize, own, values),
                None => return Err(format!("leaf {own} has no value")),
            }
        }
        Ok(())
    }
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

/// Number of nodes of a tree; 0 where its bytes do not say.
pub(super) fn nodes(tree: &[u8]) -> u64 {
    tree.get(5..13).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// A number of `W` bytes at the place `at` of a record.
#[inline(always)]
fn number<const W: usize>(record: &[u8], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes[..W].copy_from_slice(&record[at * W..(at + 1) * W]);
    u32::from_le_bytes(bytes)
}
