//! A logged model and the rules of its name and state.

use crate::error::{TrackingError, TrackingResult};
use crate::protocol::repr_str;

/// The tag that lists where a logged model was registered.
pub const REGISTRATIONS: &str = "mlflow.modelVersions";

/// How far a logged model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nobody said.
    Unspecified,
    /// Its files are being written.
    Pending,
    /// Complete.
    Ready,
    /// Its files did not arrive.
    Failed,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unspecified, Self::Pending, Self::Ready, Self::Failed];

    /// The names and numbers on the wire.
    pub const CHOICES: [(&'static str, i64, Self); 4] = [
        ("LOGGED_MODEL_STATUS_UNSPECIFIED", 0, Self::Unspecified),
        ("LOGGED_MODEL_PENDING", 1, Self::Pending),
        ("LOGGED_MODEL_READY", 2, Self::Ready),
        ("LOGGED_MODEL_UPLOAD_FAILED", 3, Self::Failed),
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn wire(self) -> &'static str {
        match self {
            Self::Unspecified => "LOGGED_MODEL_STATUS_UNSPECIFIED",
            Self::Pending => "LOGGED_MODEL_PENDING",
            Self::Ready => "LOGGED_MODEL_READY",
            Self::Failed => "LOGGED_MODEL_UPLOAD_FAILED",
        }
    }

    /// The name in filters, and as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "UNSPECIFIED",
            Self::Pending => "PENDING",
            Self::Ready => "READY",
            Self::Failed => "FAILED",
        }
    }

    /// Where the state stands when models are ordered by it.
    #[must_use]
    pub const fn rank(self) -> i64 {
        match self {
            Self::Unspecified => 0,
            Self::Pending => 1,
            Self::Ready => 2,
            Self::Failed => 3,
        }
    }

    /// The state with that rank.
    #[must_use]
    pub fn of_rank(rank: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.rank() == rank)
    }
}

/// A metric value of a logged model.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPoint {
    /// The model.
    pub model_id: String,
    /// The metric.
    pub key: String,
    /// Its value, as it came.
    pub value: f64,
    /// When it was measured.
    pub timestamp_ms: i64,
    /// At which step.
    pub step: i64,
    /// The run that measured it.
    pub run_id: String,
    /// The dataset it was measured on.
    pub dataset_name: Option<String>,
    /// That dataset's digest.
    pub dataset_digest: Option<String>,
}

/// A logged model with all that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedModel {
    /// Its id, `m-` and 32 hexadecimal digits.
    pub model_id: String,
    /// The experiment's row.
    pub experiment_id: i64,
    /// Its name.
    pub name: String,
    /// What sort of model it is, in the client's words; may be empty.
    pub model_type: String,
    /// The run that made it; may be empty.
    pub source_run_id: String,
    /// The root of its files.
    pub artifact_uri: String,
    /// How far it is.
    pub status: Status,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Parameters, by key.
    pub params: Vec<(String, String)>,
    /// Tags, by key.
    pub tags: Vec<(String, String)>,
    /// Every metric point, in the order they came.
    pub metrics: Vec<MetricPoint>,
}

/// Checks the name a client gives a logged model.
///
/// # Errors
/// When it holds characters that mean something in model URIs.
pub fn check_name(name: &str) -> TrackingResult<()> {
    if name.is_empty() || name.contains(['/', ':', '.', '%', '"', '\'']) {
        return Err(TrackingError::invalid(format!(
            "Invalid model name ({}) provided. Model name must be a non-empty string and cannot contain the following \
             characters: ('/', ':', '.', '%', '\"', \"'\")",
            repr_str(name)
        )));
    }
    Ok(())
}

/// The list of registrations with one more, in Python's spelling of JSON.
#[must_use]
pub fn with_registration(list: Option<&str>, name: &str, version: i64) -> String {
    let mut entries: Vec<serde_json::Value> = list.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    entries.push(serde_json::json!({"name": name, "version": version}));
    let written: Vec<String> = entries
        .iter()
        .map(|entry| {
            let name = entry.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
            let version = entry.get("version").cloned().unwrap_or_default();
            format!("{{\"name\": {}, \"version\": {version}}}", crate::protocol::json_str(name))
        })
        .collect();
    format!("[{}]", written.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrations_read_as_python_writes_them() {
        let first = with_registration(None, "m\"ü", 1);
        assert_eq!(first, "[{\"name\": \"m\\\"\\u00fc\", \"version\": 1}]");
        assert_eq!(
            with_registration(Some("[{\"name\": \"a\", \"version\": 1}]"), "b", 2),
            "[{\"name\": \"a\", \"version\": 1}, {\"name\": \"b\", \"version\": 2}]"
        );
        assert_eq!(with_registration(Some("garbage"), "a", 1), "[{\"name\": \"a\", \"version\": 1}]");
    }

    #[test]
    fn names_with_uri_characters_are_refused() {
        check_name("a-b c").unwrap();
        for bad in ["", "a/b", "a:b", "a.b", "a%b", "a\"b", "a'b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
