//! Tests of profiles.

use super::*;
use crate::table::{Column, CsvOptions};

fn described(table: &Table, target: Option<&str>) -> Profile {
    profile(table, &ProfileOptions { target: target.map(str::to_owned), ..ProfileOptions::default() }).unwrap()
}

fn relation(profile: &Profile, a: &str, b: &str, measure: Measure) -> f64 {
    profile.relations.iter().find(|r| r.a == a && r.b == b && r.measure == measure).map_or(0.0, |r| r.value)
}

#[test]
fn columns_are_counted_and_measured() {
    let table = Table::new(vec![
        Column::numeric("n", vec![1.0, 2.0, 3.0, 4.0, f64::NAN, f64::INFINITY]),
        Column::categorical("c", [Some("a"), Some("b"), Some("a"), None, Some("a"), Some("c")]),
        Column::numeric("same", vec![7.0; 6]),
        Column::numeric("none", vec![f64::NAN; 6]),
    ])
    .unwrap();
    let profile = described(&table, None);
    let n = &profile.columns[0];
    assert_eq!((n.count, n.missing, n.distinct, n.infinite), (5, 1, 5, 1));
    let numbers = n.numbers.as_ref().unwrap();
    assert_eq!((numbers.mean, numbers.minimum, numbers.maximum, numbers.quantiles[3]), (2.5, 1.0, 4.0, 2.5));
    assert!((numbers.deviation - 1.290_994_448_735_805_6).abs() < 1e-12 && numbers.skew == 0.0);
    assert!((numbers.kurtosis + 1.36).abs() < 1e-12);
    assert_eq!(numbers.histogram.iter().map(|bin| bin.count).sum::<usize>(), 4);
    assert_eq!(profile.columns[1].top[0], TopValue { value: "a".into(), count: 3 });
    assert!(profile.columns[2].constant && profile.columns[3].constant && profile.columns[3].numbers.is_none());
    assert!(profile.quality.issues.iter().any(|i| i.kind == IssueKind::Infinite));
}

#[test]
fn relations_are_measured_by_kind() {
    let n = 200;
    let x: Vec<f64> = (0..n).map(f64::from).collect();
    let square: Vec<f64> = x.iter().map(|v| v * v).collect();
    let half: Vec<Option<&str>> = (0..n).map(|row| Some(if row < 100 { "low" } else { "high" })).collect();
    let parity: Vec<Option<&str>> = (0..n).map(|row| Some(if row % 2 == 0 { "even" } else { "odd" })).collect();
    let table = Table::new(vec![
        Column::numeric("x", x),
        Column::numeric("square", square),
        Column::categorical("half", half.clone()),
        Column::categorical("again", half),
        Column::categorical("parity", parity),
    ])
    .unwrap();
    let profile = described(&table, None);
    assert!((relation(&profile, "x", "square", Measure::Spearman) - 1.0).abs() < 1e-12);
    assert!((relation(&profile, "x", "square", Measure::Pearson) - 0.968).abs() < 1e-3);
    assert!((relation(&profile, "half", "again", Measure::CramersV) - 1.0).abs() < 1e-9);
    assert_eq!(relation(&profile, "half", "parity", Measure::CramersV), 0.0);
    assert!((relation(&profile, "x", "half", Measure::CorrelationRatio) - 0.866).abs() < 1e-3);
}

#[test]
fn leaks_duplicates_and_names_are_issues() {
    let n = 300_usize;
    let target: Vec<Option<&str>> = (0..n).map(|row| Some(if row % 3 == 0 { "yes" } else { "no" })).collect();
    let told: Vec<f64> = (0..n).map(|row| if row % 3 == 0 { 10.0 + row as f64 } else { -1.0 - row as f64 }).collect();
    let names: Vec<String> = (0..n).map(|row| format!("id{row}")).collect();
    let noise: Vec<f64> = (0..n).map(|row| (row * 7919 % 101) as f64).collect();
    let table = Table::new(vec![
        Column::numeric("told", told),
        Column::categorical("name", names.iter().map(|name| Some(name.as_str()))),
        Column::numeric("noise", noise),
        Column::categorical("y", target),
    ])
    .unwrap();
    let profile = described(&table, Some("y"));
    assert_eq!(profile.leaks.iter().map(|leak| leak.column.as_str()).collect::<Vec<_>>(), ["told"]);
    let names: Vec<_> = profile.columns.iter().filter(|c| c.identifier).map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["name"]);
    assert!(profile.quality.score < 90.0);
    assert_eq!(profile.quality.issues[0].kind, IssueKind::Leak);
    let twice: Vec<usize> = (0..n).chain(0..10).collect();
    assert_eq!(described(&table.take(&twice), None).duplicate_rows, 10);
    let missing = super::profile(&table, &ProfileOptions { target: Some("z".into()), ..Default::default() });
    assert_eq!(missing.unwrap_err(), TableError::NoColumn("z".into()));
}

#[test]
fn a_number_target_is_told_by_its_copy() {
    let y: Vec<f64> = (0..500).map(|row| f64::from(row * 37 % 500)).collect();
    let table = Table::new(vec![Column::numeric("copy", y.iter().map(|v| v * 2.0).collect()), Column::numeric("y", y)])
        .unwrap();
    assert_eq!(described(&table, Some("y")).leaks.len(), 1);
}

#[test]
fn empty_and_wide_tables_have_profiles() {
    let none = Table::from_csv(b"a,b\n", &CsvOptions::default()).unwrap().table;
    let profile = described(&none, Some("a"));
    assert_eq!((profile.rows, profile.columns.len()), (0, 2));
    let one = Table::from_csv(b"a,b\n1,x\n", &CsvOptions::default()).unwrap().table;
    assert_eq!(described(&one, Some("b")).rows, 1);
    let wide = Table::new((0..2000).map(|c| Column::numeric(format!("c{c}"), vec![1.0, 2.0, f64::from(c)])).collect());
    assert_eq!(described(&wide.unwrap(), None).columns.len(), 2000);
    let extreme = Table::new(vec![Column::numeric("x", vec![f64::MIN, f64::MAX, 0.0])]).unwrap();
    assert_eq!(described(&extreme, None).columns[0].numbers.as_ref().unwrap().minimum, f64::MIN);
}
