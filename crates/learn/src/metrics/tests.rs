//! Tests of scores, against scikit-learn's values in `tests/fixtures/metrics.json`.

use super::*;
use crate::matrix::Target;

#[derive(Deserialize)]
struct Case {
    classes: u32,
    truth: Vec<f64>,
    predictions: Vec<f64>,
    #[serde(default)]
    confusion: Vec<u64>,
    expected: std::collections::BTreeMap<String, f64>,
}

fn codes(values: &[f64]) -> Vec<u32> {
    values.iter().map(|v| format!("{v}").parse().unwrap()).collect()
}

#[test]
fn scores_agree_with_scikit_learn() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/fixtures/metrics.json")).unwrap();
    for (number, case) in cases.iter().enumerate() {
        let truth = if case.classes == 0 {
            Target::numbers(case.truth.clone()).unwrap()
        } else {
            Target::classes(codes(&case.truth), case.classes).unwrap()
        };
        for (name, expected) in &case.expected {
            let metric: Metric = name.parse().unwrap();
            let score = metric.score(&truth, &case.predictions).unwrap();
            assert!((score - expected).abs() < 1e-12, "case {number}, {name}: {score} for {expected}");
            assert_eq!(&metric.to_string(), name);
        }
        if case.classes > 0 {
            let width = case.classes as usize;
            let table = Confusion::new(&codes(&case.truth), &decide(&case.predictions, width), width);
            assert_eq!(table.counts, case.confusion);
        }
    }
}

#[test]
fn curves_have_their_corners() {
    let positive = [false, false, true, true];
    let scores = [0.1, 0.4, 0.35, 0.8];
    let curve = roc(&positive, &scores, 100).unwrap();
    let points: Vec<_> = curve.points.iter().map(|p| (p.x, p.y)).collect();
    assert_eq!(points, [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0)]);
    assert_eq!(curve.area, 0.75);
    let curve = precision_recall(&positive, &scores, 100).unwrap();
    assert!((curve.area - 0.833_333_333).abs() < 1e-6);
    assert_eq!(curve.points.len(), 4);
    assert_eq!(roc(&positive, &scores, 3).unwrap().points.len(), 3);
    assert!(roc(&[true, true], &[0.1, 0.2], 9).is_none());
}

#[test]
fn bins_hold_all_rows() {
    let positive: Vec<bool> = (0..100).map(|row| row % 2 == 0).collect();
    let p: Vec<f64> = (0..100).map(|row| f64::from(row) / 100.0).collect();
    let bins = calibration_curve(&positive, &p, 10);
    assert_eq!((bins.len(), bins.iter().map(|b| b.rows).sum::<usize>()), (10, 100));
    assert!((expected_calibration_error(&bins) - 0.25).abs() < 0.01);
    assert_eq!(calibration_curve(&positive, &[0.5; 100], 10).len(), 1);
    let lifted = lift(&[true, false, true, false], &[0.9, 0.1, 0.8, 0.2], 2);
    assert_eq!((lifted[0].gain, lifted[0].lift, lifted[1].gain), (1.0, 2.0, 1.0));
}

#[test]
fn what_is_not_defined_is_no_score() {
    let one = Target::classes(vec![1, 1], 2).unwrap();
    assert_eq!(Metric::RocAuc.score(&one, &[0.5; 4]), Err(MetricError::OneClass(Metric::RocAuc)));
    assert!(matches!(Metric::Rmse.score(&one, &[0.5; 4]), Err(MetricError::WrongTarget { .. })));
    assert!(matches!(Metric::LogLoss.score(&one, &[0.5; 3]), Err(MetricError::Lengths { .. })));
    assert!(matches!(
        Metric::LogLoss.score(&one, &[0.5, f64::NAN, 0.5, 0.5]),
        Err(MetricError::NotFinite { row: 1, .. })
    ));
    let constant = Target::numbers(vec![1.0, 1.0]).unwrap();
    assert_eq!(Metric::R2.score(&constant, &[1.0, 1.0]), Ok(1.0));
    assert_eq!(Metric::R2.score(&constant, &[1.0, 2.0]), Ok(0.0));
    for name in ["auc", "pinball@1.5", "f1_micro", ""] {
        assert!(name.parse::<Metric>().is_err(), "{name}");
    }
}
