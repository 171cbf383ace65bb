//! Kernel ridge regression: every training row votes by how near it is (equal to the mean of a Gaussian process; for classes
//! the least-squares support vector machine of Suykens and Vandewalle, 1999). Strong on small tables of numbers; its cost goes
//! with the cube of the rows, so there is a limit.
//!
//! Scores of classes become probabilities by a softmax whose scale and intercepts are fitted to the leave-one-out scores of the
//! training rows, which cost nothing extra: `y_i − f_{−i} = α_i / (K + λ)⁻¹_ii` (Rasmussen and Williams, "Gaussian processes for
//! machine learning", 2006, 5.4.2).

mod exponential;

use std::sync::Arc;

use fearless_simd::{Level, Simd, dispatch};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::exponential::exp_of_negative;
use crate::linear_algebra::{cholesky, cholesky_inverse_diagonal, cholesky_solve, dot};
use crate::matrix::Target;
use crate::optimise::{Effort, minimise};
use crate::rows::{FitError, Rows, indicators, outputs, softmax};
use crate::stop::Stop;

/// Most training rows: 4,000 take 128 MB and some seconds.
pub const MAX_ROWS: usize = 4_000;

/// Rows of nearness that a thread takes at a time.
const GRAM_ROWS: usize = 32;

/// Training rows whose distances are reckoned together: their sums stay in the first-level cache.
const CLOSE: usize = 512;

/// How nearness falls with distance `d`, in units of the median distance between training rows times [`Params::width`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `e^{−d²/2}`: very smooth.
    Gauss,
    /// `(1 + √3 d) e^{−√3 d}`: Matérn 3/2, smooth once.
    Matern,
    /// `e^{−d}`: rough.
    Exponential,
}

/// What can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// How nearness falls.
    pub shape: Shape,
    /// Distance in units of the median distance between training rows; greater than 0.
    pub width: f64,
    /// A linear part: `linear × ⟨x, z⟩ / columns` is added to nearness; 0 or more.
    pub linear: f64,
}

/// Training rows and their votes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kernel {
    pub(crate) shape: Shape,
    /// 1 / (width × median distance).
    pub(crate) rate: f64,
    pub(crate) linear: f64,
    pub(crate) columns: u32,
    /// Training rows, column by column: distances to several of them are reckoned at once.
    pub(crate) rows: Arc<[f64]>,
    /// Votes, `rows × outputs`.
    pub(crate) votes: Vec<f64>,
    /// What the linear part of all votes comes to, `columns × outputs`; empty without one.
    pub(crate) slopes: Vec<f64>,
    /// Mean of the truth.
    pub(crate) means: Vec<f64>,
    /// Scale and intercepts of the softmax; empty for numbers.
    pub(crate) link: Vec<f64>,
}

impl Shape {
    #[inline(always)]
    fn nearness(self, squared: f64) -> f64 {
        match self {
            Self::Gauss => exp_of_negative(-squared / 2.0),
            Self::Matern => {
                let d = (3.0 * squared).sqrt();
                (1.0 + d) * exp_of_negative(-d)
            }
            Self::Exponential => exp_of_negative(-squared.sqrt()),
        }
    }
}

#[inline(always)]
fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (quads_a, quads_b) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = quads_a.remainder().iter().zip(quads_b.remainder()).map(|(x, y)| (x - y) * (x - y)).sum();
    for (x, y) in quads_a.zip(quads_b) {
        sums.iter_mut().zip(x).zip(y).for_each(|((sum, x), y)| *sum += (x - y) * (x - y));
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// Rows as columns.
fn turned(rows: &[f64], width: usize) -> Vec<f64> {
    (0..width).flat_map(|column| rows.iter().skip(column).step_by(width).copied()).collect()
}

/// The median distance between rows, of at most 500 of them.
fn median_distance(rows: &Rows) -> f64 {
    let step = rows.len().div_ceil(500);
    let some: Vec<&[f64]> = rows.iter().step_by(step).collect();
    let mut distances: Vec<f64> = (1..some.len())
        .flat_map(|i| (0..i).map(move |j| (i, j)))
        .map(|(i, j)| squared_distance(some[i], some[j]))
        .filter(|d| *d > 0.0)
        .collect();
    if distances.is_empty() {
        return 1.0;
    }
    let middle = distances.len() / 2;
    distances.select_nth_unstable_by(middle, f64::total_cmp).1.sqrt()
}

/// A model for each ridge penalty (greater than 0, in units of the nearness of a row to itself).
///
/// # Errors
/// [`FitError::TooManyRows`], [`FitError::BadParam`], [`FitError::Singular`] if no penalty is large enough, and rows that do not
/// go with the target.
pub fn fit_path(
    rows: &Rows,
    target: &Target,
    penalties: &[f64],
    params: &Params,
    stop: &dyn Stop,
) -> Result<Vec<Kernel>, FitError> {
    rows.fits(target)?;
    let n = rows.len();
    if n > MAX_ROWS {
        return Err(FitError::TooManyRows { rows: n, limit: MAX_ROWS });
    }
    for (name, value) in [("width", params.width)].into_iter().chain(penalties.iter().map(|p| ("penalty", *p))) {
        if !(value > 0.0 && value.is_finite()) {
            return Err(FitError::BadParam { name, value, rule: "greater than 0" });
        }
    }
    let width = outputs(target);
    #[expect(clippy::cast_possible_truncation, reason = "fewer columns than 2³²")]
    let mut model = Kernel {
        shape: params.shape,
        rate: 1.0 / (params.width * median_distance(rows)),
        linear: params.linear,
        columns: rows.width() as u32,
        rows: turned(&rows.values, rows.width()).into(),
        votes: Vec::new(),
        slopes: Vec::new(),
        means: vec![0.0; width],
        link: Vec::new(),
    };
    let truth = indicators(target);
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    truth.chunks_exact(width).for_each(|y| model.means.iter_mut().zip(y).for_each(|(m, y)| *m += y / n as f64));
    let gram = model.gram(rows);
    let mut models = Vec::with_capacity(penalties.len());
    for penalty in penalties {
        if stop.now() {
            break;
        }
        if let Some(fitted) = model.solve(&gram, &truth, target, *penalty) {
            models.push(fitted);
        } else if models.is_empty() {
            return Err(FitError::Singular);
        } else {
            break;
        }
    }
    Ok(models)
}

impl Kernel {
    /// Whether it reads rows of `columns` numbers and says `width` of them.
    pub(crate) fn is_sound(&self, columns: usize, width: usize) -> bool {
        self.columns as usize == columns
            && columns > 0
            && width > 0
            && self.means.len() == width
            && !self.rows.is_empty()
            && self.rows.len().is_multiple_of(columns)
            && Some(self.votes.len()) == (self.rows.len() / columns).checked_mul(width)
            && Some(self.slopes.len()) == if self.linear == 0.0 { Some(0) } else { columns.checked_mul(width) }
            && (self.link.is_empty() || self.link.len() == width + 1)
    }

    /// Nearness of a row to the first training rows, without the linear part: all distances first, then what follows from them, so
    /// that each pass is of one kind and goes several rows at a time.
    #[inline(always)]
    fn near_all<S: Simd>(&self, _: S, row: &[f64], out: &mut [f64]) {
        let scale = self.rate * self.rate;
        for (chunk, out) in out.chunks_mut(CLOSE).enumerate() {
            out.fill(0.0);
            for (x, others) in row.iter().zip(self.rows.chunks_exact(self.count())) {
                let others = &others[chunk * CLOSE..][..out.len()];
                out.iter_mut().zip(others).for_each(|(sum, z)| *sum += (x - z) * (x - z));
            }
            let near = |shape: Shape, out: &mut [f64]| {
                out.iter_mut().for_each(|value| *value = shape.nearness(*value * scale))
            };
            // A loop for each, with nothing to decide inside.
            match self.shape {
                Shape::Gauss => near(Shape::Gauss, out),
                Shape::Matern => near(Shape::Matern, out),
                Shape::Exponential => near(Shape::Exponential, out),
            }
        }
    }

    /// Adds the linear part of the nearness to the first training rows.
    #[inline(always)]
    fn add_linear<S: Simd>(&self, _: S, row: &[f64], out: &mut [f64]) {
        for (x, others) in row.iter().zip(self.rows.chunks_exact(self.count())) {
            let factor = self.linear / f64::from(self.columns) * x;
            out.iter_mut().zip(others).for_each(|(sum, z)| *sum += factor * z);
        }
    }

    /// Number of training rows.
    fn count(&self) -> usize {
        self.rows.len() / self.columns as usize
    }

    fn gram(&self, rows: &Rows) -> Vec<f64> {
        let n = rows.len();
        let mut gram = vec![0.0; n * n];
        let level = Level::new();
        gram.par_chunks_mut(n * GRAM_ROWS).enumerate().for_each(|(chunk, out)| {
            for (at, out) in out.chunks_exact_mut(n).enumerate() {
                let i = chunk * GRAM_ROWS + at;
                dispatch!(level, simd => self.near_all(simd, rows.row(i), &mut out[..=i]));
                if self.linear != 0.0 {
                    dispatch!(level, simd => self.add_linear(simd, rows.row(i), &mut out[..=i]));
                }
            }
        });
        gram
    }

    fn solve(&self, gram: &[f64], truth: &[f64], target: &Target, penalty: f64) -> Option<Self> {
        let width = self.means.len();
        let n = truth.len() / width;
        let mut matrix = gram.to_vec();
        (0..n).for_each(|i| matrix[i * n + i] += penalty);
        let factor = cholesky(matrix, n)?;
        let mut model = self.clone();
        model.votes = vec![0.0; n * width];
        for output in 0..width {
            let mut y: Vec<f64> = (0..n).map(|row| truth[row * width + output] - self.means[output]).collect();
            cholesky_solve(&factor, n, &mut y);
            y.iter().enumerate().for_each(|(row, vote)| model.votes[row * width + output] = *vote);
        }
        if self.linear != 0.0 {
            let factor = self.linear / f64::from(self.columns);
            let slope = |z: &[f64], output: usize| {
                factor * z.iter().zip(model.votes.chunks_exact(width)).map(|(z, votes)| z * votes[output]).sum::<f64>()
            };
            let columns = self.rows.chunks_exact(n);
            model.slopes = columns.flat_map(|z| (0..width).map(move |output| slope(z, output))).collect();
        }
        if let crate::matrix::Values::Classes { codes, .. } = target.values() {
            let inverse = cholesky_inverse_diagonal(&factor, n);
            let left_out: Vec<f64> =
                (0..n * width).map(|at| truth[at] - model.votes[at] / inverse[at / width]).collect();
            model.link = softmax_link(&left_out, codes, width);
        }
        Some(model)
    }

    /// The number of a row, or a probability for each class.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> Vec<f64> {
        let width = self.means.len();
        let mut scores = self.means.clone();
        let mut near = vec![0.0; self.votes.len() / width];
        dispatch!(Level::new(), simd => self.near_all(simd, row, &mut near));
        for (values, weights) in [(&near[..], &self.votes), (row, &self.slopes)] {
            if width == 1 {
                scores[0] += dot(values, weights);
                continue;
            }
            for (value, weights) in values.iter().zip(weights.chunks_exact(width)) {
                scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += value * weight);
            }
        }
        if !self.link.is_empty() {
            link(&self.link, &mut scores);
        }
        scores
    }
}

/// Scores become probabilities: `softmax(scale × score + intercept)`.
fn link(parameters: &[f64], scores: &mut [f64]) {
    scores.iter_mut().zip(&parameters[1..]).for_each(|(score, intercept)| *score = parameters[0] * *score + intercept);
    softmax(scores);
}

/// The scale and intercepts of least log loss, held back a little so that perfect scores do not run away.
#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn softmax_link(scores: &[f64], codes: &[u32], width: usize) -> Vec<f64> {
    let n = codes.len() as f64;
    let mut x = vec![0.0; width + 1];
    x[0] = 4.0;
    let effort = Effort { steps: 100, flat: 1e-6, gain: 1e-7 };
    let mut p = vec![0.0; width];
    minimise(&mut x, &vec![0.0; width + 1], effort, |x, gradient| {
        gradient.iter_mut().zip(x).for_each(|(g, x)| *g = x / n * 1e-2);
        let mut value = x.iter().map(|x| x * x / n * 5e-3).sum::<f64>();
        for (row, code) in scores.chunks_exact(width).zip(codes) {
            p.copy_from_slice(row);
            link(x, &mut p);
            value -= p[*code as usize].max(f64::MIN_POSITIVE).ln() / n;
            p[*code as usize] -= 1.0;
            for (class, off) in p.iter().enumerate() {
                gradient[0] += off * row[class] / n;
                gradient[class + 1] += off / n;
            }
        }
        value
    });
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;
    use crate::random::Random;
    use crate::stop::Never;

    fn circle(n: usize) -> (Rows, Vec<bool>) {
        let mut random = Random::stream(2, "kernel tests", 0);
        let values: Vec<f64> = (0..2 * n).map(|_| random.normal()).collect();
        let inside = values.chunks_exact(2).map(|p| p[0] * p[0] + p[1] * p[1] < 1.2).collect();
        (Rows::new(&Matrix::from_rows(&values, 2).unwrap()).unwrap(), inside)
    }

    const PARAMS: Params = Params { shape: Shape::Gauss, width: 0.5, linear: 0.0 };

    #[test]
    fn a_circle_is_learnt() {
        let (rows, inside) = circle(300);
        let target = Target::classes(inside.iter().map(|i| u32::from(*i)).collect(), 2).unwrap();
        for shape in [Shape::Gauss, Shape::Matern, Shape::Exponential] {
            let params = Params { shape, ..PARAMS };
            let model = &fit_path(&rows, &target, &[0.1], &params, &Never).unwrap()[0];
            assert!(model.predict(&[0.0, 0.0])[1] > 0.9 && model.predict(&[2.0, 2.0])[1] < 0.1);
        }
    }

    #[test]
    fn left_out_scores_are_those_of_models_without_the_row() {
        let (rows, _) = circle(20);
        let y: Vec<f64> = rows.iter().map(|row| row[0].sin() + row[1]).collect();
        let target = Target::numbers(y.clone()).unwrap();
        let params = Params { linear: 0.5, ..PARAMS };
        let model = &fit_path(&rows, &target, &[0.3], &params, &Never).unwrap()[0];
        // The model predicts its own training rows with the residual λ α.
        for (row, y) in rows.iter().zip(&y) {
            assert!((model.predict(row)[0] - y).abs() < 0.5);
        }
        let residual = y[3] - model.predict(rows.row(3))[0];
        assert!((residual - 0.3 * model.votes[3]).abs() < 1e-9);
    }

    #[test]
    fn bad_parameters_are_refused() {
        let (rows, _) = circle(5);
        let target = Target::numbers(vec![1.0; 5]).unwrap();
        let bad = Params { width: 0.0, ..PARAMS };
        assert!(matches!(fit_path(&rows, &target, &[1.0], &bad, &Never), Err(FitError::BadParam { .. })));
        assert!(matches!(fit_path(&rows, &target, &[0.0], &PARAMS, &Never), Err(FitError::BadParam { .. })));
        let one = Rows::new(&Matrix::from_rows(&[1.0, 2.0], 2).unwrap()).unwrap();
        let target = Target::numbers(vec![3.0]).unwrap();
        assert_eq!(fit_path(&one, &target, &[1.0], &PARAMS, &Never).unwrap()[0].predict(&[0.0, 0.0]), [3.0]);
    }
}
