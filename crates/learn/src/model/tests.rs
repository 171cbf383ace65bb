//! Tests of models: files and single rows.

use super::*;
use crate::automl::{Settings, run};
use crate::prepare::Cell;
use crate::random::Random;
use crate::search::Family;
use crate::stop::Never;
use crate::table::{Column, Table};

fn table(n: usize) -> Table {
    let mut random = Random::stream(1, "model tests", 0);
    let x: Vec<f64> = (0..n).map(|_| random.normal()).collect();
    let y: Vec<Option<&str>> = x.iter().map(|x| Some(if x * x > 0.6 { "out" } else { "in" })).collect();
    Table::new(vec![
        Column::numeric("x", x),
        Column::categorical("c", (0..n).map(|row| Some(["a", "b"][row % 2]))),
        Column::categorical("y", y),
    ])
    .unwrap()
}

/// One member of every family.
fn model(n: usize) -> Model {
    let settings = Settings { trials: Some(11), folds: Some(2), hold_out: 0.0, ..Settings::new("y") };
    run(&table(n), &settings, &[], &Never, &mut |_| {}).unwrap().model
}

#[test]
fn a_file_brings_the_same_model_back() {
    let model = model(120);
    let file = model.save().unwrap();
    let again = Model::load(&file).unwrap();
    let rows = table(40);
    assert_eq!(model.predict(&rows).unwrap(), again.predict(&rows).unwrap());
    assert_eq!(model.sets(&rows, 0.9).unwrap(), again.sets(&rows, 0.9).unwrap());
    assert_eq!(file, again.save().unwrap());
    assert_eq!((again.target(), again.task(), again.classes().len()), ("y", Task::Binary, 2));
    let alone = again.alone(0).unwrap();
    assert_eq!(alone.members().len(), 1);
    assert_eq!(Model::load(&alone.save().unwrap()).unwrap().predict(&rows).unwrap(), alone.predict(&rows).unwrap());
}

#[test]
fn rows_one_by_one_are_predicted_alike() {
    let model = model(120);
    let rows = table(30);
    let all = model.predict(&rows).unwrap();
    for row in 0..30 {
        let cells: Vec<Cell<'_>> =
            model.sources().iter().map(|s| Cell::of(rows.column(&s.name).unwrap(), row)).collect();
        let one = model.predict_row(&cells).unwrap();
        assert!(one.iter().zip(&all.values[2 * row..]).all(|(a, b)| (a - b).abs() < 1e-12), "row {row}");
    }
    assert!(matches!(model.predict_row(&[]), Err(ModelError::Prepare(_))));
    let wrong = model.predict_row(&[Cell::Text("many"), Cell::Missing]).unwrap_err();
    assert!(wrong.to_string().contains("column x"), "{wrong}");
}

#[test]
fn damaged_files_are_refused() {
    let file = model(60).save().unwrap();
    assert!(matches!(Model::load(b"a,b\n1,2\n"), Err(ModelError::Format(FormatError::NotAModel))));
    assert!(Model::load(&file[..file.len() / 2]).is_err());
    let mut random = Random::stream(3, "damage", 0);
    for _ in 0..50 {
        let mut broken = file.clone();
        let at = random.below(broken.len());
        broken[at] ^= 1 << random.below(8);
        assert!(Model::load(&broken).is_err());
    }
}

fn of_trees(target: &str, families: &[Family], time: bool) -> (Model, Table) {
    let mut random = Random::stream(4, "sum tests", 0);
    let x: Vec<f64> = (0..150).map(|_| random.normal()).collect();
    let c: Vec<&str> = (0..150).map(|row| ["a", "b", "c"][row % 3]).collect();
    let number: Vec<f64> = x.iter().zip(&c).map(|(x, c)| x * x + f64::from(u8::from(*c == "a"))).collect();
    let class = number.iter().map(|y| Some(if *y > 2.0 { "high" } else { "low" }));
    let y = if target == "class" { Column::categorical("y", class) } else { Column::numeric("y", number.clone()) };
    let columns = vec![
        Column::numeric("x", x),
        Column::categorical("c", c.into_iter().map(Some)),
        Column::numeric("t", (0..150).map(f64::from).collect()),
        y,
    ];
    let table = Table::new(columns).unwrap();
    let settings = Settings {
        trials: Some(4),
        folds: Some(3),
        hold_out: 0.0,
        metric: (target == "absolute").then_some(Metric::Mae),
        time_column: time.then(|| "t".to_owned()),
        families: Some(families.to_vec()),
        ..Settings::new("y")
    };
    (run(&table, &settings, &[], &Never, &mut |_| {}).unwrap().model, table)
}

/// Row by row.
fn added_up(sum: &TreeSum<'_>, table: &Table) -> Vec<f64> {
    let mut out = sum.constant.repeat(table.rows());
    for term in &sum.terms {
        let rows = term.prepare.transform(table).unwrap().to_rows();
        for (row, out) in rows.chunks(term.prepare.width()).zip(out.chunks_mut(sum.constant.len())) {
            let mut raw = vec![0.0; out.len()];
            term.ensemble.raw(row, &mut raw);
            out.iter_mut().zip(raw).for_each(|(out, raw)| *out += term.factor * raw);
        }
    }
    out
}

#[test]
fn sums_of_trees_are_what_models_say() {
    let close = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
    // Several members that say numbers, with and without a shift to the median.
    for target in ["number", "absolute"] {
        let (model, table) = of_trees(target, &[Family::Boost, Family::Forest, Family::ExtraTrees], false);
        let sum = model.tree_sum().unwrap();
        assert_eq!((sum.of, sum.constant.len()), (SumOf::Prediction, 1));
        assert!(close(&added_up(&sum, &table), &model.predict(&table).unwrap().values), "{target}");
    }
    // Shares of classes, before they are calibrated.
    let (mut model, table) = of_trees("class", &[Family::Forest, Family::ExtraTrees], false);
    model.stack = None;
    let sum = model.tree_sum().unwrap();
    assert_eq!((sum.of, sum.constant.len()), (SumOf::RawOutput, 2));
    let mut said = added_up(&sum, &table);
    said.chunks_mut(2).for_each(|row| model.temperature.apply(row));
    assert!(close(&said, &model.predict(&table).unwrap().values));
    // Scores of the second class: of one model learnt from all rows, and of one per fold.
    let (model, table) = of_trees("class", &[Family::Boost], true);
    let alone = model.alone(0).unwrap();
    let sum = alone.tree_sum().unwrap();
    assert_eq!((sum.of, sum.constant.len(), sum.terms.len()), (SumOf::RawOutput, 1, 1));
    let mut said: Vec<f64> = added_up(&sum, &table).iter().map(|s| 1.0 / (1.0 + (-s).exp())).collect();
    said = said.iter().flat_map(|p| [1.0 - p, *p]).collect();
    said.chunks_mut(2).for_each(|row| alone.temperature.apply(row));
    assert!(close(&said, &alone.predict(&table).unwrap().values));
    let (model, _) = of_trees("class", &[Family::Boost], false);
    assert_eq!(model.alone(0).unwrap().tree_sum().unwrap().of, SumOf::MeanRawOutput);
}

#[test]
fn what_is_no_sum_of_trees_is_told() {
    let (model, _) = of_trees("number", &[Family::Linear], false);
    let fault = model.tree_sum().unwrap_err();
    assert!(matches!(fault, NoTreeSum::OtherFamily { family: "linear", .. }), "{fault}");
    let (mut model, _) = of_trees("class", &[Family::Boost], false);
    let first = model.members[0].clone();
    model.members = vec![first.clone(), first];
    model.stack = None;
    assert_eq!(model.tree_sum().unwrap_err(), NoTreeSum::Probabilities { members: 2 });
    model.stack = Some(Stack { weights: vec![0.5; 2], intercepts: vec![0.0; 2] });
    assert_eq!(model.tree_sum().unwrap_err(), NoTreeSum::Stacked { members: 2 });
}
