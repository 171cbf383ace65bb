//! LIME, importance, effects and summaries where the right answer is known.

use rhiza_explain::{
    Condition, DropColumnImportance, ExplainError, Function, LimeTabular, LimeText, PermutationImportance, Predict,
    Rows, TreeExplainer, ale, ale_of_categories, grid, partial_dependence, partial_dependence_surface,
};
use rhiza_learn::ensemble::{Feature, FeatureKind};
use rhiza_learn::random::Random;

fn table(seed: u64, rows: usize, columns: usize) -> Vec<f64> {
    let mut random = Random::stream(seed, "test table", 0);
    (0..rows * columns).map(|_| random.normal()).collect()
}

fn features(columns: usize) -> Vec<Feature> {
    (0..columns).map(|c| Feature { name: format!("c{c}"), kind: FeatureKind::Numeric }).collect()
}

fn function(f: impl Fn(&[f64]) -> f64 + Sync) -> impl Predict {
    Function::new(1, move |rows: Rows<'_>| rows.iter().map(&f).collect())
}

#[test]
fn lime_finds_the_rules_of_a_model_made_of_rules_and_keeps_the_weightiest() {
    let training = table(1, 400, 5);
    let rows = Rows::new(&training, 5).unwrap();
    let features = features(5);
    let mut lime = LimeTabular::new(&features, rows).unwrap();
    lime.keep = 2;
    let mut sorted = rows.column(1);
    sorted.sort_by(f64::total_cmp);
    let upper = Condition::Between { above: Some(sorted[299] + 0.25 * (sorted[300] - sorted[299])), at_most: None };
    let model = function(move |r| if upper.holds(r[1]) { 3.0 } else { 1.0 } + 0.01 * r[4]);
    let found = lime.explain(&model, &[0.0, 2.5, 0.0, 0.0, 0.1], 0).unwrap();
    assert_eq!(found.rules.len(), 2);
    assert_eq!((found.rules[0].column, found.rules[0].name.as_str()), (1, "c1"));
    assert!((found.rules[0].coefficient - 2.0).abs() < 0.05, "{found:?}");
    assert!(found.rules[0].condition.about("c1").starts_with("c1 > 0."), "{}", found.rules[0].condition.about("c1"));
    assert!(found.r2 > 0.95 && (found.local_prediction - found.prediction).abs() < 0.1, "{found:?}");
    lime.keep = 0;
    assert!(matches!(lime.explain(&model, &[0.0; 5], 0), Err(ExplainError::Setting { setting: "keep", .. })));
    lime.keep = 1;
    assert!(matches!(lime.explain(&model, &[0.0; 5], 1), Err(ExplainError::Setting { setting: "output", .. })));
    assert!(matches!(lime.explain(&model, &[0.0; 4], 0), Err(ExplainError::Columns { found: 4, .. })));
}

#[test]
fn lime_of_no_words_and_of_a_score_that_fails() {
    let lime = LimeText { samples: 50, ..LimeText::default() };
    assert_eq!(lime.explain(" ,. ", |_| Ok(vec![])), Err(ExplainError::Empty("the text")));
    assert_eq!(lime.explain("a b", |_| Err("down".into())), Err(ExplainError::Model("down".into())));
    assert!(matches!(lime.explain("a b", |_| Ok(vec![1.0])), Err(ExplainError::Model(_))));
}

#[test]
fn permutation_importance_of_a_known_function() {
    let values = table(2, 500, 3);
    let rows = Rows::new(&values, 3).unwrap();
    let target: Vec<f64> = rows.iter().map(|r| 2.0 * r[0] + r[1]).collect();
    let model = function(|r| 2.0 * r[0] + r[1]);
    let score = |said: &[f64]| -said.iter().zip(&target).map(|(s, t)| (s - t).powi(2)).sum::<f64>() / 500.0;
    let method = PermutationImportance { repeats: 20, ..PermutationImportance::default() };
    let found = method.explain(&model, rows, score).unwrap();
    assert_eq!(found.baseline, 0.0);
    assert_eq!(found.ranking(), [0, 1, 2]);
    // Shuffling adds twice the variance of the column's term.
    for (column, factor) in [(0, 4.0), (1, 1.0), (2, 0.0)] {
        let of = &found.columns[column];
        let variance = rows.column(column).iter().map(|v| v * v).sum::<f64>() / 500.0;
        assert!((of.mean - 2.0 * factor * variance).abs() < 0.15 * factor + 1e-12, "{of:?}");
        assert!(of.interval.0 <= of.mean && of.mean <= of.interval.1 && of.falls.len() == 20);
    }
    assert!(found.columns[0].interval.0 > found.columns[1].interval.1);
    assert_eq!(found, method.explain(&model, rows, score).unwrap());
    let nan = method.explain(&model, rows, |_| f64::NAN);
    assert!(matches!(nan, Err(ExplainError::Model(_))));
    let one = PermutationImportance { repeats: 1, ..method }.explain(&model, rows, score);
    assert!(matches!(one, Err(ExplainError::Setting { setting: "repeats", .. })));
}

#[test]
fn drop_column_importance_is_paired_by_fold() {
    let method = DropColumnImportance { folds: 4, test_share: 0.25, confidence: 0.95 };
    let mut calls = Vec::new();
    let found = method
        .explain(2, |column, fold| {
            calls.push((column, fold));
            let easy = fold as f64;
            Ok(easy
                + match column {
                    None => 1.0,
                    Some(0) => 0.5,
                    Some(_) => 1.0 + 0.1 * (easy - 1.5),
                })
        })
        .unwrap();
    assert_eq!(calls.len(), 12);
    assert_eq!(calls[4], (Some(0), 0));
    assert_eq!(found.baseline, 2.5);
    assert!((found.columns[0].mean - 0.5).abs() < 1e-12 && found.columns[0].deviation < 1e-12);
    let free = &found.columns[1];
    assert!(free.mean.abs() < 1e-12 && free.interval.0 < 0.0 && free.interval.1 > 0.0);
    // t(3) = 3.1824, s = 0.1291, variance of the mean widened by 1/4 + 1/3.
    assert!((free.interval.1 - 3.182_446 * 0.129_099 * (0.25_f64 + 1.0 / 3.0).sqrt()).abs() < 1e-5, "{free:?}");
    let failed = method.explain(1, |_, _| Err("no memory".into()));
    assert_eq!(failed, Err(ExplainError::Model("no memory".into())));
}

#[test]
fn partial_dependence_and_lines() {
    let values = table(3, 50, 2);
    let rows = Rows::new(&values, 2).unwrap();
    let model =
        Function::new(2, |rows: Rows<'_>| rows.iter().flat_map(|r| [r[0] * r[0] + r[1], r[0] * r[1]]).collect());
    let points = grid(rows, 0, 5).unwrap();
    assert_eq!(points.len(), 5);
    let found = partial_dependence(&model, rows, 0, &points).unwrap();
    let mean = rows.column(1).iter().sum::<f64>() / 50.0;
    for (at, x) in points.iter().enumerate() {
        assert!((found.mean[2 * at] - x * x - mean).abs() < 1e-12);
        assert!((found.mean[2 * at + 1] - x * mean).abs() < 1e-12);
        assert_eq!(found.lines[3 * 10 + 2 * at + 1], x * rows.row(3)[1]);
    }
    let centred = found.centred_lines();
    assert_eq!((centred[0], centred[10]), (0.0, 0.0));
    assert!((centred[2] - (points[1].powi(2) - points[0].powi(2))).abs() < 1e-12);
    let surface = partial_dependence_surface(&model, rows, (0, 1), &points, &[0.0, 2.0]).unwrap();
    assert!((surface.mean[7] - points[1] * 2.0).abs() < 1e-12);
    assert!(matches!(partial_dependence(&model, rows, 2, &points), Err(ExplainError::Setting { .. })));
    assert!(matches!(
        partial_dependence_surface(&model, rows, (1, 1), &[0.0], &[0.0]),
        Err(ExplainError::Setting { .. })
    ));
    assert_eq!(grid(Rows::new(&[1.0, f64::NAN, 1.0, 3.0], 1).unwrap(), 0, 9), Ok(vec![1.0, 3.0]));
    assert!(matches!(grid(Rows::new(&[f64::NAN], 1).unwrap(), 0, 9), Err(ExplainError::Empty(_))));
}

#[test]
fn accumulated_effects_tell_the_column_from_its_twin() {
    // The second column follows the first. Partial dependence would mix them; the accumulated effect must not.
    let mut random = Random::stream(4, "test twins", 0);
    let values: Vec<f64> = (0..2000)
        .flat_map(|_| {
            let x = random.unit();
            [x, x + 0.01 * random.normal()]
        })
        .collect();
    let rows = Rows::new(&values, 2).unwrap();
    let model = function(|r| r[0] * r[0] + 3.0 * r[1]);
    let found = ale(&model, rows, 0, 40).unwrap();
    assert_eq!(found.counts.iter().sum::<usize>(), 2000);
    let mean = rows.column(0).iter().map(|x| x * x).sum::<f64>() / 2000.0;
    for (x, effect) in found.values.iter().zip(&found.effects) {
        assert!((effect - (x * x - mean)).abs() < 5e-3, "{effect} at {x}");
    }
    let flat = ale(&model, Rows::new(&[1.0, 0.0, 1.0, 5.0], 2).unwrap(), 0, 10).unwrap();
    assert_eq!((flat.values, flat.effects), (vec![1.0], vec![0.0]));
}

#[test]
fn categories_are_lined_up_by_likeness() {
    // Category 2 lies between 0 and 1 in the other column, and the effect is that of the code itself.
    let mut random = Random::stream(5, "test categories", 0);
    let values: Vec<f64> = (0..600)
        .flat_map(|i| {
            let code = f64::from(i % 3);
            let centre = [0.0, 4.0, 2.0][i as usize % 3];
            [code, centre + random.normal()]
        })
        .collect();
    let rows = Rows::new(&values, 2).unwrap();
    let mut features = features(2);
    features[0].kind = FeatureKind::Categorical;
    let model = function(|r| [5.0, 1.0, -3.0][r[0] as usize] + r[1]);
    let found = ale_of_categories(&model, rows, &features, 0).unwrap();
    assert_eq!(found.values, [0.0, 2.0, 1.0]);
    for (effect, expected) in found.effects.iter().zip([4.0, -4.0, 0.0]) {
        assert!((effect - expected).abs() < 1e-9, "{:?}", found.effects);
    }
}

#[test]
fn summaries_swarms_and_dependence() {
    let ensemble = crate::forest::ensemble(6, crate::forest::Shape { columns: 5, outputs: 2, trees: 10, depth: 5 });
    let values = crate::forest::rows(6, 230, &ensemble.features);
    let rows = Rows::new(&values, 5).unwrap();
    let explanation = TreeExplainer::new(ensemble).unwrap().explain(rows).unwrap();
    let summary = explanation.summary(1);
    assert!(summary.windows(2).all(|w| w[0].mean_absolute >= w[1].mean_absolute));
    let by_hand = |column| explanation.column(column, 1).iter().map(|p| p.abs()).sum::<f64>() / 230.0;
    assert!((summary[0].mean_absolute - by_hand(summary[0].column)).abs() < 1e-12);
    let both: f64 = explanation.importance().iter().sum();
    let each: f64 = (0..2).flat_map(|k| explanation.summary(k)).map(|s| s.mean_absolute).sum();
    assert!((both - each).abs() < 1e-9);
    assert!(explanation.summary(2).is_empty());
    let swarm = explanation.beeswarm(rows, 0, 3, 100).unwrap();
    assert_eq!(swarm.len(), 3);
    assert!(swarm[0].rows.len() <= 100 && swarm[0].rows.len() == swarm[0].parts.len());
    assert!(swarm.iter().flat_map(|s| &s.offsets).all(|o| o.abs() <= 1.0));
    assert!(swarm.iter().flat_map(|s| &s.shades).all(|s| s.is_nan() || (0.0..=1.0).contains(s)));
    let found = explanation.dependence(rows, 2, 0).unwrap();
    assert_eq!((found.values.len(), found.parts.len(), found.partner_values.len()), (230, 230, 230));
    assert!(found.partner.is_some_and(|p| p != 2));
    assert!(explanation.dependence(rows, 5, 0).is_err());
    assert!(matches!(
        explanation.beeswarm(Rows::new(&values[..10], 5).unwrap(), 0, 1, 1),
        Err(ExplainError::Length { .. })
    ));
}
