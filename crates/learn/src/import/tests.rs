//! Foreign models predict here what they predict at home.

use super::*;
use crate::ensemble::Link;
use crate::evaluate::Predictor;
use proptest::prelude::*;
use serde_json::Value;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/learn/import"))
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

/// What the model's own library said.
struct Expected {
    rows: Vec<Vec<f64>>,
    content: Value,
}

impl Expected {
    fn of(name: &str) -> Self {
        let stem = name.split('.').next().unwrap();
        let content: Value = serde_json::from_slice(&file(&format!("{stem}.expected.json"))).unwrap();
        Self { rows: lists(&content["rows"]), content }
    }

    fn lists(&self, key: &str) -> Vec<Vec<f64>> {
        lists(&self.content[key])
    }
}

fn lists(value: &Value) -> Vec<Vec<f64>> {
    let number = |v: &Value| v.as_f64().unwrap_or(f64::NAN);
    value.as_array().unwrap().iter().map(|row| row.as_array().unwrap().iter().map(number).collect()).collect()
}

fn raw(ensemble: &Ensemble, row: &[f64]) -> Vec<f64> {
    let mut raw = vec![0.0; ensemble.outputs()];
    ensemble.raw(row, &mut raw);
    raw
}

fn predicted(ensemble: &Ensemble, row: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; ensemble.outputs()];
    ensemble.predict(row, &mut out);
    out
}

fn close(found: &[f64], expected: &[f64], within: f64) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= within * b.abs().max(1.0))
}

#[test]
fn lightgbm_models_predict_the_same_numbers() {
    let exact = ["binary", "classes", "ova", "full", "quantile", "zero", "poisson", "categories", "dart"];
    for name in exact.iter().chain(&["forest", "sigmoid"]) {
        let path = format!("lightgbm_{name}.txt");
        let ensemble = read(&file(&path)).unwrap().ensemble;
        let expected = Expected::of(&path);
        for (row, (raw_there, there)) in
            expected.rows.iter().zip(expected.lists("raw").iter().zip(expected.lists("predicted").iter()))
        {
            let mut here = raw(&ensemble, row);
            // Here the factor and the mean are in the leaves; there they come after the sum.
            match *name {
                "sigmoid" => here.iter_mut().for_each(|x| *x /= 0.7),
                "forest" => here.iter_mut().for_each(|x| *x *= 6.0),
                _ => {}
            }
            if exact.contains(name) {
                assert_eq!(here, *raw_there, "{name} {row:?}");
            } else {
                assert!(close(&here, raw_there, 1e-14), "{name} {row:?}");
            }
            assert!(close(&predicted(&ensemble, row), there, 1e-14), "{name} {row:?}");
        }
        assert!(ensemble.trees.iter().all(|tree| tree.nodes[0].cover > 300.0));
    }
}

#[test]
fn lightgbm_names_and_kinds_are_kept() {
    let ensemble = read(&file("lightgbm_categories.txt")).unwrap().ensemble;
    assert_eq!(ensemble.features[1].name, "Column_1");
    assert_eq!(ensemble.features[1].kind, crate::ensemble::FeatureKind::Categorical);
    assert_eq!(ensemble.features[0].kind, crate::ensemble::FeatureKind::Numeric);
    assert_eq!(read(&file("lightgbm_ova.txt")).unwrap().ensemble.link, Link::Logistic);
}

#[test]
fn xgboost_models_predict_the_same_numbers() {
    let names = [
        "binary.json",
        "binary.ubj",
        "classes.json",
        "number.ubj",
        "base.json",
        "poisson.json",
        "dart.json",
        "forest.json",
        "categories.json",
    ];
    for name in names {
        let path = format!("xgboost_{name}");
        let ensemble = read(&file(&path)).unwrap().ensemble;
        let expected = Expected::of(&path);
        let leaves = expected.lists("leaves");
        for (at, row) in expected.rows.iter().enumerate() {
            // XGBoost adds in single precision, tree by tree: so added, the leaves give its very bits.
            let mut sums: Vec<f32> = ensemble.base.iter().map(|b| *b as f32).collect();
            for (tree, their_leaf) in ensemble.trees.iter().zip(&leaves[at]) {
                let leaf = tree.leaf_of(row, true) as usize;
                sums[tree.output.unwrap() as usize] += tree.leaf_values[leaf] as f32;
                assert!(*their_leaf < tree.nodes.len() as f64);
            }
            let sums: Vec<f64> = sums.into_iter().map(f64::from).collect();
            assert_eq!(sums, expected.lists("raw")[at], "{name} {row:?}");
            assert!(close(&raw(&ensemble, row), &expected.lists("raw")[at], 1e-6), "{name} {row:?}");
            assert!(close(&predicted(&ensemble, row), &expected.lists("predicted")[at], 1e-6), "{name} {row:?}");
        }
    }
}

#[test]
fn both_of_xgboosts_files_are_one_model() {
    assert!(read(&file("xgboost_binary.json")) == read(&file("xgboost_binary.ubj")));
}

#[test]
fn onnx_models_predict_the_same_numbers() {
    let names = ["forest", "two", "boosted", "extra", "lightgbm", "xgboost", "modes", "v5", "double"];
    for name in names {
        let path = format!("onnx_{name}.onnx");
        let imported = read(&file(&path)).unwrap();
        let expected = Expected::of(&path);
        for (row, there) in expected.rows.iter().zip(expected.lists("predicted")) {
            let mut here = predicted(&imported.ensemble, row);
            if there.len() == 2 && here.len() == 1 {
                here.insert(0, 1.0 - here[0]);
            }
            assert!(close(&here, &there, 2e-6), "{name} {row:?}: {here:?}, not {there:?}");
        }
    }
    assert_eq!(read(&file("onnx_forest.onnx")).unwrap().labels, ["setosa", "versicolor", "virginica"]);
    assert_eq!(read(&file("onnx_boosted.onnx")).unwrap().ensemble.link, Link::Logistic);
}

#[test]
fn the_fast_form_takes_every_imported_model() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".expected.json") {
            continue;
        }
        let ensemble = read(&std::fs::read(&path).unwrap()).unwrap().ensemble;
        let predictor = Predictor::new(ensemble.clone()).unwrap();
        let rows = Expected::of(&name).rows;
        let fast = predictor.raw_rows(&rows.concat()).unwrap();
        let slow: Vec<f64> = rows.iter().flat_map(|row| raw(&ensemble, row)).collect();
        assert_eq!(fast, slow, "{name}");
        let trees = ensemble.trees.iter().map(crate::ensemble::Tree::in_order).collect();
        let file = crate::format::write_ensemble(&ensemble);
        assert_eq!(crate::format::read_ensemble(&file), Ok(Ensemble { trees, ..ensemble }));
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    let fault = |content: &[u8]| read(content).unwrap_err().to_string();
    assert_eq!(fault(b"PK\x03\x04"), ImportError::Unknown.to_string());
    assert_eq!(fault(b""), ImportError::Unknown.to_string());
    assert!(fault(b"{\"learner\": {}}").contains("`learner_model_param` is not there"));
    assert!(fault(b"{ nonsense").contains("no JSON"));
    assert!(fault(b"tree\nversion=v4\n").contains("num_tree_per_iteration"));
    let text = String::from_utf8(file("lightgbm_binary.txt")).unwrap();
    assert!(fault(text.replace("num_leaves=9", "num_leaves=8").as_bytes()).contains("tree 0: `leaf_value=` has 9"));
    assert!(fault(text.replace("is_linear=0", "is_linear=1").as_bytes()).contains("linear"));
    assert!(fault(text.replace("objective=binary", "objective=regression sqrt").as_bytes()).contains("squared"));
    assert!(fault(text.replace("max_feature_idx=5", "max_feature_idx=1").as_bytes()).contains("looks at column"));
    assert!(fault(text.replace("left_child=", "left_child=0 ").as_bytes()).contains("tree 0"));
    assert!(fault(b"\x08\x09\x3a\x00").contains("no tree ensemble"));
}

fn models() -> Vec<Vec<u8>> {
    [
        "lightgbm_categories.txt",
        "xgboost_categories.json",
        "xgboost_binary.ubj",
        "onnx_two.onnx",
        "onnx_v5.onnx",
        "onnx_modes.onnx",
    ]
    .map(file)
    .to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn damaged_files_do_no_harm(
        which in 0usize..6, hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut content = models().swap_remove(which);
        for (at, value) in hits {
            let at = at.index(content.len());
            content[at] = value;
        }
        if let Some(cut) = cut {
            content.truncate(cut.index(content.len()));
        }
        if let Ok(imported) = read(&content) {
            prop_assert!(imported.ensemble.validate().is_ok());
        }
    }

    #[test]
    fn noise_does_no_harm(first in prop::sample::select(vec![&b"tree\n"[..], b"{", b"{L", b"\x08\x09", b"\x3a"]), rest in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&[first, &rest].concat());
    }
}
