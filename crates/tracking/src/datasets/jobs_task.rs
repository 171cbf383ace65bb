//! Reading a file into a table and looking at it: what the child process does.

use std::io::ErrorKind;
use std::path::Path;

use rhiza_learn::profile::{ProfileOptions, profile};
use rhiza_learn::table::{CsvOptions, CsvRead, Encoding, JsonOptions, Limits, Note, Table, TableError};
use rhiza_platform::child::{ChildLimits, Speak, Task, TaskError, Workplace};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model::{Format, Types};
use super::wire::{CsvDialect, DatasetColumn, DatasetPreview, DatasetProfile, DatasetSchema, shown};

/// Reads a table and tells its columns, profile and first rows.
pub struct ReadTable;

/// What the task is given.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TableOrder {
    /// The file, in the folder of the work.
    pub(super) file: String,
    /// How it is written; found out when absent.
    pub(super) format: Option<Format>,
    /// Types that people chose.
    pub(super) types: Types,
    /// The column to be predicted.
    pub(super) target: Option<String>,
}

/// What the task does at the moment.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    Parsing,
    Profiling,
}

/// What the task found.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reading {
    pub(super) format: Format,
    pub(super) rows: i64,
    pub(super) schema: DatasetSchema,
    pub(super) profile: DatasetProfile,
    pub(super) preview: DatasetPreview,
}

/// Rows that are shown as the first ones.
const PREVIEW_ROWS: usize = 100;
/// Cells that are shown at most, so that wide tables stay readable.
const PREVIEW_CELLS: usize = 100_000;

impl Task for ReadTable {
    fn name(&self) -> &'static str {
        "tracking.read_table"
    }

    fn run(&self, input: Value, place: &Workplace, say: &mut Speak<'_>) -> Result<Value, TaskError> {
        let order: TableOrder = serde_json::from_value(input).map_err(|e| TaskError::Failed(e.to_string()))?;
        say.say(&Stage::Parsing)?;
        let bytes = bytes(&place.folder.join(&order.file), &place.limits)?;
        let format = order.format.unwrap_or_else(|| Format::of(&bytes));
        let read = read(bytes, format, &order.types, &place.limits).map_err(refused)?;
        if let Some(column) = read.table.columns().iter().find(|column| column.name.contains('\0')) {
            return Err(TaskError::Refused(format!("column {:?}: a name cannot hold a zero character", column.name)));
        }
        say.say(&Stage::Profiling)?;
        let options = ProfileOptions { target: order.target, ..ProfileOptions::default() };
        let profile = profile(&read.table, &options).map_err(refused)?;
        let reading = Reading {
            format,
            rows: i64::try_from(read.table.rows()).unwrap_or(i64::MAX),
            preview: preview(&read.table),
            schema: schema(read, &order.types),
            profile: profile.into(),
        };
        serde_json::to_value(reading).map_err(|e| TaskError::Failed(e.to_string()))
    }
}

fn refused(fault: TableError) -> TaskError {
    TaskError::Refused(fault.to_string())
}

fn bytes(file: &Path, limits: &ChildLimits) -> Result<Vec<u8>, TaskError> {
    std::fs::read(file).map_err(|error| match error.kind() {
        ErrorKind::OutOfMemory => {
            TaskError::Refused(format!("the file does not fit into {} MiB of memory", limits.memory >> 20))
        }
        _ => TaskError::Failed(format!("the file cannot be read: {error}")),
    })
}

/// The table in a file of the folder, read as it was when its version was made.
///
/// # Errors
/// [`TaskError`]: a file that does not fit into the memory allowed, or is not what it is said to be.
pub fn read_file(place: &Workplace, file: &str, format: Option<Format>, types: &Types) -> Result<Table, TaskError> {
    let bytes = bytes(&place.folder.join(file), &place.limits)?;
    let format = format.unwrap_or_else(|| Format::of(&bytes));
    Ok(read(bytes, format, types, &place.limits).map_err(refused)?.table)
}

/// A table with what reading it left to say.
struct Read {
    table: Table,
    dialect: Option<CsvDialect>,
    notes: Vec<Note>,
}

fn read(bytes: Vec<u8>, format: Format, types: &Types, limits: &ChildLimits) -> Result<Read, TableError> {
    // Values and what is made of them share the memory.
    let limits = Limits { bytes: limits.memory / 2, ..Limits::default() };
    let of_file = |table| Read { table, dialect: None, notes: Vec::new() };
    match format {
        Format::Csv => {
            let options = CsvOptions { kinds: types.clone(), limits, ..CsvOptions::default() };
            let read = Table::from_csv(&bytes, &options)?;
            Ok(Read { dialect: Some(dialect(&read)), table: read.table, notes: read.notes })
        }
        Format::Jsonl => {
            let (table, notes) = Table::from_json_lines(&bytes, &JsonOptions { kinds: types.clone(), limits })?;
            Ok(Read { table, dialect: None, notes })
        }
        Format::Parquet => Ok(of_file(typed(Table::from_parquet(bytes, &limits)?, types)?)),
        Format::Arrow => Ok(of_file(typed(Table::from_arrow(&bytes, &limits)?, types)?)),
    }
}

fn typed(table: Table, types: &Types) -> Result<Table, TableError> {
    types.iter().try_fold(table, |table, (name, kind)| table.with_kind(name, *kind))
}

fn dialect(read: &CsvRead) -> CsvDialect {
    CsvDialect {
        delimiter: char::from(read.dialect.delimiter).to_string(),
        quote: char::from(read.dialect.quote).to_string(),
        header: read.dialect.header,
        decimal_comma: read.dialect.decimal_comma,
        encoding: match read.encoding {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf16 => "utf-16",
            Encoding::Windows1252 => "windows-1252",
        }
        .to_owned(),
    }
}

fn schema(read: Read, types: &Types) -> DatasetSchema {
    let columns = read.table.columns().iter().map(|column| DatasetColumn {
        name: column.name.clone(),
        kind: column.kind().into(),
        chosen: types.contains_key(&column.name),
    });
    DatasetSchema {
        columns: columns.collect(),
        dialect: read.dialect,
        notes: read.notes.iter().map(|note| shown(&said(note))).collect(),
    }
}

fn said(note: &Note) -> String {
    match note {
        Note::Renamed { from, to } if from.is_empty() => format!("a column without a name is called {to:?}"),
        Note::Renamed { from, to } => format!("a second column {from:?} is called {to:?}"),
        Note::WordAmongNumbers { column, word, count } => {
            format!("column {column:?}: {word:?} stands among numbers {count} times and is taken for missing")
        }
        Note::MixedTypes { column, numbers, words, row } => format!(
            "column {column:?}: {numbers} numbers and {words} words, the rarer sort first in row {row}; all are read as words"
        ),
        Note::NotUtf8 => "the text is not UTF-8; it is read as Windows-1252".to_owned(),
    }
}

fn preview(table: &Table) -> DatasetPreview {
    let columns = table.columns();
    let rows = table.rows().min(PREVIEW_ROWS).min((PREVIEW_CELLS / columns.len().max(1)).max(1));
    let row = |row| columns.iter().map(|column| column.display(row).as_deref().map(shown)).collect();
    DatasetPreview {
        columns: columns.iter().map(|column| column.name.clone()).collect(),
        rows: (0..rows).map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use rhiza_learn::table::Kind;

    const LIMITS: ChildLimits =
        ChildLimits { memory: 1 << 30, processor: Duration::from_secs(10), file: 0, open_files: 16, threads: 1 };

    fn columns(bytes: &[u8], format: Format, types: &[(&str, Kind)]) -> Result<Vec<(String, Kind)>, String> {
        let types = types.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        let read = read(bytes.to_vec(), format, &types, &LIMITS).map_err(|e| e.to_string())?;
        Ok(read.table.columns().iter().map(|column| (column.name.clone(), column.kind())).collect())
    }

    #[test]
    fn chosen_types_hold_in_every_format() {
        let chosen = [("code", Kind::Categorical)];
        for (bytes, format) in
            [(&b"code,x\n1,2\n3,4\n"[..], Format::Csv), (b"{\"code\":1,\"x\":2}\n{\"code\":3}\n", Format::Jsonl)]
        {
            let found = columns(bytes, format, &chosen).unwrap();
            assert_eq!(found, [("code".to_owned(), Kind::Categorical), ("x".to_owned(), Kind::Numeric)], "{format:?}");
        }
        let table = Table::new(vec![rhiza_learn::table::Column::numeric("code", vec![1.0, 2.0])]).unwrap();
        let types = [("code".to_owned(), Kind::Categorical)].into();
        assert_eq!(typed(table, &types).unwrap().columns()[0].kind(), Kind::Categorical);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let says = |bytes: &[u8], format| columns(bytes, format, &[]).unwrap_err();
        assert!(says(b"a,b\n1,2\n3\n", Format::Csv).starts_with("line 3: 1 fields where 2 are expected"));
        assert!(says(b"{\"a\":1}\n{\"a\":}\n", Format::Jsonl).starts_with("line 2, column 6:"));
        assert!(says(b"a,b\n1,2\n", Format::Parquet).starts_with("this is not Parquet"));
        assert!(says(b"PK\x03\x04", Format::Csv).contains("ZIP archive"));
        let wrong = columns(b"a\n1\nx\n", Format::Csv, &[("a", Kind::Numeric)]).unwrap_err();
        assert_eq!(wrong, "column a, row 2: \"x\" is not numeric");
    }

    #[test]
    fn the_first_rows_are_shown_shortly() {
        let long = "ü".repeat(300);
        let csv = format!("a,b\n{long},\n");
        let read = read(csv.into_bytes(), Format::Csv, &Types::new(), &LIMITS).unwrap();
        let preview = preview(&read.table);
        assert_eq!(preview.rows[0][0].as_ref().unwrap().chars().count(), 201);
        assert_eq!(preview.rows[0][1], None);
    }
}
