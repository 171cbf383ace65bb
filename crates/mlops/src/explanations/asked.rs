//! A model and rows in the terms of explainers, and back.

use rhiza_explain::{ExplainError, Predict, Rows};
use rhiza_learn::ensemble::{Feature, Link};
use rhiza_learn::matrix::Target;
use rhiza_learn::metrics::Metric;
use rhiza_learn::model::Model;
use rhiza_learn::table::{Column, Table, Values};
use serde_json::{Value, json};

use super::encode::{Encoded, Encoding};
use crate::error::{MlopsError, MlopsResult};
use crate::files::{AnyModel, cell, numbers};

/// A model with a table: the rows that are asked about come first, all of them are the background.
pub(super) struct Asked<'a> {
    pub(super) model: &'a AnyModel,
    pub(super) table: &'a Table,
    pub(super) features: Vec<Feature>,
    values: Vec<f64>,
    encoding: Option<Encoding>,
    /// Rows asked about.
    pub(super) count: usize,
}

impl<'a> Asked<'a> {
    pub(super) fn new(model: &'a AnyModel, table: &'a Table, count: usize) -> MlopsResult<Self> {
        let (features, values, encoding) = match model {
            AnyModel::Own(own) => {
                let (encoding, values) = Encoding::of(own, table)?;
                (encoding.features(), values, Some(encoding))
            }
            AnyModel::Trees { trees, .. } => (trees.ensemble().features.clone(), numbers(trees, table)?, None),
        };
        Ok(Self { model, table, features, values, encoding, count })
    }

    /// The rows asked about.
    pub(super) fn rows(&self) -> MlopsResult<Rows<'_>> {
        let end = self.count * self.features.len();
        Ok(Rows::new(self.values.get(..end).unwrap_or(&self.values), self.features.len())?)
    }

    /// All rows.
    pub(super) fn background(&self) -> MlopsResult<Rows<'_>> {
        Ok(Rows::new(&self.values, self.features.len())?)
    }

    /// The model as a function of these rows.
    pub(super) fn function(&self) -> MlopsResult<Box<dyn Predict + '_>> {
        match (self.model, &self.encoding) {
            (AnyModel::Own(own), Some(encoding)) => Ok(Box::new(Encoded { model: own, encoding })),
            (AnyModel::Trees { trees, .. }, _) => Ok(Box::new(Borrowed(trees.as_ref()))),
            (AnyModel::Own(_), None) => Err(MlopsError::Internal("an own model without an encoding".to_owned())),
        }
    }

    /// A number of a column, as JSON has the value.
    pub(super) fn shown(&self, column: usize, number: f64) -> Value {
        match &self.encoding {
            Some(encoding) => encoding.shown(column, number),
            None if number.is_finite() => json!(number),
            None => Value::Null,
        }
    }

    /// The table's column behind a feature.
    pub(super) fn column(&self, feature: usize) -> Option<&Column> {
        let name = &self.features.get(feature)?.name;
        self.table.column(name).ok().or_else(|| self.table.columns().get(feature))
    }

    /// The values of the rows asked about, as they stand in the table.
    pub(super) fn cells(&self) -> Vec<Vec<Value>> {
        let of_row =
            |row| (0..self.features.len()).map(|at| self.column(at).map_or(Value::Null, |c| cell(c, row))).collect();
        (0..self.count).map(of_row).collect()
    }

    /// The number of a feature by its name.
    pub(super) fn feature(&self, name: &str) -> MlopsResult<usize> {
        let at = self.features.iter().position(|feature| feature.name == name);
        at.ok_or_else(|| MlopsError::Asked(format!("The model has no column {name:?}.")))
    }

    /// Those of the rows whose truth is known, what they are, and by what the model is scored on them.
    pub(super) fn truth(&self, target: Option<&str>) -> MlopsResult<(Vec<f64>, Target, Metric)> {
        let missing =
            |what: String| MlopsError::Asked(format!("{what}; importance needs to know what the rows are in truth."));
        let (name, classes, metric) = match self.model {
            AnyModel::Own(own) => (target.unwrap_or(own.target()), own.classes().to_vec(), own.metric()),
            AnyModel::Trees { trees, .. } => {
                let name = target.ok_or_else(|| missing("No target column was named".to_owned()))?;
                match (trees.ensemble().link, self.model.outputs()) {
                    (Link::Identity, _) => (name, Vec::new(), Metric::Rmse),
                    (Link::Logistic, labels) if labels.len() == 1 => {
                        (name, vec!["0".to_owned(), "1".to_owned()], Metric::LogLoss)
                    }
                    (_, labels) => (name, labels, Metric::LogLoss),
                }
            }
        };
        let column = self.table.column(name)?;
        let known: Vec<usize> = (0..self.count).filter(|row| is_known(&classes, column, *row)).collect();
        let truth = truth_in(&classes, &self.table.take(&known), name).filter(|_| !known.is_empty());
        let truth = truth.ok_or_else(|| missing(format!("The column {name:?} tells it of none of the rows")))?;
        let width = self.features.len();
        let rows = known.iter().flat_map(|row| self.values.get(row * width..(row + 1) * width).unwrap_or_default());
        Ok((rows.copied().collect(), truth, metric))
    }
}

fn is_known(classes: &[String], column: &Column, row: usize) -> bool {
    match &column.values {
        Values::Numeric(values) if classes.is_empty() => values.get(row).is_some_and(|value| value.is_finite()),
        _ => column.display(row).is_some_and(|shown| classes.contains(&shown)),
    }
}

/// A predictor that stays its owner's.
struct Borrowed<'a>(&'a rhiza_learn::evaluate::Predictor);

impl Predict for Borrowed<'_> {
    fn outputs(&self) -> usize {
        Predict::outputs(self.0)
    }

    fn predict(&self, rows: Rows<'_>) -> Result<Vec<f64>, ExplainError> {
        Predict::predict(self.0, rows)
    }
}

/// What the rows of a table are in truth; nothing where a row has no target, or another than the model knows.
pub(crate) fn truth(model: &Model, table: &Table) -> Option<Target> {
    truth_in(model.classes(), table, model.target())
}

fn truth_in(classes: &[String], table: &Table, name: &str) -> Option<Target> {
    let column = table.column(name).ok()?;
    if classes.is_empty() {
        let Values::Numeric(values) = &column.values else { return None };
        return Target::numbers(values.clone()).ok();
    }
    let code = |row: usize| {
        let shown = column.display(row)?;
        classes.iter().position(|class| *class == shown).and_then(|at| u32::try_from(at).ok())
    };
    let codes: Option<Vec<u32>> = (0..table.rows()).map(code).collect();
    Target::classes(codes?, u32::try_from(classes.len()).ok()?).ok()
}
