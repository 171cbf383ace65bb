//! ONNX files written here come back as they were.

use super::*;
use crate::boost::{self, Loss, Params};
use crate::ensemble::{Missing, NodeKind};
use crate::forest;
use crate::import;
use crate::matrix::{Column, Matrix, Target};
use crate::random::Random;
use crate::stop::Never;
use serde_json::Value;
use std::path::PathBuf;

fn file(path: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/learn")).join(path)).unwrap()
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&file(path)).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

/// What onnxruntime made of the files, and that the files are still written as they were when it was asked.
#[test]
fn onnxruntime_predicts_what_we_do() {
    let names = |list: &[&str]| Labels::Names(list.iter().map(|s| (*s).to_owned()).collect());
    let iris = ["setosa", "versicolor", "virginica"];
    for (model, labels) in [
        ("lightgbm_full.txt", Labels::None),
        ("lightgbm_poisson.txt", Labels::None),
        ("lightgbm_binary.txt", names(&["no", "yes"])),
        ("lightgbm_classes.txt", names(&["a", "b", "c"])),
        ("lightgbm_categories.txt", names(&["no", "yes"])),
        ("xgboost_binary.ubj", names(&["no", "yes"])),
        ("xgboost_categories.json", Labels::None),
        ("onnx_forest.onnx", names(&iris)),
    ] {
        let ensemble = import::read(&file(&format!("import/{model}"))).unwrap().ensemble;
        let stem = model.split('.').next().unwrap();
        assert!(export(&ensemble, &labels).unwrap() == file(&format!("export/{stem}.onnx")), "{model}");
        let rows = json(&format!("import/{stem}.expected.json"));
        let there = json(&format!("export/{stem}.expected.json"));
        for (at, (row, there)) in
            rows["rows"].as_array().unwrap().iter().zip(there["predicted"].as_array().unwrap()).enumerate()
        {
            let mut here = vec![0.0; ensemble.outputs()];
            ensemble.predict(&numbers(row), &mut here);
            let there = numbers(there);
            if there.len() == 2 && here.len() == 1 {
                here.insert(0, 1.0 - here[0]);
            }
            assert!(here.iter().zip(&there).all(|(a, b)| (a - b).abs() < 1e-6), "{model} row {at}: {here:?} {there:?}");
        }
    }
}

fn mixed(rows: usize) -> (Matrix, Vec<f64>) {
    let mut random = Random::stream(1, "onnx", 0);
    let x: Vec<f64> = (0..rows).map(|i| if i % 9 == 0 { f64::NAN } else { random.normal() }).collect();
    let c: Vec<f64> = (0..rows).map(|_| random.below(12) as f64).collect();
    let y = x.iter().zip(&c).map(|(x, c)| if x.is_nan() { 0.5 } else { *x } + f64::from(u8::from(*c > 5.0))).collect();
    (Matrix::new(vec![Column::numeric("x", x), Column::categorical("c", c)]).unwrap(), y)
}

/// Written and read again, a model is the same up to the numbering of its nodes.
fn comes_back(model: &Ensemble, matrix: &Matrix) {
    let back = import::read(&export(model, &Labels::None).unwrap());
    // What comes after the trees is no tree, and the import says so.
    let back = match (model.link, back) {
        (Link::Identity, back) => back.unwrap().ensemble,
        (_, Err(fault)) => {
            assert!(fault.to_string().contains("reckons with what comes out"), "{fault}");
            let plain = Ensemble { link: Link::Identity, ..model.clone() };
            import::read(&export(&plain, &Labels::None).unwrap()).unwrap().ensemble
        }
        (_, Ok(_)) => panic!("a link was lost"),
    };
    for row in matrix.to_rows().chunks(matrix.width()) {
        let (mut here, mut there) = (vec![0.0; model.outputs()], vec![0.0; model.outputs()]);
        model.raw(row, &mut here);
        back.raw(row, &mut there);
        assert!(here.iter().zip(&there).all(|(a, b)| (a - b).abs() < 1e-12), "{here:?} {there:?}");
    }
    assert_eq!(back.trees.first().map(|t| t.nodes[0].cover), model.trees.first().map(|t| t.nodes[0].cover));
}

#[test]
fn what_is_exported_can_be_imported() {
    let (matrix, y) = mixed(400);
    let numeric = matrix.select(&[0]);
    let codes: Vec<u32> = y.iter().map(|y| u32::from(*y > 0.0) + u32::from(*y > 1.0)).collect();
    let classes = Target::classes(codes, 3).unwrap();
    let numbers = Target::numbers(y).unwrap();
    let matrix = &numeric;
    let squared = boost::fit(matrix, &numbers, &Params { rounds: 5, ..Params::new(Loss::Squared) }, &Never).unwrap();
    comes_back(&squared.ensemble, matrix);
    let softmax = boost::fit(matrix, &classes, &Params { rounds: 5, ..Params::new(Loss::Softmax) }, &Never).unwrap();
    comes_back(&softmax.ensemble, matrix);
    let params = forest::Params { trees: 3, ..forest::Params::random() };
    comes_back(&forest::fit(matrix, &classes, &params, &Never).unwrap().ensemble, matrix);
}

#[test]
fn models_without_trees_and_with_lone_leaves_are_written() {
    let (matrix, _) = mixed(50);
    let target = Target::numbers(vec![3.0; 50]).unwrap();
    let constant = boost::fit(&matrix, &target, &Params::new(Loss::Squared), &Never).unwrap().ensemble;
    let back = import::read(&export(&constant, &Labels::None).unwrap()).unwrap().ensemble;
    let mut raw = [0.0];
    back.raw(&[1.0, 2.0], &mut raw);
    assert_eq!(raw, [3.0]);
}

#[test]
fn what_onnx_cannot_say_is_refused() {
    let ensemble = import::read(&file("import/lightgbm_zero.txt")).unwrap().ensemble;
    let fault = export(&ensemble, &Labels::None).unwrap_err();
    assert!(fault.to_string().contains("zero counts as missing"), "{fault}");
    let binary = import::read(&file("import/lightgbm_binary.txt")).unwrap().ensemble;
    assert_eq!(export(&binary, &Labels::Numbers(vec![1])), Err(OnnxError::Labels { found: 1, expected: 2 }));
    assert!(export(&binary, &Labels::Numbers(vec![0, 1])).is_ok());
}

#[test]
fn zeros_that_go_with_the_comparison_are_written() {
    let mut ensemble = import::read(&file("import/lightgbm_full.txt")).unwrap().ensemble;
    for node in ensemble.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
        if let NodeKind::Split { missing, test: crate::ensemble::Test::AtMost(threshold), .. } = &mut node.kind {
            *missing = if *threshold > 0.0 { Missing::ZeroLeft } else { Missing::ZeroRight };
        }
    }
    let back = import::read(&export(&ensemble, &Labels::None).unwrap()).unwrap().ensemble;
    for row in [[0.0; 6], [f64::NAN; 6], [0.5; 6], [-0.5; 6]] {
        let (mut here, mut there) = ([0.0], [0.0]);
        ensemble.raw(&row, &mut here);
        back.raw(&row, &mut there);
        assert!((here[0] - there[0]).abs() < 1e-12);
    }
}
