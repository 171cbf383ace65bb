//! The operations that MLflow's clients know.

use serde_json::{Value, json};

use super::table::Stranger::{self, Missing, Nothing, Refused};
use super::table::{Call, read, write};
use super::world::{Things, unique};

pub(crate) fn calls(operation: &str, theirs: &Things, mine: &Things) -> Option<Vec<Call>> {
    let operation = operation.strip_prefix("mlflow")?;
    experiments(operation, theirs)
        .or_else(|| runs(operation, theirs))
        .or_else(|| logging(operation, theirs, mine))
        .or_else(|| logged_models(operation, theirs, mine))
        .or_else(|| registry(operation, theirs))
        .or_else(|| versions(operation, theirs, mine))
        .or_else(|| artifacts(operation, theirs))
        .or_else(|| proxy(operation, theirs))
        .or_else(|| workspaces(operation, theirs))
}

fn experiments(operation: &str, t: &Things) -> Option<Vec<Call>> {
    let id = &t.experiment;
    let all = json!({"max_results": 1000, "view_type": "ALL"});
    Some(match operation {
        "CreateExperiment" => vec![write(Nothing).json(json!({"name": unique("another experiment ")}))],
        "GetExperiment" => vec![read(Missing).query("experiment_id", id)],
        "GetExperimentByName" => vec![read(Missing).query("experiment_name", &t.names[0])],
        "UpdateExperiment" => {
            vec![write(Missing).json(json!({"experiment_id": id, "new_name": unique("renamed")}))]
        }
        "DeleteExperiment" => vec![write(Missing).json(json!({"experiment_id": id}))],
        "RestoreExperiment" => vec![write(Missing).json(json!({"experiment_id": t.deleted_experiment}))],
        "SetExperimentTag" => {
            vec![write(Missing).json(json!({"experiment_id": id, "key": "colour", "value": "changed"}))]
        }
        "DeleteExperimentTag" => vec![write(Missing).json(json!({"experiment_id": id, "key": "colour"}))],
        "ListExperiments" => {
            vec![read(Nothing).query("max_results", "1000").query("view_type", "ALL")]
        }
        "SearchExperiments" => vec![
            read(Nothing).json(all),
            read(Nothing).json(json!({"max_results": 10, "filter": format!("name = '{}'", t.names[0])})),
        ],
        _ => return None,
    })
}

fn runs(operation: &str, t: &Things) -> Option<Vec<Call>> {
    let id = &t.run;
    Some(match operation {
        "CreateRun" => {
            vec![write(Missing).json(json!({"experiment_id": t.experiment, "run_name": "another", "start_time": 1}))]
        }
        "GetRun" => vec![read(Missing).query("run_id", id)],
        "UpdateRun" => vec![write(Missing).json(json!({"run_id": id, "status": "FAILED", "end_time": 9}))],
        "DeleteRun" => vec![write(Missing).json(json!({"run_id": id}))],
        "RestoreRun" => vec![write(Missing).json(json!({"run_id": t.deleted_run}))],
        "SearchRuns" => vec![
            read(Nothing).json(json!({"experiment_ids": [t.experiment], "run_view_type": "ALL"})),
            read(Nothing).json(json!({"experiment_ids": [t.experiment],
                "filter": format!("attributes.run_id IN ('{id}')")})),
        ],
        "SearchDatasets" => vec![read(Nothing).json(json!({"experiment_ids": [t.experiment]}))],
        "GetMetricHistory" => vec![read(Missing).query("run_id", id).query("metric_key", "loss")],
        "GetMetricHistoryBulkInterval" => {
            vec![read(Nothing).query("run_ids", id).query("metric_key", "loss")]
        }
        "GetMetricHistoryBulk" => vec![read(Nothing).query("run_id", id).query("metric_key", "loss")],
        _ => return None,
    })
}

fn logging(operation: &str, t: &Things, mine: &Things) -> Option<Vec<Call>> {
    let id = &t.run;
    let change = |body: Value| {
        let mut body = body;
        body["run_id"] = json!(id);
        vec![write(Missing).json(body)]
    };
    let dataset = json!([{"dataset": {"name": "n", "digest": "d", "source_type": "local", "source": "s"}}]);
    Some(match operation {
        "LogMetric" => change(json!({"key": "loss", "value": 9.5, "timestamp": 5, "step": 5})),
        "LogParam" => change(json!({"key": "new", "value": "changed"})),
        "SetTag" => change(json!({"key": "colour", "value": "changed"})),
        "DeleteTag" => change(json!({"key": "colour"})),
        "LogBatch" => change(json!({"metrics": [{"key": "loss", "value": 9.5, "timestamp": 5, "step": 5}],
            "params": [{"key": "new", "value": "changed"}], "tags": [{"key": "colour", "value": "changed"}]})),
        "LogModel" => change(json!({"model_json": json!({"run_id": id, "artifact_path": "model",
            "utc_time_created": "2026-01-01 00:00:00", "flavors": {}, "model_uuid": "u"}).to_string()})),
        "LogOutputs" => [
            change(json!({"models": [{"model_id": t.model, "step": 1}]})),
            // Noting a foreign model on one's own run tells nothing about that model.
            vec![write(Nothing).json(json!({"run_id": mine.run, "models": [{"model_id": t.model, "step": 1}]}))],
        ]
        .concat(),
        "LogInputs" => [
            change(json!({"datasets": dataset})),
            vec![write(Nothing).json(json!({"run_id": mine.run, "models": [{"model_id": t.model}]}))],
        ]
        .concat(),
        _ => return None,
    })
}

fn logged_models(operation: &str, t: &Things, mine: &Things) -> Option<Vec<Call>> {
    let at = |call: Call| call.at("model_id", &t.model);
    let pair = json!([{"key": "new", "value": "changed"}]);
    Some(match operation {
        "CreateLoggedModel" => vec![
            write(Missing).json(json!({"experiment_id": t.experiment, "name": "another"})),
            write(Nothing).json(json!({"experiment_id": mine.experiment, "name": "another", "source_run_id": t.run})),
        ],
        "GetLoggedModel" => vec![at(read(Missing))],
        "FinalizeLoggedModel" => {
            vec![at(write(Missing)).json(json!({"model_id": t.model, "status": "LOGGED_MODEL_UPLOAD_FAILED"}))]
        }
        "DeleteLoggedModel" => vec![at(write(Missing))],
        "SetLoggedModelTags" => vec![at(write(Missing)).json(json!({"model_id": t.model, "tags": pair}))],
        "DeleteLoggedModelTag" => vec![at(write(Missing)).at("tag_key", "colour")],
        "LogLoggedModelParams" => vec![at(write(Missing)).json(json!({"model_id": t.model, "params": pair}))],
        "SearchLoggedModels" => vec![read(Nothing).json(json!({"experiment_ids": [t.experiment]}))],
        "ListLoggedModelArtifacts" => vec![at(read(Missing))],
        "GetLoggedModelArtifact" => vec![at(read(Missing)).query("artifact_file_path", "note.txt")],
        _ => return None,
    })
}

fn registry(operation: &str, t: &Things) -> Option<Vec<Call>> {
    let name = &t.registered;
    let named = |call: Call| call.query("name", name);
    Some(match operation {
        "CreateRegisteredModel" => vec![write(Nothing).json(json!({"name": unique("another model ")}))],
        "GetRegisteredModel" => vec![named(read(Missing))],
        "SearchRegisteredModels" => {
            vec![read(Nothing), read(Nothing).query("filter", &format!("name = '{name}'"))]
        }
        "UpdateRegisteredModel" => vec![write(Missing).json(json!({"name": name, "description": "changed"}))],
        "RenameRegisteredModel" => {
            vec![write(Missing).json(json!({"name": name, "new_name": unique("renamed")}))]
        }
        "DeleteRegisteredModel" => vec![write(Missing).json(json!({"name": name}))],
        "SetRegisteredModelTag" => {
            vec![write(Missing).json(json!({"name": name, "key": "colour", "value": "changed"}))]
        }
        "DeleteRegisteredModelTag" => vec![write(Missing).json(json!({"name": name, "key": "colour"}))],
        "GetLatestVersions" => vec![named(read(Missing))],
        "PostLatestVersions" => vec![read(Missing).json(json!({"name": name}))],
        "GetModelVersionByAlias" => vec![named(read(Missing)).query("alias", "champion")],
        "SetRegisteredModelAlias" => {
            vec![write(Missing).json(json!({"name": name, "alias": "other", "version": t.version}))]
        }
        "DeleteRegisteredModelAlias" => vec![write(Missing).json(json!({"name": name, "alias": "champion"}))],
        _ => return None,
    })
}

fn versions(operation: &str, t: &Things, mine: &Things) -> Option<Vec<Call>> {
    let (name, version) = (&t.registered, &t.version);
    let one = |call: Call| call.query("name", name).query("version", version);
    let change = |body: Value| {
        let mut body = body;
        (body["name"], body["version"]) = (json!(name), json!(version));
        vec![write(Missing).json(body)]
    };
    let publish = |stranger: Stranger, name: &str, source: &str, owner: (&str, &str)| {
        write(stranger).json(json!({"name": name, "source": source, owner.0: owner.1}))
    };
    Some(match operation {
        "CreateModelVersion" => vec![
            publish(Missing, name, &mine.source, ("run_id", &mine.run)),
            // A foreign run's or model's files cannot be published as one's own.
            publish(Refused(400), &mine.registered, &t.source, ("run_id", &t.run)),
            publish(Refused(404), &mine.registered, &format!("models:/{}", t.model), ("model_id", &t.model)),
            publish(Missing, &mine.registered, &format!("models:/{name}/{version}"), ("run_id", &mine.run)),
        ],
        "GetModelVersion" => vec![one(read(Missing))],
        "SearchModelVersions" => {
            vec![read(Nothing), read(Nothing).query("filter", &format!("name = '{name}'"))]
        }
        "UpdateModelVersion" => change(json!({"description": "changed"})),
        "DeleteModelVersion" => change(json!({})),
        "SetModelVersionTag" => change(json!({"key": "colour", "value": "changed"})),
        "DeleteModelVersionTag" => change(json!({"key": "colour"})),
        "GetModelVersionDownloadUri" => vec![one(read(Missing))],
        "TransitionModelVersionStage" => change(json!({"stage": "Staging", "archive_existing_versions": false})),
        "GetModelVersionArtifact" => vec![one(read(Missing)).query("path", "note.txt")],
        _ => return None,
    })
}

fn artifacts(operation: &str, t: &Things) -> Option<Vec<Call>> {
    Some(match operation {
        "ListArtifacts" => vec![read(Missing).query("run_id", &t.run)],
        "GetArtifact" => vec![read(Missing).query("run_id", &t.run).query("path", "note.txt")],
        "UploadArtifact" => {
            vec![write(Missing).query("run_uuid", &t.run).query("path", "note.txt").bytes()]
        }
        // The store of these tests is the local disk, which has no addresses of its own to give away.
        "CreatePresignedUploadUrl" => vec![
            write(Missing).json(json!({"run_id": t.run, "path": "note.txt"})).own(400),
            write(Missing).json(json!({"model_id": t.model, "path": "note.txt"})).own(400),
        ],
        "CreatePresignedDownloadUrl" => {
            vec![read(Missing).json(json!({"run_id": t.run, "path": "note.txt"})).own(400)]
        }
        _ => return None,
    })
}

fn proxy(operation: &str, t: &Things) -> Option<Vec<Call>> {
    let note = format!("{}/note.txt", t.folder);
    let file = |call: Call| call.at("artifact_path", &note);
    let folder = |call: Call| call.at("artifact_path", &t.folder);
    Some(match operation {
        "ProxyListArtifacts" => vec![
            read(Nothing),
            read(Missing).query("path", &t.folder),
            read(Missing).query("path", &t.model_folder),
            read(Missing).query("path", &t.experiment),
        ],
        "ProxyDownloadArtifact" => {
            vec![file(read(Missing)), read(Missing).at("artifact_path", &format!("{}/note.txt", t.model_folder))]
        }
        "ProxyUploadArtifact" => vec![file(write(Missing)).bytes()],
        "ProxyDeleteArtifact" => vec![file(write(Missing)), folder(write(Missing))],
        // Uploads in parts and presigned addresses exist on S3 only.
        "ProxyCreateMultipartUpload" => {
            vec![folder(write(Missing)).json(json!({"path": "big.bin", "num_parts": 2})).own(501)]
        }
        "ProxyCompleteMultipartUpload" => {
            let parts = json!([{"part_number": 1, "etag": "e"}]);
            vec![folder(write(Missing)).json(json!({"path": "big.bin", "upload_id": "u", "parts": parts})).own(501)]
        }
        "ProxyAbortMultipartUpload" => {
            vec![folder(write(Missing)).json(json!({"path": "big.bin", "upload_id": "u"})).own(501)]
        }
        "ProxyPresignedDownload" => vec![file(read(Missing)).own(501)],
        _ => return None,
    })
}

/// Workspaces are projects, which MLflow's clients can look at and not change.
fn workspaces(operation: &str, t: &Things) -> Option<Vec<Call>> {
    let named = |call: Call| call.at("name", &t.slug);
    Some(match operation {
        "GetServerInfo" => vec![read(Nothing)],
        "ListWorkspaces" => vec![read(Nothing)],
        "GetWorkspace" => vec![named(read(Missing))],
        "CreateWorkspace" => vec![read(Refused(403)).json(json!({"name": "another"})).own(403)],
        "UpdateWorkspace" => vec![named(read(Refused(403))).json(json!({"description": "changed"})).own(403)],
        "DeleteWorkspace" => vec![named(read(Refused(403))).own(403)],
        _ => return None,
    })
}
