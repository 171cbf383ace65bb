//! What the routes of explanations send and receive.

use chrono::{DateTime, Utc};
use rhiza_kernel::{AutomlId, DatasetId, ExplanationId};
use rhiza_web::{ApiError, Faults};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::explain::Method;
use super::model::{self, Kind, Source, Wanted, Wish};
use super::service::{Compared, Draft, Rows};
use super::wire_result::ExplanationResult;
use crate::automl::WorkState;
use crate::models::{Choice, ModelRef};

/// Which model: a search's, a registered one, or a file of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelChoice {
    /// The search that found it.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    automl_id: Option<AutomlId>,
    /// The registered model.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Its version; without version and alias the one called `champion`, else the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The alias of its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    /// The run of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    /// The file, from the root of the run's files: Rhiza's own, LightGBM's text, XGBoost's JSON or UBJSON, ONNX with trees.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

impl From<ModelRef> for ModelChoice {
    fn from(model: ModelRef) -> Self {
        match model {
            ModelRef::Automl(id) => Self { automl_id: Some(id), ..Self::default() },
            ModelRef::File { run_id, path } => Self { run_id: Some(run_id), path: Some(path), ..Self::default() },
            ModelRef::Registered { name, version } => {
                let (version, alias) = match version {
                    Choice::Usual => (None, None),
                    Choice::Number(number) => (Some(number), None),
                    Choice::Alias(alias) => (None, Some(alias)),
                };
                Self { name: Some(name), version, alias, ..Self::default() }
            }
        }
    }
}

impl ModelChoice {
    fn model(self) -> Option<ModelRef> {
        match self {
            Self { automl_id: Some(id), name: None, version: None, alias: None, run_id: None, path: None } => {
                Some(ModelRef::Automl(id))
            }
            Self {
                automl_id: None,
                name: None,
                version: None,
                alias: None,
                run_id: Some(run_id),
                path: Some(path),
            } => Some(ModelRef::File { run_id, path }),
            Self { automl_id: None, name: Some(name), version, alias, run_id: None, path: None } => {
                let version = match (version, alias) {
                    (None, None) => Choice::Usual,
                    (Some(number), None) => Choice::Number(number),
                    (None, Some(alias)) => Choice::Alias(alias),
                    (Some(_), Some(_)) => return None,
                };
                Some(ModelRef::Registered { name, version })
            }
            _ => None,
        }
    }
}

/// Which rows: those of a dataset, or rows as they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RowChoice {
    /// The dataset.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_id: Option<DatasetId>,
    /// Its version; the newest when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    /// The first row, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<usize>,
    /// How many rows at most, 100 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    /// Rows, column by name.
    #[schema(value_type = Option<Vec<Object>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<Vec<Map<String, Value>>>,
}

/// Which dataset's rows stand for "a column is not known".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackgroundChoice {
    /// The dataset.
    #[schema(value_type = String)]
    dataset_id: DatasetId,
    /// Its version; the newest when absent.
    version: Option<i64>,
}

/// What kind of explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ExplanationKind {
    /// SHAP values of each row: what is said, divided among the columns.
    Shap,
    /// A linear model around each row.
    Lime,
    /// How much the model's score falls when a column is shuffled.
    Importance,
    /// How what is said moves with columns: partial dependence, single rows, accumulated local effects.
    Effects,
    /// What would have to be different about each row for something else to be said.
    Counterfactual,
    /// Conditions under which the same is said as of each row.
    Anchor,
    /// Which columns act together; of tree ensembles.
    Interactions,
}

impl From<ExplanationKind> for Kind {
    fn from(kind: ExplanationKind) -> Self {
        match kind {
            ExplanationKind::Shap => Self::Shap,
            ExplanationKind::Lime => Self::Lime,
            ExplanationKind::Importance => Self::Importance,
            ExplanationKind::Effects => Self::Effects,
            ExplanationKind::Counterfactual => Self::Counterfactual,
            ExplanationKind::Anchor => Self::Anchor,
            ExplanationKind::Interactions => Self::Interactions,
        }
    }
}

impl From<Kind> for ExplanationKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Shap => Self::Shap,
            Kind::Lime => Self::Lime,
            Kind::Importance => Self::Importance,
            Kind::Effects => Self::Effects,
            Kind::Counterfactual => Self::Counterfactual,
            Kind::Anchor => Self::Anchor,
            Kind::Interactions => Self::Interactions,
        }
    }
}

/// How SHAP values are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ShapMethod {
    /// `tree` where the model is trees, else `permutation`.
    Auto,
    /// Exactly, of the raw output of trees.
    Tree,
    /// By weighted least squares over coalitions of columns.
    Kernel,
    /// By adding columns in random orders.
    Permutation,
}

/// What is wanted of counterfactuals: one of the three; without it another class than the row's, the likeliest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedPrediction {
    /// This class.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    /// A number of at least this.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    /// A number of at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
}

/// An explanation to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateExplanation {
    /// What to call it; as the model when absent.
    name: Option<String>,
    /// The model.
    model: ModelChoice,
    /// The rows.
    rows: RowChoice,
    /// The background; the rows' own dataset when absent, or the one the search's model was learnt from.
    background: Option<BackgroundChoice>,
    /// What kind.
    kind: ExplanationKind,
    /// How SHAP values are found; `auto` when absent.
    method: Option<ShapMethod>,
    /// Of effects: the columns; those that matter most when absent.
    columns: Option<Vec<String>>,
    /// Of importance: the column with the truth; the one the model predicts when absent.
    target: Option<String>,
    /// Of effects: the output whose single rows are told; the last when absent.
    output: Option<String>,
    /// Of counterfactuals: what is wanted.
    wanted: Option<WantedPrediction>,
    /// Of everything drawn, 0 when absent.
    seed: Option<u64>,
}

/// Rows of an explanation unless told otherwise.
const ROWS: usize = 100;
/// Most rows.
const ROWS_MAX: usize = 1_000;
/// Most columns whose effects are asked for.
const COLUMNS_MAX: usize = 20;
/// Longest name, in characters.
const NAME_MAX: usize = 200;

impl CreateExplanation {
    pub(super) fn draft(self) -> Result<Draft, ApiError> {
        let mut faults = Faults::default();
        let name = self.name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let short = name.as_ref().is_none_or(|n| n.chars().count() <= NAME_MAX && !n.chars().any(char::is_control));
        faults.check(short, "/name", "must have at most 200 characters, none of them a control character");
        let model = self.model.model();
        let which = "must be an automl_id, or a name with a version or an alias, or a run_id and a path";
        faults.check(model.is_some(), "/model", which);
        let rows = rows(self.rows, &mut faults);
        let columns = self.columns.unwrap_or_default();
        faults.check(columns.len() <= COLUMNS_MAX, "/columns", "must be at most 20");
        let wanted = match self.wanted.map(|wanted| (wanted.class, wanted.at_least, wanted.at_most)) {
            None => None,
            Some((Some(class), None, None)) => Some(Wanted::Class(class)),
            Some((None, Some(value), None)) => Some(Wanted::AtLeast(value)),
            Some((None, None, Some(value))) => Some(Wanted::AtMost(value)),
            Some(_) => {
                faults.push("/wanted", "must be exactly one of class, at_least and at_most");
                None
            }
        };
        faults.finish()?;
        let (Some(model), Some(rows)) = (model, rows) else {
            return Err(ApiError::internal("a request that is neither right nor wrong"));
        };
        let method = match (self.kind, self.method) {
            (ExplanationKind::Lime, _) => Method::Lime,
            (_, None | Some(ShapMethod::Auto)) => Method::Auto,
            (_, Some(ShapMethod::Tree)) => Method::Tree,
            (_, Some(ShapMethod::Kernel)) => Method::Kernel,
            (_, Some(ShapMethod::Permutation)) => Method::Permutation,
        };
        Ok(Draft {
            name,
            model,
            rows,
            background: self.background.map(|choice| (choice.dataset_id, choice.version)),
            wish: Wish {
                kind: self.kind.into(),
                method,
                columns,
                target: self.target,
                output: self.output,
                wanted,
                seed: self.seed.unwrap_or(0),
            },
        })
    }
}

fn rows(choice: RowChoice, faults: &mut Faults) -> Option<Rows> {
    let count = choice.count.unwrap_or(ROWS);
    faults.check((1..=ROWS_MAX).contains(&count), "/rows/count", "must be at least 1 and at most 1000");
    match (choice.dataset_id, choice.records) {
        (Some(dataset), None) => {
            let (version, first) = (choice.version, choice.first.unwrap_or(0));
            Some(Rows::Dataset { dataset, version, first, count })
        }
        (None, Some(records)) => {
            let fits = (1..=ROWS_MAX).contains(&records.len());
            faults.check(fits, "/rows/records", "must be at least one row and at most 1000");
            Some(Rows::Records(records))
        }
        _ => {
            faults.push("/rows", "must have exactly one of dataset_id and records");
            None
        }
    }
}

/// An explanation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Explanation {
    /// Its id.
    #[schema(value_type = String)]
    explanation_id: ExplanationId,
    /// Its name.
    name: String,
    /// The model.
    model: ModelChoice,
    /// What the model was called.
    model_label: String,
    /// What kind.
    kind: ExplanationKind,
    /// Where it stands.
    state: WorkState,
    /// Why there is none.
    error: Option<String>,
    /// The dataset of its rows; absent when they came with the request.
    #[schema(value_type = Option<String>)]
    dataset_id: Option<DatasetId>,
    /// The version of it.
    version: Option<i64>,
    /// The first of its rows.
    first: usize,
    /// How many rows at most.
    count: usize,
    /// The id of who asked for it.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// When it came to its end.
    finished_at: Option<DateTime<Utc>>,
    /// What it found. Absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ExplanationResult>,
}

impl From<model::Explanation> for Explanation {
    fn from(made: model::Explanation) -> Self {
        let (dataset_id, version, first, count) = match &made.request.rows {
            Source::Dataset { dataset, version, first, count } => (Some(*dataset), Some(*version), *first, *count),
            Source::Records(records) => (None, None, 0, records.len()),
        };
        Self {
            explanation_id: made.id,
            name: made.name,
            model: made.request.model.into(),
            model_label: made.request.label,
            kind: made.request.wish.kind.into(),
            state: made.state.into(),
            error: made.error,
            dataset_id,
            version,
            first,
            count,
            created_by: made.created_by,
            created_at: made.created_at,
            finished_at: made.finished_at,
            result: None,
        }
    }
}

impl Explanation {
    pub(super) fn with(self, result: Option<ExplanationResult>) -> Self {
        Self { result, ..self }
    }
}

/// Two explanations beside each other.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ComparedExplanations {
    /// The columns, the most important of the left one first.
    columns: Vec<ComparedColumn>,
    /// Spearman's correlation of the ranks of the columns that both know; absent for fewer than two.
    correlation: Option<f64>,
}

/// A column in two explanations.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ComparedColumn {
    /// Its name.
    name: String,
    /// What it is worth on the left.
    left: Option<f64>,
    /// What it is worth on the right.
    right: Option<f64>,
    /// Its rank on the left, from 1.
    left_rank: Option<usize>,
    /// Its rank on the right.
    right_rank: Option<usize>,
}

impl From<Compared> for ComparedExplanations {
    fn from(compared: Compared) -> Self {
        let column = |column: super::service::ComparedColumn| ComparedColumn {
            name: column.name,
            left: column.left,
            right: column.right,
            left_rank: column.left_rank,
            right_rank: column.right_rank,
        };
        Self { columns: compared.columns.into_iter().map(column).collect(), correlation: compared.correlation }
    }
}
