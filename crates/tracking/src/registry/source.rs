//! Where a model version may come from. A source that points outside what its run or logged model holds would
//! let a caller publish files that are not theirs, so MLflow's rules are kept to the letter.

use super::uri::{ModelUri, Uri, decode_fully};
use crate::error::{TrackingError, TrackingResult};

/// Schemes that name a host: the server would have to connect to wherever the caller says.
const HOST_SCHEMES: [&str; 10] =
    ["ftp", "sftp", "hdfs", "viewfs", "http", "https", "mlflow-artifacts", "r2", "b2", "abfss"];
/// What clients send as the source of a prompt.
const PROMPT_SOURCES: [&str; 2] = ["dummy-source", "prompt-template"];

/// Which of the two owners a source must lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// The run named by `run_id`, when the request names one and it exists: its artifact root.
    Run(Option<(&'a str, Option<&'a str>)>),
    /// The logged model named by `model_id`: its artifact root, when it exists.
    Model(&'a str, Option<&'a str>),
}

impl Owner<'_> {
    const fn field(self) -> &'static str {
        match self {
            Self::Run(_) => "run_id",
            Self::Model(..) => "model_id",
        }
    }
}

/// Refuses sources that name a host.
///
/// # Errors
/// When the source's scheme addresses a host.
pub fn check_scheme(source: &str) -> TrackingResult<()> {
    let uri = Uri::parse(source);
    let addresses = HOST_SCHEMES.contains(&uri.scheme.as_str());
    if !addresses || (uri.scheme == "mlflow-artifacts" && uri.authority.is_empty()) {
        return Ok(());
    }
    Err(TrackingError::invalid(format!(
        "'source' cannot use the '{0}' scheme: the '{0}' scheme addresses a host other than the tracking server's \
         configured artifact storage, so the server would connect to the host named in the URI. Set the \
         MLFLOW_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES environment variable on the server to allow it.",
        uri.scheme
    )))
}

/// Refuses prompt sources that are not placeholders.
///
/// # Errors
/// When the source is something else.
pub fn check_prompt(source: &str) -> TrackingResult<()> {
    if PROMPT_SOURCES.contains(&source) {
        return Ok(());
    }
    Err(TrackingError::invalid(format!(
        "Invalid prompt source: '{source}'. Prompt sources must use an MLflow placeholder."
    )))
}

/// Checks that `source` lies in what its owner holds.
///
/// # Errors
/// When it does not, when it is a local path, or when it is relative.
pub fn check_owner(source: &str, owner: Owner<'_>) -> TrackingResult<()> {
    let uri = Uri::parse(source);
    if uri.scheme.is_empty() || uri.scheme == "file" {
        return Err(refuse_local(source, owner));
    }
    check_absolute(source)?;
    let foreign = || Err(not_inside(source, owner.field()));
    match uri.scheme.as_str() {
        "runs" => match owner {
            Owner::Run(Some((run_id, _))) if uri.authority.is_empty() => {
                let named = uri.path.strip_prefix('/').and_then(|p| p.split('/').next()).unwrap_or_default();
                if named == run_id && !named.is_empty() { Ok(()) } else { foreign() }
            }
            _ => foreign(),
        },
        "models" => {
            let refused = || Err(not_inside(source, "model_id"));
            if !uri.authority.is_empty() {
                return refused();
            }
            match (ModelUri::parse(source), owner) {
                (Some(ModelUri::Logged(id)), Owner::Model(model_id, _)) if id == model_id => Ok(()),
                (Some(ModelUri::Logged(_)) | None, _) => refused(),
                _ => Ok(()),
            }
        }
        "mlflow-artifacts" => {
            let root = match owner {
                Owner::Run(run) => run.and_then(|(_, root)| root),
                Owner::Model(_, root) => root,
            };
            if root.is_some_and(|root| uri.is_within(&Uri::parse(root))) { Ok(()) } else { foreign() }
        }
        _ => Ok(()),
    }
}

/// The refusal of a source outside its owner.
#[must_use]
pub fn not_inside(source: &str, field: &str) -> TrackingError {
    TrackingError::invalid(format!(
        "Invalid model version source: '{source}'. The {field} request parameter must identify the resource that \
         contains the source."
    ))
}

fn refuse_local(source: &str, owner: Owner<'_>) -> TrackingError {
    match owner {
        Owner::Run(Some((_, None))) | Owner::Model(_, None) => not_inside(source, owner.field()),
        _ => TrackingError::invalid(format!(
            "Invalid model version source: '{source}'. To use a local path as a model version source, the {0} request \
             parameter has to be specified and the local path has to be contained within the artifact directory of \
             the run specified by the {0}.",
            owner.field()
        )),
    }
}

/// Refuses paths with `..`, `.` or nothing in them, however they are encoded.
fn check_absolute(source: &str) -> TrackingResult<()> {
    let refused = || {
        Err(TrackingError::invalid(format!(
            "Invalid model version source: '{source}'. If supplying a source as an http, https, local file path, ftp, \
             objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references \
             present. Please provide an absolute path."
        )))
    };
    let mut decoded = decode_fully(source);
    while decoded.contains('+') {
        decoded = decode_fully(&decoded.replace('+', " "));
    }
    let uri = Uri::parse(&decoded);
    let path = uri.path.trim_end_matches('/');
    if path.contains('\0') || decoded.split('/').any(|p| p == "..") {
        return refused();
    }
    if !path.starts_with('/') || path.split('/').any(|p| p == ".") {
        return refused();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "mlflow-artifacts:/1/r1/artifacts";

    #[test]
    fn a_source_must_lie_in_its_run() {
        let run = Owner::Run(Some(("r1", Some(ROOT))));
        for good in ["runs:/r1/model", "mlflow-artifacts:/1/r1/artifacts/model", "s3://bucket/model", "models:/a/1"] {
            check_owner(good, run).unwrap();
        }
        for bad in [
            "runs:/r2/model",
            "runs://host/r1/model",
            "mlflow-artifacts:/1/r2/artifacts/model",
            "mlflow-artifacts:/1/r1/artifacts/../../r2/artifacts",
            "mlflow-artifacts:/1/r1/artifacts/%252e%252e/x",
            "mlflow-artifacts:/1/r1/artifacts/./x",
            "models:/m-1",
            "s3://bucket",
            "dbfs:relative",
            "/etc/passwd",
            "file:///etc/passwd",
            "etc/passwd",
        ] {
            assert!(check_owner(bad, run).is_err(), "{bad}");
        }
        assert!(check_owner("mlflow-artifacts:/1/r1/artifacts/model", Owner::Run(None)).is_err());
    }

    #[test]
    fn a_source_must_lie_in_its_logged_model() {
        let model = Owner::Model("m-1", Some("mlflow-artifacts:/1/models/m-1/artifacts"));
        check_owner("models:/m-1", model).unwrap();
        check_owner("mlflow-artifacts:/1/models/m-1/artifacts", model).unwrap();
        for bad in ["models:/m-2", "runs:/r1/model", "mlflow-artifacts:/1/models/m-2/artifacts"] {
            assert!(check_owner(bad, model).is_err(), "{bad}");
        }
    }

    #[test]
    fn sources_on_other_hosts_are_refused() {
        for bad in ["http://h/x", "HTTPS://h/x", "ftp:///x", "mlflow-artifacts://h/1"] {
            assert!(check_scheme(bad).is_err(), "{bad}");
        }
        for good in ["mlflow-artifacts:/1", "s3://b/x", "models:/m-1", "/x"] {
            check_scheme(good).unwrap();
        }
    }
}
