//! Import files: what is refused, and the worked example in both databases.

use base64::Engine as _;
use futures::TryStreamExt as _;
use serde_json::Value;

use super::model::{Entry, OwnerKind, parse};
use super::{FormatError, Imported, load, read};
use crate::artifacts::{self, Artifacts};
use crate::protocol::Caller;
use crate::tests::{caller, open};
use crate::{TrackingState, experiments, logged_models, metrics, registry, runs};

const EXAMPLE: &[u8] = include_bytes!("../../../../fixtures/example/breast_cancer.rhiza");

fn lines(lines: &[&str]) -> String {
    let header = format!(r#"{{"format":"rhiza-import","version":1,"exported_ms":1,"lines":{}}}"#, lines.len());
    std::iter::once(header.as_str()).chain(lines.iter().copied()).collect::<Vec<_>>().join("\n")
}

const EXPERIMENT: &str = r#"{"experiment":{"id":"1","name":"e","created_ms":1,"updated_ms":2}}"#;

fn run_line(extra: &str) -> String {
    format!(
        r#"{{"run":{{"id":"{}","experiment":"1","name":"r","status":"FINISHED","start_ms":1,"end_ms":2{extra}}}}}"#,
        "a".repeat(32)
    )
}

fn fault(text: &str) -> (usize, String) {
    match parse(text).expect_err("a refusal") {
        FormatError::Line { line, detail } => (line, detail),
        FormatError::Packed(detail) => panic!("{detail}"),
    }
}

#[test]
fn a_faulty_line_is_named() {
    let run = run_line("");
    assert!(parse(&lines(&[EXPERIMENT, &run])).is_ok());
    let bad_value = run_line(r#","metrics":{"loss":[[1,2,"high"]]}"#);
    let bad_status = run.replace("FINISHED", "DONE");
    let bad_id = run.replace(&"a".repeat(32), "../a");
    let file = r#"{"artifact":{"of":"run","id":"nobody","path":"x","base64":""}}"#;
    let not_base64 = r#"{"artifact":{"of":"run","id":"nobody","path":"x","base64":"?"}}"#;
    let version = r#"{"registered_model":{"name":"m","created_ms":1,"updated_ms":1,"aliases":{"best":2}}}"#;
    for (bad, line, says) in [
        (vec![run.as_str()], 2, "experiment \"1\" is not in an earlier line"),
        (vec![EXPERIMENT, EXPERIMENT], 3, "an earlier line brought the same"),
        (vec![EXPERIMENT, &bad_value], 3, "is not the value of a metric"),
        (vec![EXPERIMENT, &bad_status], 3, "\"DONE\" is not the status of a run"),
        (vec![EXPERIMENT, &bad_id], 3, "is not the id of a run"),
        (vec![EXPERIMENT, file], 3, "the file's owner \"nobody\""),
        (vec![EXPERIMENT, not_base64], 3, "not base64"),
        (vec![version], 2, "alias \"best\" points at version 2"),
        (vec![EXPERIMENT, r#"{"prompt":{}}"#], 3, "unknown variant"),
        (vec![EXPERIMENT, "{"], 3, "EOF"),
    ] {
        let (at, detail) = fault(&lines(&bad));
        assert_eq!(at, line, "{detail}");
        assert!(detail.contains(says), "{detail}");
    }
}

#[test]
fn other_versions_and_cut_files_are_refused() {
    let whole = lines(&[EXPERIMENT]);
    assert!(fault(&whole.replace("\"version\":1", "\"version\":2")).1.contains("reads version 1"));
    assert!(fault(&whole.replace("rhiza-import", "zip")).1.contains("not \"rhiza-import\""));
    assert!(fault(whole.lines().next().expect("a header")).1.contains("promises 1 lines, 0 are here"));
    assert!(matches!(read(b"no zstd"), Err(FormatError::Packed(_))));
    assert!(matches!(read(&EXAMPLE[..EXAMPLE.len() / 2]), Err(FormatError::Packed(_))));
}

#[test]
fn a_nan_comes_through() {
    let run = run_line(r#","metrics":{"loss":[[1,0,"NaN"],[2,1,"Infinity"],[3,2,0.5]]}"#);
    let (_, entries) = parse(&lines(&[EXPERIMENT, &run])).expect("a file");
    let Entry::Run(run) = &entries[1] else { panic!("a run") };
    let values: Vec<f64> = run.metrics["loss"].iter().map(|l| l.0.value).collect();
    assert!(values[0].is_nan());
    assert_eq!(values[1..], [f64::MAX, 0.5]);
}

fn example() -> Vec<Entry> {
    read(EXAMPLE).expect("the worked example").1
}

async fn loaded(state: &TrackingState, caller: &Caller, entries: &[Entry]) -> Imported {
    load(state, caller, "test", entries).await.expect("the import")
}

async fn blob_count(state: &TrackingState) -> usize {
    state.blobs.list().try_collect::<Vec<_>>().await.expect("the blobs").len()
}

async fn run_json(state: &TrackingState, caller: &Caller, run_id: &str) -> Value {
    let bytes = runs::service::get(state, caller, run_id).await.expect("the run");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn value<'v>(list: &'v Value, key: &str) -> &'v Value {
    let found = list.as_array().into_iter().flatten().find(|e| e["key"] == key);
    &found.unwrap_or_else(|| panic!("no {key} in {list}"))["value"]
}

async fn content(state: &TrackingState, caller: &Caller, path: &str) -> Vec<u8> {
    let file = Artifacts::new(state).file(caller, path).await.expect("the file");
    let read = state.blobs.get(file.blob, None).await.expect("the blob");
    read.stream
        .try_fold(Vec::new(), |mut all, b| async move {
            all.extend_from_slice(&b);
            Ok(all)
        })
        .await
        .expect("bytes")
}

rhiza_testkit::db_tests! {
    migrations = &[rhiza_platform::MIGRATIONS, crate::MIGRATIONS];

    async fn the_worked_example_is_all_there(db: TestDb) {
        let state = open(&db).await;
        let caller = caller(db.tenant());
        let entries = example();
        let brought = loaded(&state, &caller, &entries).await;
        assert!(brought.created);
        let mut compared = 0;
        for entry in &entries {
            match entry {
                Entry::Run(run) => {
                    assert!(brought.run_ids.contains(&run.id), "original ids are kept where they are free");
                    let json = run_json(&state, &caller, &run.id).await;
                    let (info, data) = (&json["run"]["info"], &json["run"]["data"]);
                    assert_eq!(info["run_name"], run.name.as_str());
                    assert_eq!(info["status"], "FINISHED");
                    assert_eq!(info["start_time"], run.start_ms);
                    assert_eq!(info["experiment_id"], brought.experiment_ids[0].as_str());
                    assert_eq!(json["run"]["inputs"]["dataset_inputs"][0]["dataset"]["name"], "breast_cancer");
                    for (key, text) in &run.params {
                        assert_eq!(value(&data["params"], key), text.as_str());
                    }
                    let head = {
                        let tx = state.db.read(&caller.scope.org_scope()).await.expect("a transaction");
                        runs::store::require_run(&tx, &caller.scope, &run.id).await.expect("a run").id
                    };
                    for (key, points) in &run.metrics {
                        let tx = state.db.read(&caller.scope.org_scope()).await.expect("a transaction");
                        let packed = metrics::history::read(&tx, &caller.scope.org_scope(), head, key, 0, 10_000).await;
                        let there = packed.expect("a history").all().expect("points");
                        assert_eq!(there, points.iter().map(|l| l.0).collect::<Vec<_>>());
                        assert_eq!(value(&data["metrics"], key).as_f64(), points.last().map(|l| l.0.value));
                        compared += there.len();
                    }
                }
                Entry::Artifact(file) => {
                    let experiment = &brought.experiment_ids[0];
                    let path = match file.of {
                        OwnerKind::Run => format!("{experiment}/{}/artifacts/{}", file.id, file.path),
                        OwnerKind::Model => {
                            format!("{experiment}/models/{}/artifacts/{}", file.id, file.path)
                        }
                    };
                    assert_eq!(content(&state, &caller, &path).await, file.content, "{path}");
                }
                _ => {}
            }
        }
        assert!(compared > 1_000, "{compared}");
        let tx = state.db.read(&caller.scope.org_scope()).await.expect("a transaction");
        let version = registry::store::find_version(&tx, &caller.scope, "breast-cancer-classifier", 1).await;
        let version = version.expect("a query").expect("the version");
        let alias = registry::store::find_alias(&tx, &caller.scope, version.registered_id, "champion").await;
        assert_eq!(alias.expect("a query"), Some(1));
        let model = version.model_id.clone().expect("a model");
        let row = logged_models::store::find(&tx, &caller.scope, &model).await.expect("a query").expect("the model");
        assert_eq!(version.storage_location, row.artifact_uri);
        assert_eq!(version.source, format!("models:/{model}"));
        let folder = artifacts::path::of_uri(&row.artifact_uri).expect("a path of ours");
        let files = artifacts::store::tree(&tx, &caller.scope, &folder).await.expect("the files");
        assert!(files.iter().any(|f| f.path.ends_with("/MLmodel")));
    }

    async fn loading_again_finds_it_again_and_restores_it(db: TestDb) {
        let state = open(&db).await;
        let caller = caller(db.tenant());
        let first = loaded(&state, &caller, &example()).await;
        let blobs = blob_count(&state).await;
        let again = loaded(&state, &caller, &example()).await;
        assert_eq!(again, Imported { created: false, ..first.clone() });
        assert_eq!(blob_count(&state).await, blobs);
        experiments::service::set_deleted(&state, &caller, &first.experiment_ids[0], true).await.expect("deleted");
        let restored = loaded(&state, &caller, &example()).await;
        assert_eq!(restored, again);
        let experiment = experiments::service::get(&state, &caller, &first.experiment_ids[0]).await.expect("it");
        assert_eq!(experiment.lifecycle_stage, "active");
        assert_eq!(run_json(&state, &caller, &first.run_ids[0]).await["run"]["info"]["lifecycle_stage"], "active");
    }

    async fn taken_ids_and_names_are_replaced_everywhere(db: TestDb) {
        let state = open(&db).await;
        let stranger = caller(db.tenant());
        let first = loaded(&state, &stranger, &example()).await;
        // Another organisation: it cannot see the runs that hold the ids.
        let caller = caller(db.tenant());
        let second = loaded(&state, &caller, &example()).await;
        assert!(second.run_ids.iter().all(|id| !first.run_ids.contains(id)));
        // And once more in the same project, under another source.
        let third = load(&state, &caller, "other", &example()).await.expect("the import");
        assert!(third.created);
        let name = experiments::service::get(&state, &caller, &third.experiment_ids[0]).await.expect("it").name;
        assert_eq!(name, "Breast cancer (worked example) (2)");
        let tx = state.db.read(&caller.scope.org_scope()).await.expect("a transaction");
        let version = registry::store::find_version(&tx, &caller.scope, "breast-cancer-classifier-2", 1).await;
        let version = version.expect("a query").expect("the version");
        let model = version.model_id.clone().expect("a model");
        assert!(!String::from_utf8_lossy(&zstd::decode_all(EXAMPLE).expect("text")).contains(&model));
        assert_eq!(version.source, format!("models:/{model}"));
        assert!(third.run_ids.contains(&version.run_id.clone().expect("a run")));
        let row = logged_models::store::find(&tx, &caller.scope, &model).await.expect("a query").expect("the model");
        assert_eq!(Some(&row.source_run_id), version.run_id.as_ref());
        let full = logged_models::store::complete(&tx, &caller.scope, vec![row]).await.expect("the model");
        let tag = full[0].tags.iter().find(|(k, _)| k == logged_models::model::REGISTRATIONS).expect("the tag");
        assert!(tag.1.contains("breast-cancer-classifier-2"), "{}", tag.1);
        drop(tx);
        let json = run_json(&state, &caller, version.run_id.as_deref().expect("a run")).await;
        assert_eq!(json["run"]["outputs"]["model_outputs"][0]["model_id"], model.as_str());
    }

    async fn a_refused_import_leaves_nothing(db: TestDb) {
        let state = open(&db).await;
        let caller = caller(db.tenant());
        let data = base64::engine::general_purpose::STANDARD.encode("content");
        let file = |path: &str| {
            format!(r#"{{"artifact":{{"of":"run","id":"{}","path":"{path}","base64":"{data}"}}}}"#, "a".repeat(32))
        };
        for bad in ["../up", "a/../../b", ".", "ok.txt/below"] {
            let text = lines(&[EXPERIMENT, &run_line(""), &file("ok.txt"), &file(bad)]);
            let (_, entries) = parse(&text).expect("a file");
            load(&state, &caller, "bad", &entries).await.expect_err("a refusal");
            assert_eq!(blob_count(&state).await, 0, "{bad}");
            let missing = runs::service::get(&state, &caller, &"a".repeat(32)).await;
            assert!(missing.is_err(), "{bad}");
        }
        let (_, entries) = parse(&lines(&[EXPERIMENT, &run_line(""), &file("ok.txt")])).expect("a file");
        assert!(load(&state, &caller, "bad", &entries).await.expect("the mended file").created);
        assert_eq!(blob_count(&state).await, 1);
    }

    async fn two_at_once_bring_one_example(db: TestDb) {
        let state = open(&db).await;
        let caller = caller(db.tenant());
        let entries = example();
        let (a, b) = tokio::join!(loaded(&state, &caller, &entries), loaded(&state, &caller, &entries));
        assert_eq!(a.run_ids, b.run_ids);
        assert!(a.created != b.created);
    }
}
