//! Opening SQLite: one writing connection, several that can only read, and the settings that make a commit durable.

use std::path::Path;

use sea_orm::sqlx::Connection as _;
use sea_orm::sqlx::sqlite::{SqliteAutoVacuum, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};

use crate::{DbOptions, StoreError};

pub(crate) async fn open(
    path: &Path,
    options: &DbOptions,
) -> Result<(DatabaseConnection, DatabaseConnection), StoreError> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|e| StoreError::io(format!("cannot create the data folder {}", folder.display()), e))?;
    }
    // The writer first: it creates the file and switches it to write-ahead logging, which readers then find.
    let writer = connect(path, options, Role::Writer).await?;
    let readers = connect(path, options, Role::Reader).await?;
    Ok((writer, readers))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Writer,
    Reader,
}

async fn connect(path: &Path, options: &DbOptions, role: Role) -> Result<DatabaseConnection, StoreError> {
    // The real file name is set below; a path inside the URL would have to be percent-encoded.
    let mut connect = ConnectOptions::new("sqlite://rhiza.db");
    let connections = if role == Role::Writer { 1 } else { options.max_connections };
    connect
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(options.acquire_timeout)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .test_before_acquire(false);
    let file = path.to_path_buf();
    let cache_kib = if role == Role::Writer { options.sqlite_cache_kib * 4 } else { options.sqlite_cache_kib };
    let wait = options.acquire_timeout;
    // SQLite gives up a whole transaction by itself when the disk is full. Its driver goes on counting it as open, would
    // begin every later one inside it, and so acknowledge what is never committed: such a connection is replaced.
    connect
        .map_sqlx_sqlite_before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }));
    connect.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite
            .filename(&file)
            .foreign_keys(true)
            .busy_timeout(wait)
            // Search statements are many and small; the default of 100 would evict the hot ones.
            .statement_cache_capacity(256)
            .pragma("cache_size", format!("-{cache_kib}"))
            .pragma("temp_store", "MEMORY");
        match role {
            Role::Writer => sqlite
                .create_if_missing(true)
                .auto_vacuum(SqliteAutoVacuum::Incremental)
                .journal_mode(SqliteJournalMode::Wal)
                // FULL, not NORMAL: a commit that was acknowledged must survive power loss.
                .synchronous(SqliteSynchronous::Full)
                .pragma("journal_size_limit", "67108864"),
            // `query_only` rather than opening read-only: a read-only handle cannot recover a WAL after a crash.
            Role::Reader => sqlite.create_if_missing(false).pragma("query_only", "ON"),
        }
    });
    Ok(Database::connect(connect).await?)
}

/// Folds the write-ahead log into the database file.
pub(crate) async fn checkpoint(writer: &DatabaseConnection) -> Result<(), StoreError> {
    writer.execute_unprepared("PRAGMA optimize").await?;
    writer.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    Ok(())
}
