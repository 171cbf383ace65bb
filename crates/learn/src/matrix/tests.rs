//! The matrix: what it takes and what it refuses.

use super::*;

fn table() -> Matrix {
    Matrix::new(vec![Column::numeric("a", vec![1.0, 2.0, 3.0]), Column::categorical("b", vec![0.0, 1.0, f64::NAN])])
        .unwrap()
}

#[test]
fn rows_and_columns_can_be_taken() {
    let table = table().with_weights(vec![1.0, 0.5, 2.0]).unwrap();
    let taken = table.take(&[2, 0, 0]);
    assert_eq!(taken.columns()[0].values(), [3.0, 1.0, 1.0]);
    assert_eq!(taken.weights(), Some(&[2.0, 1.0, 1.0][..]));
    assert_eq!(table.select(&[1]).features()[0].name, "b");
    let mut row = [0.0; 2];
    table.row(1, &mut row);
    assert_eq!(row, [2.0, 1.0]);
    assert_eq!(&table.to_rows()[..5], [1.0, 0.0, 2.0, 1.0, 3.0]);
    assert_eq!(table.clone().beside(vec![Column::numeric("c", vec![0.0; 3])]).unwrap().width(), 3);
    assert_eq!(table.without_weights().weights(), None);
}

#[test]
fn rows_come_back_as_they_went_in() {
    let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let matrix = Matrix::from_rows(&values, 2).unwrap();
    assert_eq!((matrix.rows(), matrix.to_rows()), (3, values.to_vec()));
}

#[test]
fn faults_name_the_column_and_the_row() {
    let short = Matrix::new(vec![Column::numeric("a", vec![1.0]), Column::numeric("b", vec![])]);
    assert_eq!(short.unwrap_err().to_string(), "column `b` has 0 rows, the table has 1");
    let half = Matrix::new(vec![Column::categorical("c", vec![0.0, 0.5])]);
    assert!(half.unwrap_err().to_string().starts_with("column `c`, row 1: 0.5 is no category code"));
    assert!(Matrix::new(vec![Column::categorical("c", vec![f64::INFINITY])]).is_err());
    assert!(table().with_weights(vec![1.0]).is_err());
    assert!(table().with_weights(vec![1.0, -1.0, 1.0]).unwrap_err().to_string().contains("row 1"));
    assert!(Matrix::from_rows(&[1.0, 2.0, 3.0], 2).is_err());
    assert!(Matrix::from_rows(&[], 0).is_err());
    assert!(Target::numbers(vec![1.0, f64::NAN]).unwrap_err().to_string().contains("row 1"));
    assert!(Target::classes(vec![0, 2], 2).unwrap_err().to_string().contains("class 2"));
    assert!(Target::classes(vec![0], 1).is_err());
}

#[test]
fn an_empty_table_is_a_table() {
    let nothing = Matrix::new(vec![]).unwrap();
    assert_eq!((nothing.rows(), nothing.width(), nothing.to_rows().len()), (0, 0, 0));
    assert!(Target::numbers(vec![]).unwrap().is_empty());
}
