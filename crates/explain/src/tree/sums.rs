//! What the contributions of forks are added up to.

use super::kernel::{Lanes, load, store};
use fearless_simd::{Simd, f64x8, prelude::*};

/// Where the parts of a fork's feature are added up.
pub(super) trait Sums {
    /// Whether the parts are wanted for each point, and all turns remembered.
    const PAIRS: bool;

    /// Takes `s Σ_t part(t)`, the fork's contribution to its own feature.
    fn add<S: Simd>(&mut self, simd: S, feature: u32, half: usize, s: f64x8<S>, total: f64x8<S>);

    /// Takes the contributions of the fork to its feature's interactions: `½ s Σ_t part(t) e(t)` for each other feature above.
    fn pair<S: Simd>(&mut self, simd: S, pair: u32, half: usize, value: f64x8<S>);
}

/// Shapley values: a number per used feature.
pub(super) struct Singles<'a>(pub &'a mut [Lanes]);

impl Sums for Singles<'_> {
    const PAIRS: bool = false;

    #[inline(always)]
    fn add<S: Simd>(&mut self, simd: S, feature: u32, half: usize, s: f64x8<S>, total: f64x8<S>) {
        let sum = &mut self.0[feature as usize];
        store(s.mul_add(total, load(simd, sum, half)), sum, half);
    }

    #[inline(always)]
    fn pair<S: Simd>(&mut self, _: S, _: u32, _: usize, _: f64x8<S>) {}
}

/// Interactions: a number per pair of features that meet on a path, and the Shapley values, a number per used feature.
pub(super) struct Pairs<'a> {
    pub singles: Singles<'a>,
    pub pairs: &'a mut [Lanes],
}

impl Sums for Pairs<'_> {
    const PAIRS: bool = true;

    #[inline(always)]
    fn add<S: Simd>(&mut self, simd: S, feature: u32, half: usize, s: f64x8<S>, total: f64x8<S>) {
        self.singles.add(simd, feature, half, s, total);
    }

    #[inline(always)]
    fn pair<S: Simd>(&mut self, simd: S, pair: u32, half: usize, value: f64x8<S>) {
        let sum = &mut self.pairs[pair as usize];
        store(load(simd, sum, half) + value, sum, half);
    }
}
