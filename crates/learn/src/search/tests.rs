//! Tests of the search.

use super::*;

fn traits(rows: usize, classes: u32) -> Traits {
    Traits { rows, columns: 20, classes }
}

#[test]
fn points_and_choices_are_two_sides_of_one_thing() {
    for config in portfolio(&traits(500, 0)).into_iter().chain(portfolio(&traits(50_000, 3))) {
        let again = config.at(&config.point());
        let close = again.point().iter().zip(config.point()).all(|(a, b)| (a - b).abs() < 0.02);
        assert!(close && again.family() == config.family(), "{config:?} {again:?}");
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
    }
}

#[test]
fn large_tables_leave_out_what_they_cannot_bear() {
    let families = |rows| portfolio(&traits(rows, 2)).iter().map(Config::family).collect::<Vec<_>>();
    assert!(families(1_000).contains(&Family::Kernel) && families(1_000).contains(&Family::Neighbours));
    assert!(!families(100_000).contains(&Family::Kernel) && !families(100_000).contains(&Family::Neighbours));
    assert_eq!(families(1_000)[0], Family::Baseline);
}

/// How far a choice is from a hidden best one.
fn loss(config: &Config) -> f64 {
    match config {
        Config::Boost { .. } => {
            config.point().iter().zip([0.3, 0.8, 0.2, 0.5, 0.5, 0.7, 0.9, 0.4]).map(|(a, b)| (a - b).powi(2)).sum()
        }
        Config::Network { .. } => 3.0,
        _ => 5.0,
    }
}

fn searched(seed: u64, trials: usize) -> Vec<Config> {
    let mut tried = portfolio(&traits(5_000, 2));
    while tried.len() < trials {
        let losses: Vec<f64> = tried.iter().map(loss).collect();
        let past: Vec<Past<'_>> =
            tried.iter().zip(&losses).map(|(config, loss)| Past { config, loss: Some(*loss), work: 1.0 }).collect();
        let next = propose(&past, seed, tried.len()).unwrap();
        tried.push(next);
    }
    tried
}

#[test]
fn the_search_comes_closer_and_repeats_itself() {
    let tried = searched(1, 120);
    let first = tried[..18].iter().map(loss).min_by(f64::total_cmp).unwrap();
    let last = tried.iter().map(loss).min_by(f64::total_cmp).unwrap();
    assert!(last < 0.4 * first, "{first} {last}");
    assert_eq!(tried, searched(1, 120));
    assert_ne!(tried, searched(2, 120));
    let boosts = tried.iter().filter(|c| c.family() == Family::Boost).count();
    assert!(boosts > 55, "{boosts}");
    let mut unique: Vec<String> = tried.iter().map(|c| format!("{c:?}")).collect();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), tried.len());
}

#[test]
fn failures_and_empty_pasts_are_no_obstacle() {
    assert_eq!(propose(&[], 0, 0), None);
    let config = portfolio(&traits(100, 2))[2].clone();
    let failed = Past { config: &config, loss: None, work: 1.0 };
    assert_eq!(propose(&[failed], 0, 1), None);
    let fine = Past { loss: Some(1.0), ..failed };
    assert!(propose(&[fine], 0, 1).is_some());
}
