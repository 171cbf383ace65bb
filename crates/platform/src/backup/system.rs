//! Writing tables out and reading them in, across organisations. Values travel in a neutral form; the column they are
//! put into decides what they become, so a backup of one engine restores into the other.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use futures::StreamExt as _;
use rhiza_kernel::{BlobId, Env};
use rhiza_store::{
    Blobs, ColumnInfo, Conflict, Db, FromQueryResult, MigrationSet, QueryResult, StoreError, TableInfo, Tx, Value,
    in_list, sea_orm,
};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use uuid::Uuid;

use super::files::{self, Writer, io};
use super::model::{BackupError, BlobReferences, FORMAT, Manifest, TableEntry};

/// The migration ledger is compared, not copied.
const LEDGER: &str = "rhiza_migrations";

/// Rows read or written at a time.
const CHUNK: usize = 2000;

/// Writes a backup into `folder`, which must be empty: one consistent snapshot of the database, and the blobs it refers
/// to. The server may go on working. `sets` are the migrations of this binary, in order.
///
/// # Errors
/// When something cannot be read or written; then there is no manifest, and the folder is no backup.
pub async fn create(
    db: &Db,
    blobs: &Blobs,
    references: &dyn BlobReferences,
    sets: &[MigrationSet],
    folder: &Path,
    env: &Env,
) -> Result<Manifest, BackupError> {
    files::prepare(folder).await?;
    let tables = in_order(db.tables().await?, sets);
    let tx = db.system_read().await?;
    let created_at = env.now();
    let migrations = ledger(&tx).await?;
    let mut entries = Vec::with_capacity(tables.len());
    for table in &tables {
        entries.push(dump(&tx, table, folder).await?);
    }
    let ids = references.referenced(&tx).await?;
    tx.rollback().await?;
    let mut copied = Vec::with_capacity(ids.len());
    for id in ids {
        let mut read = blobs.get(id, None).await?;
        let mut writer = Writer::create(folder, format!("blobs/{id}")).await?;
        while let Some(chunk) = read.stream.next().await {
            writer.write(&chunk?).await?;
        }
        copied.push(writer.finish().await?);
    }
    let manifest = Manifest { format: FORMAT, created_at, migrations, tables: entries, blobs: copied };
    files::seal(folder, &manifest).await?;
    Ok(manifest)
}

/// Restores the backup in `folder` into a migrated but empty database and empty blobs. All files are checked first; the
/// database is written in one transaction, after the blobs.
///
/// # Errors
/// When the backup is damaged, the schema is another one, or the place is not empty.
pub async fn restore(db: &Db, blobs: &Blobs, sets: &[MigrationSet], folder: &Path) -> Result<Manifest, BackupError> {
    let manifest = files::verify(folder).await?;
    let tables = in_order(db.tables().await?, sets);
    let tx = db.system_write().await?;
    if ledger(&tx).await? != manifest.migrations {
        return Err(BackupError::Unfit(
            "the backup was made with another schema: restore it with the version that made it, then upgrade"
                .to_owned(),
        ));
    }
    let seeded = named_after("INSERT INTO ", sets);
    for table in &tables {
        // Rows that migrations put there give way to those of the backup.
        if seeded.contains(&table.name.as_str()) {
            tx.execute(&format!("DELETE FROM {}", table.name), Vec::new()).await?;
            continue;
        }
        if tx.fetch_scalar::<i32>(&format!("SELECT 1 FROM {} LIMIT 1", table.name), Vec::new()).await?.is_some() {
            return Err(BackupError::Unfit(format!("the database is not empty: {} has rows", table.name)));
        }
    }
    if blobs.list().next().await.transpose()?.is_some() {
        return Err(BackupError::Unfit("the blob storage is not empty".to_owned()));
    }
    for entry in &manifest.blobs {
        let id: BlobId = entry
            .path
            .strip_prefix("blobs/")
            .and_then(|name| name.parse().ok())
            .ok_or_else(|| BackupError::Unfit(format!("{} is not the name of a blob", entry.path)))?;
        let path = folder.join(&entry.path);
        let file = tokio::fs::File::open(&path).await.map_err(io(&path))?;
        blobs.put(id, tokio_util::io::ReaderStream::new(file), None).await?;
    }
    for entry in &manifest.tables {
        let table = tables
            .iter()
            .find(|table| table.name == entry.name)
            .ok_or_else(|| BackupError::Unfit(format!("there is no table {} here", entry.name)))?;
        load(&tx, table, entry, folder).await?;
    }
    tx.commit().await?;
    db.restart_identities().await?;
    Ok(manifest)
}

#[derive(FromQueryResult)]
struct Applied {
    slice: String,
    version: i64,
    checksum: String,
}

async fn ledger(tx: &Tx) -> Result<BTreeMap<String, String>, StoreError> {
    let rows: Vec<Applied> =
        tx.fetch_all(&format!("SELECT slice, version, checksum FROM {LEDGER}"), Vec::new()).await?;
    Ok(rows.into_iter().map(|row| (format!("{}/{}", row.slice, row.version), row.checksum)).collect())
}

/// The tables that follow these words in the migrations, in order.
fn named_after(words: &'static str, sets: &[MigrationSet]) -> Vec<&'static str> {
    sets.iter()
        .flat_map(|set| set.migrations)
        .flat_map(|migration| migration.sql.split(words).skip(1))
        .filter_map(|rest| rest.trim_start_matches("IF NOT EXISTS ").split([' ', '(', '\n']).next())
        .collect()
}

/// The tables in the order in which migrations create them: what a foreign key refers to comes before it.
fn in_order(mut tables: Vec<TableInfo>, sets: &[MigrationSet]) -> Vec<TableInfo> {
    let created = named_after("CREATE TABLE ", sets);
    tables.retain(|table| table.name != LEDGER);
    tables.sort_by_key(|table| created.iter().position(|name| *name == table.name).unwrap_or(usize::MAX));
    tables
}

async fn dump(tx: &Tx, table: &TableInfo, folder: &Path) -> Result<TableEntry, BackupError> {
    let mut writer = Writer::create(folder, format!("tables/{}.jsonl", table.name)).await?;
    let selected: Vec<String> = table.columns.iter().map(selected).collect();
    let mut key: Vec<usize> = (0..table.columns.len()).filter(|i| table.columns[*i].key_position > 0).collect();
    key.sort_by_key(|i| table.columns[*i].key_position);
    if key.is_empty() {
        return Err(BackupError::Unfit(format!("{} has no primary key and cannot be read in pieces", table.name)));
    }
    let names: Vec<&str> = key.iter().map(|i| table.columns[*i].name.as_str()).collect();
    let names = names.join(", ");
    let mut rows = 0;
    let mut after: Option<Vec<Value>> = None;
    loop {
        let beyond = match &after {
            Some(_) => format!("WHERE ({names}) > ({})", in_list(1, key.len())),
            None => String::new(),
        };
        let sql = format!("SELECT {} FROM {} {beyond} ORDER BY {names} LIMIT {CHUNK}", selected.join(", "), table.name);
        let found = tx.fetch_rows(&sql, after.take().unwrap_or_default()).await?;
        let mut text = String::new();
        let mut last = None;
        for row in &found {
            let values = table.columns.iter().map(|c| neutral(row, c)).collect::<Result<Vec<Json>, _>>()?;
            // Strings and numbers only: it cannot fail.
            text.push_str(&Json::Array(values.clone()).to_string());
            text.push('\n');
            last = Some(values);
        }
        writer.write(text.as_bytes()).await?;
        rows += found.len() as u64;
        let Some(last) = last.filter(|_| found.len() == CHUNK) else { break };
        after = Some(key.iter().map(|i| bound(&last[*i], &table.columns[*i])).collect::<Result<_, _>>()?);
    }
    Ok(TableEntry {
        name: table.name.clone(),
        columns: table.columns.iter().map(|c| c.name.clone()).collect(),
        rows,
        file: writer.finish().await?,
    })
}

async fn load(tx: &Tx, table: &TableInfo, entry: &TableEntry, folder: &Path) -> Result<(), BackupError> {
    let columns = entry
        .columns
        .iter()
        .map(|name| table.columns.iter().find(|column| column.name == *name))
        .collect::<Option<Vec<&ColumnInfo>>>()
        .ok_or_else(|| BackupError::Unfit(format!("{} has other columns here", entry.name)))?;
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let path = folder.join(&entry.file.path);
    let file = tokio::fs::File::open(&path).await.map_err(io(&path))?;
    let mut lines = BufReader::new(file).lines();
    let mut rows = Vec::new();
    let mut total = 0;
    loop {
        let line = lines.next_line().await.map_err(io(&path))?;
        let end = line.is_none();
        if let Some(line) = line {
            let values: Vec<Json> = serde_json::from_str(&line)
                .map_err(|e| BackupError::Unfit(format!("{}: a row cannot be read: {e}", entry.file.path)))?;
            if values.len() != columns.len() {
                return Err(BackupError::Unfit(format!("{}: a row has too many or too few values", entry.file.path)));
            }
            rows.push(values.iter().zip(&columns).map(|(v, c)| bound(v, c)).collect::<Result<Vec<_>, _>>()?);
            total += 1;
        }
        if end || rows.len() == CHUNK {
            tx.insert_many(&table.name, &names, std::mem::take(&mut rows), Conflict::Fail).await?;
        }
        if end {
            break;
        }
    }
    if total != entry.rows {
        return Err(BackupError::Unfit(format!("{}: {total} rows instead of {}", entry.file.path, entry.rows)));
    }
    Ok(())
}

/// Whole numbers of any width are read as the widest, and JSON as its text.
fn selected(column: &ColumnInfo) -> String {
    let name = &column.name;
    match column.kind.as_str() {
        "SMALLINT" | "INTEGER" | "BIGINT" => format!("CAST({name} AS BIGINT) AS {name}"),
        "JSONB" => format!("CAST({name} AS TEXT) AS {name}"),
        _ => name.clone(),
    }
}

/// A value in the form that belongs to no engine.
fn neutral(row: &QueryResult, column: &ColumnInfo) -> Result<Json, BackupError> {
    fn get<T: sea_orm::TryGetable>(row: &QueryResult, name: &str) -> Result<Option<T>, BackupError> {
        row.try_get::<Option<T>>("", name).map_err(|e| BackupError::Store(StoreError::from(e)))
    }
    let name = column.name.as_str();
    let bytes = |bytes: &[u8]| json!({ "hex": hex::encode(bytes) });
    let value = match column.kind.as_str() {
        "UUID" => get::<Uuid>(row, name)?.map(|id| bytes(id.as_bytes())),
        "BLOB" | "BYTEA" => get::<Vec<u8>>(row, name)?.map(|value| bytes(&value)),
        "BOOLEAN" => get::<bool>(row, name)?.map(Json::from),
        "SMALLINT" | "INTEGER" | "BIGINT" => get::<i64>(row, name)?.map(Json::from),
        "DOUBLE PRECISION" => get::<f64>(row, name)?.map(|number| match number.is_finite() {
            true => Json::from(number),
            false => json!({ "float": number.to_string() }),
        }),
        // The same text that SQLite is given for a time, so that times of both origins sort together.
        "TIMESTAMP WITH TIME ZONE" => {
            get::<DateTime<Utc>>(row, name)?.map(|at| Json::from(at.to_rfc3339_opts(SecondsFormat::AutoSi, false)))
        }
        "TEXT" | "JSONB" => get::<String>(row, name)?.map(Json::from),
        other => return Err(BackupError::Unfit(format!("column {name} has a type without a neutral form: {other}"))),
    };
    Ok(value.unwrap_or(Json::Null))
}

/// A neutral value as what its column takes.
fn bound(value: &Json, column: &ColumnInfo) -> Result<Value, BackupError> {
    let wrong = || BackupError::Unfit(format!("a value does not fit column {}", column.name));
    fn parsed<T>(value: &Json, read: impl Fn(&Json) -> Option<T>) -> Option<Option<T>> {
        if value.is_null() { Some(None) } else { read(value).map(Some) }
    }
    let bytes = |v: &Json| hex::decode(v.get("hex")?.as_str()?).ok();
    let text = |v: &Json| v.as_str().map(str::to_owned);
    let value = match column.kind.as_str() {
        "UUID" => parsed(value, |v| Uuid::from_slice(&bytes(v)?).ok()).map(Value::from),
        "BLOB" | "BYTEA" => parsed(value, bytes).map(Value::from),
        "BOOLEAN" => parsed(value, Json::as_bool).map(Value::from),
        "SMALLINT" => parsed(value, |v| i16::try_from(v.as_i64()?).ok()).map(Value::from),
        // SQLite's INTEGER holds 64 bits, PostgreSQL's 32: the key column of the former becomes BIGINT in the latter.
        "INTEGER" => match parsed(value, |v| i32::try_from(v.as_i64()?).ok()) {
            Some(small) => Some(Value::from(small)),
            None => parsed(value, Json::as_i64).map(Value::from),
        },
        "BIGINT" => parsed(value, Json::as_i64).map(Value::from),
        "DOUBLE PRECISION" => {
            parsed(value, |v| v.as_f64().or_else(|| v.get("float")?.as_str()?.parse().ok())).map(Value::from)
        }
        "TIMESTAMP WITH TIME ZONE" => {
            parsed(value, |v| DateTime::parse_from_rfc3339(v.as_str()?).ok().map(|at| at.to_utc())).map(Value::from)
        }
        "JSONB" => parsed(value, |v| serde_json::from_str::<Json>(v.as_str()?).ok()).map(Value::from),
        "TEXT" => parsed(value, text).map(Value::from),
        _ => None,
    };
    value.ok_or_else(wrong)
}
