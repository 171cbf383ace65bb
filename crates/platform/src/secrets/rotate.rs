//! Rotation: what is sealed where, and sealing it anew under the newest key.

use rhiza_kernel::Env;
use rhiza_store::{Db, StoreError};
use uuid::Uuid;

use super::sealer::Sealer;
use super::{SecretsError, system};

/// A column that holds sealed values. Each slice declares its own, so that rotation reaches all of them.
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

/// What a rotation did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Values that were sealed anew.
    pub resealed: u64,
    /// Values that no key opens, as `table.column: how many`. They were left as they are.
    pub unreadable: Vec<String>,
    /// Ids of keys under which nothing is sealed any more; they may be removed from the settings.
    pub retired: Vec<String>,
}

/// Rows that are sealed anew in one transaction: few enough that nobody waits for it.
pub(super) const BATCH: usize = 100;

/// Seals every value of `columns` that an older key sealed under the current one, in batches, while servers go on
/// working. Broken off, it goes on where it stopped: what is done no longer looks old.
///
/// # Errors
/// Database failures. Values that cannot be opened are counted, not errors, and keep their key from being retired.
pub async fn rotate(db: &Db, sealer: &Sealer, columns: &[SealedColumn], env: &Env) -> Result<Rotation, SecretsError> {
    system::check_keys(db, sealer, env).await?;
    let mut rotation = Rotation::default();
    for column in columns {
        let mut after: Option<Vec<KeyValue>> = None;
        let mut unreadable = 0_u64;
        loop {
            let batch = system::reseal(db, sealer, column, after.as_deref()).await?;
            rotation.resealed += batch.resealed;
            unreadable += batch.unreadable;
            match batch.last {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        if unreadable > 0 {
            rotation.unreadable.push(format!("{}.{}: {unreadable}", column.table, column.column));
        }
    }
    if rotation.unreadable.is_empty() {
        rotation.retired = retire(db, sealer, columns).await?;
    }
    Ok(rotation)
}

/// Forgets the keys under which nothing is sealed. A server that still seals under an old key while this runs leaves
/// values behind; then nothing is forgotten until the next rotation.
async fn retire(db: &Db, sealer: &Sealer, columns: &[SealedColumn]) -> Result<Vec<String>, StoreError> {
    for column in columns {
        if system::old_values(db, sealer, column).await? > 0 {
            return Ok(Vec::new());
        }
    }
    system::forget_other_keys(db, sealer).await
}
