//! MLflow's answers, as far as they are copied, and what they become here.

use std::collections::BTreeMap;

use rhiza_tracking::importer::model::{Dataset, Experiment, Model, ModelPoint, Output, Registered, Run, Version};
use rhiza_tracking::logged_models::model::Status;
use rhiza_tracking::metrics::Point;
use rhiza_tracking::registry::model::Stage;
use rhiza_tracking::runs::RunStatus;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A whole number: MLflow's versions write it as such or as a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Int(pub(crate) i64);

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(from)?;
        let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        number.map(Self).ok_or_else(|| serde::de::Error::custom(format!("{value} is not a whole number")))
    }
}

/// A double, read from its digits: a JSON library's own reading may be off by the last bit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Double(pub(crate) f64);

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        // Rust reads "NaN" and "Infinity" as MLflow writes them.
        let number = raw.get().trim_matches('"').parse().ok();
        number.map(Self).ok_or_else(|| serde::de::Error::custom(format!("{raw} is not a number")))
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Pair {
    key: String,
    #[serde(default)]
    value: String,
}

fn pairs(list: Vec<Pair>) -> BTreeMap<String, String> {
    list.into_iter().map(|pair| (pair.key, pair.value)).collect()
}

/// A part of a list, and where it goes on.
pub(crate) trait Paged {
    /// Where the list goes on.
    fn next(&mut self) -> Option<String>;
}

macro_rules! paged {
    ($($name:ident { $list:ident: $of:ty }),+ $(,)?) => {$(
        #[derive(Debug, Deserialize)]
        pub(crate) struct $name {
            #[serde(default)]
            pub(crate) $list: Vec<$of>,
            next_page_token: Option<String>,
        }

        impl Paged for $name {
            fn next(&mut self) -> Option<String> {
                self.next_page_token.take().filter(|token| !token.is_empty())
            }
        }
    )+};
}

paged! {
    ExperimentPage { experiments: WireExperiment },
    RunPage { runs: WireRun },
    MetricPage { metrics: WireMetric },
    LoggedModelPage { models: WireModel },
    RegisteredPage { registered_models: WireRegistered },
    VersionPage { model_versions: WireVersion },
}

#[derive(Debug, Deserialize)]
pub(crate) struct WireExperiment {
    experiment_id: String,
    pub(crate) name: String,
    #[serde(default)]
    lifecycle_stage: String,
    creation_time: Option<Int>,
    last_update_time: Option<Int>,
    #[serde(default)]
    tags: Vec<Pair>,
}

impl From<WireExperiment> for Experiment {
    fn from(wire: WireExperiment) -> Self {
        let created_ms = wire.creation_time.unwrap_or_default().0;
        Self {
            id: wire.experiment_id,
            name: wire.name,
            created_ms,
            updated_ms: wire.last_update_time.map_or(created_ms, |at| at.0),
            tags: pairs(wire.tags),
            deleted: wire.lifecycle_stage == "deleted",
        }
    }
}

/// The answer to a question for one run.
#[derive(Debug, Deserialize)]
pub(crate) struct RunAnswer {
    pub(crate) run: WireRun,
}

#[derive(Debug, Deserialize)]
pub(crate) struct WireRun {
    pub(crate) info: RunInfo,
    #[serde(default)]
    data: RunData,
    #[serde(default)]
    inputs: Inputs,
    #[serde(default)]
    outputs: Outputs,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RunInfo {
    run_id: String,
    #[serde(default)]
    run_name: String,
    #[serde(default)]
    experiment_id: String,
    #[serde(default)]
    user_id: String,
    status: Option<String>,
    start_time: Option<Int>,
    end_time: Option<Int>,
    #[serde(default)]
    pub(crate) artifact_uri: String,
    #[serde(default)]
    lifecycle_stage: String,
}

#[derive(Debug, Default, Deserialize)]
struct RunData {
    #[serde(default)]
    metrics: Vec<WireMetric>,
    #[serde(default)]
    params: Vec<Pair>,
    #[serde(default)]
    tags: Vec<Pair>,
}

#[derive(Debug, Default, Deserialize)]
struct Inputs {
    #[serde(default)]
    dataset_inputs: Vec<DatasetInput>,
    #[serde(default)]
    model_inputs: Vec<ModelRef>,
}

#[derive(Debug, Default, Deserialize)]
struct Outputs {
    #[serde(default)]
    model_outputs: Vec<ModelRef>,
}

#[derive(Debug, Deserialize)]
struct ModelRef {
    model_id: String,
    #[serde(default)]
    step: Int,
}

#[derive(Debug, Deserialize)]
struct DatasetInput {
    #[serde(default)]
    tags: Vec<Pair>,
    dataset: WireDataset,
}

#[derive(Debug, Deserialize)]
struct WireDataset {
    name: String,
    digest: String,
    #[serde(default)]
    source_type: String,
    #[serde(default)]
    source: String,
    schema: Option<String>,
    profile: Option<String>,
}

impl From<DatasetInput> for Dataset {
    fn from(wire: DatasetInput) -> Self {
        let set = wire.dataset;
        Self {
            name: set.name,
            digest: set.digest,
            source_type: set.source_type,
            source: set.source,
            schema: set.schema,
            profile: set.profile,
            tags: pairs(wire.tags),
        }
    }
}

impl WireRun {
    /// The names of the run's metrics.
    pub(crate) fn metric_keys(&self) -> Vec<String> {
        self.data.metrics.iter().map(|metric| metric.key.clone()).collect()
    }
}

impl From<WireRun> for Run {
    fn from(wire: WireRun) -> Self {
        let info = wire.info;
        let tags = pairs(wire.data.tags);
        // Servers before 2.0 have the name in a tag only.
        let named = || tags.get("mlflow.runName").cloned().unwrap_or_default();
        let status = info.status.as_deref();
        let status = RunStatus::CHOICES.iter().find(|(name, ..)| Some(*name) == status);
        Self {
            id: info.run_id,
            experiment: info.experiment_id,
            name: if info.run_name.is_empty() { named() } else { info.run_name },
            user: info.user_id,
            status: status.map_or(RunStatus::Running, |(.., status)| *status),
            start_ms: info.start_time.unwrap_or_default().0,
            end_ms: info.end_time.map(|at| at.0),
            params: pairs(wire.data.params),
            tags,
            metrics: BTreeMap::new(),
            datasets: wire.inputs.dataset_inputs.into_iter().map(Dataset::from).collect(),
            models_in: wire.inputs.model_inputs.into_iter().map(|model| model.model_id).collect(),
            models_out: wire
                .outputs
                .model_outputs
                .into_iter()
                .map(|model| Output { id: model.model_id, step: model.step.0 })
                .collect(),
            deleted: info.lifecycle_stage == "deleted",
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct WireMetric {
    key: String,
    #[serde(default)]
    value: Double,
    #[serde(default)]
    timestamp: Int,
    #[serde(default)]
    step: Int,
    #[serde(default)]
    run_id: String,
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

impl WireMetric {
    /// The point of a history.
    pub(crate) fn point(&self) -> Point {
        Point::new(self.value.0, self.timestamp.0, self.step.0)
    }
}

impl From<WireMetric> for ModelPoint {
    fn from(wire: WireMetric) -> Self {
        Self {
            key: wire.key,
            value: wire.value.0,
            at_ms: wire.timestamp.0,
            step: wire.step.0,
            run: wire.run_id,
            dataset: wire.dataset_name,
            digest: wire.dataset_digest,
        }
    }
}

/// The answer to a question for one logged model.
#[derive(Debug, Deserialize)]
pub(crate) struct ModelAnswer {
    pub(crate) model: WireModel,
}

#[derive(Debug, Deserialize)]
pub(crate) struct WireModel {
    pub(crate) info: ModelInfo,
    #[serde(default)]
    data: ModelData,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ModelInfo {
    model_id: String,
    experiment_id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    creation_timestamp_ms: Int,
    #[serde(default)]
    last_updated_timestamp_ms: Int,
    #[serde(default)]
    pub(crate) artifact_uri: String,
    status: Option<String>,
    #[serde(default)]
    model_type: String,
    #[serde(default)]
    source_run_id: String,
    #[serde(default)]
    tags: Vec<Pair>,
}

#[derive(Debug, Default, Deserialize)]
struct ModelData {
    #[serde(default)]
    params: Vec<Pair>,
    #[serde(default)]
    metrics: Vec<WireMetric>,
}

impl From<WireModel> for Model {
    fn from(wire: WireModel) -> Self {
        let info = wire.info;
        let status = info.status.as_deref();
        let status = Status::CHOICES.iter().find(|(name, ..)| Some(*name) == status);
        Self {
            id: info.model_id,
            experiment: info.experiment_id,
            name: info.name,
            kind: info.model_type,
            run: info.source_run_id,
            status: status.map_or(Status::Unspecified, |(.., status)| *status),
            created_ms: info.creation_timestamp_ms.0,
            updated_ms: info.last_updated_timestamp_ms.0,
            params: pairs(wire.data.params),
            tags: pairs(info.tags),
            metrics: wire.data.metrics.into_iter().map(ModelPoint::from).collect(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct WireRegistered {
    pub(crate) name: String,
    description: Option<String>,
    #[serde(default)]
    creation_timestamp: Int,
    #[serde(default)]
    last_updated_timestamp: Int,
    #[serde(default)]
    tags: Vec<Pair>,
    #[serde(default)]
    aliases: Vec<WireAlias>,
}

#[derive(Debug, Deserialize)]
struct WireAlias {
    alias: String,
    version: Int,
}

impl From<WireRegistered> for Registered {
    fn from(wire: WireRegistered) -> Self {
        Self {
            name: wire.name,
            description: wire.description,
            created_ms: wire.creation_timestamp.0,
            updated_ms: wire.last_updated_timestamp.0,
            tags: pairs(wire.tags),
            aliases: wire.aliases.into_iter().map(|alias| (alias.alias, alias.version.0)).collect(),
            versions: Vec::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct WireVersion {
    version: Int,
    #[serde(default)]
    creation_timestamp: Int,
    #[serde(default)]
    last_updated_timestamp: Int,
    #[serde(default)]
    current_stage: String,
    description: Option<String>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    run_id: String,
    #[serde(default)]
    model_id: String,
    #[serde(default)]
    tags: Vec<Pair>,
}

impl From<WireVersion> for Version {
    fn from(wire: WireVersion) -> Self {
        let named = wire.source.strip_prefix("models:/").filter(|id| id.starts_with("m-"));
        let model = if wire.model_id.is_empty() { named.unwrap_or_default().to_owned() } else { wire.model_id };
        Self {
            version: wire.version.0,
            description: wire.description,
            stage: Stage::parse(&wire.current_stage).unwrap_or(Stage::None),
            model,
            source: wire.source,
            location: None,
            run: wire.run_id,
            created_ms: wire.creation_timestamp.0,
            updated_ms: wire.last_updated_timestamp.0,
            tags: pairs(wire.tags),
        }
    }
}

/// Where the files of a version are.
#[derive(Debug, Deserialize)]
pub(crate) struct DownloadUri {
    pub(crate) artifact_uri: String,
}

/// What lies in a folder.
#[derive(Debug, Deserialize)]
pub(crate) struct FileList {
    #[serde(default)]
    pub(crate) files: Vec<WireFile>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct WireFile {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) is_dir: bool,
    pub(crate) file_size: Option<Int>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_way_they_are_written() {
        let text = r#"{"metrics":[
            {"key":"a","value":"NaN","timestamp":1,"step":"2"},
            {"key":"b","value":0.1234567890123456789,"timestamp":"9007199254740993"},
            {"key":"c","value":"-Infinity","timestamp":1,"step":0},
            {"key":"d","value":7,"timestamp":1,"step":0}],"next_page_token":""}"#;
        let mut page: MetricPage = serde_json::from_str(text).expect("a page");
        assert_eq!(page.next(), None);
        let points: Vec<Point> = page.metrics.iter().map(WireMetric::point).collect();
        assert!(points[0].value.is_nan() && points[0].step == 2);
        assert_eq!(
            (points[1].value.to_bits(), points[1].timestamp),
            (0.123_456_789_012_345_68_f64.to_bits(), 9_007_199_254_740_993)
        );
        assert_eq!((points[2].value, points[3].value), (f64::MIN, 7.0));
        assert!(serde_json::from_str::<MetricPage>(r#"{"metrics":[{"key":"a","value":"high"}]}"#).is_err());
    }

    #[test]
    fn a_run_of_an_old_server_has_its_name_in_a_tag() {
        let text = r#"{"run":{"info":{"run_id":"r","experiment_id":"1","status":"FAILED","start_time":5},
            "data":{"tags":[{"key":"mlflow.runName","value":"old"}]}}}"#;
        let answer: RunAnswer = serde_json::from_str(text).expect("a run");
        let run = Run::from(answer.run);
        assert_eq!((run.name.as_str(), run.status, run.end_ms), ("old", RunStatus::Failed, None));
    }

    #[test]
    fn a_version_knows_its_logged_model_by_its_source() {
        let text = r#"{"version":"3","source":"models:/m-1","current_stage":"Production"}"#;
        let version = Version::from(serde_json::from_str::<WireVersion>(text).expect("a version"));
        assert_eq!((version.version, version.model.as_str(), version.stage), (3, "m-1", Stage::Production));
    }
}
