//! An explanation that is asked for, and one that is kept.

use chrono::{DateTime, Utc};
use rhiza_kernel::{AutomlId, DatasetId, ExplanationId, JobId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::explain::Method;
use crate::automl::State;
use crate::models::ModelRef;

/// What kind of explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// SHAP values.
    Shap,
    /// LIME.
    Lime,
    /// Permutation importance.
    Importance,
    /// Partial dependence, single lines, accumulated effects.
    Effects,
    /// Counterfactuals.
    Counterfactual,
    /// Anchors.
    Anchor,
    /// SHAP interaction values.
    Interactions,
}

/// What is wanted of a counterfactual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wanted {
    /// This class.
    Class(String),
    /// A number of at least this.
    AtLeast(f64),
    /// A number of at most this.
    AtMost(f64),
}

/// How to explain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Wish {
    pub(super) kind: Kind,
    /// Of SHAP values.
    pub(super) method: Method,
    /// Of effects; the most important ones when none is named.
    pub(super) columns: Vec<String>,
    /// Of importance: the column with the truth; the model's target when absent.
    pub(super) target: Option<String>,
    /// Of effects: the output whose single lines are drawn; the last when absent.
    pub(super) output: Option<String>,
    /// Of counterfactuals.
    pub(super) wanted: Option<Wanted>,
    /// Of everything drawn.
    pub(super) seed: u64,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    /// From a version of a dataset.
    Dataset {
        dataset: DatasetId,
        version: i64,
        /// The first of them, from 0.
        first: usize,
        /// How many at most.
        count: usize,
    },
    /// They came with the request.
    Records(Vec<Map<String, Value>>),
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) model: ModelRef,
    /// What the model was called.
    pub(super) label: String,
    pub(super) rows: Source,
    /// The dataset whose rows stand for "a column is not known".
    pub(super) background: Option<(DatasetId, i64)>,
    pub(super) wish: Wish,
}

impl Request {
    /// The search whose model it is about.
    pub(super) const fn automl(&self) -> Option<AutomlId> {
        if let ModelRef::Automl(id) = &self.model { Some(*id) } else { None }
    }

    /// The registered model that it is about.
    pub(super) fn registered(&self) -> Option<&str> {
        if let ModelRef::Registered { name, .. } = &self.model { Some(name) } else { None }
    }
}

/// An explanation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Explanation {
    pub(super) id: ExplanationId,
    pub(super) name: String,
    pub(super) request: Request,
    pub(super) state: State,
    pub(super) error: Option<String>,
    pub(super) job: Option<JobId>,
    pub(super) created_by: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) finished_at: Option<DateTime<Utc>>,
}
