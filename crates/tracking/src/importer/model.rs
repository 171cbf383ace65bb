//! The import file: a header line and one JSON object per line, compressed as a whole with zstd. Pure.
//!
//! The header is `{"format":"rhiza-import","version":1,"exported_ms":…,"source":"…","lines":N}`; each of the N lines
//! after it holds one thing under the name of its kind: `experiment`, `run`, `model` (a logged model),
//! `registered_model` with its versions, or `artifact`, one file of a run or logged model. A line may only name
//! what an earlier line brought, so that a reader never has to look ahead (a run's parent and the models of a run
//! excepted: those are mere ids).

use std::collections::{BTreeMap, HashSet};
use std::io::Read as _;

use base64::Engine as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::logged_models::model::Status;
use crate::metrics::Point;
use crate::protocol::parse_metric;
use crate::registry::model::Stage;
use crate::runs::RunStatus;

/// The format's name, in the header.
pub const FORMAT: &str = "rhiza-import";
/// The only version there is.
pub const VERSION: u32 = 1;
/// The most an import file may unpack to: it is read into memory.
const MAX_UNPACKED: u64 = 1024 * 1024 * 1024;

/// Why a file cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It is not compressed with zstd, or damaged.
    #[error("the file is not an import file: {0}")]
    Packed(String),
    /// A line is not acceptable.
    #[error("line {line}: {detail}")]
    Line {
        /// Counting from 1; the header is line 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// When the file was written.
    pub exported_ms: i64,
    /// What the content was made with.
    #[serde(default)]
    pub source: String,
    /// How many lines follow.
    pub lines: usize,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// An experiment.
    Experiment(Experiment),
    /// A run.
    Run(Run),
    /// A logged model.
    Model(Model),
    /// A registered model.
    RegisteredModel(Registered),
    /// A file.
    Artifact(File),
}

/// An experiment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Its id where it comes from.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Whether it is deleted.
    #[serde(default)]
    pub deleted: bool,
}

/// A run with everything that was logged to it, files apart.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its id: 32 hexadecimal digits.
    pub id: String,
    /// The experiment's id.
    pub experiment: String,
    /// Its name.
    pub name: String,
    /// Whose it is.
    #[serde(default)]
    pub user: String,
    /// How it ended.
    #[serde(deserialize_with = "status")]
    pub status: RunStatus,
    /// When it began.
    pub start_ms: i64,
    /// When it ended.
    pub end_ms: Option<i64>,
    /// Parameters.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Histories: `[time, step, value]` each.
    #[serde(default)]
    pub metrics: BTreeMap<String, Vec<Logged>>,
    /// What it was trained on.
    #[serde(default)]
    pub datasets: Vec<Dataset>,
    /// Ids of logged models that went in.
    #[serde(default)]
    pub models_in: Vec<String>,
    /// Logged models that came out.
    #[serde(default)]
    pub models_out: Vec<Output>,
    /// Whether it is deleted.
    #[serde(default)]
    pub deleted: bool,
}

/// One point of a history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logged(pub Point);

impl<'de> Deserialize<'de> for Logged {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (at, step, value) = <(i64, i64, Value)>::deserialize(from)?;
        let value = parse_metric(&value)
            .ok_or_else(|| serde::de::Error::custom(format!("{value} is not the value of a metric")))?;
        Ok(Self(Point::new(value, at, step)))
    }
}

/// A dataset as a run saw it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What sort of source.
    #[serde(default)]
    pub source_type: String,
    /// The source.
    #[serde(default)]
    pub source: String,
    /// Its schema, as JSON.
    #[serde(default)]
    pub schema: Option<String>,
    /// What it looks like, as JSON.
    #[serde(default)]
    pub profile: Option<String>,
    /// Tags of the input; `mlflow.data.context` is what it was used for.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A logged model that a run made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The model.
    pub id: String,
    /// At which step.
    pub step: i64,
}

/// A logged model, files apart.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its id: `m-` and 32 hexadecimal digits.
    pub id: String,
    /// The experiment's id.
    pub experiment: String,
    /// Its name.
    pub name: String,
    /// What sort of model.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// The run that made it; may be empty.
    #[serde(default)]
    pub run: String,
    /// How far it is.
    #[serde(deserialize_with = "model_status")]
    pub status: Status,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Parameters.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What was measured on it.
    #[serde(default)]
    pub metrics: Vec<ModelPoint>,
}

/// A metric value of a logged model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPoint {
    /// The metric.
    pub key: String,
    /// The value.
    #[serde(deserialize_with = "metric_value")]
    pub value: f64,
    /// When.
    pub at_ms: i64,
    /// At which step.
    #[serde(default)]
    pub step: i64,
    /// By which run.
    #[serde(default)]
    pub run: String,
    /// On which dataset.
    #[serde(default)]
    pub dataset: Option<String>,
    /// That dataset's digest.
    #[serde(default)]
    pub digest: Option<String>,
}

/// A registered model with its versions.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// Its name.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Aliases, with the versions they point at.
    #[serde(default)]
    pub aliases: BTreeMap<String, i64>,
    /// Its versions.
    #[serde(default)]
    pub versions: Vec<Version>,
}

/// A version of a registered model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Its number.
    pub version: i64,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// Its stage.
    #[serde(deserialize_with = "stage")]
    pub stage: Stage,
    /// Where its files come from.
    pub source: String,
    /// Where its files are, if that is known beside the source: never in a file.
    #[serde(skip)]
    pub location: Option<String>,
    /// The run that made it; may be empty.
    #[serde(default)]
    pub run: String,
    /// The logged model it is; may be empty.
    #[serde(default)]
    pub model: String,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerKind {
    /// A run's.
    Run,
    /// A logged model's.
    Model,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// What sort of thing it belongs to.
    pub of: OwnerKind,
    /// Which one.
    pub id: String,
    /// Its path below the owner's root.
    pub path: String,
    /// Its bytes.
    #[serde(rename = "base64", deserialize_with = "bytes")]
    pub content: Vec<u8>,
}

fn status<'de, D: Deserializer<'de>>(from: D) -> Result<RunStatus, D::Error> {
    let name = String::deserialize(from)?;
    let known = RunStatus::CHOICES.iter().find(|(n, ..)| *n == name);
    known.map(|(.., s)| *s).ok_or_else(|| serde::de::Error::custom(format!("{name:?} is not the status of a run")))
}

fn model_status<'de, D: Deserializer<'de>>(from: D) -> Result<Status, D::Error> {
    let name = String::deserialize(from)?;
    let known = Status::CHOICES.iter().find(|(n, ..)| *n == name);
    known.map(|(.., s)| *s).ok_or_else(|| serde::de::Error::custom(format!("{name:?} is not the status of a model")))
}

fn stage<'de, D: Deserializer<'de>>(from: D) -> Result<Stage, D::Error> {
    let name = String::deserialize(from)?;
    let known = Stage::ALL.into_iter().find(|s| s.as_str() == name);
    known.ok_or_else(|| serde::de::Error::custom(format!("{name:?} is not a stage")))
}

fn metric_value<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let value = Value::deserialize(from)?;
    parse_metric(&value).ok_or_else(|| serde::de::Error::custom(format!("{value} is not the value of a metric")))
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
    base64::engine::general_purpose::STANDARD
        .decode(text.as_bytes())
        .map_err(|e| serde::de::Error::custom(format!("the content is not base64: {e}")))
}

/// Whether a text is the id of a run: 32 hexadecimal digits.
#[must_use]
pub fn is_run_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Whether a text is the id of a logged model.
#[must_use]
pub fn is_model_id(text: &str) -> bool {
    text.strip_prefix("m-").is_some_and(is_run_id)
}

/// Reads a whole import file.
///
/// # Errors
/// When it is damaged, cut off, of another version, or a line names what no earlier line brought.
pub fn read(packed: &[u8]) -> Result<(Header, Vec<Entry>), FormatError> {
    let broken = |e: std::io::Error| FormatError::Packed(e.to_string());
    let mut text = String::new();
    let decoder = zstd::Decoder::new(packed).map_err(broken)?;
    decoder.take(MAX_UNPACKED + 1).read_to_string(&mut text).map_err(broken)?;
    if text.len() as u64 > MAX_UNPACKED {
        return Err(FormatError::Packed(format!("it unpacks to more than {MAX_UNPACKED} bytes")));
    }
    parse(&text)
}

/// Reads the text of an import file.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str) -> Result<(Header, Vec<Entry>), FormatError> {
    let mut lines = text.lines().enumerate().map(|(i, l)| (i + 1, l)).filter(|(_, l)| !l.trim().is_empty());
    let (line, first) = lines.next().ok_or(FormatError::Line { line: 1, detail: "the file is empty".to_owned() })?;
    let header = header(first).map_err(|detail| FormatError::Line { line, detail })?;
    let mut seen = Seen::default();
    let mut entries = Vec::with_capacity(header.lines.min(text.len() / 16));
    let mut last = line;
    for (line, content) in lines {
        let entry: Entry =
            serde_json::from_str(content).map_err(|e| FormatError::Line { line, detail: e.to_string() })?;
        seen.check(&entry).map_err(|detail| FormatError::Line { line, detail })?;
        entries.push(entry);
        last = line;
    }
    if entries.len() != header.lines {
        let detail = format!("the header promises {} lines, {} are here", header.lines, entries.len());
        return Err(FormatError::Line { line: last, detail });
    }
    Ok((header, entries))
}

fn header(line: &str) -> Result<Header, String> {
    let header: Header = serde_json::from_str(line).map_err(|e| format!("not the header of an import file: {e}"))?;
    if header.format != FORMAT {
        return Err(format!("the format is {:?}, not {FORMAT:?}", header.format));
    }
    if header.version != VERSION {
        return Err(format!("version {} of the format; this server reads version {VERSION}", header.version));
    }
    Ok(header)
}

/// What earlier lines brought.
#[derive(Default)]
struct Seen {
    experiments: HashSet<String>,
    owners: HashSet<(OwnerKind, String)>,
    names: HashSet<String>,
    files: HashSet<(OwnerKind, String, String)>,
}

impl Seen {
    fn check(&mut self, entry: &Entry) -> Result<(), String> {
        let fresh = match entry {
            Entry::Experiment(e) => self.experiments.insert(e.id.clone()),
            Entry::Run(run) => {
                if !is_run_id(&run.id) {
                    return Err(format!("{:?} is not the id of a run", run.id));
                }
                self.experiment(&run.experiment)?;
                self.owners.insert((OwnerKind::Run, run.id.clone()))
            }
            Entry::Model(model) => {
                if !is_model_id(&model.id) {
                    return Err(format!("{:?} is not the id of a logged model", model.id));
                }
                self.experiment(&model.experiment)?;
                self.owners.insert((OwnerKind::Model, model.id.clone()))
            }
            Entry::RegisteredModel(registered) => {
                check_versions(registered)?;
                self.names.insert(registered.name.clone())
            }
            Entry::Artifact(file) => {
                if !self.owners.contains(&(file.of, file.id.clone())) {
                    return Err(format!("the file's owner {:?} is not in an earlier line", file.id));
                }
                self.files.insert((file.of, file.id.clone(), file.path.clone()))
            }
        };
        if fresh { Ok(()) } else { Err("an earlier line brought the same".to_owned()) }
    }

    fn experiment(&self, id: &str) -> Result<(), String> {
        if self.experiments.contains(id) { Ok(()) } else { Err(format!("experiment {id:?} is not in an earlier line")) }
    }
}

fn check_versions(registered: &Registered) -> Result<(), String> {
    let mut numbers = HashSet::new();
    for version in &registered.versions {
        if version.version < 1 || !numbers.insert(version.version) {
            return Err(format!("version {} is not a new number from 1 upwards", version.version));
        }
    }
    match registered.aliases.iter().find(|(_, version)| !numbers.contains(version)) {
        Some((alias, version)) => Err(format!("alias {alias:?} points at version {version}, which is not there")),
        None => Ok(()),
    }
}
