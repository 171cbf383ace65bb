//! Files are what their first bytes say; models say of tables what their own libraries say of them.

use std::collections::BTreeMap;

use rhiza_learn::table::{Column, Limits, Table};

use super::*;
use crate::MlopsError;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn read(name: &str, bytes: &[u8]) -> Result<ReadTable, MlopsError> {
    read_table(name, bytes.to_vec(), &BTreeMap::new(), Limits::default())
}

#[test]
fn tables_are_told_by_their_first_bytes() {
    assert_eq!(read("x.csv", b"a,b\n1,2\n3,4\n").unwrap().format, Format::Csv);
    assert_eq!(read("x.data", b"{\"a\":1}\n{\"a\":2}\n").unwrap().format, Format::JsonLines);
    let diabetes = read("diabetes.csv", &fixture("data/diabetes.csv")).unwrap();
    assert_eq!((diabetes.table.rows(), diabetes.table.columns().len()), (442, 11));
}

#[test]
fn what_is_no_table_is_called_what_it_is() {
    for (name, bytes, word) in [
        ("x.csv", &b"PK\x03\x04rest"[..], "ZIP"),
        ("x.csv.gz", b"\x1f\x8b\x08rest", "gzip"),
        ("x.pdf", b"%PDF-1.7", "PDF"),
        ("x.parquet", b"a,b\n1,2\n", "not what its name says"),
        ("x.parquet", b"PAR1 but no more", "arquet"),
        ("x.jsonl", b"{\"a\":1}\n{\"a\":\n", "line 2"),
        ("x.csv", b"a,b\n1,2\n1,2,3\n", "line 3"),
        ("x.csv", b"", ""),
    ] {
        let error = read(name, bytes).unwrap_err().to_string();
        assert!(error.contains(word), "{name}: {error}");
    }
}

#[test]
fn models_of_other_libraries_take_tables() {
    let model = AnyModel::read(&fixture("learn/import/lightgbm_binary.txt")).unwrap();
    let AnyModel::Trees { trees, .. } = &model else { panic!("trees") };
    let expected: serde_json::Value =
        serde_json::from_slice(&fixture("learn/import/lightgbm_binary.expected.json")).unwrap();
    let rows = expected["rows"].as_array().unwrap();
    let features = &trees.ensemble().features;
    let cell = |row: &serde_json::Value, at: usize| row[at].as_f64().unwrap_or(f64::NAN);
    let column = |at: usize| Column::numeric(features[at].name.clone(), rows.iter().map(|row| cell(row, at)).collect());
    // By name, in whatever order.
    let table = Table::new((0..features.len()).rev().map(column).collect()).unwrap();
    let said = model.predict(&table).unwrap();
    let mut raw = vec![0.0];
    let values: Vec<f64> = (0..features.len()).map(|at| cell(&rows[0], at)).collect();
    trees.predict(&values, &mut raw).unwrap();
    assert_eq!(said.probabilities.unwrap()[0][1].to_bits(), raw[0].to_bits());
    let short = Table::new(vec![Column::numeric("other", vec![1.0])]).unwrap();
    assert!(model.predict(&short).unwrap_err().to_string().contains("columns"));
}

#[test]
fn what_is_no_model_is_refused_and_a_pickle_is_never_opened() {
    for (bytes, word) in [
        (&b"\x80\x04\x95rest of a pickle"[..], "pickle"),
        (b"a,b\n1,2\n", "neither"),
        (b"", "neither"),
        (b"\x89RHZ\r\n\x1a\ncut off", ""),
    ] {
        let error = AnyModel::read(bytes).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
