//! Boosting: what it learns, keeps and refuses.

use super::*;
use crate::ensemble::{Ensemble, Link};
use crate::matrix::Column;
use crate::random::Random;
use crate::stop::Never;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

mod units;

/// Two useful columns, one of noise, and what depends on them.
fn noisy(rows: usize) -> (Matrix, Vec<f64>) {
    let mut random = Random::stream(1, "test table", 0);
    let mut draw = || (0..rows).map(|_| random.normal()).collect::<Vec<f64>>();
    let (a, b, c, noise) = (draw(), draw(), draw(), draw());
    let y = (0..rows).map(|i| 2.0 * a[i] + (3.0 * b[i]).sin() + 0.1 * noise[i]).collect();
    let matrix = Matrix::new(vec![Column::numeric("a", a), Column::numeric("b", b), Column::numeric("c", c)]).unwrap();
    (matrix, y)
}

fn predict(ensemble: &Ensemble, matrix: &Matrix) -> Vec<Vec<f64>> {
    let mut row = vec![0.0; matrix.width()];
    (0..matrix.rows())
        .map(|i| {
            matrix.row(i, &mut row);
            let mut raw = vec![0.0; ensemble.outputs()];
            ensemble.raw(&row, &mut raw);
            raw
        })
        .collect()
}

fn first(ensemble: &Ensemble, matrix: &Matrix) -> Vec<f64> {
    predict(ensemble, matrix).into_iter().map(|raw| raw[0]).collect()
}

fn mean_square(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / a.len() as f64
}

fn classes_of(y: &[f64], count: u32) -> Vec<u32> {
    let mut sorted = y.to_vec();
    sorted.sort_by(f64::total_cmp);
    y.iter().map(|y| (sorted.partition_point(|s| s < y) * count as usize / sorted.len()) as u32).collect()
}

fn train(matrix: &Matrix, target: Target, params: &Params) -> Boosted {
    let boosted = fit(matrix, &target, params, &Never).unwrap();
    boosted.ensemble.validate().unwrap();
    boosted
}

#[test]
fn a_smooth_function_is_learnt() {
    let (matrix, y) = noisy(3000);
    let boosted = train(&matrix, Target::numbers(y.clone()).unwrap(), &Params::new(Loss::Squared));
    let error = mean_square(&first(&boosted.ensemble, &matrix), &y);
    assert!(error < 0.05, "{error}");
    assert_eq!((boosted.history.rounds, boosted.history.end), (100, End::Finished));
}

#[test]
fn the_same_bits_come_at_any_number_of_threads() {
    let (matrix, y) = noisy(30_000);
    let sampling = RowSampling::Goss { top: 0.2, other: 0.2 };
    for (loss, target) in [
        (Loss::Squared, Target::numbers(y.clone()).unwrap()),
        (Loss::Logistic, Target::classes(classes_of(&y, 2), 2).unwrap()),
        (Loss::Softmax, Target::classes(classes_of(&y, 3), 3).unwrap()),
        (Loss::Quantile(0.8), Target::numbers(y.clone()).unwrap()),
    ] {
        let params = Params { rounds: 4, rows: sampling, columns: 0.7, ..Params::new(loss) };
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| train(&matrix, target.clone(), &params))
        };
        let one = with(1);
        assert!(one.ensemble.trees.len() >= 4);
        assert_eq!(one, with(2));
        assert_eq!(one, with(5));
    }
}

#[test]
fn every_loss_predicts_what_it_stands_for() {
    let mut random = Random::stream(2, "skewed", 0);
    let x: Vec<f64> = (0..4000).map(|i| f64::from(i % 2)).collect();
    // Exponential noise: mean 1, median ln 2, nine tenths below ln 10.
    let y: Vec<f64> = x.iter().map(|x| 5.0 * x - (1.0 - random.unit()).ln()).collect();
    let matrix = Matrix::new(vec![Column::numeric("x", x.clone())]).unwrap();
    let target = Target::numbers(y.clone()).unwrap();
    for (loss, low) in [
        (Loss::Squared, 1.0),
        (Loss::Absolute, std::f64::consts::LN_2),
        (Loss::Quantile(0.9), std::f64::consts::LN_10),
        (Loss::Quantile(0.1), 0.105),
        (Loss::Poisson, 1.0),
    ] {
        let boosted = train(&matrix, target.clone(), &Params::new(loss));
        let raw = first(&boosted.ensemble, &matrix);
        for (row, expected) in [(0, low), (1, low + 5.0)] {
            let found = if boosted.ensemble.link == Link::Exponential { raw[row].exp() } else { raw[row] };
            assert!((found - expected).abs() < 0.12, "{loss:?} row {row}: {found}, not {expected}");
        }
    }
    let huber = train(&matrix, target, &Params { rounds: 400, ..Params::new(Loss::Huber(0.5)) });
    let found = first(&huber.ensemble, &matrix)[0];
    assert!((0.69..1.0).contains(&found), "Huber lies between median and mean: {found}");
}

#[test]
fn probabilities_are_those_of_the_rows() {
    let x: Vec<f64> = (0..4000).map(|i| f64::from(i % 4)).collect();
    let codes: Vec<u32> = (0..4000).map(|i| u32::from(i / 4 % 10 < 2 * (i % 4))).collect();
    let matrix = Matrix::new(vec![Column::numeric("x", x)]).unwrap();
    let binary = train(&matrix, Target::classes(codes.clone(), 2).unwrap(), &Params::new(Loss::Logistic));
    let softmax = train(&matrix, Target::classes(codes, 2).unwrap(), &Params::new(Loss::Softmax));
    let (one, two) = (first(&binary.ensemble, &matrix), predict(&softmax.ensemble, &matrix));
    for (row, share) in [(0, 0.0), (1, 0.2), (2, 0.4), (3, 0.6)] {
        let p = 1.0 / (1.0 + (-one[row]).exp());
        assert!((p - share).abs() < 0.01, "row {row}: {p}, not {share}");
        let q = 1.0 / (1.0 + (two[row][0] - two[row][1]).exp());
        assert!((q - share).abs() < 0.01, "row {row}: {q}, not {share}");
    }
}

#[test]
fn missing_values_go_where_they_belong() {
    let x: Vec<f64> = (0..1000).map(|i| if i % 5 == 0 { f64::NAN } else { f64::from(i % 100) }).collect();
    // What is missing behaves like large values in one target and like neither side in the other.
    let like_large: Vec<f64> = x.iter().map(|x| f64::from(u8::from(x.is_nan() || *x > 60.0))).collect();
    let like_none: Vec<f64> = x.iter().map(|x| if x.is_nan() { 7.0 } else { 0.0 }).collect();
    let matrix = Matrix::new(vec![Column::numeric("x", x)]).unwrap();
    for y in [like_large, like_none] {
        let boosted = train(&matrix, Target::numbers(y.clone()).unwrap(), &Params::new(Loss::Squared));
        let error = mean_square(&first(&boosted.ensemble, &matrix), &y);
        assert!(error < 1e-6, "{error}");
    }
}

#[test]
fn what_was_never_missing_goes_with_the_majority() {
    let x: Vec<f64> = (0..1000).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| if *x < 900.0 { 0.0 } else { 1.0 }).collect();
    let matrix = Matrix::new(vec![Column::numeric("x", x)]).unwrap();
    let boosted = train(&matrix, Target::numbers(y).unwrap(), &Params::new(Loss::Squared));
    let mut raw = [9.0];
    boosted.ensemble.raw(&[f64::NAN], &mut raw);
    assert!(raw[0].abs() < 1e-3);
}

#[test]
fn categories_are_grouped() {
    let mut random = Random::stream(3, "categories", 0);
    let codes: Vec<f64> = (0..6000).map(|_| random.below(60) as f64).collect();
    let few: Vec<f64> = (0..6000).map(|_| random.below(3) as f64).collect();
    let y: Vec<f64> = codes
        .iter()
        .zip(&few)
        .map(|(c, f)| f64::from(u8::from(*c as u32 * 7 % 3 < 1)) + 2.0 * f64::from(u8::from(*f == 1.0)))
        .collect();
    let matrix = Matrix::new(vec![Column::categorical("many", codes), Column::categorical("few", few)]).unwrap();
    let boosted = train(&matrix, Target::numbers(y.clone()).unwrap(), &Params::new(Loss::Squared));
    let error = mean_square(&first(&boosted.ensemble, &matrix), &y);
    assert!(error < 1e-3, "{error}");
    // What was never seen is treated like what is missing.
    let raw = |code: f64| {
        let mut raw = [0.0];
        boosted.ensemble.raw(&[code, 1.0], &mut raw);
        raw[0]
    };
    assert!(raw(1e6) == raw(f64::NAN) && raw(-1.0) == raw(f64::NAN));
}

#[test]
fn constraints_make_predictions_monotone() {
    let (matrix, y) = noisy(3000);
    let params = Params { monotone: vec![1, -1, 0], ..Params::new(Loss::Squared) };
    let boosted = train(&matrix, Target::numbers(y).unwrap(), &params);
    let mut random = Random::stream(4, "probes", 0);
    for _ in 0..200 {
        let mut row = [random.normal(), random.normal(), random.normal()];
        for (column, sign) in [(0, 1.0), (1, -1.0)] {
            let kept = row;
            let mut last = f64::NEG_INFINITY;
            for step in -30..30 {
                row[column] = f64::from(step) * 0.1;
                let mut raw = [0.0];
                boosted.ensemble.raw(&row, &mut raw);
                assert!(sign * raw[0] >= last);
                last = sign * raw[0];
            }
            row = kept;
        }
    }
}

#[test]
fn weights_count_like_repeated_rows() {
    let (matrix, y) = noisy(2000);
    let twice: Vec<usize> = (0..2000).flat_map(|i| if i % 3 == 0 { vec![i, i] } else { vec![i] }).collect();
    let target = Target::numbers(y).unwrap();
    let weights = (0..2000).map(|i| if i % 3 == 0 { 2.0 } else { 1.0 }).collect();
    let params = Params { min_rows: 1, min_hessian: 20.0, ..Params::new(Loss::Squared) };
    let repeated = Matrix::new(matrix.take(&twice).columns().to_vec()).unwrap();
    let bins = Bins::new(&matrix, &params.bins).unwrap();
    // The same cut points for both.
    let same = Bins {
        rows: twice.len(),
        columns: bins
            .columns
            .iter()
            .map(|c| crate::bins::Binned { codes: twice.iter().map(|i| c.codes[*i]).collect(), ..c.clone() })
            .collect(),
    };
    let by_weight = fit(&matrix.clone().with_weights(weights).unwrap(), &target, &params, &Never).unwrap();
    let by_rows = Training { bins: &same, target: &target.take(&twice), weights: None, watch: None };
    let by_rows = by_rows.run(&params, &Never).unwrap();
    let difference =
        mean_square(&first(&by_weight.ensemble, &matrix), &first(&by_rows.ensemble, &repeated.take(&first_of(&twice))));
    assert!(difference < 1e-6, "{difference}");
}

/// Where each row number comes first in a list that is ascending.
fn first_of(rows: &[usize]) -> Vec<usize> {
    (0..rows.len()).filter(|at| *at == 0 || rows[at - 1] != rows[*at]).collect()
}

#[test]
fn a_few_huge_values_do_not_drown_the_rest() {
    let (matrix, mut y) = noisy(4000);
    y[7] = 1e7;
    let params = Params { min_rows: 1, rounds: 400, ..Params::new(Loss::Squared) };
    let boosted = train(&matrix, Target::numbers(y.clone()).unwrap(), &params);
    let found = first(&boosted.ensemble, &matrix);
    let median_error = {
        let mut errors: Vec<f64> = found.iter().zip(&y).map(|(a, b)| (a - b).abs()).collect();
        errors.sort_by(f64::total_cmp);
        errors[2000]
    };
    assert!(median_error < 0.3, "{median_error}");
}

#[test]
fn watching_ends_early_and_keeps_the_best() {
    let (matrix, y) = noisy(600);
    let mut random = Random::stream(5, "noise", 0);
    let y: Vec<f64> = y.iter().map(|y| y + 3.0 * random.normal()).collect();
    let (learn, held): (Vec<usize>, Vec<usize>) = (0..600).partition(|i| i % 3 != 0);
    let target = Target::numbers(y).unwrap();
    let (held_matrix, held_target) = (matrix.take(&held), target.take(&held));
    let watch = Watch { matrix: &held_matrix, target: &held_target, patience: 10 };
    let params = Params { rounds: 1000, ..Params::new(Loss::Squared) };
    let boosted = fit_watched(&matrix.take(&learn), &target.take(&learn), Some(watch), &params, &Never).unwrap();
    let History { watched, rounds, end } = &boosted.history;
    assert_eq!(*end, End::NoProgress);
    assert_eq!((watched.len(), boosted.ensemble.trees.len()), (rounds + 10, *rounds));
    let best = watched.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(watched[rounds - 1], best);
    let truth: Vec<f64> = match held_target.values() {
        crate::matrix::Values::Numbers(y) => y.clone(),
        crate::matrix::Values::Classes { .. } => vec![],
    };
    assert!((mean_square(&first(&boosted.ensemble, &held_matrix), &truth) / 2.0 - best).abs() < 1e-12);
}

#[test]
fn a_stopped_run_is_a_prefix() {
    let (matrix, y) = noisy(500);
    let target = Target::numbers(y).unwrap();
    let params = Params { rows: RowSampling::Bagging(0.5), ..Params::new(Loss::Squared) };
    let whole = train(&matrix, target.clone(), &params);
    let asked = AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 7;
    let part = fit(&matrix, &target, &params, &stop).unwrap();
    assert_eq!(part.history.end, End::Stopped);
    assert_eq!(part.ensemble.trees[..], whole.ensemble.trees[..7]);
    let none = fit(&matrix, &target, &params, &|| true).unwrap();
    assert!(none.ensemble.trees.is_empty() && none.ensemble.validate().is_ok());
}

#[test]
fn limits_on_trees_are_kept() {
    let (matrix, y) = noisy(2000);
    let params = Params { max_depth: Some(3), max_leaves: 100, min_rows: 50, rounds: 5, ..Params::new(Loss::Squared) };
    let boosted = train(&matrix, Target::numbers(y.clone()).unwrap(), &params);
    assert!(boosted.ensemble.trees.iter().all(|t| t.leaf_values.len() <= 8 && t.leaf_values.len() > 4));
    assert!(boosted.ensemble.trees.iter().flat_map(|t| &t.nodes).all(|n| n.cover >= 50.0));
    assert!(boosted.ensemble.trees.iter().all(|t| t.nodes[0].cover == 2000.0));
    let small = Params { max_leaves: 4, l1: 1.0, l2: 5.0, min_gain: 0.5, rounds: 5, ..Params::new(Loss::Squared) };
    let small = train(&matrix, Target::numbers(y).unwrap(), &small);
    assert!(small.ensemble.trees.iter().all(|t| t.leaf_values.len() <= 4));
}

#[test]
fn what_cannot_be_learnt_gives_the_constant() {
    let target = || Target::numbers(vec![4.0; 50]).unwrap();
    let constant = Matrix::new(vec![Column::numeric("x", vec![1.0; 50])]).unwrap();
    let varied = Matrix::new(vec![Column::numeric("x", (0..50).map(f64::from).collect())]).unwrap();
    let missing = Matrix::new(vec![Column::numeric("x", vec![f64::NAN; 50])]).unwrap();
    for matrix in [&constant, &varied, &missing] {
        let boosted = train(matrix, target(), &Params::new(Loss::Squared));
        assert_eq!((boosted.ensemble.trees.len(), boosted.history.end), (0, End::NoGain));
        assert_eq!(first(&boosted.ensemble, matrix), vec![4.0; 50]);
    }
    let one = Matrix::new(vec![Column::numeric("x", vec![1.0])]).unwrap();
    let boosted = train(&one, Target::numbers(vec![2.0]).unwrap(), &Params::new(Loss::Absolute));
    assert_eq!(first(&boosted.ensemble, &one), [2.0]);
    let one_class = train(&varied, Target::classes(vec![0; 50], 2).unwrap(), &Params::new(Loss::Logistic));
    assert!(first(&one_class.ensemble, &varied).iter().all(|s| *s < -30.0));
}

#[test]
fn faults_are_told() {
    let (matrix, y) = noisy(50);
    let numbers = Target::numbers(y.clone()).unwrap();
    let fault = |target: &Target, params: &Params| fit(&matrix, target, params, &Never).unwrap_err().to_string();
    let params = Params::new(Loss::Squared);
    assert!(fault(&numbers, &Params { rounds: 0, ..params.clone() }).contains("rounds"));
    assert!(fault(&numbers, &Params { learning_rate: f64::NAN, ..params.clone() }).contains("learning_rate"));
    assert!(fault(&numbers, &Params { monotone: vec![1], ..params.clone() }).contains("monotone"));
    assert!(fault(&numbers, &Params { rows: RowSampling::Bagging(0.0), ..params.clone() }).contains("rows"));
    assert!(fault(&numbers, &Params { monotone: vec![1, 0, 0], ..Params::new(Loss::Absolute) }).contains("renewed"));
    assert!(fault(&numbers, &Params::new(Loss::Quantile(1.0))).contains("quantile"));
    assert!(fault(&numbers, &Params::new(Loss::Logistic)).contains("classes as its target"));
    assert!(fault(&numbers, &Params::new(Loss::Poisson)).contains("counts"));
    assert!(fault(&Target::classes(vec![0; 50], 3).unwrap(), &Params::new(Loss::Logistic)).contains("two classes"));
    assert!(fault(&Target::numbers(vec![0.0]).unwrap(), &params).contains("1 found, 50 expected"));
    let weightless = matrix.clone().with_weights(vec![0.0; 50]).unwrap();
    assert_eq!(fit(&weightless, &numbers, &params, &Never), Err(BoostError::NoRows));
    let empty = Matrix::new(vec![]).unwrap();
    assert_eq!(fit(&empty, &Target::numbers(vec![]).unwrap(), &params, &Never), Err(BoostError::NoRows));
}

fn tables() -> impl Strategy<Value = (Vec<Vec<f64>>, Vec<f64>)> {
    let cell = prop_oneof![8 => -5.0..5.0, 1 => Just(f64::NAN), 1 => (0i32..4).prop_map(f64::from), 1 => any::<f64>()];
    (1usize..60, 1usize..5).prop_flat_map(move |(rows, columns)| {
        let column = prop::collection::vec(cell.clone(), rows);
        (prop::collection::vec(column, columns), prop::collection::vec(-3.0..3.0, rows))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_table_gives_a_sound_ensemble(
        (columns, y) in tables(), loss in 0usize..7, leaves in 2usize..12, min_rows in 0usize..4, seed in any::<u64>(),
    ) {
        let losses = [Loss::Squared, Loss::Absolute, Loss::Quantile(0.3), Loss::Huber(1.0), Loss::Poisson, Loss::Logistic, Loss::Softmax];
        let loss = losses[loss];
        let target = match loss {
            Loss::Logistic => Target::classes(classes_of(&y, 2), 2).unwrap(),
            Loss::Softmax => Target::classes(classes_of(&y, 3), 3).unwrap(),
            _ => Target::numbers(y.iter().map(|y| y.abs()).collect()).unwrap(),
        };
        let columns = columns.into_iter().enumerate().map(|(j, values)| match j {
            1 => Column::categorical("c", values.iter().map(|v| v.clamp(-1.0, 9.0).round()).collect()),
            _ => Column::numeric(format!("f{j}"), values),
        });
        let matrix = Matrix::new(columns.collect()).unwrap();
        let params = Params { rounds: 5, max_leaves: leaves, min_rows, seed, rows: RowSampling::Bagging(0.8), ..Params::new(loss) };
        let boosted = fit(&matrix, &target, &params, &Never).unwrap();
        prop_assert!(boosted.ensemble.validate().is_ok());
        prop_assert!(predict(&boosted.ensemble, &matrix).iter().flatten().all(|x| x.is_finite()));
    }
}
