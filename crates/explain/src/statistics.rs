//! What intervals are made of.

use crate::count;

/// The number `t` such that a Student-distributed number with this many degrees of freedom is within ±`t` with probability
/// `confidence`. Bisection on the distribution function.
pub(crate) fn student(confidence: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while within(high, freedom) < confidence && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if within(middle, freedom) < confidence { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// The probability that a Student-distributed number is within ±`t`: `1 − I_x(ν/2, 1/2)` with `x = ν / (ν + t²)`.
fn within(t: f64, freedom: f64) -> f64 {
    1.0 - regularised_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// The regularised incomplete beta function, by Lentz's evaluation of its continued fraction (Press and others, "Numerical
/// recipes", 6.4).
fn regularised_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let bound = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / bound(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..300 {
        let m = count(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for term in [even, odd] {
            d = 1.0 / bound(1.0 + term * d);
            c = bound(1.0 + term / c);
            value *= d * c;
        }
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// The logarithm of the gamma function for positive numbers (Lanczos, g = 7).
#[expect(clippy::excessive_precision, reason = "the coefficients as they are published")]
fn ln_gamma(x: f64) -> f64 {
    const C: [f64; 9] = [
        0.999_999_999_999_809_93,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_13,
        -176.615_029_162_140_59,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_571_6e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = C.iter().enumerate().skip(1).fold(C[0], |s, (i, c)| s + c / (x + count(i)));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// Mean and standard deviation (of a sample: `n − 1`); the latter is 0 for a single number.
pub(crate) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = count(values.len());
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let square: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (square / (n - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_quantiles_as_tabled() {
        let table = [
            (0.95, 1.0, 12.706_204_736),
            (0.95, 9.0, 2.262_157_163),
            (0.99, 4.0, 4.604_094_871),
            (0.9, 100.0, 1.660_234_326),
        ];
        for (confidence, freedom, expected) in table {
            let found = student(confidence, freedom);
            assert!((found - expected).abs() < 1e-8, "{confidence}, {freedom}: {found} for {expected}");
        }
    }
}
