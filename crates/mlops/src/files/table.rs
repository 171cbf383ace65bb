//! Tables as files: what kind of file it is, told by its first bytes and only then by its name.

use std::collections::BTreeMap;

use rhiza_learn::table::{CsvOptions, Dialect, JsonOptions, Kind, Limits, Note, Table};

use crate::MlopsError;

/// Kinds of files that hold tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Separated values; separator, quotes, header and decimal sign are found out.
    Csv,
    /// An object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC: a file or a stream.
    Arrow,
}

/// First bytes of files that are no tables, and what they are.
const OTHERS: [(&[u8], &str); 9] = [
    (b"PK\x03\x04", "a ZIP archive (or a workbook, which is one); unpack it or save it as CSV"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive; unpack it first"),
    (b"BZh", "a bzip2 archive; unpack it first"),
    (b"\xfd7zXZ\x00", "an xz archive; unpack it first"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\x7fELF", "a program"),
    (b"\xd0\xcf\x11\xe0", "an old office document; save it as CSV"),
];

impl Format {
    /// The format of a file by its first bytes, and by its name where those are plain text.
    ///
    /// # Errors
    /// [`MlopsError::NoTable`] says what the file is instead.
    pub fn of(name: &str, bytes: &[u8]) -> Result<Self, MlopsError> {
        if bytes.starts_with(b"PAR1") {
            return Ok(Self::Parquet);
        }
        if bytes.starts_with(b"ARROW1") || bytes.starts_with(&[0xff, 0xff, 0xff, 0xff]) {
            return Ok(Self::Arrow);
        }
        if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Err(MlopsError::NoTable(format!("{name} is {what}")));
        }
        let lower = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
        if ends(&[".parquet", ".arrow", ".feather"]) {
            return Err(MlopsError::NoTable(format!("{name} is not what its name says: its first bytes are others")));
        }
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xef | 0xbb | 0xbf));
        if ends(&[".jsonl", ".ndjson", ".json"]) || first == Some(&b'{') {
            return Ok(Self::JsonLines);
        }
        Ok(Self::Csv)
    }
}

/// A table and what reading it left to say.
#[derive(Debug, Clone)]
pub struct ReadTable {
    /// The table.
    pub table: Table,
    /// What kind of file it was.
    pub format: Format,
    /// How the file is written, of CSV.
    pub dialect: Option<Dialect>,
    /// What there is to say.
    pub notes: Vec<Note>,
}

/// Reads the table in `bytes`, the content of the file `name`. `kinds`: how columns are to be read instead of how it looks.
///
/// # Errors
/// [`MlopsError::NoTable`], or [`MlopsError::Table`] with line and column.
pub fn read_table(
    name: &str,
    bytes: Vec<u8>,
    kinds: &BTreeMap<String, Kind>,
    limits: Limits,
) -> Result<ReadTable, MlopsError> {
    let format = Format::of(name, &bytes)?;
    let (table, dialect, notes) = match format {
        Format::Csv => {
            let options = CsvOptions { kinds: kinds.clone(), limits, ..CsvOptions::default() };
            let read = Table::from_csv(&bytes, &options)?;
            (read.table, Some(read.dialect), read.notes)
        }
        Format::JsonLines => {
            let (table, notes) = Table::from_json_lines(&bytes, &JsonOptions { kinds: kinds.clone(), limits })?;
            (table, None, notes)
        }
        Format::Parquet => (with_kinds(Table::from_parquet(bytes, &limits)?, kinds)?, None, Vec::new()),
        Format::Arrow => (with_kinds(Table::from_arrow(&bytes, &limits)?, kinds)?, None, Vec::new()),
    };
    Ok(ReadTable { table, format, dialect, notes })
}

fn with_kinds(table: Table, kinds: &BTreeMap<String, Kind>) -> Result<Table, MlopsError> {
    kinds.iter().try_fold(table, |table, (name, kind)| Ok(table.with_kind(name, *kind)?))
}
