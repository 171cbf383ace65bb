//! Tests of preparation.

use super::*;
use crate::table::{Column, Dictionary, Values};

fn table() -> Table {
    let n = 60;
    let words = ["red apples taste sweet", "green pears taste sour", "the sky is blue today", "red wine is dry"];
    Table::new(vec![
        Column::numeric("x", (0..n).map(|row| if row % 7 == 0 { f64::NAN } else { f64::from(row) }).collect()),
        Column::categorical("c", (0..n).map(|row| Some(["a", "b", "c"][row as usize % 3]))),
        Column { name: "b".into(), values: Values::Boolean((0..n).map(|row| Some(row % 2 == 0)).collect()) },
        Column {
            name: "t".into(),
            values: Values::Datetime((0..n).map(|row| i64::from(row) * 36 * 3_600_000_000).collect()),
        },
        Column { name: "w".into(), values: Values::Text(Dictionary::new((0..n).map(|r| Some(words[r as usize % 4])))) },
        Column::numeric("same", vec![1.0; 60]),
        Column::numeric("none", vec![f64::NAN; 60]),
    ])
    .unwrap()
}

fn target() -> Target {
    Target::classes((0..60).map(|row| u32::from(row % 4 == 0)).collect(), 2).unwrap()
}

fn bits(matrix: &Matrix) -> Vec<Vec<u64>> {
    matrix.columns().iter().map(|c| c.values().iter().map(|v| v.to_bits()).collect()).collect()
}

#[test]
fn training_rows_and_rows_one_by_one_give_the_same_numbers() {
    for view in [View::Trees, View::PlainTrees, View::Dense] {
        for scale in [Scale::Standard, Scale::Normal] {
            let options = Options { scale, ..Options::new(view) };
            let (prepare, trained) = Prepare::fit(&table(), &target(), &options, 1).unwrap();
            let again = prepare.transform(&table()).unwrap();
            assert_eq!(bits(&trained), bits(&again), "{view:?}");
            assert_eq!((trained.width(), prepare.origins().len()), (prepare.width(), prepare.width()));
            let mut row = Vec::new();
            for number in 0..60 {
                prepare.transform_row(&prepare.cells(&table(), number).unwrap(), &mut row).unwrap();
                let mut expected = vec![0.0; prepare.width()];
                again.row(number, &mut expected);
                assert!(row.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()), "row {number}");
            }
            if view == View::Dense {
                assert!(again.columns().iter().all(|c| c.values().iter().all(|v| v.is_finite())));
            }
        }
    }
}

#[test]
fn columns_without_two_values_are_dropped_and_missing_is_a_value() {
    let (prepare, matrix) = Prepare::fit(&table(), &target(), &Options::new(View::Trees), 1).unwrap();
    let names: Vec<String> = matrix.features().into_iter().map(|f| f.name).collect();
    assert_eq!(names[..3], ["x", "c", "b"]);
    assert!(!names.iter().any(|name| name == "same" || name == "none"));
    assert_eq!(prepare.origins()[1], 1);
    let partly = Table::new(vec![Column::numeric("x", vec![1.0, f64::NAN, 1.0, f64::NAN])]).unwrap();
    let y = Target::numbers(vec![1.0, 2.0, 1.0, 2.0]).unwrap();
    let (_, dense) = Prepare::fit(&partly, &y, &Options::new(View::Dense), 0).unwrap();
    assert_eq!(dense.columns()[1].values(), [0.0, 1.0, 0.0, 1.0]);
    let same = Table::new(vec![Column::numeric("x", vec![1.0; 4])]).unwrap();
    assert_eq!(Prepare::fit(&same, &y, &Options::new(View::Trees), 0).unwrap_err(), PrepareError::NoFeatures);
    let names: Vec<String> = (0..60).map(|row| format!("n{row}")).collect();
    let named = Table::new(vec![Column::categorical("n", names.iter().map(|n| Some(n.as_str())))]).unwrap();
    assert!(matches!(Prepare::fit(&named, &target(), &Options::new(View::Dense), 0), Err(PrepareError::NoFeatures)));
}

#[test]
fn a_rows_own_target_is_not_in_its_encoding() {
    let n = 400_usize;
    let levels: Vec<String> = (0..n).map(|row| format!("l{}", row % 100)).collect();
    let table = Table::new(vec![Column::categorical("c", levels.iter().map(|l| Some(l.as_str())))]).unwrap();
    // Targets have nothing to do with levels: an encoding that knew them would correlate.
    let mut random = crate::random::Random::stream(3, "test", 0);
    let y: Vec<f64> = (0..n).map(|_| random.normal()).collect();
    let options = Options { smoothing: 0.1, ..Options::new(View::Trees) };
    let (prepare, trained) = Prepare::fit(&table, &Target::numbers(y.clone()).unwrap(), &options, 1).unwrap();
    let encoded = trained.columns().iter().find(|c| c.feature.name == "c (mean target)").unwrap();
    let honest = crate::profile::pearson(encoded.values(), &y);
    let own = prepare.transform(&table).unwrap();
    let leaked = crate::profile::pearson(own.columns()[2].values(), &y);
    assert!(honest < 0.1 && leaked > 0.4, "{honest} {leaked}");
}

#[test]
fn unseen_categories_are_no_known_category() {
    let levels: Vec<String> = (0..60).map(|row| format!("l{}", row % 12)).collect();
    let table = Table::new(vec![Column::categorical("c", levels.iter().map(|l| Some(l.as_str())))]).unwrap();
    let new = Table::new(vec![Column::categorical("c", [Some("new"), None])]).unwrap();
    let (trees, _) = Prepare::fit(&table, &target(), &Options::new(View::Trees), 1).unwrap();
    let matrix = trees.transform(&new).unwrap();
    assert!(matrix.columns()[0].values().iter().all(|v| v.is_nan()));
    assert_eq!(matrix.columns()[1].values(), [0.0, 0.0]);
    assert_eq!(matrix.columns()[2].values(), [0.25, 0.25]);
    let (dense, _) = Prepare::fit(&table, &target(), &Options::new(View::Dense), 1).unwrap();
    let matrix = dense.transform(&new).unwrap();
    assert!(matrix.columns()[..12].iter().all(|c| c.values() == [0.0, 0.0]));
}

#[test]
fn other_tables_are_converted_or_refused_by_name() {
    let (prepare, _) = Prepare::fit(&table(), &target(), &Options::new(View::Trees), 1).unwrap();
    assert_eq!(
        prepare.transform(&table().without("c")).unwrap_err(),
        PrepareError::Table(TableError::NoColumn("c".into()))
    );
    let mut columns = table().take(&[0, 1]).columns().to_vec();
    columns[0] = Column::categorical("x", [Some("3"), Some("4")]);
    columns.reverse();
    let matrix = prepare.transform(&Table::new(columns.clone()).unwrap()).unwrap();
    assert_eq!(matrix.columns()[0].values(), [3.0, 4.0]);
    columns[6] = Column::categorical("x", [Some("3"), Some("four")]);
    let error = prepare.transform(&Table::new(columns).unwrap()).unwrap_err();
    assert!(matches!(error, PrepareError::Table(TableError::BadCell { row: 2, .. })));
    assert!(matches!(prepare.transform_row(&[], &mut Vec::new()), Err(PrepareError::RowLength { .. })));
    let whole = table();
    let mut cells = prepare.cells(&whole, 1).unwrap();
    cells[0] = Cell::Text("four");
    assert!(matches!(prepare.transform_row(&cells, &mut Vec::new()), Err(PrepareError::WrongCell { .. })));
}

#[test]
fn infinities_are_cut_to_the_training_range() {
    let table = Table::new(vec![Column::numeric("x", vec![1.0, 3.0, f64::INFINITY, f64::NEG_INFINITY])]).unwrap();
    let y = Target::numbers(vec![1.0, 2.0, 3.0, 4.0]).unwrap();
    let (_, dense) = Prepare::fit(&table, &y, &Options::new(View::Dense), 0).unwrap();
    assert_eq!(dense.columns()[0].values(), [-1.0, 1.0, 1.0, -1.0]);
    let (_, trees) = Prepare::fit(&table, &y, &Options::new(View::Trees), 0).unwrap();
    assert_eq!(trees.columns()[0].values()[2], f64::INFINITY);
}

#[test]
fn texts_about_the_same_lie_close() {
    let (_, matrix) = Prepare::fit(&table(), &target(), &Options::new(View::Trees), 1).unwrap();
    let topics: Vec<&[f64]> =
        matrix.columns().iter().filter(|c| c.feature.name.starts_with("w (topic")).map(|c| c.values()).collect();
    assert!(topics.len() >= 3);
    let alike = |a: usize, b: usize| topics.iter().map(|t| t[a] * t[b]).sum::<f64>();
    assert!((alike(0, 4) - 1.0).abs() < 1e-9 && alike(0, 1) > alike(0, 2) + 0.05);
}
