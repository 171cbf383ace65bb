//! Databases and blobs: SQLite and PostgreSQL behind one code path, local disk and S3 behind another.
//!
//! Everything that knows which database it talks to lives in this crate. Slices write SQL that both engines
//! accept (numbered `$1` placeholders, standard syntax) and ask [`Dialect`] for the few fragments that differ.
//! A transaction is the only handle to a database, and a tenant scope the only way to get one.

mod blobs;
mod db;
mod dialect;
mod error;
mod listen;
mod migrate;
mod options;
mod postgres;
mod schema;
mod sqlite;
mod tx;

pub use blobs::{BlobEntry, BlobError, BlobOptions, BlobRead, Blobs, MultipartPart, S3Options, StoredBlob};
pub use db::{Db, Isolation};
pub use dialect::Dialect;
pub use error::StoreError;
pub use listen::Listener;
pub use migrate::{Migration, MigrationReport, MigrationSet};
pub use options::{DbOptions, DbUrl};
pub use schema::{ColumnInfo, TableInfo};
pub use sea_orm;
pub use sea_orm::{FromQueryResult, QueryResult, Value};
pub use tx::{Conflict, Tx, in_list};

/// The bind values of a statement, in the order of its placeholders.
///
/// ```
/// use rhiza_store::{Value, binds};
/// let values: Vec<Value> = binds![1_i64, "name", Option::<i64>::None];
/// assert_eq!(values.len(), 3);
/// ```
#[macro_export]
macro_rules! binds {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::Value::from($value)),*]
    };
}
