//! Tests of networks.

use super::*;
use crate::matrix::Matrix;
use crate::stop::Never;

fn points(n: usize) -> Rows {
    let mut random = Random::stream(4, "network tests", 0);
    let values: Vec<f64> = (0..2 * n).map(|_| random.normal()).collect();
    Rows::new(&Matrix::from_rows(&values, 2).unwrap()).unwrap()
}

#[test]
fn what_no_line_divides_is_learnt() {
    let rows = points(400);
    let codes = rows.iter().map(|row| u32::from(row[0] * row[1] > 0.0)).collect();
    let target = Target::classes(codes, 2).unwrap();
    let params = Params { hidden: vec![16, 16], dropout: 0.0, ..Params::default() };
    let network = fit(&rows, &target, &params, &Never).unwrap();
    assert!(network.predict(&[1.0, 1.0])[1] > 0.9 && network.predict(&[1.0, -1.0])[1] < 0.1);
    assert_eq!(network, fit(&rows, &target, &params, &Never).unwrap());
}

#[test]
fn numbers_are_learnt_in_their_own_units() {
    let rows = points(300);
    let target = Target::numbers(rows.iter().map(|row| 1000.0 + 50.0 * row[0].abs()).collect()).unwrap();
    let network = fit(&rows, &target, &Params { dropout: 0.0, ..Params::default() }, &Never).unwrap();
    assert!((network.predict(&[1.5, 0.0])[0] - 1075.0).abs() < 10.0);
}

#[test]
fn bad_parameters_are_refused_and_stops_heard() {
    let rows = points(10);
    let target = Target::numbers(vec![1.0; 10]).unwrap();
    for params in [
        Params { hidden: vec![], ..Params::default() },
        Params { hidden: vec![0], ..Params::default() },
        Params { dropout: 1.0, ..Params::default() },
        Params { learning_rate: 0.0, ..Params::default() },
        Params { batch: 0, ..Params::default() },
    ] {
        assert!(matches!(fit(&rows, &target, &params, &Never), Err(FitError::BadParam { .. })));
    }
    let stopped = fit(&rows, &target, &Params::default(), &|| true).unwrap();
    assert!(stopped.predict(&[0.0, 0.0])[0].is_finite());
}
