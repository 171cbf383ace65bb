//! The one generator of random numbers: xoshiro256++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators",
//! 2021), its state filled by SplitMix64 from a seed, the purpose the numbers serve and an index.
//!
//! Streams of different purposes or indices are independent, so a step may be left out, repeated or run on another thread
//! without changing the numbers of any other.
//!
//! ```
//! use rhiza_learn::random::Random;
//! let mut bootstrap = Random::stream(42, "bootstrap", 7);
//! let row = bootstrap.below(100);
//! assert!(row < 100);
//! assert_eq!(row, Random::stream(42, "bootstrap", 7).below(100));
//! ```

/// A stream of random numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Random {
    state: [u64; 4],
}

/// SplitMix64's increment (2^64 / φ, odd) and its two multipliers (Stafford's mix 13).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX_1: u64 = 0xbf58_476d_1ce4_e5b9;
const MIX_2: u64 = 0x94d0_49bb_1331_11eb;

/// One output of SplitMix64 for the state `x`: a bijection of 64 bits that leaves no visible pattern. Good as a hash of one word.
#[must_use]
pub const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(GOLDEN);
    let x = (x ^ (x >> 30)).wrapping_mul(MIX_1);
    let x = (x ^ (x >> 27)).wrapping_mul(MIX_2);
    x ^ (x >> 31)
}

impl Random {
    /// The stream that belongs to `seed`, a `purpose` (any fixed words) and an `index` (the number of the tree, fold, trial …).
    #[must_use]
    pub fn stream(seed: u64, purpose: &str, index: u64) -> Self {
        let mut key = mix(seed);
        for byte in purpose.bytes() {
            key = mix(key ^ u64::from(byte));
        }
        // The length separates a purpose from one that merely begins alike and happens to meet the same index.
        key = mix(key ^ purpose.len() as u64);
        key = mix(key ^ index);
        let mut state = [0; 4];
        for word in &mut state {
            key = key.wrapping_add(GOLDEN);
            *word = mix(key);
        }
        Self { state }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number in `[0, 1)`, a multiple of 2^-53.
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are just what an f64 holds")]
        let whole = (self.bits() >> 11) as f64;
        whole * (1.0 / 9_007_199_254_740_992.0)
    }

    /// A number in `[low, high)`; `low` when the interval is empty.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        let x = low + (high - low) * self.unit();
        if x < high { x } else { low }
    }

    /// A whole number in `0..bound`, each equally likely; 0 when `bound` is 0. (Lemire, "Fast random integer generation in an
    /// interval", 2019.)
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        if bound == 0 {
            return 0;
        }
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.bits()) * u128::from(bound);
            #[expect(clippy::cast_possible_truncation, reason = "the low half is what decides about another throw")]
            if product as u64 >= threshold {
                #[expect(clippy::cast_possible_truncation, reason = "less than bound, which was a usize")]
                return (product >> 64) as usize;
            }
        }
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// A number from the standard normal distribution (Marsaglia's polar method).
    pub fn normal(&mut self) -> f64 {
        loop {
            let x = self.unit() * 2.0 - 1.0;
            let y = self.unit() * 2.0 - 1.0;
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * square.ln() / square).sqrt();
            }
        }
    }

    /// Puts `items` in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }

    /// `0..n` in a random order.
    #[must_use]
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }

    /// `count` different numbers out of `0..n`, in ascending order; all of them when `count ≥ n`. (Selection sampling: Knuth,
    /// volume 2, algorithm S.)
    #[must_use]
    pub fn sample(&mut self, n: usize, count: usize) -> Vec<usize> {
        let mut chosen = Vec::with_capacity(count.min(n));
        let mut wanted = count.min(n);
        for at in 0..n {
            if wanted == 0 {
                break;
            }
            if self.below(n - at) < wanted {
                chosen.push(at);
                wanted -= 1;
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests;
