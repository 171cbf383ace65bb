//! The same models as `shap` and `lime` see them. `fixtures/make.py` made the files.

use crate::lightgbm;
use rhiza_explain::{Function, LimeTabular, LimeText, Rows, TreeExplainer};
use rhiza_learn::ensemble::{Feature, FeatureKind};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        Value::Null => vec![f64::NAN],
        number => vec![number.as_f64().unwrap()],
    }
}

/// Equal within a millionth of the row's largest number.
fn close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs())).max(1e-12);
    for (at, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= 1e-6 * scale, "{what}, number {at}: {f} for {e}");
    }
}

#[test]
fn lightgbm_models_as_shap_explains_them() {
    let cases: Value = serde_json::from_str(include_str!("../fixtures/trees.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let ensemble = lightgbm::read(case["model"].as_str().unwrap());
        let columns = ensemble.features.len();
        let explainer = TreeExplainer::new(ensemble).unwrap();
        let rows = numbers(&case["rows"]);
        let rows = Rows::new(&rows, columns).unwrap();
        let found = explainer.explain_checked(rows).unwrap();
        close(found.base(), &numbers(&case["base"]), &format!("{name}, base"));
        for (row, expected) in case["values"].as_array().unwrap().iter().enumerate() {
            for (output, expected) in expected.as_array().unwrap().iter().enumerate() {
                close(found.parts(row, output), &numbers(expected), &format!("{name}, row {row}, output {output}"));
            }
        }
        let Some(interactions) = case.get("interactions") else { continue };
        let found = explainer.interactions(rows).unwrap();
        for (row, expected) in interactions.as_array().unwrap().iter().enumerate() {
            close(found.matrix(row, 0), &numbers(expected), &format!("interactions, row {row}"));
        }
        let background = numbers(&case["background"]);
        let found = explainer.explain_against(rows, Rows::new(&background, columns).unwrap()).unwrap();
        close(found.base(), &[case["against_base"].as_f64().unwrap()], "base against a background");
        for (row, expected) in case["against"].as_array().unwrap().iter().enumerate() {
            close(found.parts(row, 0), &numbers(expected), &format!("against a background, row {row}"));
        }
    }
}

/// LIME is a random method: its mean over 20 seeds, and how far seeds are apart.
fn like_lime(found: &[f64], case: &Value, slack: f64, what: &str) {
    let (mean, deviation) = (numbers(&case["mean"]), numbers(&case["deviation"]));
    assert_eq!(found.len(), mean.len(), "{what}");
    for (at, f) in found.iter().enumerate() {
        let (mean, far) = (mean[at], 5.0 * deviation[at] + slack);
        assert!((f - mean).abs() <= far, "{what}, number {at}: {f} for {mean} ± {far}");
    }
}

#[test]
fn tabular_rows_as_lime_explains_them() {
    let cases: Value = serde_json::from_str(include_str!("../fixtures/lime.json")).unwrap();
    let case = &cases["tabular"];
    let training = numbers(&case["training"]);
    let kind = |c| if c == 3 { FeatureKind::Categorical } else { FeatureKind::Numeric };
    let features: Vec<Feature> = (0..4).map(|c| Feature { name: format!("c{c}"), kind: kind(c) }).collect();
    let model = Function::new(1, |rows: Rows<'_>| {
        let say = |r: &[f64]| {
            let score = if r[0] > 0.5 { 2.0 } else { -1.0 } + r[1] * 0.5 + if r[3] == 1.0 { 1.0 } else { 0.0 };
            score * if r[2] > 0.0 { 1.0 } else { 0.5 }
        };
        rows.iter().map(say).collect()
    });
    let lime = LimeTabular::new(&features, Rows::new(&training, 4).unwrap()).unwrap();
    let found = lime.explain(&model, &numbers(&case["row"]), 0).unwrap();
    let mut list: Vec<f64> = (0..4).map(|c| found.rules.iter().find(|r| r.column == c).unwrap().coefficient).collect();
    list.extend([found.intercept, found.r2]);
    // Values within a quartile are drawn a little differently: from the table instead of a normal distribution cut off.
    like_lime(&list, case, 0.06, "tabular");
    let total: f64 = found.rules.iter().map(|r| r.coefficient).sum();
    assert!((found.local_prediction - found.intercept - total).abs() < 1e-12);
}

#[test]
fn texts_as_lime_explains_them() {
    let cases: Value = serde_json::from_str(include_str!("../fixtures/lime.json")).unwrap();
    let case = &cases["text"];
    let weights = [("dull", -0.3), ("long", -0.1), ("superb", 0.5), ("acting", 0.1), ("not", -0.05)];
    let score = |texts: &[String]| {
        let say = |text: &String| {
            let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
            let sum: f64 = weights.iter().filter(|(word, _)| words.contains(word)).map(|(_, w)| w).sum();
            0.4 + sum + if words.contains(&"not") && words.contains(&"dull") { 0.2 } else { 0.0 }
        };
        Ok(texts.iter().map(say).collect())
    };
    let lime = LimeText { keep: 20, ..LimeText::default() };
    let found = lime.explain(case["text"].as_str().unwrap(), score).unwrap();
    let weight = |word: &str| found.words.iter().find(|w| w.word == word).unwrap().coefficient;
    let mut list: Vec<f64> = case["words"].as_array().unwrap().iter().map(|w| weight(w.as_str().unwrap())).collect();
    list.extend([found.intercept, found.r2]);
    like_lime(&list, case, 0.005, "text");
    assert_eq!(found.words[0].word, "superb");
    let dull = found.words.iter().find(|w| w.word == "dull").unwrap();
    assert_eq!(dull.starts, [13, 19, 68]);
}
