//! The nearest training rows, by exact search; what they say, weighted by nearness.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::matrix::Target;
use crate::rows::{FitError, Rows, indicators, outputs};

/// What can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Number of neighbours, 1 or more.
    pub k: usize,
    /// Neighbours weigh 1 / distance instead of 1.
    pub by_distance: bool,
    /// Distance is `Σ |x − z|` instead of `√(Σ (x − z)²)`.
    pub manhattan: bool,
    /// Neighbours of the overall mean that are mixed in: probabilities keep away from 0 and 1.
    pub prior: f64,
}

/// The training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbours {
    pub(crate) params: Params,
    pub(crate) columns: u32,
    pub(crate) rows: Arc<[f64]>,
    /// `rows × outputs`.
    pub(crate) truth: Arc<[f64]>,
    pub(crate) means: Vec<f64>,
}

impl Neighbours {
    /// Whether it reads rows of `columns` numbers and says `width` of them.
    pub(crate) fn is_sound(&self, columns: usize, width: usize) -> bool {
        self.columns as usize == columns
            && columns > 0
            && self.means.len() == width
            && self.params.k > 0
            && self.rows.len().is_multiple_of(columns)
            && Some(self.truth.len()) == (self.rows.len() / columns).checked_mul(width)
    }

    /// Keeps the rows.
    ///
    /// # Errors
    /// [`FitError`] for parameters out of range and rows that do not go with the target.
    pub fn fit(rows: &Rows, target: &Target, params: &Params) -> Result<Self, FitError> {
        rows.fits(target)?;
        if params.k == 0 {
            return Err(FitError::BadParam { name: "k", value: 0.0, rule: "1 or more" });
        }
        if !(params.prior >= 0.0 && params.prior.is_finite()) {
            return Err(FitError::BadParam { name: "prior", value: params.prior, rule: "a finite number, 0 or more" });
        }
        let width = outputs(target);
        let truth = indicators(target);
        let mut means = vec![0.0; width];
        #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
        let n = rows.len() as f64;
        truth.chunks_exact(width).for_each(|y| means.iter_mut().zip(y).for_each(|(mean, y)| *mean += y / n));
        #[expect(clippy::cast_possible_truncation, reason = "fewer columns than 2³²")]
        let columns = rows.width() as u32;
        Ok(Self { params: *params, columns, rows: rows.values.as_slice().into(), truth: truth.into(), means })
    }

    /// The same rows, asked otherwise.
    #[must_use]
    pub fn with(&self, params: Params) -> Self {
        Self { params, ..self.clone() }
    }

    /// Distance and number of the `k` nearest rows, nearest first; of equally near ones the first.
    #[must_use]
    pub fn nearest(&self, row: &[f64], k: usize) -> Vec<(f64, usize)> {
        let mut nearest: Vec<(f64, usize)> = Vec::with_capacity(k + 1);
        for (at, other) in self.rows.chunks_exact(self.columns as usize).enumerate() {
            let distance: f64 = if self.params.manhattan {
                row.iter().zip(other).map(|(x, z)| (x - z).abs()).sum()
            } else {
                row.iter().zip(other).map(|(x, z)| (x - z) * (x - z)).sum()
            };
            if nearest.len() < k || nearest.last().is_some_and(|last| distance < last.0) {
                let place = nearest.partition_point(|other| other.0 <= distance);
                nearest.insert(place, (distance, at));
                nearest.truncate(k);
            }
        }
        if !self.params.manhattan {
            nearest.iter_mut().for_each(|near| near.0 = near.0.sqrt());
        }
        nearest
    }

    /// What the first `k` of `nearest` say: a number, or a probability for each class.
    #[must_use]
    pub fn vote(&self, nearest: &[(f64, usize)], params: &Params) -> Vec<f64> {
        let width = self.means.len();
        let mut sums: Vec<f64> = self.means.iter().map(|mean| mean * params.prior).collect();
        let mut total = params.prior;
        let nearest = &nearest[..params.k.min(nearest.len())];
        // Distances in units of the farthest: the prior means the same at any scale.
        let unit = nearest.last().map_or(1.0, |last| last.0.max(f64::MIN_POSITIVE));
        for (distance, at) in nearest {
            // A copy of the row is not all there is to know: its weight stays finite.
            let weight = if params.by_distance { 1.0 / (distance / unit).max(1e-3) } else { 1.0 };
            total += weight;
            let truth = &self.truth[at * width..(at + 1) * width];
            sums.iter_mut().zip(truth).for_each(|(sum, y)| *sum += weight * y);
        }
        sums.iter_mut().for_each(|sum| *sum /= total);
        sums
    }

    /// The number of a row, or a probability for each class.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> Vec<f64> {
        self.vote(&self.nearest(row, self.params.k), &self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    fn rows() -> Rows {
        Rows::new(&Matrix::from_rows(&[0.0, 0.0, 1.0, 0.0, 0.0, 2.0, 5.0, 5.0], 2).unwrap()).unwrap()
    }

    const PARAMS: Params = Params { k: 2, by_distance: false, manhattan: false, prior: 0.0 };

    #[test]
    fn the_nearest_are_found() {
        let target = Target::numbers(vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let model = Neighbours::fit(&rows(), &target, &PARAMS).unwrap();
        assert_eq!(model.nearest(&[0.1, 0.0], 3).iter().map(|n| n.1).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(model.predict(&[0.1, 0.0]), [1.5]);
        let weighted = model.with(Params { by_distance: true, ..PARAMS });
        assert!((weighted.predict(&[0.1, 0.0])[0] - 1.1).abs() < 1e-12);
        let all = model.with(Params { k: 99, manhattan: true, ..PARAMS });
        assert_eq!(all.predict(&[0.0, 0.0]), [2.5]);
    }

    #[test]
    fn a_prior_keeps_probabilities_from_zero() {
        let target = Target::classes(vec![0, 0, 1, 1], 2).unwrap();
        let model = Neighbours::fit(&rows(), &target, &Params { prior: 1.0, ..PARAMS }).unwrap();
        assert_eq!(model.predict(&[0.0, 0.0]), [2.5 / 3.0, 0.5 / 3.0]);
        assert!(Neighbours::fit(&rows(), &target, &Params { k: 0, ..PARAMS }).is_err());
    }
}
