//! Counterfactuals and anchors where the right answer is known.

use rhiza_explain::{
    Anchors, Change, ColumnRule, Condition, Counterfactuals, ExplainError, Function, Goal, Predict, Rows, most_likely,
};
use rhiza_learn::ensemble::{Feature, FeatureKind};
use rhiza_learn::random::Random;

fn features(columns: usize, categorical: &[usize]) -> Vec<Feature> {
    let kind = |c| if categorical.contains(&c) { FeatureKind::Categorical } else { FeatureKind::Numeric };
    (0..columns).map(|c| Feature { name: format!("c{c}"), kind: kind(c) }).collect()
}

fn function(f: impl Fn(&[f64]) -> f64 + Sync) -> impl Predict {
    Function::new(1, move |rows: Rows<'_>| rows.iter().map(&f).collect())
}

/// Age, income, debts, job (categorical).
fn people(seed: u64, rows: usize) -> Vec<f64> {
    let mut random = Random::stream(seed, "test people", 0);
    let person = |_| {
        let age = random.between(18.0, 80.0).round();
        [age, random.between(10.0, 90.0).round(), random.between(0.0, 40.0).round(), random.below(3) as f64]
    };
    (0..rows).flat_map(person).collect()
}

fn credit(r: &[f64]) -> f64 {
    let score = 0.05 * (r[1] - 40.0) - 0.08 * (r[2] - 10.0) + if r[3] == 2.0 { 1.0 } else { 0.0 };
    1.0 / (1.0 + (-score).exp())
}

#[test]
fn counterfactuals_are_sparse_near_allowed_and_different() {
    let values = people(1, 400);
    let reference = Rows::new(&values, 4).unwrap();
    let features = features(4, &[3]);
    let model = function(credit);
    let mut method = Counterfactuals::new(&features, reference).unwrap();
    let row = [30.0, 35.0, 15.0, 0.0];
    let goal = Goal::Class(1);
    let found = method.explain(&model, &row, goal).unwrap();
    assert_eq!(found.len(), 4);
    for one in &found {
        assert!(one.predictions[0] > 0.5 && one.predictions[0] == credit(&one.row));
        assert!((1..=2).contains(&one.changed.len()), "{one:?}");
        assert!(!one.changed.contains(&0), "age has no say: {one:?}");
        for (column, (own, value)) in row.iter().zip(&one.row).enumerate() {
            assert_eq!(one.changed.contains(&column), value != own);
            assert!(value == own || reference.column(column).contains(value));
        }
        // Nothing can be taken back.
        for column in &one.changed {
            let mut less = one.row.clone();
            less[*column] = row[*column];
            assert!(credit(&less) <= 0.5, "{one:?}");
        }
    }
    assert!(found.iter().enumerate().all(|(i, a)| found[..i].iter().all(|b| a.row != b.row)));
    // One change suffices, and the income need be no higher than the least that does.
    let income = found.iter().find(|one| one.changed == [1]).unwrap();
    assert!((48.0..=50.0).contains(&income.row[1]), "{income:?}");
    assert_eq!(found, method.explain(&model, &row, goal).unwrap());

    method.rules[1] = ColumnRule { change: Change::Never, range: None };
    method.rules[2] = ColumnRule { change: Change::Down, range: Some((8.0, 40.0)) };
    method.rules[3] = ColumnRule { change: Change::Free, range: Some((1.0, 2.0)) };
    for one in method.explain(&model, &row, goal).unwrap() {
        assert_eq!(one.row[1], 35.0);
        assert!(one.row[2] <= 15.0 && one.row[2] >= 8.0 && one.row[3] == 2.0, "{one:?}");
    }
    method.rules[3].change = Change::Never;
    assert_eq!(method.explain(&model, &row, goal), Ok(vec![]), "debts alone, down to 8, do not suffice");
    let already = method.explain(&model, &row, Goal::AtMost { output: 0, value: 0.5 }).unwrap();
    assert_eq!((already.len(), already[0].distance), (1, 0.0));
    assert!(matches!(method.explain(&model, &row, Goal::Class(2)), Err(ExplainError::Setting { setting: "goal", .. })));
    assert!(matches!(method.explain(&model, &row[..3], goal), Err(ExplainError::Columns { .. })));
}

#[test]
fn counterfactuals_of_a_regression_and_from_a_missing_value() {
    let mut values = people(2, 300);
    values.iter_mut().step_by(7).for_each(|v| *v = f64::NAN);
    let features = features(4, &[3]);
    let model = function(|r| if r[1].is_nan() { 0.0 } else { r[1] } + if r[0] > 50.0 { 20.0 } else { 0.0 });
    let mut method = Counterfactuals::new(&features, Rows::new(&values, 4).unwrap()).unwrap();
    method.count = 2;
    let row = [30.0, f64::NAN, 15.0, f64::NAN];
    let found = method.explain(&model, &row, Goal::AtLeast { output: 0, value: 60.0 }).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|one| one.predictions[0] >= 60.0 && one.row[3].is_nan()), "{found:?}");
}

#[test]
fn an_anchor_is_the_rule_that_the_model_follows() {
    let values = people(3, 1000);
    let training = Rows::new(&values, 4).unwrap();
    let features = features(4, &[3]);
    // Yes for job 2 with debts below about the median.
    let model = function(|r| if r[3] == 2.0 && r[2] < 21.0 { 0.9 } else { 0.2 });
    let anchors = Anchors::new(&features, training).unwrap();
    let found = anchors.explain(&model, &[40.0, 50.0, 5.0, 2.0], most_likely).unwrap();
    assert!(found.reached && found.label == 1 && found.precision > 0.95, "{found:?}");
    let columns: Vec<usize> = found.rules.iter().map(|r| r.column).collect();
    assert_eq!(columns, [2, 3]);
    assert_eq!(found.rules[1].condition, Condition::Category(2.0));
    assert!((found.coverage - 1.0 / 12.0).abs() < 0.03, "{found:?}");
    assert!(found.interval.0 <= found.precision && found.precision <= found.interval.1);
    assert_eq!(found, anchors.explain(&model, &[40.0, 50.0, 5.0, 2.0], most_likely).unwrap());
    // For another row one condition is enough, and the widest is taken.
    let other = anchors.explain(&model, &[40.0, 50.0, 35.0, 1.0], most_likely).unwrap();
    assert!(other.reached && other.rules.len() == 1, "{other:?}");
    assert_eq!(other.rules[0].column, 3, "a job covers a third, a quarter of debts a quarter: {other:?}");
}

#[test]
fn anchors_of_constant_and_of_random_models() {
    let values = people(4, 300);
    let training = Rows::new(&values, 4).unwrap();
    let features = features(4, &[3]);
    let mut anchors = Anchors::new(&features, training).unwrap();
    let always = anchors.explain(&function(|_| 0.9), &values[..4], most_likely).unwrap();
    assert!(always.reached && always.rules.is_empty() && always.coverage == 1.0, "{always:?}");
    anchors.draws = 3000;
    let noise = function(|r| r.iter().map(|v| v.to_bits() % 97).sum::<u64>() as f64 % 2.0);
    let none = anchors.explain(&noise, &values[..4], most_likely).unwrap();
    assert!(!none.reached && none.draws <= 3000, "{none:?}");
    anchors.risk = 0.0;
    assert!(matches!(
        anchors.explain(&noise, &values[..4], most_likely),
        Err(ExplainError::Setting { setting: "risk", .. })
    ));
    assert_eq!(most_likely(&[0.2, 0.4, 0.4]), 1);
}
