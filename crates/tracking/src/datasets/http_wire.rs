//! What the routes of datasets send and receive, beside what is told of their content.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rhiza_kernel::{DatasetId, JobId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::model::{Dataset, Format, Source, State, Version};
use super::service::Details;
use super::wire::{ColumnType, DatasetProfile, DatasetSchema};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DatasetFormat {
    /// Comma-separated values, or separated by another sign.
    Csv,
    /// JSON Lines: an object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC, as a file or a stream.
    Arrow,
}

impl From<DatasetFormat> for Format {
    fn from(format: DatasetFormat) -> Self {
        match format {
            DatasetFormat::Csv => Self::Csv,
            DatasetFormat::Jsonl => Self::Jsonl,
            DatasetFormat::Parquet => Self::Parquet,
            DatasetFormat::Arrow => Self::Arrow,
        }
    }
}

impl From<Format> for DatasetFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Jsonl => Self::Jsonl,
            Format::Parquet => Self::Parquet,
            Format::Arrow => Self::Arrow,
        }
    }
}

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DatasetVersionState {
    /// Its bytes are on the way, or looked at.
    Reading,
    /// It can be used.
    Ready,
    /// It cannot be read; `error` says why.
    Failed,
}

impl From<State> for DatasetVersionState {
    fn from(state: State) -> Self {
        match state {
            State::Reading => Self::Reading,
            State::Ready => Self::Ready,
            State::Failed => Self::Failed,
        }
    }
}

/// Where a version's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum DatasetSource {
    /// Somebody sent them.
    Upload {
        /// What the file was called.
        file: Option<String>,
    },
    /// They were fetched.
    Url {
        /// From where, without a query.
        url: String,
    },
    /// A run's file.
    Artifact {
        /// The run.
        run_id: String,
        /// The file, from the root of the run's files.
        path: String,
    },
    /// They are the parent's, whose columns are read as other types.
    Types,
}

impl From<Source> for DatasetSource {
    fn from(source: Source) -> Self {
        match source {
            Source::Upload { file } => Self::Upload { file },
            Source::Url { url } => Self::Url { url },
            Source::Artifact { run_id, path } => Self::Artifact { run_id, path },
            Source::Types => Self::Types,
        }
    }
}

/// A version of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct DatasetVersion {
    /// From 1.
    pub(super) version: i64,
    /// Where it stands.
    pub(super) state: DatasetVersionState,
    /// Why it cannot be read, with line and column where that can be said.
    pub(super) error: Option<String>,
    /// How its file is written, once that is known.
    pub(super) format: Option<DatasetFormat>,
    /// The BLAKE3 hash of its bytes, in hexadecimal; absent while they are fetched.
    pub(super) digest: Option<String>,
    /// How many bytes.
    pub(super) size_bytes: Option<i64>,
    /// Rows, once it has been read.
    pub(super) rows: Option<i64>,
    /// Columns, once it has been read.
    pub(super) columns: Option<i64>,
    /// How little work it still needs, 0 to 100, once it has been read.
    pub(super) quality: Option<f64>,
    /// Where its bytes come from.
    pub(super) source: DatasetSource,
    /// The version it was made from.
    pub(super) parent: Option<i64>,
    /// Types that people chose, by column.
    pub(super) types: BTreeMap<String, ColumnType>,
    /// The job that reads it.
    #[schema(value_type = Option<String>)]
    pub(super) job_id: Option<JobId>,
    /// The id of who made it.
    pub(super) created_by: String,
    /// When.
    pub(super) created_at: DateTime<Utc>,
    /// When it was read.
    pub(super) read_at: Option<DateTime<Utc>>,
}

impl From<Version> for DatasetVersion {
    fn from(version: Version) -> Self {
        Self {
            version: version.number,
            state: version.state.into(),
            error: version.error,
            format: version.format.map(DatasetFormat::from),
            digest: version.digest,
            size_bytes: version.size,
            rows: version.rows,
            columns: version.columns,
            quality: version.quality,
            source: version.source.into(),
            parent: version.parent,
            types: version.types.into_iter().map(|(name, kind)| (name, kind.into())).collect(),
            job_id: version.job,
            created_by: version.created_by,
            created_at: version.created_at,
            read_at: version.read_at,
        }
    }
}

/// A dataset with its newest version.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct StoredDataset {
    /// Its id.
    #[schema(value_type = String, example = "dat_01900000000070008000000000000001")]
    pub(super) id: DatasetId,
    /// Its name, unique in the project.
    pub(super) name: String,
    /// What it is, in somebody's words.
    pub(super) description: String,
    /// Its newest version.
    pub(super) latest: DatasetVersion,
    /// The id of who made it.
    pub(super) created_by: String,
    /// When.
    pub(super) created_at: DateTime<Utc>,
    /// When it last changed; a new version is a change.
    pub(super) updated_at: DateTime<Utc>,
}

impl From<(Dataset, Version)> for StoredDataset {
    fn from((dataset, latest): (Dataset, Version)) -> Self {
        Self {
            id: dataset.id,
            name: dataset.name,
            description: dataset.description,
            latest: latest.into(),
            created_by: dataset.created_by,
            created_at: dataset.created_at,
            updated_at: dataset.updated_at,
        }
    }
}

/// A version with what was found in it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct DatasetVersionDetails {
    /// The version.
    #[serde(flatten)]
    pub(super) version: DatasetVersion,
    /// Its columns, once it has been read.
    #[schema(value_type = Option<DatasetSchema>)]
    pub(super) schema: Option<Value>,
    /// What it holds, once it has been read.
    #[schema(value_type = Option<DatasetProfile>)]
    pub(super) profile: Option<Value>,
}

impl From<Details> for DatasetVersionDetails {
    fn from(details: Details) -> Self {
        Self { version: details.version.into(), schema: details.schema, profile: details.profile }
    }
}

/// A file that is somewhere else: exactly one of `url` and `artifact`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportDataset {
    /// The dataset's name; it is made when there is none.
    pub(super) name: String,
    /// How the file is written; found out when absent.
    pub(super) format: Option<DatasetFormat>,
    /// Where it is to be fetched: http or https, without user and password.
    pub(super) url: Option<String>,
    /// A run's file.
    pub(super) artifact: Option<ImportedArtifact>,
}

/// A run's file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportedArtifact {
    /// The run.
    pub(super) run_id: String,
    /// The file, from the root of the run's files.
    pub(super) path: String,
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateDataset {
    /// Not the name of another dataset of the project.
    pub(super) name: Option<String>,
    /// What it is.
    pub(super) description: Option<String>,
}

/// How columns are to be read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DatasetTypes {
    /// The types of columns, by name. The types of columns that are not here are found out.
    pub(super) types: BTreeMap<String, ColumnType>,
}

/// What a profile is to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DatasetTarget {
    /// The column to be predicted.
    pub(super) target: String,
}

/// A profile that looks at a target, or the job that makes it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetProfile {
    /// The profile; absent as long as the job is at work.
    #[schema(value_type = Option<DatasetProfile>)]
    pub(super) profile: Option<Value>,
    /// The job that makes it.
    #[schema(value_type = Option<String>)]
    pub(super) job_id: Option<JobId>,
}
