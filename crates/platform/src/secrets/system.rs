//! The SQL of master keys: which are in use, and sealing anew what the others sealed.

use rhiza_kernel::Env;
use rhiza_store::{Conflict, Db, FromQueryResult, QueryResult, StoreError, Tx, Value, binds, in_list, sea_orm};

use super::SecretsError;
use super::keys::{KeyId, MasterKey};
use super::rotate::{KeyKind, KeyValue, SealedColumn};
use super::sealer::{self, Sealer};

#[derive(FromQueryResult)]
struct Row {
    key_id: Vec<u8>,
    proof: Vec<u8>,
}

/// What the proof of a key holds.
const PROOF: &str = "sealing key";

/// Makes sure that every key under which something of this installation may be sealed is in the ring, and writes down the
/// current one. To be asked before anything is served.
///
/// # Errors
/// [`SecretsError::WrongKey`] names the missing keys by their ids.
pub async fn check_keys(db: &Db, sealer: &Sealer, env: &Env) -> Result<(), SecretsError> {
    let tx = db.system_write().await?;
    let known = rows(&tx).await?;
    let missing: Vec<String> = known.iter().filter_map(|row| missing(row, sealer)).collect();
    if !missing.is_empty() {
        let current = sealer.ring().current().id();
        return Err(SecretsError::WrongKey(format!(
            "the master key is not the one (or not the only one) that this installation's secrets are sealed under: \
             master key {current} is given, and {} not. Put the right key back as secrets.master_key, or, after a change \
             of keys, list the earlier one in secrets.previous_keys",
            match missing.as_slice() {
                [one] => format!("{one} is"),
                many => format!("{} are", many.join(", ")),
            }
        )));
    }
    let current = sealer.ring().current();
    if !known.iter().any(|row| row.key_id == current.id().as_bytes()) {
        note(&tx, current, sealer, env).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn rows(tx: &Tx) -> Result<Vec<Row>, StoreError> {
    tx.fetch_all("SELECT key_id, proof FROM sealing_keys ORDER BY created_at, key_id", Vec::new()).await
}

/// The row's key, if the ring cannot open with it.
fn missing(row: &Row, sealer: &Sealer) -> Option<String> {
    if sealer.open(PROOF, &row.proof).is_ok() { None } else { Some(hex::encode(&row.key_id)) }
}

async fn note(tx: &Tx, key: &MasterKey, sealer: &Sealer, env: &Env) -> Result<(), StoreError> {
    let proof = sealer.seal(PROOF, b"");
    let row: Vec<Value> = binds![key.id().as_bytes().to_vec(), proof, env.now()];
    // Two processes that start together both find it missing.
    tx.insert_many("sealing_keys", &["key_id", "proof", "created_at"], vec![row], Conflict::Ignore).await?;
    Ok(())
}

/// The ids of the keys that are written down as in use.
///
/// # Errors
/// Database failures.
pub async fn keys_in_use(db: &Db) -> Result<Vec<KeyId>, StoreError> {
    let tx = db.system_read().await?;
    let known = rows(&tx).await?;
    tx.rollback().await?;
    known
        .into_iter()
        .map(|row| {
            row.key_id.try_into().map(KeyId).map_err(|_| StoreError::Decode("the id of a sealing key".to_owned()))
        })
        .collect()
}

/// What one step of a rotation did.
pub(super) struct Batch {
    pub(super) resealed: u64,
    pub(super) unreadable: u64,
    /// The key of the last row that was looked at; none when there was no row.
    pub(super) last: Option<Vec<KeyValue>>,
}

/// Seals the next rows of a column anew that are not sealed under the current key, in the order of the table's key.
pub(super) async fn reseal(
    db: &Db,
    sealer: &Sealer,
    column: &SealedColumn,
    after: Option<&[KeyValue]>,
) -> Result<Batch, StoreError> {
    let SealedColumn { table, column: name, .. } = column;
    let keys: Vec<&str> = column.key.iter().map(|(key, _)| *key).collect();
    let mut values: Vec<Value> = binds![sealer::mark(sealer.ring().current()).to_vec()];
    let mut later = String::new();
    if let Some(after) = after {
        later = format!(" AND ({}) > ({})", keys.join(", "), in_list(values.len() + 1, keys.len()));
        values.extend(after.iter().map(bind));
    }
    let tx = db.system_write().await?;
    // Bytes are compared, so that values of keys nobody knows are found too.
    let sql = format!(
        "SELECT {}, {name} AS sealed_value FROM {table}
         WHERE {name} IS NOT NULL AND substr({name}, 1, {}) <> $1{later} ORDER BY {} LIMIT {}{}",
        keys.join(", "),
        sealer::MARK,
        keys.join(", "),
        super::rotate::BATCH,
        tx.dialect().for_update()
    );
    let rows = tx.fetch_rows(&sql, values).await?;
    let mut batch = Batch { resealed: 0, unreadable: 0, last: None };
    for row in rows {
        let key = column.key.iter().map(|(name, kind)| read_key(&row, name, *kind)).collect::<Result<Vec<_>, _>>()?;
        let old: Vec<u8> = row.try_get("", "sealed_value").map_err(|e| StoreError::Decode(e.to_string()))?;
        let purpose = (column.purpose)(&key);
        match sealer.open(&purpose, &old) {
            Ok(plain) => {
                let mut values: Vec<Value> = binds![sealer.seal(&purpose, &plain), old];
                let matches: Vec<String> = keys.iter().enumerate().map(|(i, k)| format!("{k} = ${}", i + 3)).collect();
                values.extend(key.iter().map(bind));
                // Where rows cannot be locked, a value that changed meanwhile is left to its writer.
                let sql = format!("UPDATE {table} SET {name} = $1 WHERE {name} = $2 AND {}", matches.join(" AND "));
                batch.resealed += tx.execute(&sql, values).await?;
            }
            Err(error) => {
                tracing::error!(table, column = name, ?key, %error, "a sealed value cannot be opened");
                batch.unreadable += 1;
            }
        }
        batch.last = Some(key);
    }
    tx.commit().await?;
    Ok(batch)
}

fn bind(key: &KeyValue) -> Value {
    match key {
        KeyValue::Uuid(id) => Value::from(*id),
        KeyValue::Text(text) => Value::from(text.clone()),
        KeyValue::Integer(number) => Value::from(*number),
    }
}

fn read_key(row: &QueryResult, name: &str, kind: KeyKind) -> Result<KeyValue, StoreError> {
    let value = match kind {
        KeyKind::Uuid => row.try_get("", name).map(KeyValue::Uuid),
        KeyKind::Text => row.try_get("", name).map(KeyValue::Text),
        KeyKind::Integer => row.try_get("", name).map(KeyValue::Integer),
    };
    value.map_err(|e| StoreError::Decode(e.to_string()))
}

/// How many values of a column are not sealed under the current key.
pub(super) async fn old_values(db: &Db, sealer: &Sealer, column: &SealedColumn) -> Result<i64, StoreError> {
    let SealedColumn { table, column: name, .. } = column;
    let tx = db.system_read().await?;
    let sql =
        format!("SELECT COUNT(*) FROM {table} WHERE {name} IS NOT NULL AND substr({name}, 1, {}) <> $1", sealer::MARK);
    let count = tx.fetch_scalar(&sql, binds![sealer::mark(sealer.ring().current()).to_vec()]).await?;
    tx.rollback().await?;
    Ok(count.unwrap_or(0))
}

/// Strikes every key but the current one off the table.
pub(super) async fn forget_other_keys(db: &Db, sealer: &Sealer) -> Result<Vec<String>, StoreError> {
    let current = sealer.ring().current().id().as_bytes().to_vec();
    let tx = db.system_write().await?;
    let others = rows(&tx).await?.into_iter().filter(|row| row.key_id != current);
    let others: Vec<String> = others.map(|row| hex::encode(row.key_id)).collect();
    tx.execute("DELETE FROM sealing_keys WHERE key_id <> $1", binds![current]).await?;
    tx.commit().await?;
    Ok(others)
}
