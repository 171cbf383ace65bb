//! Tests of tables.

use super::*;

fn csv(text: &str) -> CsvRead {
    Table::from_csv(text.as_bytes(), &CsvOptions::default()).unwrap()
}

fn refused(text: &[u8]) -> TableError {
    Table::from_csv(text, &CsvOptions::default()).unwrap_err()
}

fn kinds(table: &Table) -> Vec<Kind> {
    table.columns().iter().map(Column::kind).collect()
}

#[test]
fn types_are_inferred_from_all_values() {
    let read = csv("n,b,c,d,z\n1,yes,red,2024-02-29,007\n2.5,no,blue,2024-03-01T10:15:30.5+02:00,010\n,,NA,,\n");
    assert_eq!(
        kinds(&read.table),
        [Kind::Numeric, Kind::Boolean, Kind::Categorical, Kind::Datetime, Kind::Categorical]
    );
    assert_eq!(read.table.rows(), 3);
    assert!(read.table.columns().iter().all(|column| column.is_missing(2)));
    assert_eq!(read.table.column("d").unwrap().display(1).unwrap(), "2024-03-01T08:15:30.500000Z");
    assert_eq!(read.table.column("z").unwrap().display(0).unwrap(), "007");
}

#[test]
fn dialects_are_found_out() {
    for (text, delimiter, decimal_comma, header) in [
        ("a;b\n1,5;2\n2,25;3\n", b';', true, true),
        ("a\tb\n1.5\t2\n", b'\t', false, true),
        ("a|b\n1.5|2\n", b'|', false, true),
        ("1,2\n3,4\n", b',', false, false),
        ("'a','b'\n'x,1','y'\n", b',', false, true),
        ("\u{feff}a,b\r\n1,2\r\n", b',', false, true),
    ] {
        let read = csv(text);
        assert_eq!(read.dialect.delimiter, delimiter, "{text:?}");
        assert_eq!(read.dialect.decimal_comma, decimal_comma, "{text:?}");
        assert_eq!(read.dialect.header, header, "{text:?}");
        assert_eq!(read.table.columns().len(), 2, "{text:?}");
    }
    assert_eq!(csv("1,2\n3,4\n").table.columns()[1].name, "column_2");
    let grouped = csv("a;b\n1.234,5;x\n2.000.000,25;y\n");
    assert_eq!(grouped.table.column("a").unwrap().values, Values::Numeric(vec![1234.5, 2_000_000.25]));
}

#[test]
fn encodings_are_read() {
    let latin = Table::from_csv(b"name,n\nM\xfcller,1\n", &CsvOptions::default()).unwrap();
    assert_eq!(latin.encoding, Encoding::Windows1252);
    assert_eq!(latin.table.columns()[0].display(0).unwrap(), "Müller");
    let mut utf16 = vec![0xff, 0xfe];
    utf16.extend("name\tn\nMüller\t1\n".encode_utf16().flat_map(u16::to_le_bytes));
    let read = Table::from_csv(&utf16, &CsvOptions::default()).unwrap();
    assert_eq!((read.encoding, read.table.columns()[0].display(0).unwrap().as_str()), (Encoding::Utf16, "Müller"));
}

#[test]
fn faults_name_line_and_column() {
    assert_eq!(
        refused(b"a,b,c\n1,2,3\n4,5\n"),
        TableError::RaggedRow { line: 3, expected: 3, found: 2, place: "nothing for column c".to_owned() }
    );
    assert_eq!(
        refused(b"a,b\n\"x\ny\",2\n4,5,6\n"),
        TableError::RaggedRow { line: 4, expected: 2, found: 3, place: "field 3 is \"6\"".to_owned() }
    );
    assert_eq!(refused(b"a,b\n1,2\n3,\"4\n5,6\n"), TableError::OpenQuote { line: 3, column: "b".to_owned() });
    assert_eq!(refused(b"a,b\n1,\"4"), TableError::OpenQuote { line: 2, column: "b".to_owned() });
    assert_eq!(refused(b"a,b\n1,\0\n"), TableError::NotText { line: 2, byte: 0, offset: 6 });
    assert_eq!(refused(b""), TableError::Empty);
    assert_eq!(refused(b"\n \n"), TableError::Empty);
    assert!(matches!(refused(b"PK\x03\x04...."), TableError::NotWhatItSays { expected: "CSV", .. }));
    assert!(matches!(refused(b"\x1f\x8b...."), TableError::NotWhatItSays { .. }));
}

#[test]
fn quotes_that_close_are_fine() {
    assert_eq!(csv("a,b\n1,\"x \"\"y\"\"\"").table.columns()[1].display(0).unwrap(), "x \"y\"");
    assert_eq!(csv("a,b\n1,\"two\nlines\"\n").table.columns()[1].display(0).unwrap(), "two\nlines");
    assert_eq!(csv("a,b\n1,5\" pipe\n").table.columns()[1].display(0).unwrap(), "5\" pipe");
}

#[test]
fn overrides_are_kept_or_refused_by_cell() {
    let kinds = BTreeMap::from([("a".to_owned(), Kind::Numeric), ("b".to_owned(), Kind::Categorical)]);
    let options = CsvOptions { kinds, ..CsvOptions::default() };
    let read = Table::from_csv(b"a,b\n1,1\n2,2\n", &options).unwrap();
    assert_eq!(read.table.columns()[1].kind(), Kind::Categorical);
    let error = Table::from_csv(b"a,b\n1,1\nx,2\n", &options).unwrap_err();
    let expected = TableError::BadCell { column: "a".to_owned(), row: 2, value: "x".to_owned(), kind: Kind::Numeric };
    assert_eq!(error, expected);
    assert_eq!(Table::from_csv(b"c,b\n1,1\n", &options).unwrap_err(), TableError::NoColumn("a".to_owned()));
}

#[test]
fn rare_words_among_numbers_are_missing_and_many_make_strings() {
    let mut text = "n,m\n".to_owned();
    for row in 0..60 {
        let n = if row == 7 { "unknown".to_owned() } else { row.to_string() };
        let m = if row % 3 == 0 { "low".to_owned() } else { row.to_string() };
        text.push_str(&format!("{n},{m}\n"));
    }
    let read = csv(&text);
    assert_eq!(kinds(&read.table), [Kind::Numeric, Kind::Categorical]);
    assert!(read.notes.contains(&Note::WordAmongNumbers { column: "n".into(), word: "unknown".into(), count: 1 }));
    assert!(read.notes.contains(&Note::MixedTypes { column: "m".into(), numbers: 40, words: 20, row: 1 }));
}

#[test]
fn names_become_unique() {
    let read = csv("a,a,,a_2\n1,2,3,4\n");
    let names: Vec<_> = read.table.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["a", "a_3", "column_3", "a_2"]);
}

#[test]
fn few_rows_and_many_columns_are_tables() {
    let none = csv("a,b\n");
    assert_eq!((none.table.rows(), none.table.columns().len()), (0, 2));
    let wide = (0..10_000).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    let text = format!("{wide}\n{}\n", vec!["1"; 10_000].join(","));
    assert_eq!(csv(&text).table.columns().len(), 10_000);
    let limits = Limits { columns: 100, ..Limits::default() };
    let error = Table::from_csv(text.as_bytes(), &CsvOptions { limits, ..CsvOptions::default() }).unwrap_err();
    assert_eq!(error, TableError::TooLarge { what: "columns", found: 10_000, limit: 100 });
}

#[test]
fn infinities_are_numbers() {
    let read = csv("a\ninf\n-Infinity\n1\n");
    assert_eq!(read.table.columns()[0].values, Values::Numeric(vec![f64::INFINITY, f64::NEG_INFINITY, 1.0]));
}

#[test]
fn dates_are_read_in_the_order_that_fits_all() {
    let day_first = csv("d\n01/02/2024\n13/02/2024\n").table;
    assert_eq!(day_first.columns()[0].display(0).unwrap(), "2024-02-01");
    let month_first = csv("d\n01/02/2024\n02/13/2024\n").table;
    assert_eq!(month_first.columns()[0].display(0).unwrap(), "2024-01-02");
    assert_eq!(csv("d\n01.02.2024\n").table.columns()[0].display(0).unwrap(), "2024-02-01");
    assert_eq!(csv("d\n2024-02-30\n").table.columns()[0].kind(), Kind::Categorical);
    let parts = datetime::parts(datetime::parse("2000-02-29T23:59:59Z", datetime::Order::DayFirst).unwrap());
    assert_eq!((parts.year, parts.month, parts.day, parts.weekday, parts.day_of_year), (2000, 2, 29, 1, 60));
    let before = datetime::parts(datetime::parse("1901-12-31", datetime::Order::DayFirst).unwrap());
    assert_eq!((before.year, before.month, before.day, before.weekday, before.day_of_year), (1901, 12, 31, 1, 365));
}

#[test]
fn words_are_text_when_they_are_many() {
    let mut text = "t\n".to_owned();
    (0..100).for_each(|row| text.push_str(&format!("a sentence number {row} of words\n")));
    assert_eq!(csv(&text).table.columns()[0].kind(), Kind::Text);
}

#[test]
fn json_lines_are_read() {
    let (table, _) = Table::from_json_lines(
        b"{\"b\": 1, \"a\": \"x\", \"t\": true}\n\n{\"a\": null, \"b\": 2.5, \"d\": \"2024-01-01\", \"o\": [1]}\n",
        &JsonOptions::default(),
    )
    .unwrap();
    let names: Vec<_> = table.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["b", "a", "t", "d", "o"]);
    assert_eq!(kinds(&table), [Kind::Numeric, Kind::Categorical, Kind::Boolean, Kind::Datetime, Kind::Categorical]);
    assert!(table.column("t").unwrap().is_missing(1));
    assert_eq!(table.column("o").unwrap().display(1).unwrap(), "[1]");
    let bad = |text: &str| Table::from_json_lines(text.as_bytes(), &JsonOptions::default()).unwrap_err();
    assert!(matches!(bad("{\"a\": 1}\n{\"a\": }\n"), TableError::BadJson { line: 2, column: 7, .. }));
    assert!(matches!(bad("[1]\n"), TableError::BadJson { line: 1, .. }));
    assert!(matches!(bad("{\"a\": 1, \"a\": 2}\n"), TableError::BadJson { line: 1, .. }));
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    assert!(matches!(bad(&deep), TableError::BadJson { line: 1, .. }));
}

#[test]
fn columns_are_read_as_other_kinds() {
    let table = csv("n,s,b\n1,2024-01-01,yes\n0,,no\n").table;
    let table = table.with_kind("n", Kind::Boolean).unwrap();
    assert_eq!(table.columns()[0].values, Values::Boolean(vec![Some(true), Some(false)]));
    let table = table.with_kind("n", Kind::Categorical).unwrap().with_kind("s", Kind::Text).unwrap();
    assert_eq!(kinds(&table), [Kind::Categorical, Kind::Text, Kind::Boolean]);
    assert_eq!(table.with_kind("b", Kind::Numeric).unwrap().columns()[2].values, Values::Numeric(vec![1.0, 0.0]));
    assert!(matches!(table.with_kind("s", Kind::Numeric), Err(TableError::BadCell { row: 1, .. })));
    assert!(matches!(table.with_kind("x", Kind::Numeric), Err(TableError::NoColumn(_))));
}

#[test]
fn tables_have_columns_of_one_length_and_different_names() {
    let two =
        |a: &str, b: &str, n: usize| Table::new(vec![Column::numeric(a, vec![1.0]), Column::numeric(b, vec![1.0; n])]);
    assert!(matches!(two("a", "b", 2), Err(TableError::Lengths { .. })));
    assert!(matches!(two("a", "a", 1), Err(TableError::DuplicateColumn(_))));
    let taken = two("a", "b", 1).unwrap().take(&[0, 0]);
    assert_eq!(taken.rows(), 2);
    assert_eq!(taken.without("a").columns().len(), 1);
}

#[cfg(feature = "parquet")]
mod columnar {
    use std::sync::Arc;

    use ::arrow::array::{ArrayRef, BooleanArray, Date32Array, Int64Array, ListArray, RecordBatch, StringArray};
    use ::arrow::datatypes::Int32Type;

    use super::*;

    fn batch() -> RecordBatch {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("i", Arc::new(Int64Array::from(vec![Some(1), None]))),
            ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("d", Arc::new(Date32Array::from(vec![Some(1), None]))),
            ("s", Arc::new(StringArray::from(vec![Some("x"), None]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn parquet(batch: &RecordBatch) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    #[test]
    fn parquet_and_arrow_files_are_read() {
        let batch = batch();
        let from_parquet = Table::from_parquet(parquet(&batch), &Limits::default()).unwrap();
        assert_eq!(kinds(&from_parquet), [Kind::Numeric, Kind::Boolean, Kind::Datetime, Kind::Categorical]);
        assert!(from_parquet.columns().iter().all(|c| !c.is_missing(0) && c.is_missing(1)));
        let mut ipc = Vec::new();
        let mut writer = ::arrow::ipc::writer::FileWriter::try_new(&mut ipc, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        let from_ipc = Table::from_arrow(&ipc, &Limits::default()).unwrap();
        assert_eq!(format!("{from_ipc:?}"), format!("{from_parquet:?}"));
    }

    #[test]
    fn broken_and_too_large_files_are_refused() {
        let mut bytes = parquet(&batch());
        let small = Limits { bytes: 8, ..Limits::default() };
        assert!(matches!(Table::from_parquet(bytes.clone(), &small), Err(TableError::TooLarge { .. })));
        bytes.truncate(bytes.len() / 2);
        assert!(matches!(Table::from_parquet(bytes, &Limits::default()), Err(TableError::Broken(_))));
        let not = Table::from_parquet(b"a,b\n1,2\n".to_vec(), &Limits::default());
        assert!(matches!(not, Err(TableError::NotWhatItSays { expected: "Parquet", .. })));
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]);
        let batch = RecordBatch::try_from_iter([("l", Arc::new(list) as ArrayRef)]).unwrap();
        let unsupported = Table::from_parquet(parquet(&batch), &Limits::default());
        assert!(matches!(unsupported, Err(TableError::UnsupportedType { .. })));
    }
}
