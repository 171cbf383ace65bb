//! `rhiza automl`, `predict` and `explain` on files alone.

use std::path::Path;

use serde_json::Value;

use crate::process::run;

fn data(name: &str) -> String {
    format!("{}/../../fixtures/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn json(arguments: &[&str]) -> Value {
    let (code, out, error) = run(arguments);
    assert_eq!(code, 0, "{error}");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_model_is_found_used_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (model, diabetes) = (folder.path().join("diabetes.rhiza"), data("diabetes.csv"));
    let target =
        std::fs::read_to_string(&diabetes).unwrap().lines().next().unwrap().rsplit(',').next().unwrap().to_owned();
    let search =
        ["automl", &diabetes, "--target", &target, "--trials", "4", "--time", "600", "--json", "--out", text(&model)];
    let found = json(&search);
    for field in ["task", "metric", "seed", "holdout", "best", "leaderboard", "model_path", "rows", "seconds"] {
        assert!(!found[field].is_null(), "{field}: {found}");
    }
    assert_eq!((found["task"].as_str(), found["rows"].as_u64()), (Some("regression"), Some(442)));
    let line = &found["leaderboard"][0];
    for field in ["name", "family", "cv_score", "cv_std", "fit_seconds", "params"] {
        assert!(line.get(field).is_some(), "{field}: {line}");
    }
    assert_eq!(found["best"]["name"], line["name"]);
    assert!(found["holdout"]["r2"].as_f64().unwrap() > 0.2, "{found}");
    // Anybody who does the same finds the same.
    let mut again = json(&search);
    assert_eq!(again["holdout"], found["holdout"]);
    assert_eq!(again["best"].take(), found["best"]);

    let said = json(&["predict", text(&model), &diabetes, "--json"]);
    assert_eq!(said["predictions"].as_array().unwrap().len(), 442);
    assert!(said["probabilities"].is_null() && said["classes"].is_null(), "{said}");
    let why = json(&["explain", text(&model), &diabetes, "--rows", "3", "--background", "20", "--json"]);
    let features = why["features"].as_array().unwrap();
    assert_eq!(features.len(), 10);
    for (row, prediction) in why["values"].as_array().unwrap().iter().zip(said["predictions"].as_array().unwrap()) {
        let parts: f64 = row.as_array().unwrap().iter().map(|part| part.as_f64().unwrap()).sum();
        let sum = why["base_values"][0].as_f64().unwrap() + parts;
        assert!((sum - prediction.as_f64().unwrap()).abs() < 1e-6 * sum.abs(), "{sum} {prediction}");
    }
}

#[test]
fn classes_have_names_and_probabilities() {
    let folder = tempfile::tempdir().unwrap();
    let (model, iris, out) = (folder.path().join("m.rhiza"), data("iris.csv"), folder.path().join("said.csv"));
    let target = std::fs::read_to_string(&iris).unwrap().lines().next().unwrap().rsplit(',').next().unwrap().to_owned();
    let found = json(&["automl", &iris, "--target", &target, "--trials", "3", "--json", "--out", text(&model)]);
    assert_eq!(found["task"], "multiclass");
    let said = json(&["predict", text(&model), &iris, "--json"]);
    assert_eq!(said["classes"].as_array().unwrap().len(), 3);
    let first: f64 = said["probabilities"][0].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).sum();
    assert!((first - 1.0).abs() < 1e-9);
    assert_eq!(run(&["predict", text(&model), &iris, "--out", text(&out)]).0, 0);
    let lines = std::fs::read_to_string(&out).unwrap();
    assert!(lines.starts_with("prediction,probability of "), "{lines}");
    assert_eq!(lines.lines().count(), 151);
    let why = json(&["explain", text(&model), &iris, "--rows", "2", "--background", "10", "--json"]);
    assert_eq!(why["values"][0][0].as_array().unwrap().len(), 3, "rows × features × outputs");
}

#[test]
fn bad_input_is_told_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.rhiza");
    let broken = folder.path().join("broken.csv");
    for (content, target, word) in [
        ("a,b\n1,2\n1,2,3\n", "a", "line 3"),
        ("a,b\n", "a", "0 rows"),
        ("a,b\n1,2\n", "a", "1 rows"),
        ("a,b\n1,2\n", "c", "c"),
        ("", "a", ""),
        ("PK\x03\x04", "a", "ZIP"),
    ] {
        std::fs::write(&broken, content).unwrap();
        let (code, out, error) = run(&["automl", text(&broken), "--target", target, "--json", "--out", text(&model)]);
        assert_eq!((code, out.as_str()), (1, ""), "{content:?}: {error}");
        assert!(error.contains(word), "{content:?}: {error}");
        assert!(!model.exists());
    }
    let same: String = std::iter::once("a,b\n".to_owned()).chain((0..40).map(|n| format!("{n},yes\n"))).collect();
    std::fs::write(&broken, same).unwrap();
    let (code, _, error) = run(&["automl", text(&broken), "--target", "b", "--out", text(&model)]);
    assert!(code == 1 && error.contains("every row has the value"), "{error}");
    assert_eq!(run(&["automl", text(&broken), "--target", "b", "--metric", "beauty"]).0, 2);
    assert_eq!(run(&["automl", text(&broken), "--target", "b", "--time", "0"]).0, 2);
    assert_eq!(run(&["automl", text(&broken)]).0, 2);
    let (code, _, error) = run(&["predict", text(&broken), text(&broken)]);
    assert!(code == 1 && error.contains("neither"), "{error}");
}
