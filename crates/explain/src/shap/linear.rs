//! Shapley values of linear models.

use crate::solve::Factor;
use crate::{Estimate, ExplainError, Explanation, Rows, count};
use rhiza_learn::random::Random;

/// A linear model: `intercept + Σ coefficient · column`, per output.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearModel {
    /// One per output.
    pub intercepts: Vec<f64>,
    /// Output after output, one per column.
    pub coefficients: Vec<f64>,
}

/// Explains a linear model against what its columns are like.
///
/// Under independent columns the Shapley value of column `i` is `w_i (x_i − mean_i)`. Under correlated ones what is not known is
/// expected given what is (jointly normal columns: Aas, Jullum and Løland, "Explaining individual predictions when features are
/// dependent", 2021), so that a column without a coefficient gets a value when it tells something about one that has it. That
/// expectation is linear, hence the Shapley values are `T (x − mean)` with one matrix `T` per output, found once.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearExplainer {
    columns: usize,
    base: Vec<f64>,
    means: Vec<f64>,
    /// Per output a matrix, row by row.
    transforms: Vec<f64>,
    /// The standard errors of the matrices' entries.
    errors: Vec<f64>,
}

impl LinearExplainer {
    /// For columns taken to be independent, with these means. Exact.
    ///
    /// # Errors
    /// [`ExplainError::Length`] when coefficients and means do not fit each other.
    pub fn independent(model: &LinearModel, means: &[f64]) -> Result<Self, ExplainError> {
        let columns = means.len();
        model.check(columns)?;
        let size = columns * columns;
        let mut transforms = vec![0.0; size * model.intercepts.len()];
        for (transform, coefficients) in
            transforms.chunks_exact_mut(size.max(1)).zip(model.coefficients.chunks_exact(columns.max(1)))
        {
            for (column, coefficient) in coefficients.iter().enumerate() {
                transform[column * (columns + 1)] = *coefficient;
            }
        }
        Ok(Self {
            columns,
            base: model.base(means),
            means: means.to_vec(),
            errors: vec![0.0; transforms.len()],
            transforms,
        })
    }

    /// For jointly normal columns with these means and covariances (row by row). Exact for up to 8 columns; beyond, from `orders`
    /// random orders and their reverses, with standard errors.
    ///
    /// # Errors
    /// [`ExplainError::Length`] for lengths that do not fit, [`ExplainError::Setting`] for fewer than 2 orders,
    /// [`ExplainError::Singular`] when the covariance is not positive definite.
    pub fn correlated(
        model: &LinearModel,
        means: &[f64],
        covariance: &[f64],
        orders: usize,
        seed: u64,
    ) -> Result<Self, ExplainError> {
        let columns = means.len();
        model.check(columns)?;
        let size = columns * columns;
        if covariance.len() != size {
            return Err(ExplainError::Length { what: "covariance", found: covariance.len(), expected: size });
        }
        if orders < 2 {
            let fault = "at least 2 are needed for a standard error".to_owned();
            return Err(ExplainError::Setting { setting: "orders", fault });
        }
        Factor::new("the covariance", columns, covariance)?;
        let exact = columns <= 8;
        let orders = if exact {
            all_orders(columns)
        } else {
            let mut random = Random::stream(seed, "linear shap", 0);
            (0..orders).map(|_| random.permutation(columns)).collect()
        };
        let mut sums = vec![0.0; size * model.intercepts.len()];
        let mut squares = sums.clone();
        let reverse = !exact;
        for order in &orders {
            let mut one = vec![0.0; sums.len()];
            model.add_order(order, covariance, &mut one)?;
            if reverse {
                let order: Vec<usize> = order.iter().rev().copied().collect();
                model.add_order(&order, covariance, &mut one)?;
                one.iter_mut().for_each(|v| *v /= 2.0);
            }
            for ((sum, square), v) in sums.iter_mut().zip(&mut squares).zip(&one) {
                *sum += v;
                *square += v * v;
            }
        }
        let n = count(orders.len());
        sums.iter_mut().for_each(|v| *v /= n);
        let error = |(square, mean): (&f64, &f64)| {
            if exact { 0.0 } else { ((square / n - mean * mean).max(0.0) / (n - 1.0)).sqrt() }
        };
        let errors = squares.iter().zip(&sums).map(error).collect();
        Ok(Self { columns, base: model.base(means), means: means.to_vec(), transforms: sums, errors })
    }

    /// The Shapley value of each column, for each row and output. The standard errors are upper bounds: those of the matrix's
    /// entries, as if they were all off in the same direction.
    ///
    /// # Errors
    /// [`ExplainError::Columns`] when the rows are not as wide as the model, [`ExplainError::Value`] for a value that is no finite
    /// number.
    pub fn explain(&self, rows: Rows<'_>) -> Result<Estimate, ExplainError> {
        rows.expect("the table to explain", self.columns)?;
        let mut values = Vec::with_capacity(rows.values().len() * self.base.len());
        let mut errors = Vec::with_capacity(values.capacity());
        for (number, row) in rows.iter().enumerate() {
            if let Some(column) = row.iter().position(|x| !x.is_finite()) {
                let (what, fault) = ("the table to explain", format!("{} is no finite number", row[column]));
                return Err(ExplainError::Value { what, row: number, column, fault });
            }
            let away: Vec<f64> = row.iter().zip(&self.means).map(|(x, m)| x - m).collect();
            for (line, wide) in self.transforms.chunks_exact(self.columns).zip(self.errors.chunks_exact(self.columns)) {
                values.push(line.iter().zip(&away).map(|(t, a)| t * a).sum());
                errors.push(wide.iter().zip(&away).map(|(e, a)| e * a.abs()).sum());
            }
        }
        Ok(Estimate { explanation: Explanation::new(rows.len(), self.columns, self.base.clone(), values), errors })
    }
}

impl LinearModel {
    fn check(&self, columns: usize) -> Result<(), ExplainError> {
        if columns == 0 {
            return Err(ExplainError::Empty("the list of means"));
        }
        let expected = columns * self.intercepts.len();
        if self.coefficients.len() == expected {
            return Ok(());
        }
        Err(ExplainError::Length { what: "coefficients", found: self.coefficients.len(), expected })
    }

    fn base(&self, means: &[f64]) -> Vec<f64> {
        let of = |(intercept, coefficients): (&f64, &[f64])| {
            intercept + coefficients.iter().zip(means).map(|(c, m)| c * m).sum::<f64>()
        };
        self.intercepts.iter().zip(self.coefficients.chunks_exact(means.len())).map(of).collect()
    }

    /// Adds, for each output, the matrix that makes the gains of the columns in this order out of a row's distance from the means.
    ///
    /// With the columns known in this order and the covariance `L Lᵀ` (Cholesky), a row's distance is `L u`, and knowing one more
    /// column means knowing one more `u`: `E[w x | first k]` grows by `(Lᵀ w)_k u_k`, and `u = L⁻¹ (x − mean)`.
    fn add_order(&self, order: &[usize], covariance: &[f64], sums: &mut [f64]) -> Result<(), ExplainError> {
        let n = order.len();
        let ordered: Vec<f64> = order.iter().flat_map(|i| order.iter().map(move |j| covariance[i * n + j])).collect();
        let factor = Factor::new("the covariance", n, &ordered)?;
        let inverse = factor.inverse_lower();
        for (coefficients, sums) in self.coefficients.chunks_exact(n).zip(sums.chunks_exact_mut(n * n)) {
            for (k, column) in order.iter().enumerate() {
                let gain: f64 = (k..n).map(|i| factor.lower(i, k) * coefficients[order[i]]).sum();
                for (j, other) in order.iter().enumerate().take(k + 1) {
                    sums[column * n + other] += gain * inverse[k * n + j];
                }
            }
        }
        Ok(())
    }
}

/// All orders of `n` columns.
fn all_orders(n: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![vec![]];
    for next in 0..n {
        orders = orders
            .iter()
            .flat_map(|order: &Vec<usize>| {
                (0..=next).map(move |at| {
                    let mut longer = order.clone();
                    longer.insert(at, next);
                    longer
                })
            })
            .collect();
    }
    orders
}
