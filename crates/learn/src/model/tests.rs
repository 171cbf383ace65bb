//! Tests of models: files and single rows.

use super::*;
use crate::automl::{Settings, run};
use crate::prepare::Cell;
use crate::random::Random;
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
