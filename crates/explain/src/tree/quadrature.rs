//! Gauss's rule: the integral of a polynomial as a weighted sum of its values at few points.

use std::f64::consts::PI;

/// The `points` nodes in (0, 1), ascending, and their weights: `Σ weight · p(node) = ∫₀¹ p(t) dt` for every polynomial `p` of
/// degree below `2 · points`. Roots of the Legendre polynomial by Newton's method from Tricomi's estimate.
#[must_use]
pub(crate) fn gauss(points: usize) -> Vec<(f64, f64)> {
    let count = to_f64(points);
    let mut rule: Vec<(f64, f64)> = (0..points)
        .map(|i| {
            let mut x = (PI * (to_f64(i) + 0.75) / (count + 0.5)).cos();
            // Newton doubles the digits; from this start a handful of steps reaches the last bit.
            for _ in 0..8 {
                let (value, slope) = legendre(points, x);
                x -= value / slope;
            }
            let (_, slope) = legendre(points, x);
            // On [-1, 1] the weight is 2 / ((1 - x²) p'²); half of it on [0, 1].
            ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect();
    rule.sort_by(|a, b| a.0.total_cmp(&b.0));
    rule
}

/// The Legendre polynomial of this degree and its derivative at `x`.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut here) = (1.0, x);
    for k in 2..=degree {
        let k = to_f64(k);
        (before, here) = (here, ((2.0 * k - 1.0) * x * here - (k - 1.0) * before) / k);
    }
    (here, to_f64(degree) * (x * here - before) / (x * x - 1.0))
}

#[expect(clippy::cast_precision_loss, reason = "numbers of points are small")]
const fn to_f64(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrates_every_power_it_should() {
        for points in [1, 2, 3, 4, 7, 16, 40] {
            let rule = gauss(points);
            for power in 0..2 * points {
                let power = i32::try_from(power).unwrap();
                let sum: f64 = rule.iter().map(|(t, w)| w * t.powi(power)).sum();
                let exact = 1.0 / f64::from(power + 1);
                assert!((sum - exact).abs() < 1e-15 * 8.0, "{points} points, t^{power}: {sum} for {exact}");
            }
        }
    }
}
