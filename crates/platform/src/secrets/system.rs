//! The SQL of master keys: which are in use.

use rhiza_kernel::Env;
use rhiza_store::{Conflict, Db, FromQueryResult, StoreError, Tx, Value, binds, sea_orm};

use super::SecretsError;
use super::keys::{KeyId, MasterKey};
use super::sealer::Sealer;

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
