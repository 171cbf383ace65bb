//! The requests about datasets.

use serde_json::json;

use super::table::{Call, Stranger, read, write};
use super::world::{Things, unique};

/// The requests for an operation.
pub(super) fn calls(operation: &str, t: &Things) -> Option<Vec<Call>> {
    use Stranger::{Missing, Nothing};
    let dataset = |call: Call| call.at("dataset_id", &t.dataset);
    let version = |call: Call| dataset(call).at("version", "1");
    Some(match operation {
        // Files that were brought are being read, meanwhile.
        "listDatasets" => vec![read(Nothing).volatile(), read(Nothing).query("q", &t.dataset_name).volatile()],
        "createDataset" => vec![
            write(Nothing).query("name", &unique("brought")).bytes(),
            // Named as theirs: a name alone must not lead there.
            write(Nothing).query("name", &t.dataset_name).query("format", "csv").bytes(),
            write(Missing).json(json!({"name": unique("taken"), "artifact": {"run_id": t.run, "path": "note.txt"}})),
        ],
        "getDataset" => vec![dataset(read(Missing))],
        "updateDataset" => vec![dataset(write(Missing)).json(json!({"name": unique("renamed data ")}))],
        "deleteDataset" => vec![dataset(write(Missing))],
        "listDatasetVersions" => vec![dataset(read(Missing))],
        "getDatasetVersion" => vec![version(read(Missing)), dataset(read(Missing)).at("version", "latest")],
        "previewDatasetVersion" => vec![version(read(Missing))],
        "downloadDatasetVersion" => vec![version(read(Missing))],
        "setDatasetTypes" => vec![version(write(Missing)).json(json!({"types": {"a": "text"}}))],
        "profileDatasetVersion" => vec![version(write(Missing)).json(json!({"target": "b"}))],
        "getDatasetProfile" => vec![version(read(Missing)).query("target", "a")],
        _ => return None,
    })
}
