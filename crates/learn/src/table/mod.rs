//! Typed tables: columns of numbers, truths, categories, points in time and text, read from CSV, JSON Lines and (with the
//! feature `parquet`) Parquet and Arrow IPC.
//!
//! Types are inferred from all values of a column and can be overridden by the caller. Missing is missing: an empty cell, and
//! the words that statistics packages write for it (`NA`, `NaN`, `null`, `None`, `?` …). Infinities are numbers here;
//! [`crate::prepare`] says what models see of them.
//!
//! ```
//! use rhiza_learn::table::{CsvOptions, Kind, Table};
//!
//! let read = Table::from_csv(b"city;price;seen\nUlm;1,5;2024-03-01\nBonn;2,25;2024-03-02\n", &CsvOptions::default())?;
//! assert!(read.dialect.decimal_comma);
//! assert_eq!(read.table.column("price")?.kind(), Kind::Numeric);
//! assert_eq!(read.table.column("seen")?.kind(), Kind::Datetime);
//! # Ok::<(), rhiza_learn::table::TableError>(())
//! ```

#[cfg(feature = "parquet")]
mod arrow;
pub(crate) mod cells;
mod convert;
mod csv;
pub(crate) mod datetime;
mod error;
mod jsonl;
mod sniff;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::csv::CsvRead;
pub use self::error::TableError;
pub use self::jsonl::JsonOptions;
pub use self::sniff::{Dialect, Encoding};

/// The code of a missing category or text.
pub const MISSING: u32 = u32::MAX;
/// The value of a missing point in time.
pub const NO_TIME: i64 = i64::MIN;

/// How the values of a column are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Numbers with an order and a distance.
    Numeric,
    /// True or false.
    Boolean,
    /// One of a set of names.
    Categorical,
    /// A point in time.
    Datetime,
    /// Words.
    Text,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Numeric => "numeric",
            Self::Boolean => "boolean",
            Self::Categorical => "categorical",
            Self::Datetime => "datetime",
            Self::Text => "text",
        })
    }
}

/// Strings kept once each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dictionary {
    /// The different strings, in the order of first appearance.
    pub levels: Arc<[String]>,
    /// Per row the number of its string, or [`MISSING`].
    pub codes: Vec<u32>,
}

impl Dictionary {
    /// Each string kept once.
    pub fn new<'a>(cells: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut interner = cells::Interner::default();
        cells.into_iter().for_each(|cell| interner.push(cell));
        interner.finish()
    }

    /// The string of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        self.codes.get(row).and_then(|code| self.levels.get(*code as usize)).map(String::as_str)
    }

    fn take(&self, rows: &[usize]) -> Self {
        Self { levels: Arc::clone(&self.levels), codes: rows.iter().map(|row| self.codes[*row]).collect() }
    }
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers; NaN is missing, infinities are possible.
    Numeric(Vec<f64>),
    /// Truths.
    Boolean(Vec<Option<bool>>),
    /// Categories.
    Categorical(Dictionary),
    /// Microseconds since 1970-01-01T00:00:00Z; [`NO_TIME`] is missing.
    Datetime(Vec<i64>),
    /// Texts.
    Text(Dictionary),
}

impl Values {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numeric(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Datetime(values) => values.len(),
            Self::Categorical(strings) | Self::Text(strings) => strings.codes.len(),
        }
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A named column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name, unique in a table.
    pub name: String,
    /// Its values.
    pub values: Values,
}

impl Column {
    /// A column of numbers.
    pub fn numeric(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self { name: name.into(), values: Values::Numeric(values) }
    }

    /// A column of categories.
    pub fn categorical<'a>(name: impl Into<String>, cells: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        Self { name: name.into(), values: Values::Categorical(Dictionary::new(cells)) }
    }

    /// How its values are read.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.values {
            Values::Numeric(_) => Kind::Numeric,
            Values::Boolean(_) => Kind::Boolean,
            Values::Categorical(_) => Kind::Categorical,
            Values::Datetime(_) => Kind::Datetime,
            Values::Text(_) => Kind::Text,
        }
    }

    /// Whether there is no value in a row (rows past the end have none).
    #[must_use]
    pub fn is_missing(&self, row: usize) -> bool {
        match &self.values {
            Values::Numeric(values) => values.get(row).is_none_or(|v| v.is_nan()),
            Values::Boolean(values) => values.get(row).is_none_or(Option::is_none),
            Values::Datetime(values) => values.get(row).is_none_or(|v| *v == NO_TIME),
            Values::Categorical(strings) | Values::Text(strings) => {
                strings.codes.get(row).is_none_or(|c| *c == MISSING)
            }
        }
    }

    /// The value of a row as text; `None` is missing.
    #[must_use]
    pub fn display(&self, row: usize) -> Option<String> {
        if self.is_missing(row) {
            return None;
        }
        match &self.values {
            Values::Numeric(values) => values.get(row).map(ToString::to_string),
            Values::Boolean(values) => values.get(row).copied().flatten().map(|value| value.to_string()),
            Values::Datetime(values) => values.get(row).map(|value| datetime::display(*value)),
            Values::Categorical(strings) | Values::Text(strings) => strings.get(row).map(str::to_owned),
        }
    }

    fn take(&self, rows: &[usize]) -> Self {
        let values = match &self.values {
            Values::Numeric(values) => Values::Numeric(rows.iter().map(|row| values[*row]).collect()),
            Values::Boolean(values) => Values::Boolean(rows.iter().map(|row| values[*row]).collect()),
            Values::Datetime(values) => Values::Datetime(rows.iter().map(|row| values[*row]).collect()),
            Values::Categorical(strings) => Values::Categorical(strings.take(rows)),
            Values::Text(strings) => Values::Text(strings.take(rows)),
        };
        Self { name: self.name.clone(), values }
    }
}

/// Columns of one length with different names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: usize,
}

/// What reading a file left to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// A name stood twice (or was empty); the column has another one now.
    Renamed {
        /// The name in the file.
        from: String,
        /// The name in the table.
        to: String,
    },
    /// A rare word in a column of numbers, taken for "missing".
    WordAmongNumbers {
        /// Name of the column.
        column: String,
        /// The word.
        word: String,
        /// Cells that hold it.
        count: usize,
    },
    /// Numbers and words in one column: it is read as categories or text.
    MixedTypes {
        /// Name of the column.
        column: String,
        /// Cells that are numbers.
        numbers: usize,
        /// Cells that are not.
        words: usize,
        /// The first row of the rarer sort, from 1.
        row: usize,
    },
    /// The bytes are no UTF-8: read as Windows-1252.
    NotUtf8,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renamed { from, to } => {
                write!(f, "column {from:?} is called {to:?}: a name stands once, and is not empty")
            }
            Self::WordAmongNumbers { column, word, count } => {
                write!(f, "column {column:?}: {word:?} among numbers ({count} times) is taken for missing")
            }
            Self::MixedTypes { column, numbers, words, row } => write!(
                f,
                "column {column:?} holds {numbers} numbers and {words} words (the rarer sort first in row {row}); it is read as words"
            ),
            Self::NotUtf8 => f.write_str("the file is not UTF-8; it is read as Windows-1252"),
        }
    }
}

/// What is too large to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// Bytes of values once unpacked; what keeps a small compressed file from filling the memory.
    pub bytes: u64,
}

impl Default for Limits {
    /// 20,000 columns, 100 million rows, 8 GiB.
    fn default() -> Self {
        Self { columns: 20_000, rows: 100_000_000, bytes: 8 << 30 }
    }
}

/// How CSV is to be read; what is `None` is found out from the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// Byte between fields.
    pub delimiter: Option<u8>,
    /// Byte around fields.
    pub quote: Option<u8>,
    /// The first row holds names.
    pub header: Option<bool>,
    /// Numbers are written `3,14`.
    pub decimal_comma: Option<bool>,
    /// Kinds of columns, by name, instead of the inferred ones.
    pub kinds: BTreeMap<String, Kind>,
    /// What is too large.
    pub limits: Limits,
}

impl Table {
    /// A table of these columns.
    ///
    /// # Errors
    /// [`TableError::Lengths`] and [`TableError::DuplicateColumn`].
    pub fn new(columns: Vec<Column>) -> Result<Self, TableError> {
        let rows = columns.first().map_or(0, |column| column.values.len());
        let mut names = std::collections::HashSet::new();
        for column in &columns {
            if column.values.len() != rows {
                return Err(TableError::Lengths {
                    column: column.name.clone(),
                    found: column.values.len(),
                    expected: rows,
                });
            }
            if !names.insert(column.name.as_str()) {
                return Err(TableError::DuplicateColumn(column.name.clone()));
            }
        }
        Ok(Self { columns, rows })
    }

    /// Reads CSV: encoding, delimiter, quote, header and decimal sign are found out where `options` leave them open.
    ///
    /// # Errors
    /// [`TableError`] says what is wrong, with line and column.
    pub fn from_csv(bytes: &[u8], options: &CsvOptions) -> Result<CsvRead, TableError> {
        csv::read(bytes, options)
    }

    /// Reads JSON Lines: an object a line; keys are columns in the order of first appearance; a key that a line lacks is
    /// missing there; arrays and objects inside are kept as their JSON text. Strings are read as CSV's cells are.
    ///
    /// # Errors
    /// [`TableError`] says what is wrong, with line and column.
    pub fn from_json_lines(bytes: &[u8], options: &JsonOptions) -> Result<(Self, Vec<Note>), TableError> {
        jsonl::read(bytes, options)
    }

    /// Reads a Parquet file.
    ///
    /// # Errors
    /// [`TableError`] says what is wrong.
    #[cfg(feature = "parquet")]
    pub fn from_parquet(bytes: Vec<u8>, limits: &Limits) -> Result<Self, TableError> {
        arrow::read_parquet(bytes, limits)
    }

    /// Reads an Arrow IPC file or stream.
    ///
    /// # Errors
    /// [`TableError`] says what is wrong.
    #[cfg(feature = "parquet")]
    pub fn from_arrow(bytes: &[u8], limits: &Limits) -> Result<Self, TableError> {
        arrow::read_ipc(bytes, limits)
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of this name.
    ///
    /// # Errors
    /// [`TableError::NoColumn`].
    pub fn column(&self, name: &str) -> Result<&Column, TableError> {
        self.columns.iter().find(|c| c.name == name).ok_or_else(|| TableError::NoColumn(name.to_owned()))
    }

    /// The rows of these numbers, in their order. Numbers must be below [`Table::rows`].
    ///
    /// # Panics
    /// If a number is not.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        Self { columns: self.columns.iter().map(|column| column.take(rows)).collect(), rows: rows.len() }
    }

    /// The table without a column (unchanged if there is none of this name).
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        Self { columns: self.columns.iter().filter(|c| c.name != name).cloned().collect(), rows: self.rows }
    }

    /// The same values read as another kind: numbers as categories by their text, two numbers or words as truths, strings as
    /// numbers or dates, and so on.
    ///
    /// # Errors
    /// [`TableError::NoColumn`]; [`TableError::BadCell`] names the first value that is not of that kind.
    pub fn with_kind(&self, name: &str, kind: Kind) -> Result<Self, TableError> {
        let converted = convert::convert(self.column(name)?, kind)?;
        let columns = self.columns.iter().map(|c| if c.name == name { converted.clone() } else { c.clone() });
        Ok(Self { columns: columns.collect(), rows: self.rows })
    }
}
