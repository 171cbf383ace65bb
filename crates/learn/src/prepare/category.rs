//! Categories: codes, one-hot columns, frequencies and encodings by target.

use serde::{Deserialize, Serialize};

use super::{Levels, Options, View};
use crate::ensemble::{Feature, FeatureKind};
use crate::matrix::{Target, Values};
use crate::random::Random;
use crate::table::{Dictionary, MISSING};

/// A category and what it becomes. Codes go by frequency, the most frequent level being 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Category {
    /// Known levels by code.
    levels: Levels,
    /// Codes in the alphabetic order of their levels, for the way from a level to its code.
    sorted: Vec<u32>,
    /// The code itself is a column.
    codes: bool,
    /// Codes with a one-hot column.
    one_hot: u32,
    /// Share of the training rows, by code; empty: no column.
    frequency: Vec<f64>,
    encoding: Option<Encoding>,
}

/// Mean target by level: `outputs` numbers a level, and those of no known level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Encoding {
    outputs: u32,
    by_code: Vec<f64>,
    unknown: Vec<f64>,
}

/// Trees get codes of so many levels; rarer ones are left to the encoding.
const CODES: usize = 255;
/// With more classes, a column for each would be too many.
const CLASSES: usize = 10;
/// Folds of the encoding of training rows.
const FOLDS: usize = 5;

impl Category {
    /// Learns from training rows; gives the step and the training rows' numbers (row by row).
    pub(super) fn fit(strings: &Dictionary, target: &Target, options: &Options, seed: u64) -> (Self, Vec<f64>) {
        let (levels, code_of) = by_frequency(strings);
        let codes: Vec<Option<u32>> =
            strings.codes.iter().map(|c| code_of.get(*c as usize).copied().filter(|c| *c != MISSING)).collect();
        let encoded = levels.len() >= options.encode_from && outputs(target) <= CLASSES;
        let plain = options.view != View::Trees;
        let mut sorted: Vec<u32> = (0..u32::try_from(levels.len()).unwrap_or(MISSING)).collect();
        sorted.sort_by(|a, b| levels[*a as usize].cmp(&levels[*b as usize]));
        // Two levels are told apart by one column.
        let one_hot = if levels.len() == 2 { 1 } else { levels.len().min(options.one_hot) };
        let mut category = Self {
            codes: !plain,
            one_hot: if plain { u32::try_from(one_hot).unwrap_or(MISSING) } else { 0 },
            frequency: if encoded { frequency(&codes, levels.len()) } else { Vec::new() },
            encoding: None,
            levels: levels.into(),
            sorted,
        };
        let out_of_fold = encoded.then(|| category.encode(&codes, target, options.smoothing, seed));
        let mut flat = Vec::with_capacity(codes.len() * category.width());
        for (row, code) in codes.iter().enumerate() {
            category.push(*code, &mut flat);
            if let (Some(encoding), Some(values)) = (&category.encoding, &out_of_fold) {
                // The step's own numbers know the row's target: those of the other folds take their place.
                let width = encoding.outputs as usize;
                let end = flat.len();
                flat[end - width..].copy_from_slice(&values[row * width..(row + 1) * width]);
            }
        }
        (category, flat)
    }

    /// Learns the encoding; gives that of the training rows, each from the folds it is not in.
    fn encode(&mut self, codes: &[Option<u32>], target: &Target, smoothing: f64, seed: u64) -> Vec<f64> {
        let width = outputs(target);
        let levels = self.levels.len();
        let mut random = Random::stream(seed, "target encoding", levels as u64);
        let fold: Vec<usize> = (0..codes.len()).map(|_| random.below(FOLDS)).collect();
        let mut all = Sums::new(levels, width);
        let mut folds: Vec<Sums> = (0..FOLDS).map(|_| Sums::new(levels, width)).collect();
        for (row, code) in codes.iter().enumerate() {
            all.add(*code, target, row);
            folds[fold[row]].add(*code, target, row);
        }
        let mut out = Vec::with_capacity(codes.len() * width);
        for (row, code) in codes.iter().enumerate() {
            let own = &folds[fold[row]];
            out.extend((0..width).map(|output| all.mean_without(own, *code, output, smoothing)));
        }
        let none = Sums::new(levels, width);
        let code = |level: usize| u32::try_from(level).ok();
        let by_code = (0..levels).flat_map(|level| {
            (0..width).map(|output| all.mean_without(&none, code(level), output, smoothing)).collect::<Vec<_>>()
        });
        let unknown = (0..width).map(|output| all.mean_without(&none, None, output, smoothing)).collect();
        self.encoding =
            Some(Encoding { outputs: u32::try_from(width).unwrap_or(1), by_code: by_code.collect(), unknown });
        out
    }

    pub(super) fn is_sound(&self) -> bool {
        let levels = self.levels.len();
        self.sorted.len() == levels
            && self.sorted.iter().all(|code| (*code as usize) < levels)
            && self.one_hot as usize <= levels
            && self.encoding.as_ref().is_none_or(|encoding| {
                let width = encoding.outputs as usize;
                encoding.unknown.len() == width && Some(encoding.by_code.len()) == levels.checked_mul(width)
            })
    }

    pub(super) fn code(&self, level: &str) -> Option<u32> {
        let at = self.sorted.binary_search_by(|code| self.levels[*code as usize].as_str().cmp(level)).ok()?;
        Some(self.sorted[at])
    }

    /// Levels by code.
    pub(super) fn levels(&self) -> &[String] {
        &self.levels
    }

    /// How many of the most frequent levels differ in how many of the first columns; in these all others are no known level.
    pub(super) fn frequent(&self) -> (usize, usize) {
        let hot = self.one_hot as usize;
        if self.codes { (CODES.max(hot), 1 + hot) } else { (hot, hot) }
    }

    pub(super) fn width(&self) -> usize {
        let encoding = self.encoding.as_ref().map_or(0, |encoding| encoding.outputs as usize);
        usize::from(self.codes) + self.one_hot as usize + usize::from(!self.frequency.is_empty()) + encoding
    }

    pub(super) fn push(&self, code: Option<u32>, into: &mut impl Extend<f64>) {
        if self.codes {
            let known = code.filter(|code| (*code as usize) < CODES);
            into.extend(std::iter::once(known.map_or(f64::NAN, f64::from)));
        }
        into.extend((0..self.one_hot).map(|hot| f64::from(u8::from(code == Some(hot)))));
        if !self.frequency.is_empty() {
            let share = code.and_then(|code| self.frequency.get(code as usize));
            into.extend(std::iter::once(share.copied().unwrap_or(0.0)));
        }
        if let Some(encoding) = &self.encoding {
            let width = encoding.outputs as usize;
            let known = code.and_then(|code| encoding.by_code.get(code as usize * width..(code as usize + 1) * width));
            into.extend(known.unwrap_or(&encoding.unknown).iter().copied());
        }
    }

    pub(super) fn features(&self, name: &str, _view: View) -> Vec<Feature> {
        let mut features = Vec::with_capacity(self.width());
        let mut add = |name: String, kind| features.push(Feature { name, kind });
        if self.codes {
            add(name.to_owned(), FeatureKind::Categorical);
        }
        for level in self.levels.iter().take(self.one_hot as usize) {
            add(format!("{name} = {level}"), FeatureKind::Numeric);
        }
        if !self.frequency.is_empty() {
            add(format!("{name} (frequency)"), FeatureKind::Numeric);
        }
        match &self.encoding {
            Some(encoding) if encoding.outputs == 1 => add(format!("{name} (mean target)"), FeatureKind::Numeric),
            Some(encoding) => (0..encoding.outputs)
                .for_each(|class| add(format!("{name} (share of class {class})"), FeatureKind::Numeric)),
            None => {}
        }
        features
    }
}

/// Levels that occur, the most frequent first, and the new code of each old one ([`MISSING`] if it does not occur).
fn by_frequency(strings: &Dictionary) -> (Vec<String>, Vec<u32>) {
    let mut counts = vec![0_usize; strings.levels.len()];
    strings.codes.iter().filter(|code| **code != MISSING).for_each(|code| counts[*code as usize] += 1);
    let mut order: Vec<usize> = (0..counts.len()).filter(|level| counts[*level] > 0).collect();
    // By name where frequency is equal: the order of the file's rows must not matter.
    order.sort_by(|a, b| counts[*b].cmp(&counts[*a]).then_with(|| strings.levels[*a].cmp(&strings.levels[*b])));
    let mut code_of = vec![MISSING; counts.len()];
    for (code, level) in order.iter().enumerate() {
        code_of[*level] = u32::try_from(code).unwrap_or(MISSING);
    }
    (order.into_iter().map(|level| strings.levels[level].clone()).collect(), code_of)
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn frequency(codes: &[Option<u32>], levels: usize) -> Vec<f64> {
    let mut counts = vec![0.0; levels];
    codes.iter().flatten().for_each(|code| counts[*code as usize] += 1.0);
    counts.iter().map(|count| count / codes.len().max(1) as f64).collect()
}

/// Numbers that a target is encoded by.
fn outputs(target: &Target) -> usize {
    target.class_count().map_or(1, |classes| if classes == 2 { 1 } else { classes as usize })
}

/// Rows and targets by level; the last level is all rows.
struct Sums {
    width: usize,
    rows: Vec<f64>,
    targets: Vec<f64>,
}

impl Sums {
    fn new(levels: usize, width: usize) -> Self {
        Self { width, rows: vec![0.0; levels + 1], targets: vec![0.0; (levels + 1) * width] }
    }

    fn add(&mut self, code: Option<u32>, target: &Target, row: usize) {
        let all = self.rows.len() - 1;
        for level in code.map(|code| code as usize).into_iter().chain([all]) {
            self.rows[level] += 1.0;
            match target.values() {
                Values::Numbers(values) => self.targets[level] += values[row],
                Values::Classes { codes, .. } if self.width == 1 => self.targets[level] += f64::from(codes[row]),
                Values::Classes { codes, .. } => self.targets[level * self.width + codes[row] as usize] += 1.0,
            }
        }
    }

    /// `(Σ target + smoothing × overall mean) / (rows + smoothing)` over the rows that are not among `own`.
    fn mean_without(&self, own: &Self, code: Option<u32>, output: usize, smoothing: f64) -> f64 {
        let all = self.rows.len() - 1;
        let left = |level: usize| {
            let at = level * self.width + output;
            (self.rows[level] - own.rows[level], self.targets[at] - own.targets[at])
        };
        let (rows, sum) = left(all);
        let overall = if rows > 0.0 { sum / rows } else { 0.0 };
        let Some(code) = code else { return overall };
        let (rows, sum) = left(code as usize);
        (sum + smoothing * overall) / (rows + smoothing).max(f64::MIN_POSITIVE)
    }
}
