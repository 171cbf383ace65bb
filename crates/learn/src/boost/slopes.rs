//! Gradients and hessians of all rows, the choice of the rows a round looks at, and their rounding to whole units.

use super::histogram::{NARROW_MAX, Rows, Units, word};
use super::loss::{Loss, class_of};
use super::params::RowSampling;
use crate::random::mix;
use rayon::prelude::*;

/// Rows one thread works on at a time; sums over rows are taken per chunk and then in the chunks' order.
pub(super) const CHUNK: usize = 8192;

/// Gradients at most this many times their mean are rounded to 18 bits: the mean is then at least 128 units and the rounding
/// adds less than 0.3 % to a row's own noise.
const NARROW_SPREAD: f64 = 2048.0;

/// Gradients and hessians, one vector per raw output.
#[derive(Debug, Default)]
pub(super) struct Slopes {
    pub(super) g: Vec<Vec<f32>>,
    pub(super) h: Vec<Vec<f32>>,
}

impl Slopes {
    pub(super) fn new(rows: usize, outputs: usize) -> Self {
        let zeros = || vec![vec![0.0; rows]; outputs];
        Self { g: zeros(), h: zeros() }
    }

    /// Slopes at `raw` (one vector per raw output). `weights` is empty when every row counts once.
    pub(super) fn compute(&mut self, loss: Loss, truth: &[f64], raw: &[Vec<f64>], weights: &[f64]) {
        if loss == Loss::Softmax {
            return self.softmax(truth, raw, weights);
        }
        let (g, h) = (self.g[0].par_chunks_mut(CHUNK), self.h[0].par_chunks_mut(CHUNK));
        g.zip(h).enumerate().for_each(|(chunk, (g, h))| {
            let from = chunk * CHUNK;
            let to = from + g.len();
            let weights = if weights.is_empty() { weights } else { &weights[from..to] };
            loss.slopes(&truth[from..to], &raw[0][from..to], weights, g, h);
        });
    }

    fn softmax(&mut self, truth: &[f64], raw: &[Vec<f64>], weights: &[f64]) {
        let classes = raw.len();
        // Friedman's and LightGBM's factor for K trees where K - 1 would do.
        let factor = classes as f64 / (classes as f64 - 1.0);
        let mut shares = vec![0.0_f32; truth.len() * classes];
        shares.par_chunks_mut(CHUNK * classes).enumerate().for_each(|(chunk, shares)| {
            for (at, shares) in shares.chunks_mut(classes).enumerate() {
                let row = chunk * CHUNK + at;
                let top = raw.iter().map(|s| s[row]).fold(f64::NEG_INFINITY, f64::max);
                let mut sum = 0.0;
                for (share, raw) in shares.iter_mut().zip(raw) {
                    let e = (raw[row] - top).exp();
                    sum += e;
                    *share = e as f32;
                }
                shares.iter_mut().for_each(|s| *s = (f64::from(*s) / sum) as f32);
            }
        });
        self.g.par_iter_mut().zip(&mut self.h).enumerate().for_each(|(class, (g, h))| {
            for (row, (g, h)) in g.iter_mut().zip(h).enumerate() {
                let p = f64::from(shares[row * classes + class]);
                let weight = weights.get(row).copied().unwrap_or(1.0);
                let hit = f64::from(u8::from(class_of(truth[row]) == class));
                (*g, *h) = (((p - hit) * weight) as f32, (factor * p * (1.0 - p) * weight) as f32);
            }
        });
    }

    /// The rows this round looks at, in ascending order. One-side sampling also raises the slopes of the rows it drew.
    pub(super) fn sample(&mut self, sampling: RowSampling, key: u64, rows: &mut Vec<u32>) {
        let count = self.g[0].len();
        rows.clear();
        match sampling {
            RowSampling::All => rows.extend(0..count as u32),
            RowSampling::Bagging(p) => rows.extend((0..count as u32).filter(|row| draw(key, *row) < p)),
            RowSampling::Goss { top, other } => self.one_side(top, other, key, rows),
        }
        // An empty bag teaches nothing: better one row than none.
        if rows.is_empty() && count > 0 {
            rows.push((key % count as u64) as u32);
        }
    }

    fn one_side(&mut self, top: f64, other: f64, key: u64, rows: &mut Vec<u32>) {
        let count = self.g[0].len();
        let size = |row: usize| -> f32 { self.g.iter().zip(&self.h).map(|(g, h)| (g[row] * h[row]).abs()).sum() };
        let sizes: Vec<f32> = (0..count).into_par_iter().map(size).collect();
        let taken = ((top * count as f64).round() as usize).min(count);
        let mut order = sizes.clone();
        let least = match taken {
            0 => f32::INFINITY,
            n => *order.select_nth_unstable_by(n - 1, |a, b| b.total_cmp(a)).1,
        };
        let rest = 1.0 - top;
        let chance = if rest > 0.0 { (other / rest).min(1.0) } else { 0.0 };
        let raise = (1.0 / chance.max(f64::MIN_POSITIVE)) as f32;
        for (row, size) in sizes.iter().enumerate() {
            if *size >= least {
                rows.push(row as u32);
            } else if draw(key, row as u32) < chance {
                rows.push(row as u32);
                self.g.iter_mut().chain(&mut self.h).for_each(|slopes| slopes[row] *= raise);
            }
        }
    }

    /// The slopes of one raw output in whole units. `counts`: every hessian is 1. `None` when there is no slope at all.
    pub(super) fn units(&self, output: usize, counts: bool) -> Option<Units> {
        let (g, h) = (&self.g[output], &self.h[output]);
        let sizes = [Size::of(g), if counts { Size { max: 1.0, sum: g.len() as f64 } } else { Size::of(h) }];
        if !(sizes[0].max > 0.0 && sizes[1].max > 0.0) {
            return None;
        }
        let spread = |size: Size| size.max * g.len() as f64 / size.sum;
        if spread(sizes[0]) <= NARROW_SPREAD && spread(sizes[1]) <= NARROW_SPREAD {
            let units = (sizes[0].max / NARROW_MAX, if counts { 1.0 } else { sizes[1].max / NARROW_MAX });
            let to = (1.0 / units.0, 1.0 / units.1);
            let rows = pairs(g, h, |g, h| word((g * to.0).round_ties_even(), (h * to.1).round_ties_even()));
            return Some(Units { rows: Rows::Narrow(rows), g: units.0, h: units.1 });
        }
        // Sums of all rows stay below 2^52, so that every sum of some of them is exact.
        let bits = 52 - (usize::BITS - g.len().leading_zeros());
        let most = (1_u64 << bits) as f64;
        let units = (sizes[0].max / most, if counts { 1.0 } else { sizes[1].max / most });
        let to = (1.0 / units.0, 1.0 / units.1);
        let rows = pairs(g, h, |g, h| [(g * to.0).round_ties_even(), (h * to.1).round_ties_even()]);
        Some(Units { rows: Rows::Wide(rows), g: units.0, h: units.1 })
    }
}

/// Largest magnitude and sum of magnitudes.
#[derive(Clone, Copy)]
struct Size {
    max: f64,
    sum: f64,
}

impl Size {
    fn of(values: &[f32]) -> Self {
        let parts: Vec<Self> = values
            .par_chunks(CHUNK)
            .map(|chunk| {
                // Eight running sums in a fixed pattern, which the compiler may keep in vector registers.
                let (mut max, mut sum) = ([0.0_f32; 8], [0.0_f32; 8]);
                for eight in chunk.chunks(8) {
                    for (at, value) in eight.iter().enumerate() {
                        let size = value.abs();
                        max[at] = if size > max[at] { size } else { max[at] };
                        sum[at] += size;
                    }
                }
                let max = max.iter().copied().fold(0.0, f32::max);
                Self { max: f64::from(max), sum: sum.iter().map(|s| f64::from(*s)).sum() }
            })
            .collect();
        parts.iter().fold(Self { max: 0.0, sum: 0.0 }, |a, b| Self { max: a.max.max(b.max), sum: a.sum + b.sum })
    }
}

fn pairs<T: Send + Copy + Default>(g: &[f32], h: &[f32], make: impl Fn(f64, f64) -> T + Sync) -> Vec<T> {
    let mut out = vec![T::default(); g.len()];
    out.par_chunks_mut(CHUNK).zip(g.par_chunks(CHUNK).zip(h.par_chunks(CHUNK))).for_each(|(out, (g, h))| {
        out.iter_mut().zip(g.iter().zip(h)).for_each(|(out, (g, h))| *out = make(f64::from(*g), f64::from(*h)));
    });
    out
}

/// A number in `[0, 1)` that belongs to a row in the round `key`.
fn draw(key: u64, row: u32) -> f64 {
    (mix(key ^ u64::from(row)) >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}
