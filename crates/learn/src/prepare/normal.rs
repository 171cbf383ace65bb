//! Ranks as quantiles of the normal distribution.

use serde::{Deserialize, Serialize};

/// Values at equal steps of rank; between them rank goes in straight lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Normal {
    pub(super) marks: Vec<f64>,
}

/// Steps of rank: finer ones follow noise.
const MARKS: usize = 200;
/// Ranks are kept this far from 0 and 1, which keeps results within ±3.
pub(super) const EDGE: f64 = 0.001_349_898_031_630_095;

impl Normal {
    /// `sorted`: the training values, ascending, at least one.
    pub(super) fn new(sorted: &[f64]) -> Self {
        let marks = MARKS.min(sorted.len());
        let last = sorted.len() - 1;
        Self { marks: (0..marks).map(|at| sorted[at * last / (marks - 1).max(1)]).collect() }
    }

    pub(super) fn is_sound(&self) -> bool {
        !self.marks.is_empty() && self.marks.windows(2).all(|pair| pair[0] <= pair[1])
    }

    pub(super) fn apply(&self, value: f64) -> f64 {
        let below = self.marks.partition_point(|mark| *mark < value);
        let upto = self.marks.partition_point(|mark| *mark <= value);
        let last = self.marks.len().saturating_sub(1).max(1);
        #[expect(clippy::cast_precision_loss, reason = "at most 200 marks")]
        let rank = if upto > below {
            // Equal marks: the middle of their ranks.
            (below + upto - 1) as f64 / 2.0 / last as f64
        } else if below == 0 {
            0.0
        } else if below == self.marks.len() {
            1.0
        } else {
            let (low, high) = (self.marks[below - 1], self.marks[below]);
            ((below - 1) as f64 + (value - low) / (high - low)) / last as f64
        };
        probit(rank.clamp(EDGE, 1.0 - EDGE))
    }
}

/// Numerator and denominator of the rational approximation in the middle…
pub(super) const MIDDLE: [f64; 6] = [
    -3.969_683_028_665_376e1,
    2.209_460_984_245_205e2,
    -2.759_285_104_469_687e2,
    1.383_577_518_672_69e2,
    -3.066_479_806_614_716e1,
    2.506_628_277_459_239,
];
pub(super) const MIDDLE_BELOW: [f64; 5] = [
    -5.447_609_879_822_406e1,
    1.615_858_368_580_409e2,
    -1.556_989_798_598_866e2,
    6.680_131_188_771_972e1,
    -1.328_068_155_288_572e1,
];
/// …and in the tails, which begin here.
pub(super) const TAIL: [f64; 6] = [
    -7.784_894_002_430_293e-3,
    -3.223_964_580_411_365e-1,
    -2.400_758_277_161_838,
    -2.549_732_539_343_734,
    4.374_664_141_464_968,
    2.938_163_982_698_783,
];
pub(super) const TAIL_BELOW: [f64; 4] =
    [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
pub(super) const TAIL_FROM: f64 = 0.024_25;

/// The quantile function of the normal distribution (Acklam's rational approximation, relative error below 1.2e-9).
pub(crate) fn probit(p: f64) -> f64 {
    let horner = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        horner(&TAIL, q) / (horner(&TAIL_BELOW, q) * q + 1.0)
    };
    if p < TAIL_FROM {
        tail(p)
    } else if p > 1.0 - TAIL_FROM {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        horner(&MIDDLE, r) * q / (horner(&MIDDLE_BELOW, r) * r + 1.0)
    }
}
