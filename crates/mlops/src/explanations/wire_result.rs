//! What an explanation found, as it is kept and sent.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What an explanation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum ExplanationResult {
    /// What is said of each row, divided among its columns.
    Shap(Attributions),
    /// A linear model around each row.
    Lime(Attributions),
    /// What columns are worth.
    Importance(ColumnImportances),
    /// How what is said moves with a column.
    Effects(ColumnEffects),
    /// What would have to be different.
    Counterfactual(CounterfactualRows),
    /// Conditions under which the same is said.
    Anchor(AnchorRows),
    /// Which columns act together.
    Interactions(InteractionStrengths),
}

/// What is said of rows, divided among their columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct Attributions {
    /// `tree`, `kernel`, `permutation` or `lime`.
    pub(super) method: String,
    /// What is explained: `prediction`, or `raw output` (before the link: log-odds of classes).
    pub(super) of: String,
    /// The columns.
    pub(super) features: Vec<String>,
    /// The outputs: classes, or the target.
    pub(super) outputs: Vec<String>,
    /// What is said of an output before any column is known.
    pub(super) base_values: Vec<f64>,
    /// Rows × columns × outputs.
    pub(super) values: Vec<Vec<Vec<f64>>>,
    /// Standard errors in the same shape, where something was left to chance.
    pub(super) standard_errors: Option<Vec<Vec<Vec<f64>>>>,
    /// Of LIME: the share of the local variance that its rules explain, rows × outputs.
    pub(super) r2: Option<Vec<Vec<f64>>>,
    /// What the model says, rows × outputs.
    pub(super) predictions: Vec<Vec<f64>>,
    /// The rows themselves, rows × columns.
    #[schema(value_type = Vec<Vec<Value>>)]
    pub(super) cells: Vec<Vec<Value>>,
    /// The columns by the mean size of their values, the largest first.
    pub(super) global: Vec<GlobalValue>,
}

/// A column over all rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct GlobalValue {
    /// Its name.
    pub(super) name: String,
    /// Mean size of its values, by output.
    pub(super) mean_magnitude: Vec<f64>,
}

/// What columns are worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct ColumnImportances {
    /// By what the model is scored.
    pub(super) metric: String,
    /// Its score on the rows.
    pub(super) base_score: f64,
    /// The columns, the most important first.
    pub(super) columns: Vec<ColumnImportance>,
}

/// What a column is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct ColumnImportance {
    /// Its name.
    pub(super) name: String,
    /// How much the metric worsens when it is shuffled.
    pub(super) importance: f64,
    /// Lower end of the 95 % interval over the shuffles.
    pub(super) low: f64,
    /// Upper end.
    pub(super) high: f64,
}

/// How what is said moves with columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct ColumnEffects {
    /// The outputs: classes, or the target.
    pub(super) outputs: Vec<String>,
    /// The columns, the most important first.
    pub(super) columns: Vec<ColumnEffect>,
}

/// How what is said moves with a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct ColumnEffect {
    /// Its name.
    pub(super) name: String,
    /// `numeric` or `categorical`.
    pub(super) kind: String,
    /// Values of the column.
    #[schema(value_type = Vec<Value>)]
    pub(super) grid: Vec<Value>,
    /// Partial dependence: the mean of what is said when all rows have the value; grid × outputs.
    pub(super) average: Vec<Vec<f64>>,
    /// What is said of single rows, of one output; rows × grid.
    pub(super) ice: Vec<Vec<f64>>,
    /// Number of the output that `ice` is of.
    pub(super) ice_output: usize,
    /// Accumulated local effects, which look only at values that rows may have.
    pub(super) ale: Option<Accumulated>,
}

/// Accumulated local effects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct Accumulated {
    /// Values of the column.
    #[schema(value_type = Vec<Value>)]
    pub(super) grid: Vec<Value>,
    /// The effect, with mean 0 over the rows; grid × outputs.
    pub(super) effects: Vec<Vec<f64>>,
}

/// What would have to be different about rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct CounterfactualRows {
    /// The columns.
    pub(super) features: Vec<String>,
    /// The outputs: classes, or the target.
    pub(super) outputs: Vec<String>,
    /// The rows asked about.
    pub(super) rows: Vec<CounterfactualRow>,
}

/// A row and what could become of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct CounterfactualRow {
    /// The row.
    #[schema(value_type = Vec<Value>)]
    pub(super) cells: Vec<Value>,
    /// What is said of it, by output.
    pub(super) prediction: Vec<f64>,
    /// Rows like it of which is said what is wanted, the nearest first.
    pub(super) found: Vec<Alternative>,
}

/// A row like another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct Alternative {
    /// What is different.
    pub(super) changes: Vec<CellChange>,
    /// What is said of it, by output.
    pub(super) prediction: Vec<f64>,
    /// How far it is away, in units of the columns' spread.
    pub(super) distance: f64,
}

/// A value that is different.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct CellChange {
    /// The column.
    pub(super) column: String,
    /// What it is.
    #[schema(value_type = Value)]
    pub(super) from: Value,
    /// What it would be.
    #[schema(value_type = Value)]
    pub(super) to: Value,
}

/// Conditions under which the same is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AnchorRows {
    /// The rows asked about.
    pub(super) rows: Vec<AnchorRow>,
}

/// A row's conditions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AnchorRow {
    /// What is said of the row: a class, or `at least` or `below` the middle of what is said of all rows.
    pub(super) prediction: String,
    /// The conditions.
    pub(super) rule: Vec<AnchorCondition>,
    /// Share of rows that meet them of which the same is said.
    pub(super) precision: f64,
    /// Share of all rows that meet them.
    pub(super) coverage: f64,
    /// Whether the precision wanted, 0.95, is reached.
    pub(super) reached: bool,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AnchorCondition {
    /// The column.
    pub(super) column: String,
    /// In words.
    pub(super) text: String,
}

/// Which columns act together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct InteractionStrengths {
    /// The columns.
    pub(super) features: Vec<String>,
    /// Mean size of the interaction values over rows and outputs, columns × columns; the diagonal is what columns do alone.
    pub(super) strength: Vec<Vec<f64>>,
}
