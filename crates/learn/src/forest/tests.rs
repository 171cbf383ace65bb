//! Forests: what they learn, and that threads do not matter.

use super::*;
use crate::matrix::Column;
use crate::stop::Never;
use proptest::prelude::*;

/// Classes that depend on two columns out of five, and the number behind them.
fn noisy(rows: usize) -> (Matrix, Vec<f64>) {
    let mut random = Random::stream(1, "test table", 0);
    let columns: Vec<Vec<f64>> = (0..5).map(|_| (0..rows).map(|_| random.normal()).collect()).collect();
    let y = (0..rows).map(|i| columns[0][i] + columns[1][i].abs() + 0.2 * random.normal()).collect();
    let named = columns.into_iter().enumerate().map(|(j, values)| Column::numeric(format!("f{j}"), values));
    (Matrix::new(named.collect()).unwrap(), y)
}

fn codes(y: &[f64]) -> Vec<u32> {
    y.iter().map(|y| u32::from(*y > 0.0) + u32::from(*y > 1.5)).collect()
}

fn predict(forest: &Forest, matrix: &Matrix) -> Vec<Vec<f64>> {
    let mut row = vec![0.0; matrix.width()];
    (0..matrix.rows())
        .map(|i| {
            matrix.row(i, &mut row);
            let mut raw = vec![0.0; forest.ensemble.outputs()];
            forest.ensemble.raw(&row, &mut raw);
            raw
        })
        .collect()
}

fn hits(shares: impl Iterator<Item = Vec<f64>>, codes: &[u32]) -> f64 {
    let hit = shares.zip(codes).filter(|(shares, code)| {
        shares.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).is_some_and(|best| best.0 == **code as usize)
    });
    hit.count() as f64 / codes.len() as f64
}

#[test]
fn classes_are_learnt_and_the_unseen_rows_tell_how_well() {
    let (matrix, y) = noisy(3000);
    let (learn, held): (Vec<usize>, Vec<usize>) = (0..3000).partition(|i| i % 3 != 0);
    let target = Target::classes(codes(&y), 3).unwrap();
    let held_codes: Vec<u32> = held.iter().map(|i| codes(&y)[*i]).collect();
    for params in [Params::random(), Params::extra(), Params { criterion: Criterion::Entropy, ..Params::random() }] {
        let forest = fit(&matrix.take(&learn), &target.take(&learn), &params, &Never).unwrap();
        forest.ensemble.validate().unwrap();
        let found = predict(&forest, &matrix.take(&held));
        assert!(found.iter().all(|s| (s.iter().sum::<f64>() - 1.0).abs() < 1e-9 && s.iter().all(|p| *p >= 0.0)));
        let accuracy = hits(found.into_iter(), &held_codes);
        assert!(accuracy > 0.85, "{accuracy}");
        if params.rows == Rows::All {
            assert!(forest.out_of_bag.is_empty());
        } else {
            let learnt: Vec<u32> = learn.iter().map(|i| codes(&y)[*i]).collect();
            let unseen = hits(forest.out_of_bag.chunks(3).map(<[f64]>::to_vec), &learnt);
            assert!((unseen - accuracy).abs() < 0.04, "{unseen} {accuracy}");
        }
    }
}

#[test]
fn numbers_are_learnt() {
    let (matrix, y) = noisy(2000);
    let target = Target::numbers(y.clone()).unwrap();
    for params in [
        Params { columns: Columns::Share(0.8), ..Params::random() },
        Params { columns: Columns::All, ..Params::extra() },
    ] {
        let params = Params { rows: Rows::Bootstrap(1.0), ..params };
        let forest = fit(&matrix, &target, &params, &Never).unwrap();
        let error = forest.out_of_bag.iter().zip(&y).map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / 2000.0;
        // The noise has the variance 0.04, the truth 1.4.
        assert!(error < 0.12, "{error}");
    }
}

#[test]
fn a_single_full_tree_repeats_its_rows() {
    let (matrix, y) = noisy(200);
    for thresholds in [Thresholds::Best, Thresholds::Drawn] {
        let params = Params { trees: 1, rows: Rows::All, columns: Columns::All, thresholds, ..Params::random() };
        let forest = fit(&matrix, &Target::numbers(y.clone()).unwrap(), &params, &Never).unwrap();
        let found = predict(&forest, &matrix);
        assert!(found.iter().zip(&y).all(|(a, b)| (a[0] - b).abs() < 1e-12));
        assert_eq!(forest.ensemble.trees[0].nodes[0].cover, 200.0);
    }
}

#[test]
fn the_same_bits_come_at_any_number_of_threads() {
    let (matrix, y) = noisy(500);
    let target = Target::classes(codes(&y), 3).unwrap();
    let params = Params { trees: 40, ..Params::random() };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let forest = pool.install(|| fit(&matrix, &target, &params, &Never).unwrap());
        (forest.ensemble, forest.out_of_bag.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn missing_values_and_categories_part_rows() {
    let x: Vec<f64> = (0..400).map(|i| if i % 4 == 0 { f64::NAN } else { f64::from(i % 7) }).collect();
    let c: Vec<f64> = (0..400).map(|i| f64::from(i % 11)).collect();
    let y: Vec<f64> = x
        .iter()
        .zip(&c)
        .map(|(x, c)| f64::from(u8::from(x.is_nan())) + f64::from(u8::from([2.0, 5.0, 9.0].contains(c))))
        .collect();
    let matrix = Matrix::new(vec![Column::numeric("x", x), Column::categorical("c", c)]).unwrap();
    for params in [Params::random(), Params::extra()] {
        let params = Params { rows: Rows::All, trees: 20, ..params };
        let forest = fit(&matrix, &Target::numbers(y.clone()).unwrap(), &params, &Never).unwrap();
        let found = predict(&forest, &matrix);
        assert!(found.iter().zip(&y).all(|(a, b)| (a[0] - b).abs() < 1e-9));
    }
}

#[test]
fn limits_are_kept_and_weights_count() {
    let (matrix, y) = noisy(600);
    let target = Target::numbers(y).unwrap();
    let params =
        Params { max_depth: Some(4), min_leaf_rows: 20.0, trees: 5, rows: Rows::Sample(0.5), ..Params::random() };
    let forest = fit(&matrix, &target, &params, &Never).unwrap();
    assert!(forest.ensemble.trees.iter().all(|t| t.leaf_values.len() <= 16));
    assert!(forest.ensemble.trees.iter().flat_map(|t| &t.nodes).all(|n| n.cover >= 20.0 - 1e-9));
    let weights: Vec<f64> = (0..600).map(|i| if i < 300 { 0.0 } else { 3.0 }).collect();
    let all = Params { rows: Rows::All, trees: 3, ..Params::random() };
    let half: Vec<usize> = (300..600).collect();
    let bins = Bins::new(&matrix, &all.bins).unwrap();
    let weighed = fit_binned(&bins, &target, Some(&weights), &all, &Never).unwrap();
    assert_eq!(weighed.ensemble.trees[0].nodes[0].cover, 600.0);
    let found = predict(&weighed, &matrix.take(&half));
    assert!(found.iter().all(|raw| raw[0].is_finite()));
}

#[test]
fn a_stopped_forest_is_a_mean_of_the_first_trees() {
    let (matrix, y) = noisy(300);
    let target = Target::classes(codes(&y), 3).unwrap();
    let stopped = fit(&matrix, &target, &Params::random(), &|| true).unwrap();
    let short = fit(&matrix, &target, &Params { trees: 16, ..Params::random() }, &Never).unwrap();
    assert!(stopped.stopped && !short.stopped);
    assert_eq!(stopped.ensemble, short.ensemble);
}

#[test]
fn faults_are_told() {
    let (matrix, y) = noisy(20);
    let target = Target::numbers(y).unwrap();
    let fault = |params: Params| fit(&matrix, &target, &params, &Never).unwrap_err().to_string();
    assert!(fault(Params { trees: 0, ..Params::random() }).contains("trees"));
    assert!(fault(Params { rows: Rows::Bootstrap(1.5), ..Params::random() }).contains("rows"));
    assert!(fault(Params { columns: Columns::Share(0.0), ..Params::random() }).contains("columns"));
    assert!(fault(Params { min_leaf_rows: f64::NAN, ..Params::random() }).contains("min_leaf_rows"));
    let short = Target::numbers(vec![1.0]).unwrap();
    assert!(fit(&matrix, &short, &Params::random(), &Never).unwrap_err().to_string().contains("target: 1 rows found"));
    let empty = Matrix::new(vec![]).unwrap();
    let nothing = fit(&empty, &Target::numbers(vec![]).unwrap(), &Params::random(), &Never);
    assert_eq!(nothing.unwrap_err(), ForestError::NoRows);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_table_gives_a_sound_forest(
        columns in prop::collection::vec(prop::collection::vec(
            prop_oneof![4 => -5.0..5.0, 1 => Just(f64::NAN), 1 => any::<f64>()], 30), 1..4),
        codes in prop::collection::vec(0u32..3, 30),
        drawn in any::<bool>(), seed in any::<u64>(),
    ) {
        let columns = columns.into_iter().enumerate().map(|(j, values)| match j {
            1 => Column::categorical("c", values.iter().map(|v: &f64| v.clamp(-1.0, 9.0).round()).collect()),
            _ => Column::numeric(format!("f{j}"), values),
        });
        let matrix = Matrix::new(columns.collect()).unwrap();
        let params = Params { trees: 3, seed, ..if drawn { Params::extra() } else { Params::random() } };
        let forest = fit(&matrix, &Target::classes(codes, 3).unwrap(), &params, &Never).unwrap();
        prop_assert!(forest.ensemble.validate().is_ok());
        prop_assert!(predict(&forest, &matrix).iter().all(|shares| (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9));
    }
}
