//! Minimising a smooth function plus an L1 penalty: L-BFGS (Nocedal, "Updating quasi-Newton matrices with limited storage",
//! 1980) with the orthant-wise projection of Andrew and Gao ("Scalable training of L1-regularized log-linear models", 2007).

use crate::linear_algebra::{add_scaled, dot};

/// Pairs of steps and slopes that are remembered.
const MEMORY: usize = 10;
/// Armijo's constant: a step must bring this share of what the slope promises.
const ARMIJO: f64 = 1e-4;

/// When to be content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Most steps.
    pub(crate) steps: usize,
    /// Largest entry of the (pseudo-)gradient that counts as flat.
    pub(crate) flat: f64,
    /// Share of the value that a step has to bring for another one.
    pub(crate) gain: f64,
}

/// Minimises `smooth(x) + Σ l1[i] |x[i]|` from `x` on, in place. `smooth` gives its value and writes its gradient; it has to be
/// bounded below and differentiable. Gives the number of evaluations.
pub(crate) fn minimise(
    x: &mut Vec<f64>,
    l1: &[f64],
    effort: Effort,
    mut smooth: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> usize {
    let n = x.len();
    let penalty = |x: &[f64]| x.iter().zip(l1).map(|(x, l)| l * x.abs()).sum::<f64>();
    let mut gradient = vec![0.0; n];
    let mut value = smooth(x, &mut gradient) + penalty(x);
    let (mut steps, mut slopes): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
    let mut evaluations = 1;
    for _ in 0..effort.steps {
        let downhill = pseudo_gradient(x, &gradient, l1);
        if downhill.iter().fold(0.0, |most: f64, g| most.max(g.abs())) <= effort.flat {
            break;
        }
        let mut direction = two_loops(&downhill, &steps, &slopes);
        // Within the orthant only: a component that would go up is left out.
        direction.iter_mut().zip(&downhill).zip(l1).for_each(|((d, g), l)| {
            if *l > 0.0 && *d * *g >= 0.0 {
                *d = 0.0;
            }
        });
        let slope = dot(&direction, &downhill);
        if slope >= 0.0 {
            if steps.is_empty() {
                break;
            }
            // The memory misleads: begin anew with the steepest way.
            steps.clear();
            slopes.clear();
            continue;
        }
        let mut length = if steps.is_empty() { 1.0 / dot(&downhill, &downhill).sqrt().max(1.0) } else { 1.0 };
        let mut next_gradient = vec![0.0; n];
        let mut accepted = None;
        for _ in 0..30 {
            let next = stepped(x, &direction, length, &downhill, l1);
            let next_value = smooth(&next, &mut next_gradient) + penalty(&next);
            evaluations += 1;
            let promised: f64 = next.iter().zip(&*x).zip(&downhill).map(|((a, b), g)| (a - b) * g).sum();
            if next_value <= value + ARMIJO * promised && next_value.is_finite() {
                accepted = Some((next, next_value));
                break;
            }
            length *= 0.5;
        }
        let Some((next, next_value)) = accepted else { break };
        let step: Vec<f64> = next.iter().zip(&*x).map(|(a, b)| a - b).collect();
        let slope: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let gained = value - next_value;
        if dot(&step, &slope) > 1e-12 * dot(&slope, &slope) {
            if steps.len() == MEMORY {
                steps.remove(0);
                slopes.remove(0);
            }
            steps.push(step);
            slopes.push(slope);
        }
        (*x, value, gradient) = (next, next_value, next_gradient);
        if gained <= effort.gain * value.abs().max(1e-10) {
            break;
        }
    }
    evaluations
}

/// The gradient of the whole, and where the penalty has a kink at 0 the side that goes down.
fn pseudo_gradient(x: &[f64], gradient: &[f64], l1: &[f64]) -> Vec<f64> {
    let each = x.iter().zip(gradient).zip(l1).map(|((x, g), l)| {
        if *l == 0.0 {
            *g
        } else if *x != 0.0 {
            g + l * x.signum()
        } else if g + l < 0.0 {
            g + l
        } else if g - l > 0.0 {
            g - l
        } else {
            0.0
        }
    });
    each.collect()
}

/// The quasi-Newton direction, downhill.
fn two_loops(gradient: &[f64], steps: &[Vec<f64>], slopes: &[Vec<f64>]) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut alphas = vec![0.0; steps.len()];
    for at in (0..steps.len()).rev() {
        alphas[at] = dot(&steps[at], &q) / dot(&steps[at], &slopes[at]);
        add_scaled(&mut q, -alphas[at], &slopes[at]);
    }
    if let (Some(step), Some(slope)) = (steps.last(), slopes.last()) {
        let scale = dot(step, slope) / dot(slope, slope);
        q.iter_mut().for_each(|x| *x *= scale);
    }
    for at in 0..steps.len() {
        let beta = dot(&slopes[at], &q) / dot(&steps[at], &slopes[at]);
        add_scaled(&mut q, alphas[at] - beta, &steps[at]);
    }
    q
}

/// A step that stops at 0 where it would change a penalised sign.
fn stepped(x: &[f64], direction: &[f64], length: f64, downhill: &[f64], l1: &[f64]) -> Vec<f64> {
    let each = x.iter().zip(direction).zip(downhill).zip(l1).map(|(((x, d), g), l)| {
        let next = x + length * d;
        if *l == 0.0 {
            return next;
        }
        let orthant = if *x == 0.0 { -g.signum() } else { x.signum() };
        if next * orthant > 0.0 { next } else { 0.0 }
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valley_is_followed_to_its_end() {
        let mut x = vec![-1.2, 1.0];
        let rosenbrock = |x: &[f64], g: &mut [f64]| {
            g[0] = -400.0 * x[0] * (x[1] - x[0] * x[0]) - 2.0 * (1.0 - x[0]);
            g[1] = 200.0 * (x[1] - x[0] * x[0]);
            100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)
        };
        minimise(&mut x, &[0.0, 0.0], Effort { steps: 200, flat: 1e-8, gain: 0.0 }, rosenbrock);
        assert!((x[0] - 1.0).abs() < 1e-4 && (x[1] - 1.0).abs() < 1e-4, "{x:?}");
    }

    #[test]
    fn a_penalty_makes_zeros() {
        // (x - 3)² / 2 + (y - 0.5)² / 2 with penalty 1: soft thresholds.
        let mut x = vec![0.0, 0.0];
        let bowl = |x: &[f64], g: &mut [f64]| {
            g.copy_from_slice(&[x[0] - 3.0, x[1] - 0.5]);
            ((x[0] - 3.0).powi(2) + (x[1] - 0.5).powi(2)) / 2.0
        };
        minimise(&mut x, &[1.0, 1.0], Effort { steps: 50, flat: 1e-9, gain: 0.0 }, bowl);
        assert!((x[0] - 2.0).abs() < 1e-8 && x[1] == 0.0, "{x:?}");
    }
}
