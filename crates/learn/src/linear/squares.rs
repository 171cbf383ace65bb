//! Least squares with elastic net.

use super::{Linear, Params};
use crate::linear_algebra::{add_scaled, dot};
use crate::optimise::{Effort, minimise};
use crate::rows::Rows;

/// Up to this many columns the matrix of covariances is kept (18 MB).
const COVARIANCES: usize = 1_500;

pub(super) fn path(
    rows: &Rows,
    y: &[f64],
    penalties: &[f64],
    params: &Params,
    more: &mut dyn FnMut(&Linear) -> bool,
) -> Vec<Linear> {
    let problem = Problem::new(rows, y);
    let covariances = (rows.width() <= COVARIANCES).then(|| problem.covariances());
    let mut weights = vec![0.0; rows.width()];
    let mut models = Vec::with_capacity(penalties.len());
    for penalty in penalties {
        match &covariances {
            Some(covariances) => descend(covariances, &mut weights, *penalty, params, problem.scale),
            None => problem.by_gradient(&mut weights, *penalty, params),
        }
        let intercept = problem.mean_y - dot(&weights, &problem.means);
        let model = Linear { weights: weights.clone(), intercepts: vec![intercept], classes: 0 };
        let go_on = more(&model);
        models.push(model);
        if !go_on {
            break;
        }
    }
    models
}

struct Problem<'a> {
    rows: &'a Rows,
    y: &'a [f64],
    n: f64,
    means: Vec<f64>,
    mean_y: f64,
    /// Standard deviation of the truth: how small is small.
    scale: f64,
}

/// `Xᵀ X / n` and `Xᵀ y / n` of the centred columns.
struct Covariances {
    of_columns: Vec<f64>,
    with_y: Vec<f64>,
}

impl<'a> Problem<'a> {
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    fn new(rows: &'a Rows, y: &'a [f64]) -> Self {
        let n = rows.len() as f64;
        let mut means = vec![0.0; rows.width()];
        rows.iter().for_each(|row| add_scaled(&mut means, 1.0 / n, row));
        let mean_y = y.iter().sum::<f64>() / n;
        let scale = (y.iter().map(|y| (y - mean_y).powi(2)).sum::<f64>() / n).sqrt();
        Self { rows, y, n, means, mean_y, scale }
    }

    fn centred(&self, row: &[f64], into: &mut [f64]) {
        into.iter_mut().zip(row).zip(&self.means).for_each(|((out, x), mean)| *out = x - mean);
    }

    fn covariances(&self) -> Covariances {
        let width = self.rows.width();
        let mut of_columns = vec![0.0; width * width];
        let mut with_y = vec![0.0; width];
        let mut row = vec![0.0; width];
        for (x, y) in self.rows.iter().zip(self.y) {
            self.centred(x, &mut row);
            add_scaled(&mut with_y, (y - self.mean_y) / self.n, &row);
            for (j, x) in row.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                add_scaled(&mut of_columns[j * width..j * width + j + 1], x / self.n, &row[..=j]);
            }
        }
        for j in 0..width {
            for k in 0..j {
                of_columns[k * width + j] = of_columns[j * width + k];
            }
        }
        Covariances { of_columns, with_y }
    }

    fn by_gradient(&self, weights: &mut Vec<f64>, penalty: f64, params: &Params) {
        let (lasso, ridge) = (penalty * params.l1_ratio, penalty * (1.0 - params.l1_ratio));
        let l1 = vec![lasso; weights.len()];
        let effort = Effort { steps: params.steps, flat: 1e-6 * self.scale.max(f64::MIN_POSITIVE), gain: 1e-9 };
        let mut row = vec![0.0; weights.len()];
        minimise(weights, &l1, effort, |w, gradient| {
            gradient.iter_mut().zip(w).for_each(|(g, w)| *g = ridge * w);
            let mut value = ridge * dot(w, w) / 2.0;
            for (x, y) in self.rows.iter().zip(self.y) {
                self.centred(x, &mut row);
                let residual = dot(&row, w) - (y - self.mean_y);
                value += residual * residual / (2.0 * self.n);
                add_scaled(gradient, residual / self.n, &row);
            }
            value
        });
    }
}

/// Coordinate descent; each weight in turn goes where its own slope is 0.
fn descend(c: &Covariances, weights: &mut [f64], penalty: f64, params: &Params, scale: f64) {
    let width = weights.len();
    let (lasso, ridge) = (penalty * params.l1_ratio, penalty * (1.0 - params.l1_ratio));
    // The slope of each weight: Xᵀ (y − X w) / n.
    let mut slopes = c.with_y.clone();
    for (j, weight) in weights.iter().enumerate().filter(|(_, w)| **w != 0.0) {
        add_scaled(&mut slopes, -weight, &c.of_columns[j * width..(j + 1) * width]);
    }
    // Correlated columns need many sweeps; each costs no more than a look at the covariances.
    for _ in 0..params.steps.saturating_mul(20) {
        let mut moved: f64 = 0.0;
        for j in 0..width {
            let own = c.of_columns[j * width + j];
            if own + ridge <= 0.0 {
                continue;
            }
            let slope = slopes[j] + own * weights[j];
            let next = slope.signum() * (slope.abs() - lasso).max(0.0) / (own + ridge);
            let step = next - weights[j];
            if step != 0.0 {
                weights[j] = next;
                add_scaled(&mut slopes, -step, &c.of_columns[j * width..(j + 1) * width]);
                moved = moved.max(step.abs() * own.sqrt());
            }
        }
        if moved <= 1e-7 * scale {
            break;
        }
    }
}
