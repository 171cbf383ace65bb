//! The bodies of the scoring protocol.

use serde_json::json;

use super::request::records;

fn read(body: &serde_json::Value) -> Result<serde_json::Value, String> {
    let names = ["a".to_owned(), "b".to_owned()];
    let found = records(body.to_string().as_bytes(), &names).map_err(|e| e.to_string())?;
    Ok(json!(found))
}

#[test]
fn rows_are_read_however_they_are_written() {
    let expected = json!([{"a": 1, "b": "x"}, {"a": 2, "b": null}]);
    for body in [
        json!({"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [2, null]]}}),
        json!({"dataframe_split": {"index": [0, 1], "data": [[1, "x"], [2, null]]}}),
        json!({"dataframe_records": [{"a": 1, "b": "x"}, {"a": 2, "b": null}]}),
        json!({"instances": [{"a": 1, "b": "x"}, [2, null]]}),
        json!({"inputs": {"a": [1, 2], "b": [["x"], null]}}),
        json!({"inputs": [[1, "x"], [2, null]], "params": {}}),
    ] {
        assert_eq!(read(&body).unwrap(), expected, "{body}");
    }
}

#[test]
fn what_are_no_rows_is_told() {
    for (body, says) in [
        (json!({}), "exactly one of"),
        (json!({"instances": [], "inputs": []}), "exactly one of"),
        (json!({"instances": []}), "no row"),
        (json!({"instances": [[1]]}), "Row 1 has 1 values where there are 2 columns"),
        (json!({"instances": [3]}), "Row 1 is neither"),
        (json!({"instances": "x"}), "must be an array"),
        (json!({"inputs": {"a": [1, 2], "b": [1]}}), "\"b\" has 1 values where others have 2"),
        (json!({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}), "Row 1 has 2 values where there are 1"),
        (json!([1]), "cannot be read"),
        (json!({"dataframe_records": {"a": 1}}), "cannot be read"),
    ] {
        let said = read(&body).unwrap_err();
        assert!(said.contains(says), "{body}: {said}");
    }
}
