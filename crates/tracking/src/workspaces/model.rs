//! Workspaces as MLflow's clients see them, and what the server says of itself.

use serde::Serialize;
use utoipa::ToSchema;

/// The version of MLflow whose protocol is spoken here. Clients compare it with what they need.
pub const MLFLOW_VERSION: &str = "3.18.0";

/// A project that the caller may enter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MlflowWorkspace)]
pub struct Workspace {
    /// Its slug, as in `X-MLFLOW-WORKSPACE`.
    pub name: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What this server offers. Clients fall back to plain transfers where a flag is off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MlflowServerInfo)]
pub struct ServerInfo {
    /// The kind of store, in MLflow's word for databases.
    pub store_type: &'static str,
    /// Projects are workspaces.
    pub workspaces_enabled: bool,
    /// Traces are moved to an archive.
    pub trace_archival_enabled: bool,
    /// Large files may be uploaded in parts, straight to the object store.
    pub multipart_uploads_enabled: bool,
    /// Large files may be downloaded in parts, straight from the object store.
    pub multipart_downloads_enabled: bool,
    /// Artifacts go through this server.
    pub artifact_serving_enabled: bool,
    /// A run's artifacts may be uploaded to an address of the object store that was asked for.
    pub presigned_upload_run_id_supported: bool,
    /// The same for logged models.
    pub presigned_upload_model_id_supported: bool,
    /// A logged model's artifacts may be downloaded from an address of the object store that was asked for.
    pub model_artifact_presigned_downloads_supported: bool,
    /// Further parts of MLflow.
    pub features_enabled: Features,
    /// A plug-in that clients need to sign in; none.
    pub tracking_auth: &'static str,
    /// Artifacts go past this server only.
    pub artifacts_presigned_only: bool,
}

/// Parts of MLflow that are not tracking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MlflowFeatures)]
pub struct Features {
    /// MLflow's gateway to language models.
    pub gateway: bool,
    /// MLflow's scheduled search for issues in traces.
    pub scheduled_issue_detection: bool,
}

impl ServerInfo {
    /// What is offered where blobs are in a store that hands out addresses of its own, or are not.
    #[must_use]
    pub const fn new(presigning: bool) -> Self {
        Self {
            store_type: "SqlStore",
            workspaces_enabled: true,
            trace_archival_enabled: false,
            multipart_uploads_enabled: presigning,
            multipart_downloads_enabled: presigning,
            artifact_serving_enabled: true,
            // Every artifact is at an address of this server, for which these calls do not exist.
            presigned_upload_run_id_supported: false,
            presigned_upload_model_id_supported: false,
            model_artifact_presigned_downloads_supported: false,
            features_enabled: Features { gateway: false, scheduled_issue_detection: false },
            tracking_auth: "",
            artifacts_presigned_only: false,
        }
    }
}
