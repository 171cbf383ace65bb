//! Registered models and versions as MLflow's clients read them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{ModelVersion, RegisteredModel, Tag};
use crate::protocol::KeyValue;

/// A registered model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowRegisteredModel)]
pub struct ModelBody {
    /// Its name.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub creation_timestamp: i64,
    /// When it last changed.
    pub last_updated_timestamp: i64,
    /// Free text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The newest version of each stage.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub latest_versions: Vec<VersionBody>,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<KeyValue>,
    /// Aliases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<AliasBody>,
}

/// An alias of a model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowRegisteredModelAlias)]
pub struct AliasBody {
    /// The alias.
    pub alias: String,
    /// The version it points at.
    pub version: String,
}

/// A version of a registered model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowModelVersion)]
pub struct VersionBody {
    /// The model's name.
    pub name: String,
    /// Its number.
    pub version: String,
    /// When it was made, in milliseconds since 1970.
    pub creation_timestamp: i64,
    /// When it last changed.
    pub last_updated_timestamp: i64,
    /// Its stage.
    pub current_stage: &'static str,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where its files came from.
    pub source: String,
    /// The run that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Always `READY`.
    pub status: &'static str,
    /// A link to the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_link: Option<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<KeyValue>,
    /// Aliases that point here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

fn tags(tags: Vec<Tag>) -> Vec<KeyValue> {
    tags.into_iter().map(|t| KeyValue { key: t.key, value: t.value }).collect()
}

impl From<ModelVersion> for VersionBody {
    fn from(version: ModelVersion) -> Self {
        Self {
            name: version.name,
            version: version.version.to_string(),
            creation_timestamp: version.created_ms,
            last_updated_timestamp: version.updated_ms,
            current_stage: version.stage.as_str(),
            description: version.description,
            source: version.source,
            run_id: version.run_id,
            status: "READY",
            run_link: version.run_link,
            tags: tags(version.tags),
            aliases: version.aliases,
        }
    }
}

impl From<RegisteredModel> for ModelBody {
    fn from(model: RegisteredModel) -> Self {
        Self {
            name: model.name,
            creation_timestamp: model.created_ms,
            last_updated_timestamp: model.updated_ms,
            description: model.description.unwrap_or_default(),
            latest_versions: model.latest_versions.into_iter().map(VersionBody::from).collect(),
            tags: tags(model.tags),
            aliases: model
                .aliases
                .into_iter()
                .map(|a| AliasBody { alias: a.alias, version: a.version.to_string() })
                .collect(),
        }
    }
}

/// One registered model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowRegisteredModelResponse)]
pub struct OneModel {
    /// The model.
    pub registered_model: ModelBody,
}

/// One version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowModelVersionResponse)]
pub struct OneVersion {
    /// The version.
    pub model_version: VersionBody,
}

/// Registered models.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowSearchRegisteredModelsResponse)]
pub struct ModelPage {
    /// The models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub registered_models: Vec<ModelBody>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Versions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowSearchModelVersionsResponse)]
pub struct VersionPage {
    /// The versions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub model_versions: Vec<VersionBody>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Where a version's files are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowModelVersionDownloadUri)]
pub struct DownloadUri {
    /// The folder's URI.
    pub artifact_uri: String,
}

/// Makes a registered model.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowCreateRegisteredModel)]
pub struct CreateModel {
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Tags.
    pub tags: Option<Vec<KeyValue>>,
}

/// Names a registered model.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowRegisteredModelName)]
pub struct NameOnly {
    /// Its name.
    pub name: String,
}

/// Changes a registered model.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowUpdateRegisteredModel)]
pub struct UpdateModel {
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
}

/// Renames a registered model.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowRenameRegisteredModel)]
pub struct RenameModel {
    /// Its name.
    pub name: String,
    /// The name it gets.
    pub new_name: String,
}

/// A tag of a registered model.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowSetRegisteredModelTag)]
pub struct ModelTag {
    /// The model.
    pub name: String,
    /// The tag's key.
    pub key: String,
    /// The tag's value (not needed to remove it).
    pub value: Option<String>,
}

/// Asks for the newest versions.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowGetLatestVersions)]
pub struct LatestVersions {
    /// The model.
    pub name: String,
    /// The stages; all of them when none is given.
    pub stages: Option<Vec<String>>,
}

/// Points an alias at a version.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowSetRegisteredModelAlias)]
pub struct SetAlias {
    /// The model.
    pub name: String,
    /// The alias.
    pub alias: String,
    /// The version (not needed to remove it).
    pub version: Option<String>,
}

/// Makes a version.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowCreateModelVersion)]
pub struct CreateVersion {
    /// The model.
    pub name: String,
    /// Where the files are.
    pub source: String,
    /// The run that made them.
    pub run_id: Option<String>,
    /// The logged model this is.
    pub model_id: Option<String>,
    /// A link to the run.
    pub run_link: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Tags.
    pub tags: Option<Vec<KeyValue>>,
}

/// Names a version, or changes its description.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowUpdateModelVersion)]
pub struct UpdateVersion {
    /// The model.
    pub name: String,
    /// The version's number.
    pub version: String,
    /// Free text; absent clears it.
    pub description: Option<String>,
}

/// A tag of a version.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowSetModelVersionTag)]
pub struct VersionTag {
    /// The model.
    pub name: String,
    /// The version's number.
    pub version: String,
    /// The tag's key.
    pub key: String,
    /// The tag's value (not needed to remove it).
    pub value: Option<String>,
}

/// Moves a version to a stage.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowTransitionModelVersionStage)]
pub struct Transition {
    /// The model.
    pub name: String,
    /// The version's number.
    pub version: String,
    /// The stage.
    pub stage: String,
    /// Whether the versions that are there go to the archive.
    pub archive_existing_versions: Option<bool>,
}
