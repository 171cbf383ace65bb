//! KernelSHAP, permutation SHAP and linear SHAP against the definition.

use crate::definition::{shapley, worth};
use rhiza_explain::{ExplainError, Function, KernelShap, LinearExplainer, LinearModel, PermutationShap, Predict, Rows};
use rhiza_learn::random::Random;

/// Two outputs with products of columns in them.
fn model() -> impl Predict {
    Function::new(2, |rows: Rows<'_>| {
        let say = |r: &[f64]| {
            let product: f64 = r.iter().take(3).product();
            let sum: f64 = r.iter().enumerate().map(|(i, x)| x * (i as f64 + 1.0)).sum();
            [sum + product, (r[0] - r[r.len() - 1]).max(0.0) * r[1]]
        };
        rows.iter().flat_map(say).collect()
    })
}

fn table(seed: u64, rows: usize, columns: usize) -> Vec<f64> {
    let mut random = Random::stream(seed, "test table", 0);
    (0..rows * columns).map(|_| random.normal()).collect()
}

fn defined(model: &impl Predict, row: &[f64], background: &[f64], output: usize) -> Vec<f64> {
    let columns = row.len();
    let worth = worth(columns, |s| {
        let mut mixed = background.to_vec();
        for (at, value) in mixed.iter_mut().enumerate().filter(|(at, _)| s >> (at % columns) & 1 == 1) {
            *value = row[at % columns];
        }
        let said = model.predict(Rows::new(&mixed, columns).unwrap()).unwrap();
        said.iter().skip(output).step_by(model.outputs()).sum::<f64>() / (background.len() / columns) as f64
    });
    shapley(columns, &worth)
}

#[test]
fn kernel_shap_is_exact_where_all_coalitions_fit() {
    let (model, rows, background) = (model(), table(1, 3, 6), table(2, 9, 6));
    let shap = KernelShap { samples: 100, seed: 1 };
    let found = shap.explain(&model, Rows::new(&rows, 6).unwrap(), Rows::new(&background, 6).unwrap()).unwrap();
    assert!(found.errors.iter().all(|e| *e == 0.0));
    for (number, row) in rows.chunks_exact(6).enumerate() {
        for output in 0..2 {
            let expected = defined(&model, row, &background, output);
            for (f, e) in found.explanation.parts(number, output).iter().zip(&expected) {
                assert!((f - e).abs() < 1e-9, "{f} for {e}");
            }
        }
    }
}

/// Adds up, is within a few standard errors of the definition, and the errors are of the right size.
fn check_sampled(
    found: &rhiza_explain::Estimate,
    model: &impl Predict,
    rows: &[f64],
    background: &[f64],
    columns: usize,
) {
    let predictions = model.predict(Rows::new(rows, columns).unwrap()).unwrap();
    found.explanation.check_additivity(&predictions, 1e-9).unwrap();
    let (mut squares, mut count) = (0.0, 0.0);
    for (number, row) in rows.chunks_exact(columns).enumerate() {
        for output in 0..2 {
            let expected = defined(model, row, background, output);
            let errors = found.errors_of(number, output);
            for ((f, e), error) in found.explanation.parts(number, output).iter().zip(&expected).zip(errors) {
                assert!((f - e).abs() <= 6.0 * error + 1e-9, "{f} for {e}, standard error {error}");
                if *error > 1e-9 {
                    squares += ((f - e) / error).powi(2);
                    count += 1.0;
                }
            }
        }
    }
    let ratio: f64 = squares / count;
    assert!((0.3..3.0).contains(&ratio), "{count} errors of mean square {ratio} in units of their estimates");
}

#[test]
fn kernel_shap_samples_within_its_standard_errors() {
    let (model, rows, background) = (model(), table(3, 6, 12), table(4, 5, 12));
    let (rows_, background_) = (Rows::new(&rows, 12).unwrap(), Rows::new(&background, 12).unwrap());
    let found = KernelShap { samples: 600, seed: 5 }.explain(&model, rows_, background_).unwrap();
    check_sampled(&found, &model, &rows, &background, 12);
    assert_eq!(found, KernelShap { samples: 600, seed: 5 }.explain(&model, rows_, background_).unwrap());
    assert_ne!(found, KernelShap { samples: 600, seed: 6 }.explain(&model, rows_, background_).unwrap());
}

#[test]
fn permutation_shap_samples_within_its_standard_errors() {
    let (model, rows, background) = (model(), table(5, 6, 8), table(6, 5, 8));
    let (rows_, background_) = (Rows::new(&rows, 8).unwrap(), Rows::new(&background, 8).unwrap());
    let found = PermutationShap { orders: 30, seed: 5 }.explain(&model, rows_, background_).unwrap();
    check_sampled(&found, &model, &rows, &background, 8);
}

#[test]
fn columns_that_equal_the_background_have_no_part() {
    let model = model();
    let background = [0.5, 1.0, f64::NAN, 2.0, 0.5, 3.0, f64::NAN, 2.0];
    let sum = Function::new(1, |rows: Rows<'_>| rows.iter().map(|r| r[0] * 2.0 + r[1]).collect());
    let rows = [0.5, 7.0, f64::NAN, 2.0];
    let (rows, background) = (Rows::new(&rows, 4).unwrap(), Rows::new(&background, 4).unwrap());
    let found = KernelShap { samples: 8, seed: 0 }.explain(&sum, rows, background).unwrap();
    assert_eq!(found.explanation.parts(0, 0), &[0.0, 5.0, 0.0, 0.0]);
    let too_few = KernelShap { samples: 7, seed: 0 }.explain(&sum, rows, background);
    assert!(matches!(too_few, Err(ExplainError::Setting { setting: "samples", .. })));
    // A model that answers NaN is named, not explained.
    let fault = PermutationShap { orders: 2, seed: 0 }.explain(&model, rows, background).unwrap_err();
    assert!(matches!(fault, ExplainError::Model(_)), "{fault}");
    let nobody = KernelShap { samples: 8, seed: 0 }.explain(&sum, rows, Rows::new(&[], 4).unwrap());
    assert_eq!(nobody, Err(ExplainError::Empty("the background")));
}

#[test]
fn linear_shap_of_independent_and_correlated_columns() {
    let model = LinearModel { intercepts: vec![1.0, -1.0], coefficients: vec![2.0, 0.0, -1.0, 0.5, 1.0, 0.0] };
    let means = [0.5, -1.0, 2.0];
    let rows = [1.0, 2.0, 3.0];
    let rows = Rows::new(&rows, 3).unwrap();
    let plain = LinearExplainer::independent(&model, &means).unwrap().explain(rows).unwrap();
    assert_eq!(plain.explanation.parts(0, 0), &[1.0, 0.0, -1.0]);
    assert_eq!(plain.explanation.base(), &[0.0, -1.75]);
    // Against the definition with conditional expectations of two correlated columns and one that is alone.
    let covariance = [4.0, 1.2, 0.0, 1.2, 1.0, 0.0, 0.0, 0.0, 9.0];
    let found = LinearExplainer::correlated(&model, &means, &covariance, 10, 1).unwrap().explain(rows).unwrap();
    let away = [0.5, 3.0, 1.0];
    let worth = worth(3, |s| {
        let first = if s & 1 == 1 {
            away[0]
        } else if s & 2 == 2 {
            1.2 / 1.0 * away[1]
        } else {
            0.0
        };
        2.0 * first - if s & 4 == 4 { away[2] } else { 0.0 }
    });
    for (f, e) in found.explanation.parts(0, 0).iter().zip(shapley(3, &worth)) {
        assert!((f - e).abs() < 1e-12, "{f} for {e}");
    }
    assert!(found.explanation.parts(0, 0)[1] > 1.0, "a column without a coefficient that tells of another");
    let singular = LinearExplainer::correlated(&model, &means, &[1.0; 9], 10, 1);
    assert_eq!(singular, Err(ExplainError::Singular("the covariance")));
}

#[test]
fn correlated_linear_shap_of_many_columns_adds_up_and_agrees_with_exact_blocks() {
    // Ten columns, correlated in pairs: the values of a pair are those of the pair alone.
    let n = 10;
    let mut random = Random::stream(8, "test linear", 0);
    let coefficients: Vec<f64> = (0..n).map(|_| random.normal()).collect();
    let mut covariance = vec![0.0; n * n];
    for i in 0..n {
        covariance[i * n + i] = 2.0;
        covariance[i * n + (i ^ 1)] = 1.3;
    }
    let model = LinearModel { intercepts: vec![0.0], coefficients: coefficients.clone() };
    let rows = table(9, 1, n);
    let many = LinearExplainer::correlated(&model, &vec![0.0; n], &covariance, 200, 3).unwrap();
    let many = many.explain(Rows::new(&rows, n).unwrap()).unwrap();
    for pair in 0..n / 2 {
        let model = LinearModel { intercepts: vec![0.0], coefficients: coefficients[2 * pair..2 * pair + 2].to_vec() };
        let two = LinearExplainer::correlated(&model, &[0.0; 2], &[2.0, 1.3, 1.3, 2.0], 2, 3).unwrap();
        let two = two.explain(Rows::new(&rows[2 * pair..2 * pair + 2], 2).unwrap()).unwrap();
        for side in 0..2 {
            let (found, expected) = (many.explanation.parts(0, 0)[2 * pair + side], two.explanation.parts(0, 0)[side]);
            let error = many.errors_of(0, 0)[2 * pair + side];
            assert!((found - expected).abs() <= 5.0 * error + 1e-9, "{found} for {expected}, error {error}");
        }
    }
    let expected: f64 = rows.iter().zip(&coefficients).map(|(x, c)| x * c).sum();
    many.explanation.check_additivity(&[expected], 1e-9).unwrap();
}
