//! Which of several coins falls on heads most often, with as few throws as it takes (KL-LUCB: Kaufmann and Kalyanakrishnan,
//! "Information complexity in bandit subset selection", 2013).

use crate::count;

/// Throws of a coin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Throws {
    pub(super) heads: usize,
    pub(super) all: usize,
}

impl Throws {
    pub(super) fn mean(self) -> f64 {
        count(self.heads) / count(self.all.max(1))
    }

    /// The largest probability of heads whose divergence from the mean is within `level / throws`.
    pub(super) fn upper(self, level: f64) -> f64 {
        let (mut low, mut high) = (self.mean(), 1.0);
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if divergence(self.mean(), middle) * count(self.all) > level { high = middle } else { low = middle }
        }
        if self.all == 0 { 1.0 } else { high }
    }

    /// The smallest such probability.
    pub(super) fn lower(self, level: f64) -> f64 {
        let (mut low, mut high) = (0.0, self.mean());
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if divergence(self.mean(), middle) * count(self.all) > level { low = middle } else { high = middle }
        }
        if self.all == 0 { 0.0 } else { low }
    }
}

/// Kullback and Leibler's divergence between two coins.
fn divergence(p: f64, q: f64) -> f64 {
    let term = |p: f64, q: f64| if p > 0.0 { p * (p / q.max(1e-300)).ln() } else { 0.0 };
    term(p, q) + term(1.0 - p, 1.0 - q)
}

/// The exploration rate after `round` rounds with `coins` coins: with probability `1 − risk` no bound is wrong in any round.
pub(super) fn level(coins: usize, round: usize, risk: f64) -> f64 {
    let rate = (405.5 * count(coins) * count(round).powf(1.1) / risk).ln();
    rate + rate.ln()
}

/// Throws until the `best` coins with the highest means are known up to `tolerance`, or `throw` says that there are no more throws.
/// Each coin must have been thrown once. Returns the coins, highest mean first.
pub(super) fn best_coins<E>(
    coins: &mut [Throws],
    best: usize,
    tolerance: f64,
    risk: f64,
    mut throw: impl FnMut(usize, &mut Throws) -> Result<bool, E>,
) -> Result<Vec<usize>, E> {
    let mut round = 1;
    loop {
        let mut order: Vec<usize> = (0..coins.len()).collect();
        order.sort_by(|a, b| coins[*b].mean().total_cmp(&coins[*a].mean()).then(a.cmp(b)));
        let (top, rest) = order.split_at(best.min(order.len()));
        let level = level(coins.len(), round, risk);
        let weakest = top.iter().map(|c| (*c, coins[*c].lower(level))).min_by(|a, b| a.1.total_cmp(&b.1));
        let rival = rest.iter().map(|c| (*c, coins[*c].upper(level))).max_by(|a, b| a.1.total_cmp(&b.1));
        let (Some((weakest, lower)), Some((rival, upper))) = (weakest, rival) else { return Ok(top.to_vec()) };
        if upper - lower < tolerance {
            return Ok(top.to_vec());
        }
        if !throw(weakest, &mut coins[weakest])? || !throw(rival, &mut coins[rival])? {
            return Ok(top.to_vec());
        }
        round += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rhiza_learn::random::Random;

    #[test]
    fn bounds_hold_the_divergence() {
        let throws = Throws { heads: 70, all: 100 };
        let (lower, upper) = (throws.lower(3.0), throws.upper(3.0));
        assert!((divergence(0.7, upper) * 100.0 - 3.0).abs() < 1e-6 && upper > 0.7);
        assert!((divergence(0.7, lower) * 100.0 - 3.0).abs() < 1e-6 && lower < 0.7);
        let all = Throws { heads: 10, all: 10 };
        assert!((all.lower(2.0) - (-0.2_f64).exp()).abs() < 1e-6 && all.upper(2.0) > 0.999);
        assert_eq!((Throws::default().lower(1.0), Throws::default().upper(1.0)), (0.0, 1.0));
    }

    #[test]
    fn finds_the_best_coins() {
        let odds = [0.2, 0.9, 0.5, 0.75, 0.4];
        for seed in 0..20 {
            let mut random = Random::stream(seed, "test coins", 0);
            let mut throw = |coin: usize, throws: &mut Throws| {
                for _ in 0..20 {
                    throws.all += 1;
                    throws.heads += usize::from(random.chance(odds[coin]));
                }
                Ok::<_, ()>(true)
            };
            let mut coins = [Throws::default(); 5];
            coins.iter_mut().enumerate().for_each(|(coin, throws)| assert_eq!(throw(coin, throws), Ok(true)));
            let mut best = best_coins(&mut coins, 2, 0.1, 0.05, throw).unwrap();
            best.sort_unstable();
            assert_eq!(best, [1, 3], "seed {seed}");
        }
    }
}
