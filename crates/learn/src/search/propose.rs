//! The next choice, from what was learnt so far: first which family, by how good its best is and what its trials cost; then
//! where in its cube, by steps around its best that grow shorter when they fail (cost-frugal: Wu, Wang and Huang, "Frugal
//! optimization for cost-related hyperparameters", 2021) in turn with a tree-structured Parzen estimator (Bergstra et al.,
//! "Algorithms for hyper-parameter optimization", 2011).
//!
//! Decisions depend on losses, work and the seed alone: the same past leads to the same proposal.

use super::{Config, Family, portfolio, space};
use crate::random::Random;

/// A trial that has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Past<'a> {
    /// What was tried.
    pub config: &'a Config,
    /// How good it was; less is better. `None`: it failed.
    pub loss: Option<f64>,
    /// What it cost, in units of work.
    pub work: f64,
}

/// First length of a step in the cube.
const STEP: f64 = 0.25;
/// What a step becomes after one that failed.
const SHRINK: f64 = 0.85;
/// Trials of a family before densities say anything.
const DENSITY: usize = 8;
/// Points drawn from the density of good ones, of which the most promising is tried.
const DRAWS: usize = 24;
/// Points that may turn out to be known before a family is given up; the second half of them lie anywhere.
const ATTEMPTS: i32 = 20;
/// Families that are asked.
const FAMILIES: usize = 10;

/// The next choice. `number` is that of the trial; `past` holds all trials before it. `None` if no family is left.
#[must_use]
pub fn propose(past: &[Past<'_>], seed: u64, number: usize) -> Option<Config> {
    let mut random = Random::stream(seed, "proposal", number as u64);
    // A family may turn out to have nothing new to offer.
    (0..FAMILIES).find_map(|_| within_family(choose_family(past, &mut random)?, past, &mut random))
}

/// The next choice of a family.
fn within_family(family: Family, past: &[Past<'_>], random: &mut Random) -> Option<Config> {
    let mut own: Vec<&Past<'_>> = past.iter().filter(|p| p.config.family() == family && p.loss.is_some()).collect();
    // Stable: of equally good ones the first.
    own.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
    let best = own.first()?;
    // A few attempts to come to something that has not been tried.
    for attempt in 0..ATTEMPTS {
        let point = if attempt > ATTEMPTS / 2 {
            space::shape(family).iter().map(|_| random.unit()).collect()
        } else if own.len() >= DENSITY && random.chance(0.5) {
            by_density(&own, family, random)
        } else {
            step(best, past, family, attempt, random)
        };
        let mut config = best.config.at(&point);
        if let Config::Boost { learning_rate, rounds, .. } = &mut config {
            *rounds = portfolio::rounds(*learning_rate);
        }
        if !past.iter().any(|p| *p.config == config) {
            return Some(config);
        }
    }
    None
}

fn loss(past: &Past<'_>) -> f64 {
    past.loss.unwrap_or(f64::INFINITY)
}

/// A family's chance falls with the distance of its best from the best of all, in units of the middle distance, and with the
/// square root of what its trials cost.
fn choose_family(past: &[Past<'_>], random: &mut Random) -> Option<Family> {
    let families: Vec<(Family, f64, f64)> = Family::ALL
        .into_iter()
        .filter(|family| *family != Family::Baseline && !exhausted(past, *family))
        .filter_map(|family| {
            let own = || past.iter().filter(move |p| p.config.family() == family && p.loss.is_some());
            let best = own().map(loss).min_by(f64::total_cmp)?;
            #[expect(clippy::cast_precision_loss, reason = "a number of trials")]
            let work = own().map(|p| p.work).sum::<f64>() / own().count() as f64;
            Some((family, best, work))
        })
        .collect();
    let best = families.iter().map(|f| f.1).min_by(f64::total_cmp)?;
    let mut distances: Vec<f64> = families.iter().map(|f| f.1 - best).collect();
    distances.sort_by(f64::total_cmp);
    let unit = distances[distances.len() / 2].max(1e-12 * best.abs().max(1e-12));
    let cheapest = families.iter().map(|f| f.2).min_by(f64::total_cmp)?.max(1.0);
    let weights: Vec<f64> = families
        .iter()
        .map(|(_, loss, work)| (-2.5 * (loss - best) / unit).exp() / (work.max(1.0) / cheapest).powf(0.3))
        .collect();
    let mut ball = random.unit() * weights.iter().sum::<f64>();
    for ((family, ..), weight) in families.iter().zip(&weights) {
        ball -= weight;
        if ball <= 0.0 {
            return Some(*family);
        }
    }
    families.first().map(|f| f.0)
}

/// Families whose parameters are few choices are soon tried out.
fn exhausted(past: &[Past<'_>], family: Family) -> bool {
    let all: Option<usize> = space::shape(family).into_iter().product::<Option<usize>>();
    let tried = past.iter().filter(|p| p.config.family() == family).count();
    all.is_some_and(|all| tried >= all)
}

/// A step from the best in a random direction, shorter for every trial since that did no better.
fn step(best: &Past<'_>, past: &[Past<'_>], family: Family, attempt: i32, random: &mut Random) -> Vec<f64> {
    let after = past.iter().skip_while(|p| !std::ptr::eq(p.config, best.config));
    let failed = after.filter(|p| p.config.family() == family).count().saturating_sub(1);
    // Many attempts in a row that lead to known points: look farther.
    let length =
        STEP * SHRINK.powi(i32::try_from(failed).unwrap_or(i32::MAX).min(12)) * (1.0 + 0.2 * f64::from(attempt));
    let shape = space::shape(family);
    let direction: Vec<f64> = shape.iter().map(|_| random.normal()).collect();
    let size = direction.iter().map(|d| d * d).sum::<f64>().sqrt().max(1e-9);
    let dimensions = direction.len();
    #[expect(clippy::cast_precision_loss, reason = "a handful of dimensions")]
    let scale = length * (dimensions as f64).sqrt() / size;
    best.config
        .point()
        .iter()
        .zip(&shape)
        .zip(direction)
        .map(|((x, choices), d)| match choices {
            Some(_) if random.chance(0.2) => random.unit(),
            Some(_) => *x,
            None => reflect(x + scale * d),
        })
        .collect()
}

/// Walls throw back: points do not pile up on them.
fn reflect(x: f64) -> f64 {
    let x = x.rem_euclid(2.0);
    if x > 1.0 { 2.0 - x } else { x }
}

/// The draw from the density of the good quarter at which it exceeds the density of the others most.
fn by_density(sorted: &[&Past<'_>], family: Family, random: &mut Random) -> Vec<f64> {
    let good = (sorted.len() / 4).clamp(2, 25);
    let points: Vec<Vec<f64>> = sorted.iter().map(|p| p.config.point()).collect();
    let (near, far) = points.split_at(good);
    let shape = space::shape(family);
    let draws = (0..DRAWS).map(|_| {
        let centre = &near[random.below(near.len())];
        let point: Vec<f64> = centre
            .iter()
            .zip(&shape)
            .map(|(x, choices)| match choices {
                Some(_) if random.chance(0.15) => random.unit(),
                Some(_) => *x,
                None => reflect(x + 0.15 * random.normal()),
            })
            .collect();
        let promise = density(near, &point, &shape).ln() - density(far, &point, &shape).ln();
        (promise, point)
    });
    let mut best: Option<(f64, Vec<f64>)> = None;
    for draw in draws {
        if best.as_ref().is_none_or(|b| draw.0 > b.0) {
            best = Some(draw);
        }
    }
    best.map(|(_, point)| point).unwrap_or_default()
}

/// Mean of kernels at the points, and a little everywhere.
fn density(points: &[Vec<f64>], at: &[f64], shape: &[Option<usize>]) -> f64 {
    let one = |point: &Vec<f64>| -> f64 {
        let parts = point.iter().zip(at).zip(shape).map(|((a, b), choices)| match choices {
            #[expect(clippy::cast_precision_loss, reason = "a handful of choices")]
            Some(n) => {
                let same = (a * *n as f64).floor() == (b * *n as f64).floor();
                if same { 0.85 } else { 0.15 }
            }
            None => (-((a - b) / 0.2).powi(2) / 2.0).exp(),
        });
        parts.product()
    };
    #[expect(clippy::cast_precision_loss, reason = "a number of trials")]
    let mean = points.iter().map(one).sum::<f64>() / points.len().max(1) as f64;
    mean + 1e-3
}
