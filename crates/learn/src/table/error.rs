//! What can be wrong with a table or with the bytes it is read from.

use super::Kind;

/// Why there is no table. Lines and rows are counted from 1; a row is a row of data, the header is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// No byte, or nothing but blank lines.
    #[error("the file is empty")]
    Empty,
    /// The bytes are of another kind of file.
    #[error("this is not {expected}: it looks like {found}")]
    NotWhatItSays {
        /// What was asked for.
        expected: &'static str,
        /// What the first bytes say.
        found: &'static str,
    },
    /// A byte that text does not have.
    #[error("line {line}: this is not text (byte {byte:#04x} at offset {offset})")]
    NotText {
        /// Line, from 1.
        line: u64,
        /// The byte.
        byte: u8,
        /// Where it is, from 0.
        offset: usize,
    },
    /// A row with another number of fields than the first.
    #[error("line {line}: {found} fields where {expected} are expected ({place})")]
    RaggedRow {
        /// Line the row begins on.
        line: u64,
        /// Fields of the first row.
        expected: usize,
        /// Fields of this one.
        found: usize,
        /// The first column that is missing, or what stands in the first field too many.
        place: String,
    },
    /// A quoted field that the end of the file cuts off.
    #[error("line {line}, column {column}: a quote opens here and never closes")]
    OpenQuote {
        /// Line the row begins on.
        line: u64,
        /// Name of the column.
        column: String,
    },
    /// A line of JSON Lines that is not a JSON object.
    #[error("line {line}, column {column}: {fault}")]
    BadJson {
        /// Line, from 1.
        line: u64,
        /// Character within the line, from 1.
        column: usize,
        /// What the parser says.
        fault: String,
    },
    /// A cell that cannot be read as the kind that the caller asked for.
    #[error("column {column}, row {row}: {value:?} is not {kind}")]
    BadCell {
        /// Name of the column.
        column: String,
        /// Row, from 1.
        row: usize,
        /// What stands there (cut to 60 characters).
        value: String,
        /// The kind asked for.
        kind: Kind,
    },
    /// More columns, rows or bytes than the caller allows.
    #[error("{what}: {found} where at most {limit} are allowed")]
    TooLarge {
        /// Of what there is too much.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        limit: u64,
    },
    /// A name that is asked for and not there.
    #[error("there is no column {0:?}")]
    NoColumn(String),
    /// Two columns of one name, given by the caller or by a file with a schema.
    #[error("there are two columns {0:?}")]
    DuplicateColumn(String),
    /// Columns of different lengths.
    #[error("column {column} has {found} values where the table has {expected} rows")]
    Lengths {
        /// Name of the column.
        column: String,
        /// Its length.
        found: usize,
        /// Length of the others.
        expected: usize,
    },
    /// A column of a file with a schema whose type has no place in a table.
    #[error("column {column} is of the type {found}, which a table does not hold")]
    UnsupportedType {
        /// Name of the column.
        column: String,
        /// The type in the file's own words.
        found: String,
    },
    /// A file with a schema (Parquet, Arrow) that its reader refuses.
    #[error("the file is broken: {0}")]
    Broken(String),
}

/// A cell as it is shown in an error: not more than a line of it.
pub(super) fn shown(cell: &str) -> String {
    const SHOWN: usize = 60;
    match cell.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &cell[..at]),
        None => cell.to_owned(),
    }
}
