//! Tests of divisions.

use super::*;

fn classes(n: u32) -> Target {
    Target::classes((0..n).map(|row| u32::from(row % 5 == 0)).collect(), 2).unwrap()
}

/// Every row is in one test part, and in no fold on both sides.
fn whole(folds: &[Fold], n: usize) {
    let mut seen: Vec<usize> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..n).collect::<Vec<_>>());
    for fold in folds {
        assert_eq!(fold.train.len() + fold.test.len(), n);
        assert!(fold.test.iter().all(|row| fold.train.binary_search(row).is_err()));
    }
}

#[test]
fn folds_are_alike() {
    let target = classes(103);
    let folds = stratified(&target, 5, 1).unwrap();
    whole(&folds, 103);
    for fold in &folds {
        let rare = fold.test.iter().filter(|row| *row % 5 == 0).count();
        assert!((4..=5).contains(&rare), "{rare}");
        assert!((20..=21).contains(&fold.test.len()));
    }
    assert_eq!(folds, stratified(&target, 5, 1).unwrap());
    assert_ne!(folds, stratified(&target, 5, 2).unwrap());
    let numbers = Target::numbers((0..100).map(f64::from).collect()).unwrap();
    let folds = stratified(&numbers, 5, 1).unwrap();
    whole(&folds, 100);
    for fold in folds {
        let mean = fold.test.iter().sum::<usize>() as f64 / 20.0;
        assert!((mean - 49.5).abs() < 2.0, "{mean}");
    }
    assert!(stratified(&classes(3), 4, 0).is_err());
    assert!(stratified(&classes(3), 1, 0).is_err());
}

#[test]
fn a_hold_out_has_its_share() {
    let fold = hold_out(&classes(100), 0.2, 3).unwrap();
    assert_eq!((fold.train.len(), fold.test.len()), (80, 20));
    assert_eq!(fold.test.iter().filter(|row| *row % 5 == 0).count(), 4);
    assert_eq!(hold_out(&classes(100), 1.0, 3), Err(SplitError::BadFraction(1.0)));
    assert!(hold_out(&classes(1), 0.5, 3).is_err());
    assert_eq!(hold_out(&classes(2), 0.01, 3).unwrap().test.len(), 1);
}

#[test]
fn groups_stay_together() {
    let groups: Vec<u32> = (0..100).map(|row| row / 7).collect();
    let folds = grouped(&groups, 4, 0).unwrap();
    whole(&folds, 100);
    for fold in folds {
        assert!(fold.test.iter().all(|row| !fold.train.iter().any(|other| groups[*other] == groups[*row])));
        assert!((20..=30).contains(&fold.test.len()));
    }
    assert!(grouped(&[1, 1, 1], 2, 0).is_err());
}

#[test]
fn time_goes_forward() {
    let times: Vec<f64> = (0..60).map(|row| f64::from(row * 37 % 60 / 2)).collect();
    let folds = time_ordered(&times, 4).unwrap();
    assert_eq!(folds.len(), 4);
    for fold in &folds {
        let last = fold.train.iter().map(|row| times[*row]).fold(f64::MIN, f64::max);
        assert!(fold.test.iter().all(|row| times[*row] > last));
        assert!((10..=14).contains(&fold.test.len()));
    }
    let held = hold_out_last(&times, 0.2).unwrap();
    assert!(held.test.iter().all(|row| times[*row] >= 24.0) && held.test.len() == 12);
    assert!(time_ordered(&[1.0, 1.0, 2.0], 2).is_err());
    assert_eq!(time_ordered(&[1.0, 2.0, 3.0], 2).unwrap().len(), 2);
    assert_eq!(time_ordered(&[1.0, f64::NAN], 1), Err(SplitError::NoTime(2)));
    assert!(hold_out_last(&[1.0, 1.0], 0.5).is_err());
    assert_eq!(time_ordered(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0], 2).unwrap()[1].test, [7]);
}
