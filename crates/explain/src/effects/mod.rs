//! How a prediction moves with one or two columns.

use crate::bins::quantile;
use crate::predict::{Predict, ask};
use crate::{ExplainError, Rows, count};

mod ale;

pub use ale::{AccumulatedEffect, ale, ale_of_categories};

/// Numbers given to the model at once.
const BATCH: usize = 1 << 20;

/// The mean prediction over the rows of a table when a column is set to each value of a grid (Friedman, "Greedy function
/// approximation", 2001), and the prediction of each row (individual conditional expectation: Goldstein and others, "Peeking inside
/// the black box", 2015).
#[derive(Debug, Clone, PartialEq)]
pub struct PartialDependence {
    /// The values the column is set to.
    pub grid: Vec<f64>,
    /// Outputs of the model.
    pub outputs: usize,
    /// The mean prediction, grid point by grid point, output by output.
    pub mean: Vec<f64>,
    /// The prediction of each row: row by row, grid point by grid point, output by output.
    pub lines: Vec<f64>,
}

/// The mean prediction over the rows of a table when two columns are set.
#[derive(Debug, Clone, PartialEq)]
pub struct PartialDependenceSurface {
    /// The values that the first column is set to.
    pub first: Vec<f64>,
    /// The values that the second column is set to.
    pub second: Vec<f64>,
    /// Outputs of the model.
    pub outputs: usize,
    /// The mean prediction: for each value of the first column, for each of the second, output by output.
    pub mean: Vec<f64>,
}

impl PartialDependence {
    /// The lines shifted such that each begins at 0: what differs between rows in how they react, not in where they are.
    #[must_use]
    pub fn centred_lines(&self) -> Vec<f64> {
        let mut lines = self.lines.clone();
        for line in lines.chunks_exact_mut((self.grid.len() * self.outputs).max(1)) {
            let start = line[..self.outputs].to_vec();
            for point in line.chunks_exact_mut(self.outputs) {
                point.iter_mut().zip(&start).for_each(|(value, start)| *value -= start);
            }
        }
        lines
    }
}

/// A grid for a column: all its values when there are no more than `points` different ones, else so many quantiles from the lowest to
/// the highest, each once. Missing and infinite values are left out.
///
/// # Errors
/// [`ExplainError::Setting`] for fewer than 2 points or a column that is not there, [`ExplainError::Empty`] when nothing is left.
pub fn grid(rows: Rows<'_>, column: usize, points: usize) -> Result<Vec<f64>, ExplainError> {
    check_column(rows, column)?;
    if points < 2 {
        return Err(ExplainError::Setting { setting: "points", fault: format!("{points}; at least 2 are needed") });
    }
    let mut values: Vec<f64> = rows.column(column).into_iter().filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let mut different = values.clone();
    different.dedup();
    if different.is_empty() {
        return Err(ExplainError::Empty("the column without its missing values"));
    }
    if different.len() > points {
        let at = |p| quantile(&values, count(p) / count(points - 1));
        different = (0..points).filter_map(at).collect();
        different.dedup();
    }
    Ok(different)
}

/// Partial dependence on one column, with the line of each row.
///
/// # Errors
/// [`ExplainError::Empty`] without rows or grid, [`ExplainError::Setting`] for a column that is not there, and what the model answers.
pub fn partial_dependence<M: Predict + ?Sized>(
    model: &M,
    rows: Rows<'_>,
    column: usize,
    grid: &[f64],
) -> Result<PartialDependence, ExplainError> {
    check_column(rows, column)?;
    if grid.is_empty() {
        return Err(ExplainError::Empty("the grid"));
    }
    let outputs = model.outputs();
    let size = grid.len() * outputs;
    let mut mean = vec![0.0; size];
    let mut lines = vec![0.0; rows.len() * size];
    for (point, value) in grid.iter().enumerate() {
        let said = with_values(model, rows, &[(column, *value)])?;
        for (row, said) in said.chunks_exact(outputs).enumerate() {
            let at = point * outputs;
            lines[row * size + at..row * size + at + outputs].copy_from_slice(said);
            mean[at..at + outputs].iter_mut().zip(said).for_each(|(sum, s)| *sum += s);
        }
    }
    mean.iter_mut().for_each(|sum| *sum /= count(rows.len()));
    Ok(PartialDependence { grid: grid.to_vec(), outputs, mean, lines })
}

/// Partial dependence on two columns.
///
/// # Errors
/// As [`partial_dependence`]; [`ExplainError::Setting`] too when both columns are the same.
pub fn partial_dependence_surface<M: Predict + ?Sized>(
    model: &M,
    rows: Rows<'_>,
    columns: (usize, usize),
    first: &[f64],
    second: &[f64],
) -> Result<PartialDependenceSurface, ExplainError> {
    check_column(rows, columns.0)?;
    check_column(rows, columns.1)?;
    if columns.0 == columns.1 {
        let fault = format!("the same column {} twice", columns.0);
        return Err(ExplainError::Setting { setting: "columns", fault });
    }
    if first.is_empty() || second.is_empty() {
        return Err(ExplainError::Empty("the grid"));
    }
    let outputs = model.outputs();
    let mut mean = Vec::with_capacity(first.len() * second.len() * outputs);
    for a in first {
        for b in second {
            let said = with_values(model, rows, &[(columns.0, *a), (columns.1, *b)])?;
            for output in 0..outputs {
                mean.push(said.iter().skip(output).step_by(outputs).sum::<f64>() / count(rows.len()));
            }
        }
    }
    Ok(PartialDependenceSurface { first: first.to_vec(), second: second.to_vec(), outputs, mean })
}

/// The predictions for the rows with some columns set.
fn with_values<M: Predict + ?Sized>(model: &M, rows: Rows<'_>, set: &[(usize, f64)]) -> Result<Vec<f64>, ExplainError> {
    let columns = rows.columns();
    let mut said = Vec::with_capacity(rows.len() * model.outputs());
    for batch in rows.values().chunks((BATCH / columns).max(1) * columns) {
        let mut table = batch.to_vec();
        for row in table.chunks_exact_mut(columns) {
            set.iter().for_each(|(column, value)| row[*column] = *value);
        }
        said.extend(ask(model, Rows::new(&table, columns)?)?);
    }
    Ok(said)
}

fn check_column(rows: Rows<'_>, column: usize) -> Result<(), ExplainError> {
    if rows.is_empty() {
        return Err(ExplainError::Empty("the table"));
    }
    if column < rows.columns() {
        return Ok(());
    }
    Err(ExplainError::Setting { setting: "column", fault: format!("{column} of {} columns", rows.columns()) })
}
