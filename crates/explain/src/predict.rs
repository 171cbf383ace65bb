//! What explainers that know nothing of a model's inside ask of it.

use crate::{ExplainError, Rows};
use rhiza_learn::evaluate::Predictor;

/// A model as a function of rows.
pub trait Predict: Sync {
    /// Numbers predicted for each row: classes, or 1.
    fn outputs(&self) -> usize;

    /// The predictions, row by row.
    ///
    /// # Errors
    /// [`ExplainError::Model`] with what went wrong, or another error of the model's own choice.
    fn predict(&self, rows: Rows<'_>) -> Result<Vec<f64>, ExplainError>;
}

/// A function as a model.
///
/// ```
/// use rhiza_explain::{Function, Predict, Rows};
/// let sum = Function::new(1, |rows: Rows<'_>| rows.iter().map(|row| row.iter().sum()).collect());
/// assert_eq!(sum.predict(Rows::new(&[1.0, 2.0, 3.0, 4.0], 2)?)?, vec![3.0, 7.0]);
/// # Ok::<(), rhiza_explain::ExplainError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Function<F> {
    outputs: usize,
    function: F,
}

impl<F: Fn(Rows<'_>) -> Vec<f64> + Sync> Function<F> {
    /// A model that predicts `outputs` numbers a row with `function`.
    pub const fn new(outputs: usize, function: F) -> Self {
        Self { outputs, function }
    }
}

impl<F: Fn(Rows<'_>) -> Vec<f64> + Sync> Predict for Function<F> {
    fn outputs(&self) -> usize {
        self.outputs
    }

    fn predict(&self, rows: Rows<'_>) -> Result<Vec<f64>, ExplainError> {
        Ok((self.function)(rows))
    }
}

/// An ensemble's predictions (probabilities, where it has a link to them).
impl Predict for Predictor {
    fn outputs(&self) -> usize {
        self.ensemble().outputs()
    }

    fn predict(&self, rows: Rows<'_>) -> Result<Vec<f64>, ExplainError> {
        self.predict_rows(rows.values()).map_err(|e| ExplainError::Model(e.to_string()))
    }
}

/// An ensemble's raw outputs, before the link.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a>(pub &'a Predictor);

impl Predict for Raw<'_> {
    fn outputs(&self) -> usize {
        self.0.ensemble().outputs()
    }

    fn predict(&self, rows: Rows<'_>) -> Result<Vec<f64>, ExplainError> {
        self.0.raw_rows(rows.values()).map_err(|e| ExplainError::Model(e.to_string()))
    }
}

/// The predictions for `rows`, seen to be as many as there should be and finite.
pub(crate) fn ask<M: Predict + ?Sized>(model: &M, rows: Rows<'_>) -> Result<Vec<f64>, ExplainError> {
    let outputs = model.outputs();
    if outputs == 0 {
        return Err(ExplainError::Model("it has no outputs".to_owned()));
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let predictions = model.predict(rows)?;
    if predictions.len() != rows.len() * outputs {
        let (found, rows) = (predictions.len(), rows.len());
        return Err(ExplainError::Model(format!("{found} numbers for {rows} rows with {outputs} outputs")));
    }
    match predictions.iter().position(|p| !p.is_finite()) {
        None => Ok(predictions),
        Some(at) => Err(ExplainError::Model(format!("{} for a row", predictions[at]))),
    }
}

/// Checks the number of an output.
pub(crate) fn check_output<M: Predict + ?Sized>(model: &M, output: usize) -> Result<(), ExplainError> {
    if output < model.outputs() {
        return Ok(());
    }
    Err(ExplainError::Setting { setting: "output", fault: format!("{output} of {} outputs", model.outputs()) })
}
