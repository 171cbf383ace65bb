//! Tests of linear models.

use super::*;
use crate::matrix::{Column, Matrix};
use crate::random::Random;
use crate::stop::Never;

fn rows(columns: Vec<Vec<f64>>) -> Rows {
    let columns = columns.into_iter().enumerate().map(|(at, values)| Column::numeric(format!("x{at}"), values));
    Rows::new(&Matrix::new(columns.collect()).unwrap()).unwrap()
}

fn normal(n: usize, columns: usize) -> Vec<Vec<f64>> {
    let mut random = Random::stream(5, "linear tests", 0);
    (0..columns).map(|_| (0..n).map(|_| random.normal()).collect()).collect()
}

#[test]
fn ridge_solves_its_equations() {
    let x = normal(50, 3);
    let y: Vec<f64> = (0..50).map(|i| 2.0 * x[0][i] - x[1][i] + 0.5).collect();
    let rows = rows(x.clone());
    let target = Target::numbers(y.clone()).unwrap();
    let model = &fit_path(&rows, &target, &[0.3], &Params::default(), &Never).unwrap()[0];
    // The slope of the objective is zero at its minimum.
    for (column, weight) in x.iter().zip(&model.weights) {
        let mean = column.iter().sum::<f64>() / 50.0;
        let slope: f64 =
            (0..50).map(|i| (column[i] - mean) * (y[i] - model.predict(rows.row(i))[0])).sum::<f64>() / 50.0;
        assert!((slope - 0.3 * weight).abs() < 1e-5);
    }
}

#[test]
fn lasso_makes_zeros_and_both_solvers_agree() {
    let x = normal(80, 6);
    let y: Vec<f64> = (0..80).map(|i| 3.0 * x[0][i] + 0.01 * x[5][i]).collect();
    let rows = rows(x);
    let target = Target::numbers(y.clone()).unwrap();
    let params = Params { l1_ratio: 1.0, ..Params::default() };
    let top = largest_penalty(&rows, &target, &params).unwrap();
    let path = fit_path(&rows, &target, &[top * 1.001, top * 0.1], &params, &Never).unwrap();
    assert!(path[0].weights.iter().all(|w| *w == 0.0));
    assert!(path[1].weights[0] > 2.0 && path[1].weights[1..].iter().all(|w| *w == 0.0));
    // The same by gradients: the indicator columns of a wide table take that way.
    let mut wide: Vec<Vec<f64>> = (0..6).map(|j| (0..80).map(|i| rows.row(i)[j]).collect()).collect();
    wide.extend(vec![vec![0.0; 80]; 1_500]);
    let wide = super::tests::rows(wide);
    let slow = fit_path(&wide, &target, &[top * 0.1], &params, &Never).unwrap();
    assert!(slow[0].weights.iter().zip(&path[1].weights).all(|(a, b)| (a - b).abs() < 1e-3));
}

#[test]
fn two_classes_and_more_agree() {
    let x = normal(200, 2);
    let codes: Vec<u32> = (0..200).map(|i| u32::from(x[0][i] + 0.5 * x[1][i] > 0.2)).collect();
    let rows = rows(x);
    let two = Target::classes(codes.clone(), 2).unwrap();
    let three = Target::classes(codes, 3).unwrap();
    let binary = &fit_path(&rows, &two, &[0.1], &Params::default(), &Never).unwrap()[0];
    // Weights of two softmax outputs share the penalty: half of it on each difference.
    let many = &fit_path(&rows, &three, &[0.2], &Params::default(), &Never).unwrap()[0];
    for i in 0..200 {
        let (a, b) = (binary.predict(rows.row(i)), many.predict(rows.row(i)));
        assert!((a[1] - b[1]).abs() < 2e-3 && b[2] < 1e-3, "{a:?} {b:?}");
        assert!((b.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn separable_classes_and_constant_targets_end() {
    let rows = rows(vec![vec![-1.0, -2.0, 1.0, 2.0]]);
    let target = Target::classes(vec![0, 0, 1, 1], 2).unwrap();
    let path = fit_path(&rows, &target, &[1e-9], &Params::default(), &Never).unwrap();
    assert!(path[0].predict(&[2.0])[1] > 0.99);
    let one = Target::classes(vec![1; 4], 2).unwrap();
    assert!(fit_path(&rows, &one, &[0.1], &Params::default(), &Never).unwrap()[0].predict(&[0.0])[1] > 0.99);
    let constant = Target::numbers(vec![3.0; 4]).unwrap();
    assert_eq!(fit_path(&rows, &constant, &[0.1], &Params::default(), &Never).unwrap()[0].predict(&[9.0]), [3.0]);
}

#[test]
fn bad_input_is_refused() {
    let good = rows(vec![vec![1.0, 2.0]]);
    let target = Target::numbers(vec![1.0, 2.0]).unwrap();
    let bad = Params { l1_ratio: 2.0, ..Params::default() };
    assert!(matches!(fit_path(&good, &target, &[1.0], &bad, &Never), Err(FitError::BadParam { .. })));
    let fit = |penalty| fit_path(&good, &target, &[penalty], &Params::default(), &Never);
    assert!(matches!(fit(f64::NAN), Err(FitError::BadParam { .. })));
    let short = Target::numbers(vec![1.0]).unwrap();
    assert!(matches!(
        fit_path(&good, &short, &[1.0], &Params::default(), &Never),
        Err(FitError::Lengths { found: 1, expected: 2 })
    ));
    let missing = Matrix::new(vec![Column::numeric("x", vec![f64::NAN])]).unwrap();
    assert!(matches!(Rows::new(&missing), Err(FitError::NotFinite { row: 1, .. })));
}
