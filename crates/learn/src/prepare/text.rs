//! Texts: words weighed by how rare they are (TF-IDF), then the directions in which texts differ most (truncated SVD, also
//! called latent semantic analysis; Halko, Martinsson and Tropp, "Finding structure with randomness", 2011).

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Options;
use crate::ensemble::{Feature, FeatureKind};
use crate::linear_algebra::{orthonormal, symmetric_eigen};
use crate::random::Random;
use crate::table::{Dictionary, MISSING};

/// What a text becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Text {
    /// Words and pairs of words that are known, sorted.
    terms: Vec<String>,
    /// Weight of each: `ln((1 + n) / (1 + texts with it)) + 1`.
    weights: Vec<f64>,
    /// Per term its part in each component (`terms × components`).
    directions: Vec<f64>,
    components: u32,
}

/// A term in fewer texts cannot be learnt from.
const RAREST: usize = 2;
/// More directions than asked for make the wanted ones exact enough.
const OVERSAMPLING: usize = 8;
/// Rounds of multiplication by the matrix and its transpose: two separate close singular values well enough.
const ROUNDS: usize = 2;
/// Numbers besides the components: words, characters.
const LENGTHS: usize = 2;

/// Words (two or more letters or digits, in lower case) and pairs of neighbours.
fn terms_of(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 1).collect();
    let pairs = words.windows(2).map(|pair| format!("{} {}", pair[0], pair[1]));
    words.iter().map(|word| (*word).to_owned()).chain(pairs).collect()
}

impl Text {
    /// `None` if no word occurs in two rows.
    pub(super) fn fit(strings: &Dictionary, options: &Options, seed: u64) -> Option<Self> {
        let rows: Vec<u32> = strings.codes.iter().copied().filter(|code| *code != MISSING).collect();
        let levels: Vec<Vec<String>> = strings.levels.par_iter().map(|level| terms_of(level)).collect();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for code in &rows {
            let mut own: Vec<&str> = levels[*code as usize].iter().map(String::as_str).collect();
            own.sort_unstable();
            own.dedup();
            own.into_iter().for_each(|term| *counts.entry(term).or_default() += 1);
        }
        let mut known: Vec<(&str, usize)> = counts.into_iter().filter(|(_, count)| *count >= RAREST).collect();
        known.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        known.truncate(options.text_terms);
        known.sort_unstable();
        if known.is_empty() {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
        let weight = |count: usize| ((1 + rows.len()) as f64 / (1 + count) as f64).ln() + 1.0;
        let mut text = Self {
            weights: known.iter().map(|(_, count)| weight(*count)).collect(),
            terms: known.iter().map(|(term, _)| (*term).to_owned()).collect(),
            directions: Vec::new(),
            components: 0,
        };
        let vectors: Vec<Vec<(u32, f64)>> = levels.par_iter().map(|terms| text.vector(terms)).collect();
        let matrix: Vec<&[(u32, f64)]> = rows.iter().map(|code| vectors[*code as usize].as_slice()).collect();
        text.learn_directions(&matrix, options.text_components, seed);
        Some(text)
    }

    /// TF-IDF of length 1, as (term, weight).
    fn vector(&self, terms: &[String]) -> Vec<(u32, f64)> {
        let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
        for term in terms {
            if let Ok(at) = self.terms.binary_search(term) {
                *counts.entry(u32::try_from(at).unwrap_or(u32::MAX)).or_default() += 1.0;
            }
        }
        // 1 + ln(count): a word said ten times says little more than one said twice.
        let mut vector: Vec<(u32, f64)> =
            counts.into_iter().map(|(at, count)| (at, (1.0 + f64::ln(count)) * self.weights[at as usize])).collect();
        let length = vector.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|(_, weight)| *weight /= length.max(f64::MIN_POSITIVE));
        vector
    }

    fn learn_directions(&mut self, rows: &[&[(u32, f64)]], wanted: usize, seed: u64) {
        let terms = self.terms.len();
        let width = (wanted + OVERSAMPLING).min(terms).min(rows.len());
        if width == 0 {
            return;
        }
        let mut random = Random::stream(seed, "text directions", terms as u64);
        // Columns of length `terms`, one after the other.
        let mut basis: Vec<f64> = (0..terms * width).map(|_| random.normal()).collect();
        for _ in 0..=ROUNDS {
            orthonormal(&mut basis, terms);
            basis = gram_times(rows, &basis, terms);
        }
        orthonormal(&mut basis, terms);
        // In the basis, the matrix AᵀA is small: its eigenvectors are the singular directions.
        let image = gram_times(rows, &basis, terms);
        let column = |of: &[f64], at: usize| of[at * terms..(at + 1) * terms].to_vec();
        let mut small = vec![0.0; width * width];
        for i in 0..width {
            for j in 0..width {
                small[i * width + j] = dot(&column(&basis, i), &column(&image, j));
            }
        }
        let (values, vectors) = symmetric_eigen(&small, width);
        let largest = values.first().copied().unwrap_or(0.0);
        let kept = values.iter().take(wanted).filter(|v| **v > 1e-9 * largest && **v > 0.0).count();
        self.components = u32::try_from(kept).unwrap_or(0);
        self.directions = vec![0.0; terms * kept];
        for component in 0..kept {
            for (i, weight) in (0..width).map(|i| (i, vectors[i * width + component])) {
                for term in 0..terms {
                    self.directions[term * kept + component] += weight * basis[i * terms + term];
                }
            }
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.weights.len() == self.terms.len()
            && Some(self.directions.len()) == self.terms.len().checked_mul(self.components as usize)
    }

    pub(super) fn width(&self) -> usize {
        self.components as usize + LENGTHS
    }

    pub(super) fn features(&self, name: &str) -> Vec<Feature> {
        let numeric = |name: String| Feature { name, kind: FeatureKind::Numeric };
        let topics = (1..=self.components).map(|number| numeric(format!("{name} (topic {number})")));
        topics.chain(["words", "characters"].map(|what| numeric(format!("{name} ({what})")))).collect()
    }

    /// The numbers of a text; a missing one is an empty one. Lengths go by their logarithm: they stay comparable to the rest.
    pub(super) fn numbers(&self, text: Option<&str>) -> Vec<f64> {
        let text = text.unwrap_or_default();
        let width = self.components as usize;
        let mut numbers = vec![0.0; width];
        for (term, weight) in self.vector(&terms_of(text)) {
            let own = &self.directions[term as usize * width..(term as usize + 1) * width];
            numbers.iter_mut().zip(own).for_each(|(sum, part)| *sum += weight * part);
        }
        #[expect(clippy::cast_precision_loss, reason = "the length of a text")]
        let lengths = [text.split_whitespace().count() as f64, text.chars().count() as f64].map(f64::ln_1p);
        numbers.extend(lengths);
        numbers
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// `AᵀA` times each column.
fn gram_times(rows: &[&[(u32, f64)]], columns: &[f64], terms: usize) -> Vec<f64> {
    let images = columns.par_chunks(terms).map(|column| {
        let mut image = vec![0.0; terms];
        for row in rows {
            let along: f64 = row.iter().map(|(term, weight)| weight * column[*term as usize]).sum();
            row.iter().for_each(|(term, weight)| image[*term as usize] += weight * along);
        }
        image
    });
    images.collect::<Vec<_>>().concat()
}
