//! Logistic and multinomial regression with elastic net.

use super::{Linear, Params};
use crate::linear_algebra::{add_scaled, dot};
use crate::optimise::{Effort, minimise};
use crate::rows::{Rows, softmax};

/// Slopes smaller than this are flat: log loss is of the order of 1.
const FLAT: f64 = 1e-5;
/// A step that brings less than this share of the loss is the last: no score would show it.
const GAIN: f64 = 1e-6;
/// Probabilities of the first intercepts are kept this far from 0.
const RARE: f64 = 1e-6;

pub(super) fn path(
    rows: &Rows,
    codes: &[u32],
    classes: u32,
    penalties: &[f64],
    params: &Params,
    more: &mut dyn FnMut(&Linear) -> bool,
) -> Vec<Linear> {
    let outputs = if classes == 2 { 1 } else { classes as usize };
    let width = rows.width();
    // Weights, then intercepts.
    let mut x = vec![0.0; width * outputs];
    x.extend(first_intercepts(codes, classes));
    let mut models = Vec::with_capacity(penalties.len());
    for penalty in penalties {
        let (lasso, ridge) = (penalty * params.l1_ratio, penalty * (1.0 - params.l1_ratio));
        let l1: Vec<f64> = (0..x.len()).map(|at| if at < width * outputs { lasso } else { 0.0 }).collect();
        let effort = Effort { steps: params.steps, flat: FLAT, gain: GAIN };
        minimise(&mut x, &l1, effort, |x, gradient| {
            if outputs == 1 {
                binary(rows, codes, x, ridge, gradient)
            } else {
                multinomial(rows, codes, outputs, x, ridge, gradient)
            }
        });
        let (weights, intercepts) = x.split_at(width * outputs);
        let model = Linear { weights: weights.to_vec(), intercepts: intercepts.to_vec(), classes };
        let go_on = more(&model);
        models.push(model);
        if !go_on {
            break;
        }
    }
    models
}

/// Scores that say how frequent classes are.
#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn first_intercepts(codes: &[u32], classes: u32) -> Vec<f64> {
    let share = |class: u32| {
        let rows = codes.iter().filter(|code| **code == class).count();
        (rows as f64 / codes.len() as f64).clamp(RARE, 1.0 - RARE)
    };
    if classes == 2 {
        let p = share(1);
        return vec![(p / (1.0 - p)).ln()];
    }
    (0..classes).map(|class| share(class).ln()).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn binary(rows: &Rows, codes: &[u32], x: &[f64], ridge: f64, gradient: &mut [f64]) -> f64 {
    let (weights, intercept) = x.split_at(rows.width());
    let n = rows.len() as f64;
    let mut value = ridge * dot(weights, weights) / 2.0;
    let (slopes, last) = gradient.split_at_mut(rows.width());
    slopes.iter_mut().zip(weights).for_each(|(g, w)| *g = ridge * w);
    last[0] = 0.0;
    for (row, code) in rows.iter().zip(codes) {
        let score = intercept[0] + dot(row, weights);
        let y = f64::from(u8::from(*code == 1));
        // ln(1 + e^s) − y s without overflow.
        value += (score.max(0.0) + (-score.abs()).exp().ln_1p() - y * score) / n;
        let off = (1.0 / (1.0 + (-score).exp()) - y) / n;
        add_scaled(slopes, off, row);
        last[0] += off;
    }
    value
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn multinomial(rows: &Rows, codes: &[u32], outputs: usize, x: &[f64], ridge: f64, gradient: &mut [f64]) -> f64 {
    let split = rows.width() * outputs;
    let (weights, intercepts) = x.split_at(split);
    let n = rows.len() as f64;
    let mut value = ridge * dot(weights, weights) / 2.0;
    let (slopes, last) = gradient.split_at_mut(split);
    slopes.iter_mut().zip(weights).for_each(|(g, w)| *g = ridge * w);
    last.fill(0.0);
    let mut scores = vec![0.0; outputs];
    for (row, code) in rows.iter().zip(codes) {
        scores.copy_from_slice(intercepts);
        for (x, weights) in row.iter().zip(weights.chunks_exact(outputs)) {
            add_scaled(&mut scores, *x, weights);
        }
        softmax(&mut scores);
        value -= scores[*code as usize].max(f64::MIN_POSITIVE).ln() / n;
        scores[*code as usize] -= 1.0;
        scores.iter_mut().for_each(|score| *score /= n);
        for (x, slopes) in row.iter().zip(slopes.chunks_exact_mut(outputs)) {
            add_scaled(slopes, *x, &scores);
        }
        add_scaled(last, 1.0, &scores);
    }
    value
}
