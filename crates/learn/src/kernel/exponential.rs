//! The exponential function of numbers that are not positive, in operations that compilers turn into vectors: a kernel takes as many
//! of it as there are training rows. The same bits on every processor.

/// `1 / ln 2`.
const PER_DOUBLING: f64 = std::f64::consts::LOG2_E;
/// `ln 2` in two parts, the first with zeros at its end, so that its small multiples are exact.
const DOUBLING: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
/// Added to a number below 2⁵¹, the sum's last bits are its whole part, rounded.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// `1 / n!` from the 13th down: what is left out is below a tenth of the last bit.
const TERMS: [f64; 14] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];
/// Where results begin to lose bits.
const LEAST: f64 = -708.0;

/// `e^x` for `x ≤ 0`, to two units in the last place; below -708 that of -708, which is 3.3e-308.
#[inline(always)]
pub(super) fn exp_of_negative(x: f64) -> f64 {
    let x = x.max(LEAST);
    let shifted = x * PER_DOUBLING + ROUNDER;
    let doublings = shifted - ROUNDER;
    let rest = (x - doublings * DOUBLING[0]) - doublings * DOUBLING[1];
    let mut sum = TERMS[0];
    for term in &TERMS[1..] {
        sum = sum * rest + term;
    }
    // The whole part, moved to where a number's exponent is.
    sum * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential_function() {
        let mut x = 0.0_f64;
        while x > -707.0 {
            let (found, expected) = (exp_of_negative(x), x.exp());
            assert!((found - expected).abs() <= 4.5e-16 * expected, "{x}: {found} {expected}");
            x -= 0.001_37;
        }
        assert_eq!(exp_of_negative(-0.0), 1.0);
        assert!(exp_of_negative(f64::NEG_INFINITY) < 1e-300 && exp_of_negative(-1e300) < 1e-300);
    }
}
