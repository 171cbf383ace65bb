//! What the registry's own routes, beside MLflow's, send and receive.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::console::wire::{RunDataset, RunModel, RunStatus};

/// The run a version was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineageRun {
    /// Its id.
    pub run_id: String,
    /// Its name.
    pub run_name: String,
    /// How it is doing.
    pub status: RunStatus,
    /// `active` or `deleted`.
    pub lifecycle_stage: String,
    /// Its experiment.
    pub experiment_id: String,
    /// The experiment's name.
    pub experiment_name: String,
}

/// Where a version comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VersionLineage {
    /// The run it names, whether or not that run exists here.
    pub run_id: Option<String>,
    /// The run, when it exists.
    pub run: Option<LineageRun>,
    /// What went into the run.
    pub datasets: Vec<RunDataset>,
    /// The logged model it is, when that exists.
    pub model: Option<RunModel>,
}

/// Which logged models.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct RegistrationSearch {
    /// Their ids, at most 200.
    #[schema(max_items = 200)]
    pub model_ids: Vec<String>,
}

/// A version that is a logged model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ModelRegistration {
    /// The logged model.
    pub model_id: String,
    /// The registered model's name.
    pub name: String,
    /// The version's number.
    pub version: String,
}

/// What logged models are registered as.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegistrationResult {
    /// By name and number.
    pub items: Vec<ModelRegistration>,
}
