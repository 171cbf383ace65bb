//! Small dense systems of linear equations.

use crate::ExplainError;

/// A symmetric positive definite matrix, factored (Cholesky).
#[derive(Debug, Clone)]
pub(crate) struct Factor {
    size: usize,
    lower: Vec<f64>,
}

impl Factor {
    /// Factors `matrix` (row by row, only its lower half is read).
    ///
    /// # Errors
    /// [`ExplainError::Singular`] naming `what` when the matrix is not positive definite as far as rounding can tell.
    pub(crate) fn new(what: &'static str, size: usize, matrix: &[f64]) -> Result<Self, ExplainError> {
        let mut lower = matrix.to_vec();
        let scale = (0..size).fold(0.0_f64, |m, i| m.max(matrix[i * size + i].abs()));
        for i in 0..size {
            for j in 0..=i {
                let dot: f64 = (0..j).map(|k| lower[i * size + k] * lower[j * size + k]).sum();
                let rest = matrix[i * size + j] - dot;
                if i != j {
                    lower[i * size + j] = rest / lower[j * size + j];
                } else if rest > scale * 1e-13 {
                    lower[i * size + i] = rest.sqrt();
                } else {
                    return Err(ExplainError::Singular(what));
                }
            }
        }
        Ok(Self { size, lower })
    }

    /// An entry of the lower triangle.
    pub(crate) fn lower(&self, row: usize, column: usize) -> f64 {
        self.lower[row * self.size + column]
    }

    /// The inverse of the lower triangle, row by row.
    pub(crate) fn inverse_lower(&self) -> Vec<f64> {
        let n = self.size;
        let mut inverse = vec![0.0; n * n];
        for j in 0..n {
            inverse[j * n + j] = 1.0 / self.lower(j, j);
            for i in j + 1..n {
                let dot: f64 = (j..i).map(|k| self.lower(i, k) * inverse[k * n + j]).sum();
                inverse[i * n + j] = -dot / self.lower(i, i);
            }
        }
        inverse
    }

    /// Solves for one right-hand side.
    pub(crate) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let n = self.size;
        let mut x = right.to_vec();
        for i in 0..n {
            let dot: f64 = (0..i).map(|k| self.lower[i * n + k] * x[k]).sum();
            x[i] = (x[i] - dot) / self.lower[i * n + i];
        }
        for i in (0..n).rev() {
            let dot: f64 = (i + 1..n).map(|k| self.lower[k * n + i] * x[k]).sum();
            x[i] = (x[i] - dot) / self.lower[i * n + i];
        }
        x
    }
}

/// A weighted ridge regression with an intercept that is not penalised.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ridge {
    pub intercept: f64,
    pub coefficients: Vec<f64>,
    /// Weighted share of the target's variance explained; 1 when the target does not vary.
    pub r2: f64,
}

/// Fits `target ≈ intercept + rows · coefficients`, minimising `Σ w (residual)² + penalty Σ coefficient²`.
pub(crate) fn ridge(
    what: &'static str,
    rows: &[f64],
    columns: usize,
    target: &[f64],
    weights: &[f64],
    penalty: f64,
) -> Result<Ridge, ExplainError> {
    let total: f64 = weights.iter().sum();
    let mut means = vec![0.0; columns];
    let mut mean = 0.0;
    for ((row, y), w) in rows.chunks_exact(columns.max(1)).zip(target).zip(weights) {
        means.iter_mut().zip(row).for_each(|(m, x)| *m += w * x / total);
        mean += w * y / total;
    }
    let mut gram = vec![0.0; columns * columns];
    let mut right = vec![0.0; columns];
    for ((row, y), w) in rows.chunks_exact(columns.max(1)).zip(target).zip(weights) {
        for i in 0..columns {
            let x = w * (row[i] - means[i]);
            right[i] += x * (y - mean);
            for j in 0..=i {
                gram[i * columns + j] += x * (row[j] - means[j]);
            }
        }
    }
    (0..columns).for_each(|i| gram[i * columns + i] += penalty);
    let coefficients = Factor::new(what, columns, &gram)?.solve(&right);
    let intercept = mean - means.iter().zip(&coefficients).map(|(m, c)| m * c).sum::<f64>();
    let (mut residual, mut spread) = (0.0, 0.0);
    for ((row, y), w) in rows.chunks_exact(columns.max(1)).zip(target).zip(weights) {
        let fitted = intercept + row.iter().zip(&coefficients).map(|(x, c)| x * c).sum::<f64>();
        residual += w * (y - fitted) * (y - fitted);
        spread += w * (y - mean) * (y - mean);
    }
    let r2 = if spread > 0.0 { 1.0 - residual / spread } else { 1.0 };
    Ok(Ridge { intercept, coefficients, r2 })
}
