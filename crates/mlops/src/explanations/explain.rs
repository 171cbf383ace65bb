//! Explaining the rows of a table.

use rhiza_explain::{Explanation, KernelShap, LimeTabular, PermutationShap, Predict, Rows, TreeExplainer};
use rhiza_learn::ensemble::{Feature, Link};
use rhiza_learn::evaluate::Predictor;
use rhiza_learn::model::Model;
use rhiza_learn::random::Random;
use rhiza_learn::table::Table;
use serde::{Deserialize, Serialize};

use super::encode::{Encoded, Encoding};
use super::trees;
use crate::MlopsError;
use crate::files::{AnyModel, numbers};

/// How to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// `tree` for trees from elsewhere and for our own models where its parts add up to the prediction or to what the prediction
    /// follows from; else `permutation`.
    Auto,
    /// Exact SHAP values of trees, of the raw output (log-odds of classes), weighted by the rows that the training put where. Of our
    /// own models only those that are sums of trees ([`Model::tree_sum`]); what was made of a column is added up.
    Tree,
    /// SHAP values by weighted least squares over coalitions of columns, against a background of rows.
    Kernel,
    /// SHAP values by adding columns in random orders, against a background of rows.
    Permutation,
    /// A linear model around each row (LIME): coefficients of the rules that hold for the row, not a division of the prediction.
    Lime,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct ExplainOptions {
    /// How to find out.
    pub method: Method,
    /// Rows of the table that stand for "a column is not known", drawn by the seed; all when there are no more.
    pub background: usize,
    /// Of everything drawn.
    pub seed: u64,
    /// Only the first so many rows are explained; the others may still stand in the background.
    pub rows: Option<usize>,
}

impl Default for ExplainOptions {
    /// Automatic, 50 rows as background.
    fn default() -> Self {
        Self { method: Method::Auto, background: 50, seed: 0, rows: None }
    }
}

/// An explanation, as the command line and the API write it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplanationDocument {
    /// How it was found.
    pub method: Method,
    /// What is explained: "prediction"; "raw output" (before the link and the calibration: log-odds or shares of classes); or "mean
    /// raw output" (of the models of the folds, whose probabilities, not raw outputs, are averaged to the prediction).
    pub of: String,
    /// Names of the columns.
    pub features: Vec<String>,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// Per output what is said before any column is known. With the row's values it adds up to what is explained (not for LIME).
    pub base_values: Vec<f64>,
    /// Rows × features, or rows × features × outputs when there are several.
    pub values: RowValues,
    /// Standard errors in the same shape; absent where nothing was left to chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<RowValues>,
    /// LIME only: the share of the local variance that the rules explain, rows × outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r2: Option<Vec<Vec<f64>>>,
}

/// Values of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RowValues {
    /// Of one output: rows × features.
    One(Vec<Vec<f64>>),
    /// Of several: rows × features × outputs.
    Several(Vec<Vec<Vec<f64>>>),
}

impl RowValues {
    /// Mean over the rows of the size of a column's values; 0 where there is no such column or output.
    #[must_use]
    pub fn mean_magnitude(&self, column: usize, output: usize) -> f64 {
        let sizes: Vec<f64> = match self {
            Self::One(rows) => rows.iter().filter_map(|row| row.get(column)).map(|v| v.abs()).collect(),
            Self::Several(rows) => {
                rows.iter().filter_map(|row| row.get(column)?.get(output)).map(|v| v.abs()).collect()
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
        let count = sizes.len().max(1) as f64;
        sizes.iter().sum::<f64>() / count
    }
}

/// Explains the rows of `table`.
///
/// # Errors
/// [`MlopsError`]: an empty table, columns the model lacks, a method that does not go with the model.
pub fn explain(model: &AnyModel, table: &Table, options: &ExplainOptions) -> Result<ExplanationDocument, MlopsError> {
    if table.rows() == 0 || options.rows == Some(0) {
        return Err(MlopsError::Asked("the table has no rows to explain".to_owned()));
    }
    match (model, options.method) {
        (AnyModel::Trees { trees, .. }, Method::Auto | Method::Tree) => exact(model, trees, table, options),
        (AnyModel::Trees { trees, .. }, _) => {
            let rows = numbers(trees, table)?;
            asked(model, trees.as_ref(), trees.features(), &rows, options)
        }
        (AnyModel::Own(own), Method::Tree) => match own.tree_sum() {
            Ok(sum) => trees::explain(model, own, &sum, &first(table, options)),
            Err(why) => Err(MlopsError::Asked(format!(
                "this model cannot be taken apart as a sum of trees: {why}; use kernel or permutation"
            ))),
        },
        (AnyModel::Own(own), Method::Auto) => match own.tree_sum() {
            Ok(sum) if trees::says_the_prediction(&sum) => trees::explain(model, own, &sum, &first(table, options)),
            _ => own_model(model, own, table, options),
        },
        (AnyModel::Own(own), _) => own_model(model, own, table, options),
    }
}

fn own_model(
    model: &AnyModel,
    own: &Model,
    table: &Table,
    options: &ExplainOptions,
) -> Result<ExplanationDocument, MlopsError> {
    let (encoding, rows) = Encoding::of(own, table)?;
    asked(model, &Encoded { model: own, encoding: &encoding }, &encoding.features(), &rows, options)
}

fn exact(
    model: &AnyModel,
    trees: &Predictor,
    table: &Table,
    options: &ExplainOptions,
) -> Result<ExplanationDocument, MlopsError> {
    let features = trees.features();
    let rows = numbers(trees, &first(table, options))?;
    let explainer = TreeExplainer::new(trees.ensemble().clone())?;
    let explanation = explainer.explain_checked(Rows::new(&rows, features.len())?)?;
    let of = if trees.link() == Link::Identity { "prediction" } else { "raw output" };
    Ok(document(Method::Tree, of, features, model, &explanation, None))
}

fn asked<M: Predict>(
    model: &AnyModel,
    function: &M,
    features: &[Feature],
    values: &[f64],
    options: &ExplainOptions,
) -> Result<ExplanationDocument, MlopsError> {
    let columns = features.len();
    let rows = Rows::new(values, columns)?;
    let background = background(rows, options);
    let background = Rows::new(&background, columns)?;
    let seed = options.seed;
    let explained = options.rows.unwrap_or(rows.len()).min(rows.len()) * columns;
    let (training, rows) = (rows, Rows::new(values.get(..explained).unwrap_or(values), columns)?);
    let (method, estimate) = match options.method {
        Method::Lime => return lime(model, function, features, (rows, training), seed),
        Method::Kernel => {
            // The package that made the method popular takes as many: 2 · columns + 2048.
            let samples = 2 * columns + 2048;
            (Method::Kernel, KernelShap { samples, seed }.explain(function, rows, background)?)
        }
        _ => (Method::Permutation, PermutationShap { orders: 4, seed }.explain(function, rows, background)?),
    };
    let errors = Some(estimate.errors.as_slice()).filter(|errors| errors.iter().any(|error| *error > 0.0));
    Ok(document(method, "prediction", features, model, &estimate.explanation, errors))
}

/// The rows that are to be explained.
fn first(table: &Table, options: &ExplainOptions) -> Table {
    match options.rows {
        Some(rows) if rows < table.rows() => table.take(&(0..rows).collect::<Vec<_>>()),
        _ => table.clone(),
    }
}

/// Rows drawn without repetition.
fn background(rows: Rows<'_>, options: &ExplainOptions) -> Vec<f64> {
    let count = options.background.clamp(1, rows.len());
    let mut numbers = Random::stream(options.seed, "background", 0).sample(rows.len(), count);
    numbers.sort_unstable();
    numbers.iter().flat_map(|row| rows.row(*row)).copied().collect()
}

fn lime<M: Predict>(
    model: &AnyModel,
    function: &M,
    features: &[Feature],
    (rows, training): (Rows<'_>, Rows<'_>),
    seed: u64,
) -> Result<ExplanationDocument, MlopsError> {
    let mut explainer = LimeTabular::new(features, training)?;
    (explainer.seed, explainer.keep) = (seed, features.len());
    let outputs = function.outputs();
    let (mut values, mut r2, mut base) = (Vec::new(), Vec::new(), vec![0.0; outputs]);
    for row in rows.iter() {
        let mut of_row = vec![vec![0.0; outputs]; features.len()];
        let mut trust = Vec::new();
        for output in 0..outputs {
            let said = explainer.explain(function, row, output)?;
            said.rules.iter().for_each(|rule| of_row[rule.column][output] = rule.coefficient);
            #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
            let share = rows.len() as f64;
            base[output] += said.intercept / share;
            trust.push(said.r2);
        }
        values.push(of_row);
        r2.push(trust);
    }
    Ok(ExplanationDocument {
        method: Method::Lime,
        of: "prediction".to_owned(),
        features: features.iter().map(|feature| feature.name.clone()).collect(),
        outputs: model.outputs(),
        base_values: base,
        values: shaped(values),
        standard_errors: None,
        r2: Some(r2),
    })
}

fn document(
    method: Method,
    of: &str,
    features: &[Feature],
    model: &AnyModel,
    explanation: &Explanation,
    errors: Option<&[f64]>,
) -> ExplanationDocument {
    let (rows, columns, outputs) = (explanation.rows(), explanation.columns(), explanation.outputs());
    let take = |values: &[f64]| {
        let at = |row: usize, column: usize, output: usize| values[(row * outputs + output) * columns + column];
        let cell = |row, column| (0..outputs).map(|output| at(row, column, output)).collect();
        shaped((0..rows).map(|row| (0..columns).map(|column| cell(row, column)).collect()).collect())
    };
    ExplanationDocument {
        method,
        of: of.to_owned(),
        features: features.iter().map(|feature| feature.name.clone()).collect(),
        outputs: model.outputs(),
        base_values: explanation.base().to_vec(),
        values: take(explanation.values()),
        standard_errors: errors.map(take),
        r2: None,
    }
}

/// One output needs no list of its own.
pub(super) fn shaped(values: Vec<Vec<Vec<f64>>>) -> RowValues {
    if values.iter().flatten().all(|outputs| outputs.len() == 1) {
        return RowValues::One(values.into_iter().map(|row| row.into_iter().flatten().collect()).collect());
    }
    RowValues::Several(values)
}
