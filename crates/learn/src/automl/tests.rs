//! Tests of whole runs.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::random::Random;
use crate::stop::Never;
use crate::table::{Column, CsvOptions, Dictionary, Table, Values};

fn numbers(n: usize, name: &str, seed: u64) -> Vec<f64> {
    let mut random = Random::stream(seed, name, 0);
    (0..n).map(|_| random.normal()).collect()
}

/// Two numbers, a category and noise; classes follow the first number and the category.
fn classes(n: usize, count: usize) -> Table {
    let (x, z, noise) = (numbers(n, "x", 1), numbers(n, "z", 1), numbers(n, "noise", 1));
    let colours = ["red", "green", "blue"];
    let label = |row: usize| {
        let score = x[row] + if row.is_multiple_of(3) { 1.0 } else { -0.5 } + 0.5 * noise[row];
        ["no", "yes", "maybe"][if score > 1.0 && count == 3 { 2 } else { usize::from(score > 0.0) }]
    };
    Table::new(vec![
        Column::numeric("x", x.clone()),
        Column::numeric("z", z.iter().enumerate().map(|(at, z)| if at % 11 == 0 { f64::NAN } else { *z }).collect()),
        Column::categorical("colour", (0..n).map(|row| Some(colours[row % 3]))),
        Column::categorical("y", (0..n).map(|row| Some(label(row)))),
    ])
    .unwrap()
}

fn regression(n: usize) -> Table {
    let (x, z, noise) = (numbers(n, "x", 2), numbers(n, "z", 2), numbers(n, "noise", 2));
    let y = (0..n).map(|row| 2.0 * x[row] + z[row].sin() + 0.3 * noise[row]).collect();
    Table::new(vec![Column::numeric("x", x), Column::numeric("z", z), Column::numeric("y", y)]).unwrap()
}

/// Cheap families: tests are run often.
fn settings(trials: usize) -> Settings {
    let families = Some(vec![Family::Linear, Family::Boost, Family::Neighbours]);
    Settings { trials: Some(trials), families, folds: Some(3), ..Settings::new("y") }
}

fn ran(table: &Table, settings: &Settings) -> Outcome {
    run(table, settings, &[], &Never, &mut |_| {}).unwrap()
}

fn refused(table: &Table, settings: &Settings) -> AutomlError {
    run(table, settings, &[], &Never, &mut |_| {}).unwrap_err()
}

#[test]
fn two_classes_are_learnt_and_judged_by_rows_set_apart() {
    let table = classes(300, 2);
    let outcome = ran(&table, &settings(8));
    assert_eq!((outcome.plan.task, outcome.plan.metric), (Task::Binary, Metric::RocAuc));
    assert_eq!((outcome.plan.hold_out_rows, outcome.plan.judging_rows, outcome.trials.len()), (60, 240, 8));
    let report = outcome.hold_out.unwrap();
    assert_eq!(report.scores[0].0, "roc_auc");
    assert!(report.scores[0].1 > 0.9, "{:?}", report.scores);
    assert!(report.curves.len() == 1 && report.confusion.is_some() && report.coverage_seen > 0.8);
    assert!(outcome.score >= outcome.leaderboard[0].score - 0.01);
    assert!((outcome.leaderboard.iter().map(|s| s.weight).sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(outcome.out_of_fold.rows.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(outcome.out_of_fold.predictions.len(), 480);
    // Unseen categories and missing values are no obstacle; columns go by name.
    let new = Table::new(vec![
        Column::categorical("colour", [Some("violet"), None]),
        Column::numeric("z", vec![f64::NAN, f64::INFINITY]),
        Column::numeric("x", vec![3.0, -3.0]),
    ])
    .unwrap();
    let said = outcome.model.predict(&new).unwrap();
    assert_eq!(said.labels, ["yes", "no"]);
    assert!(said.values.chunks(2).all(|row| (row[0] + row[1] - 1.0).abs() < 1e-9));
}

#[test]
fn more_classes_and_numbers_are_learnt() {
    let outcome = ran(&classes(240, 3), &settings(6));
    assert_eq!((outcome.plan.task, outcome.plan.metric), (Task::Multiclass, Metric::LogLoss));
    assert_eq!(outcome.plan.classes, ["maybe", "no", "yes"]);
    assert!(outcome.hold_out.unwrap().curves.len() == 3);
    let table = regression(240);
    let outcome = ran(&table, &settings(6));
    assert_eq!((outcome.plan.task, outcome.plan.metric), (Task::Regression, Metric::Rmse));
    assert!(outcome.score < 0.5, "{}", outcome.score);
    let intervals = outcome.model.intervals(&table, 0.9).unwrap();
    let Values::Numeric(y) = &table.column("y").unwrap().values else { unreachable!() };
    let held = y.iter().zip(&intervals).filter(|(y, (low, high))| low <= *y && *y <= high).count();
    assert!(held >= 210, "{held}");
    assert!(matches!(outcome.model.sets(&table, 0.9), Err(ModelError::WrongTask { .. })));
    assert!(matches!(outcome.model.intervals(&table, 1.5), Err(ModelError::BadCoverage(_))));
}

#[test]
fn every_family_learns_every_task() {
    for table in [classes(120, 2), classes(120, 3), regression(120)] {
        let settings = Settings { families: None, trials: Some(11), folds: Some(2), ..Settings::new("y") };
        let outcome = ran(&table, &settings);
        for trial in &outcome.trials {
            assert!(trial.score().is_some(), "{trial:?}");
        }
        let mut families: Vec<Family> = outcome.trials.iter().map(|trial| trial.config.family()).collect();
        families.sort();
        families.dedup();
        assert_eq!(families.len(), 8, "{families:?}");
    }
}

#[test]
fn the_same_input_gives_the_same_bits_at_any_number_of_threads() {
    let table = classes(150, 2);
    let settings = Settings { families: None, trials: Some(10), folds: Some(3), ..Settings::new("y") };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| ran(&table, &settings))
    };
    let (one, three) = (on(1), on(3));
    assert_eq!(one.trials, three.trials);
    assert_eq!(one.out_of_fold, three.out_of_fold);
    assert_eq!(one.model.predict(&table).unwrap(), three.model.predict(&table).unwrap());
    assert_eq!(one.model.save().unwrap(), three.model.save().unwrap());
}

#[test]
fn a_stopped_run_is_a_prefix_and_can_be_gone_on_with() {
    let table = classes(150, 2);
    let whole = ran(&table, &settings(7));
    let asked = AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, Ordering::Relaxed) > 40;
    let begun = run(&table, &settings(7), &[], &stop, &mut |_| {}).unwrap();
    assert!(begun.stopped && begun.trials.len() < 7);
    assert_eq!(begun.trials, whole.trials[..begun.trials.len()]);
    // Stored, and given back.
    let stored: Vec<Trial> = serde_json::from_str(&serde_json::to_string(&begun.trials).unwrap()).unwrap();
    let mut started = Vec::new();
    let resumed = run(&table, &settings(7), &stored, &Never, &mut |event| {
        if let Event::Started { number, .. } = event {
            started.push(number);
        }
    })
    .unwrap();
    assert_eq!(started, (begun.trials.len()..7).collect::<Vec<_>>());
    assert_eq!(resumed.trials, whole.trials);
    assert_eq!(resumed.model.save().unwrap(), whole.model.save().unwrap());
    // Without any time the model is of what was given back, and of all of it.
    let ended = run(&table, &settings(50), &stored, &|| true, &mut |_| {}).unwrap();
    assert_eq!((&ended.trials, ended.stopped), (&begun.trials, true));
    assert_eq!(ended.model.save().unwrap(), begun.model.save().unwrap());
    // A trial of another table is made anew.
    let other = ran(&classes(180, 2), &settings(7));
    assert_eq!(run(&table, &settings(7), &other.trials, &Never, &mut |_| {}).unwrap().trials, whole.trials);
}

#[test]
fn a_budget_too_small_for_a_model_leaves_the_baseline() {
    let outcome = run(&classes(100, 2), &settings(50), &[], &|| true, &mut |_| {}).unwrap();
    assert_eq!((outcome.trials.len(), outcome.stopped), (1, true));
    assert_eq!(outcome.model.members()[0].config.family(), Family::Baseline);
    assert_eq!(outcome.model.predict(&classes(5, 2)).unwrap().labels.len(), 5);
}

#[test]
fn events_tell_what_happens() {
    let mut told = Vec::new();
    run(&classes(100, 2), &settings(3), &[], &Never, &mut |event| {
        told.push(match event {
            Event::Planned(_) => "planned".to_owned(),
            Event::Started { number, .. } => format!("started {number}"),
            Event::Finished(trial) => format!("finished {}", trial.number),
            Event::Best(trial) => format!("best {}", trial.number),
            Event::Blending { trials } => format!("blending {trials}"),
        });
    })
    .unwrap();
    assert_eq!(told[..4], ["planned", "started 0", "finished 0", "best 0"]);
    assert_eq!(told.last().unwrap(), "blending 3");
}

#[test]
fn targets_that_cannot_be_predicted_are_refused_by_name() {
    let table = classes(60, 2);
    let with = |values: Values| {
        let mut columns = table.without("y").columns().to_vec();
        columns.push(Column { name: "y".into(), values });
        Table::new(columns).unwrap()
    };
    assert_eq!(refused(&table, &Settings::new("missing")), AutomlError::Table(TableError::NoColumn("missing".into())));
    let one = with(Values::Categorical(Dictionary::new(vec![Some("a"); 60])));
    assert!(matches!(refused(&one, &settings(2)), AutomlError::OneClass { .. }));
    assert!(matches!(refused(&with(Values::Numeric(vec![1.5; 60])), &settings(2)), AutomlError::OneClass { .. }));
    let none = with(Values::Numeric(vec![f64::NAN; 60]));
    assert!(matches!(refused(&none, &settings(2)), AutomlError::TooFewRows { rows: 0, .. }));
    let mut y = numbers(60, "y", 3);
    y[7] = f64::INFINITY;
    let infinite = refused(&with(Values::Numeric(y)), &settings(2));
    assert!(infinite.to_string().contains("row 8"), "{infinite}");
    let names: Vec<String> = (0..60).map(|row| format!("n{row}")).collect();
    let names = with(Values::Categorical(Dictionary::new(names.iter().map(|n| Some(n.as_str())))));
    assert!(matches!(refused(&names, &settings(2)), AutomlError::BadTarget { .. }));
    let times = with(Values::Datetime((0..60).collect()));
    assert!(matches!(refused(&times, &settings(2)), AutomlError::BadTarget { .. }));
    let metric = Settings { metric: Some(Metric::Rmse), ..settings(2) };
    assert!(matches!(refused(&table, &metric), AutomlError::WrongMetric { .. }));
    let task = Settings { task: Some(Task::Regression), ..settings(2) };
    assert!(matches!(refused(&table, &task), AutomlError::BadTarget { .. }));
}

#[test]
fn tables_that_nothing_can_be_learnt_from_are_refused() {
    assert!(matches!(refused(&classes(5, 2), &settings(2)), AutomlError::TooFewRows { rows: 5, needed: 10 }));
    let alone = Table::new(vec![classes(60, 2).column("y").unwrap().clone()]).unwrap();
    assert_eq!(refused(&alone, &settings(2)), AutomlError::NoFeatures);
    let mut columns = alone.columns().to_vec();
    columns.push(Column::numeric("same", vec![1.0; 60]));
    columns.push(Column::numeric("none", vec![f64::NAN; 60]));
    let constant = Table::new(columns).unwrap();
    assert_eq!(refused(&constant, &settings(3)), AutomlError::Prepare(PrepareError::NoFeatures));
    let memory = Settings { memory: Some(100), ..settings(2) };
    assert!(matches!(refused(&classes(200, 2), &memory), AutomlError::MemoryTooSmall { .. }));
    let fraction = Settings { hold_out: 1.5, ..settings(2) };
    assert!(matches!(refused(&classes(60, 2), &fraction), AutomlError::Split(_)));
}

#[test]
fn wide_rare_and_missing_are_learnt_from() {
    // A class of two rows, a row without a target, 300 columns for 60 rows.
    let n = 60;
    let mut columns: Vec<Column> = (0..300).map(|c| Column::numeric(format!("c{c}"), numbers(n, "wide", c))).collect();
    let label = |row: usize| match row {
        0 => None,
        1 | 2 => Some("rare"),
        _ if row.is_multiple_of(2) => Some("even"),
        _ => Some("odd"),
    };
    columns.push(Column::categorical("y", (0..n).map(label)));
    let outcome = ran(&Table::new(columns).unwrap(), &settings(4));
    assert_eq!((outcome.plan.rows, outcome.plan.rows_without_target), (59, 1));
    assert!(outcome.trials.iter().all(|trial| trial.score().is_some()), "{:?}", outcome.trials);
    assert!(!outcome.out_of_fold.rows.contains(&0));
}

#[test]
fn time_groups_and_quantiles_have_their_ways() {
    let n = 200;
    let mut table = regression(n).columns().to_vec();
    table.push(Column {
        name: "t".into(),
        values: Values::Datetime((0..n as i64).map(|d| d * 86_400_000_000).collect()),
    });
    table.push(Column::numeric("g", (0..n).map(|row| (row / 10) as f64).collect()));
    let table = Table::new(table).unwrap();
    let in_time = ran(&table, &Settings { time_column: Some("t".into()), ..settings(4) });
    // The hold-out is the last fifth; the first stretch of the rest judges nothing.
    assert!(in_time.out_of_fold.rows.iter().all(|row| (40..160).contains(row)));
    assert!(in_time.model.members().iter().all(|member| member.parts.len() == 1));
    assert_eq!(in_time.model.intervals(&table, 0.8).unwrap().len(), n);
    let grouped = ran(&table, &Settings { group_column: Some("g".into()), ..settings(3) });
    assert!(!grouped.plan.columns.contains(&"g".to_owned()));
    let quantile = ran(&table, &Settings { metric: Some(Metric::Pinball(0.9)), ..settings(5) });
    let said = quantile.model.predict(&table).unwrap().values;
    let Values::Numeric(y) = &table.column("y").unwrap().values else { unreachable!() };
    let below = y.iter().zip(&said).filter(|(y, p)| y <= p).count();
    assert!((165..=195).contains(&below), "{below}");
}

#[test]
fn large_tables_are_tried_in_part_first() {
    let table = regression(27_000);
    let settings = Settings { folds: Some(1), hold_out: 0.0, ..settings(12) };
    let outcome = ran(&table, &settings);
    assert_eq!(outcome.plan.learning_rows, [10_000, 21_600]);
    assert!(outcome.trials.iter().filter(|trial| trial.learning_rows == 21_600).count() >= 2);
    let small = Settings { memory: Some(2_000_000), ..settings };
    assert_eq!(plan::plan(&table, &small).unwrap().plan.learning_rows.len(), 2);
}

#[test]
fn whole_numbers_are_classes_when_they_are_few() {
    let task = |y: Vec<f64>, given: Option<Task>| {
        let n = y.len();
        let table = Table::new(vec![Column::numeric("x", numbers(n, "x", 4)), Column::numeric("y", y)]).unwrap();
        plan::plan(&table, &Settings { task: given, ..Settings::new("y") }).map(|prepared| prepared.plan)
    };
    let plan = task((0..100).map(|row| f64::from(row % 10)).collect(), None).unwrap();
    assert_eq!((plan.task, plan.classes.len(), plan.classes[9].as_str()), (Task::Multiclass, 10, "9"));
    assert_eq!(task((0..90).map(|row| f64::from(row % 10)).collect(), None).unwrap().task, Task::Regression);
    assert_eq!(task((0..60).map(|row| f64::from(row % 2)).collect(), None).unwrap().task, Task::Binary);
    let forced = task((0..60).map(|row| f64::from(row % 2)).collect(), Some(Task::Regression)).unwrap();
    assert_eq!(forced.task, Task::Regression);
}

#[test]
fn csv_in_numbers_out() {
    let mut text = "when;amount;note;y\n".to_owned();
    for row in 0..80 {
        let word = ["good service and kind people", "bad food and long waiting", "fine view from the tower"][row % 3];
        let y = if row % 3 == 0 { "high" } else { "low" };
        text += &format!("2024-{:02}-{:02};{},5;{word} {row};{y}\n", row % 12 + 1, row % 28 + 1, row % 7);
    }
    let read = Table::from_csv(text.as_bytes(), &CsvOptions::default()).unwrap();
    let outcome = ran(&read.table, &settings(5));
    assert!(outcome.score > 0.95, "{}", outcome.score);
}
