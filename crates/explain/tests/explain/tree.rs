//! TreeSHAP against the definition.

use crate::definition::{interactions, interventional, path_dependent, shapley, worth};
use crate::forest::{Shape, ensemble, rows};
use rhiza_explain::{ExplainError, Explanation, Rows, TreeExplainer};
use rhiza_learn::ensemble::Ensemble;

/// The largest number of a row is the measure of its errors.
fn close(found: &[f64], expected: &[f64], what: &str) {
    let scale = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs())).max(1e-300);
    for (column, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= 1e-9 * scale, "{what}, column {column}: {f} for {e}");
    }
}

fn against_definition(ensemble: &Ensemble, values: &[f64]) {
    let columns = ensemble.features.len();
    let explainer = TreeExplainer::new(ensemble.clone()).unwrap();
    let rows = Rows::new(values, columns).unwrap();
    let explanation = explainer.explain_checked(rows).unwrap();
    for (number, row) in rows.iter().enumerate() {
        for output in 0..ensemble.outputs() {
            let worth = worth(columns, |s| path_dependent(ensemble, row, s, output));
            let expected = shapley(columns, &worth);
            close(explanation.parts(number, output), &expected, &format!("row {number}, output {output}"));
            assert!((explanation.base()[output] - worth[0]).abs() < 1e-9 * (1.0 + worth[0].abs()));
        }
    }
}

#[test]
fn every_kind_of_split_missing_rule_and_leaf_as_defined() {
    for seed in 0..60 {
        let depth = 1 + seed as usize % 7;
        let shape = Shape { columns: 1 + seed as usize % 9, outputs: 1 + seed as usize % 3, trees: 3, depth };
        let ensemble = ensemble(seed, shape);
        against_definition(&ensemble, &rows(seed, 5, &ensemble.features));
    }
}

#[test]
fn paths_with_more_features_than_one_tape_has_points_for() {
    for seed in 0..4 {
        let ensemble = ensemble(seed, Shape { columns: 12, outputs: 2, trees: 2, depth: 14 });
        against_definition(&ensemble, &rows(seed, 2, &ensemble.features));
    }
}

#[test]
fn interactions_as_defined() {
    for seed in 0..30 {
        let shape = Shape { columns: 1 + seed as usize % 8, outputs: 1 + seed as usize % 2, trees: 3, depth: 8 };
        let ensemble = ensemble(seed, shape);
        let values = rows(seed, 3, &ensemble.features);
        let columns = ensemble.features.len();
        let explainer = TreeExplainer::new(ensemble.clone()).unwrap();
        let found = explainer.interactions(Rows::new(&values, columns).unwrap()).unwrap();
        for (number, row) in values.chunks_exact(columns).enumerate() {
            for output in 0..ensemble.outputs() {
                let worth = worth(columns, |s| path_dependent(&ensemble, row, s, output));
                let what = format!("seed {seed}, row {number}, output {output}");
                close(found.matrix(number, output), &interactions(columns, &worth), &what);
            }
        }
    }
}

#[test]
fn against_a_background_as_defined() {
    for seed in 0..40 {
        let shape = Shape { columns: 1 + seed as usize % 8, outputs: 1 + seed as usize % 3, trees: 3, depth: 6 };
        let ensemble = ensemble(seed, shape);
        let columns = ensemble.features.len();
        // Few rows go pattern by pattern, many by table.
        let count = if seed % 2 == 0 { 3 } else { 400 };
        let (values, background) = (rows(seed, count, &ensemble.features), rows(seed + 99, 20, &ensemble.features));
        let explainer = TreeExplainer::new(ensemble.clone()).unwrap();
        let (table, against) = (Rows::new(&values, columns).unwrap(), Rows::new(&background, columns).unwrap());
        let found = explainer.explain_against(table, against).unwrap();
        found.check_additivity(&explainer.raw(table).unwrap(), 1e-9).unwrap();
        for (number, row) in table.iter().enumerate().take(3) {
            for output in 0..ensemble.outputs() {
                let worth = worth(columns, |s| interventional(&ensemble, row, &background, s, output));
                let what = format!("seed {seed}, row {number}, output {output}");
                close(found.parts(number, output), &shapley(columns, &worth), &what);
            }
        }
    }
}

#[test]
fn bits_depend_neither_on_threads_nor_on_neighbours() {
    let ensemble = ensemble(3, Shape { columns: 7, outputs: 2, trees: 20, depth: 6 });
    let values = rows(3, 700, &ensemble.features);
    let explainer = TreeExplainer::new(ensemble).unwrap();
    let explain = |values: &[f64]| explainer.explain(Rows::new(values, 7).unwrap()).unwrap();
    let on = |threads| -> Explanation {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| explain(&values))
    };
    let one = on(1);
    assert_eq!(one, on(3));
    for row in [0, 17, 699] {
        let alone = explain(&values[row * 7..(row + 1) * 7]);
        assert_eq!(alone.values(), &one.values()[row * 14..(row + 1) * 14]);
    }
}

#[test]
fn nothing_to_explain_and_rows_of_another_width() {
    let ensemble = ensemble(1, Shape { columns: 4, outputs: 1, trees: 2, depth: 3 });
    let explainer = TreeExplainer::new(ensemble).unwrap();
    assert_eq!(explainer.explain(Rows::new(&[], 4).unwrap()).unwrap().rows(), 0);
    let wrong = explainer.explain(Rows::new(&[0.0; 6], 3).unwrap());
    assert_eq!(wrong, Err(ExplainError::Columns { what: "the table to explain", found: 3, expected: 4 }));
    assert_eq!(Rows::new(&[0.0; 5], 3), Err(ExplainError::Ragged { values: 5, columns: 3 }));
    assert_eq!(Rows::new(&[], 0), Err(ExplainError::Ragged { values: 0, columns: 0 }));
}

#[test]
fn a_sum_that_is_off_is_named() {
    let ensemble = ensemble(5, Shape { columns: 4, outputs: 2, trees: 3, depth: 3 });
    let values = rows(5, 3, &ensemble.features);
    let explainer = TreeExplainer::new(ensemble).unwrap();
    let rows = Rows::new(&values, 4).unwrap();
    let explanation = explainer.explain(rows).unwrap();
    let mut raw = explainer.raw(rows).unwrap();
    raw[3] += 1.0;
    let fault = explanation.check_additivity(&raw, 1e-6).unwrap_err();
    assert!(matches!(fault, ExplainError::NotAdditive { row: 1, output: 1, .. }), "{fault}");
    raw[3] = f64::NAN;
    assert!(explanation.check_additivity(&raw, 1e-6).is_err());
}

#[test]
fn many_columns_of_which_few_are_looked_at() {
    let mut ensemble = ensemble(7, Shape { columns: 4, outputs: 1, trees: 3, depth: 4 });
    let spare = ensemble.features[0].clone();
    ensemble.features.resize(10_000, spare);
    let values = rows(7, 12, &ensemble.features);
    let table = Rows::new(&values, 10_000).unwrap();
    let explainer = TreeExplainer::new(ensemble).unwrap();
    let found = explainer.explain_checked(table).unwrap();
    assert!(found.parts(1, 0)[4..].iter().all(|part| *part == 0.0));
    let fault = explainer.interactions(table).unwrap_err();
    assert!(matches!(fault, ExplainError::Setting { setting: "rows", .. }), "{fault}");
}

#[test]
fn ensembles_without_trees_with_stumps_and_with_faults() {
    let mut ensemble = ensemble(8, Shape { columns: 2, outputs: 1, trees: 1, depth: 0 });
    let explain = |ensemble: &Ensemble| {
        let explainer = TreeExplainer::new(ensemble.clone())?;
        explainer.explain_checked(Rows::new(&[1.0, f64::NAN], 2)?)
    };
    let stump = explain(&ensemble).unwrap();
    assert_eq!(stump.values(), &[0.0, 0.0]);
    ensemble.trees.clear();
    assert_eq!(explain(&ensemble).unwrap().base(), ensemble.base);
    ensemble.base.clear();
    assert!(matches!(explain(&ensemble), Err(ExplainError::Ensemble(_))));
}
