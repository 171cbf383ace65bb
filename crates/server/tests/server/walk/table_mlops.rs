//! The requests about searches, explanations and predictions.

use serde_json::json;

use super::table::{Call, Stranger, read, write};
use super::world::{Things, unique};

/// The requests for an operation.
pub(super) fn calls(operation: &str, t: &Things) -> Option<Vec<Call>> {
    use Stranger::{Missing, Nothing};
    let search = |call: Call| call.at("automl_id", &t.automl);
    let explanation = |call: Call| call.at("explanation_id", &t.explanation);
    let rows = json!({"dataset_id": t.dataset});
    let records = json!({"records": [{"a": 1, "b": 2}]});
    let explain = |model, rows: &serde_json::Value| json!({"model": model, "rows": rows, "kind": "shap"});
    Some(match operation {
        // A search that began would change its run for as long as it goes on.
        "startAutoml" => vec![write(Missing).json(json!({"dataset_id": t.dataset, "target": "none"})).own(422)],
        // What was begun meanwhile is being worked on.
        "listAutomlJobs" => vec![
            read(Nothing).volatile(),
            read(Nothing).query("dataset_id", &t.dataset).volatile(),
            read(Nothing).query("state", "succeeded").volatile(),
        ],
        "getAutomlJob" => vec![search(read(Missing))],
        "deleteAutomlJob" => vec![search(write(Missing))],
        // It has succeeded: there is nothing to stop and nothing to take up.
        "cancelAutoml" => vec![search(write(Missing)).own(409)],
        "resumeAutoml" => vec![search(write(Missing)).json(json!({"seconds": 1})).own(409)],
        "registerAutomlModel" => vec![search(write(Missing)).json(json!({"name": unique("found")}))],
        "listAutomlTrials" | "getAutomlResults" | "downloadAutomlModel" | "streamAutomlEvents" => {
            vec![search(read(Missing))]
        }
        // Its file is a note, which says nothing.
        "predictWithAutomlModel" => vec![search(read(Missing)).json(records).own(422)],
        "createExplanation" => vec![
            write(Missing).json(explain(json!({"automl_id": t.automl}), &rows)),
            write(Missing).json(explain(json!({"run_id": t.run, "path": "note.txt"}), &rows)),
            write(Missing).json(explain(json!({"name": t.registered}), &rows)).own(422),
            write(Missing).json(explain(json!({"name": t.registered, "version": t.version}), &rows)).own(422),
        ],
        "listExplanations" => vec![
            read(Nothing).volatile(),
            read(Nothing).query("automl_id", &t.automl).volatile(),
            read(Nothing).query("name", &t.registered).volatile(),
        ],
        "getExplanation" => vec![explanation(read(Missing))],
        "deleteExplanation" => vec![explanation(write(Missing))],
        // It found nothing that could be compared.
        "compareExplanations" => {
            vec![read(Missing).query("left", &t.explanation).query("right", &t.explanation).own(409)]
        }
        // Among its files is no model.
        "invokeModel" => vec![
            read(Missing).at("name", &t.registered).json(json!({"instances": [[1]]})).own(400),
            read(Missing)
                .at("name", &t.registered)
                .query("version", &t.version)
                .json(json!({"instances": [[1]]}))
                .own(400),
        ],
        _ => return None,
    })
}
