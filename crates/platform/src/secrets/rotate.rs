//! What is sealed where: each slice declares its sealed columns, so that rotation reaches all of them.

use uuid::Uuid;

/// A column that holds sealed values.
#[derive(Debug, Clone, Copy)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// The columns of its primary key.
    pub key: &'static [(&'static str, KeyKind)],
    /// The column; its type is {bytes}, and it may be null.
    pub column: &'static str,
    /// The purpose under which a row's value is sealed, from the row's key.
    pub purpose: fn(&[KeyValue]) -> String,
}

/// The type of a key's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// {uuid}
    Uuid,
    /// {text}
    Text,
    /// BIGINT
    Integer,
}

/// A row's value in a column of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyValue {
    /// Of a {uuid}.
    Uuid(Uuid),
    /// Of a {text}.
    Text(String),
    /// Of a BIGINT.
    Integer(i64),
}
