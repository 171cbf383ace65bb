//! Schema migrations: per slice, forward only, all pending ones in a single transaction.
//!
//! A migration is one SQL text for both engines. Words in braces stand for what they spell differently:
//! `{uuid} {timestamptz} {json} {bytes} {text} {bool} {identity} {without_rowid}`.
//! What has been applied is kept in `rhiza_migrations` with a checksum, so that a schema that is newer than the
//! binary, or was migrated by a different text, is refused with advice instead of being guessed at.

use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use crate::{Db, Dialect, Isolation, StoreError, Tx, binds, postgres, schema};

/// One step of one slice's schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Counts from 1 without gaps.
    pub version: i64,
    /// What it does, in a word or two.
    pub name: &'static str,
    /// The statements, separated by `;` at the end of a line.
    pub sql: &'static str,
}

/// All migrations of one slice, in order.
#[derive(Debug, Clone, Copy)]
pub struct MigrationSet {
    /// The slice's name.
    pub slice: &'static str,
    /// Its migrations, version 1 first.
    pub migrations: &'static [Migration],
}

/// What a migration run did, or would do: `slice/version name`, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// The migrations concerned.
    pub migrations: Vec<String>,
}

#[derive(Debug, FromQueryResult)]
struct Applied {
    slice: String,
    version: i64,
    checksum: String,
}

/// The lock that keeps two starting processes from migrating at once (an arbitrary constant: "rhiza" in ASCII).
const LOCK_KEY: i64 = 0x72_68_69_7A_61;

pub(crate) async fn run(db: &Db, sets: &[MigrationSet]) -> Result<MigrationReport, StoreError> {
    let tx = db.owner_write().await?;
    if db.dialect() == Dialect::Postgres {
        tx.execute("SELECT pg_advisory_xact_lock($1)", binds![LOCK_KEY]).await?;
    }
    let ledger = expand(
        "CREATE TABLE IF NOT EXISTS rhiza_migrations (
           slice {text} NOT NULL, version BIGINT NOT NULL, name {text} NOT NULL,
           checksum {text} NOT NULL, applied_at {timestamptz} NOT NULL, PRIMARY KEY (slice, version))",
        db.dialect(),
    );
    tx.execute_script(&ledger).await?;
    let todo = plan(&applied(&tx).await?, sets)?;
    let mut report = MigrationReport::default();
    for (set, migration) in &todo {
        let label = format!("{}/{} {}", set.slice, migration.version, migration.name);
        for statement in statements(&expand(migration.sql, db.dialect())) {
            tx.execute_script(&statement)
                .await
                .map_err(|e| StoreError::Schema(format!("migration {label} failed and nothing was changed: {e}")))?;
        }
        let now = now_in(&tx).await?;
        tx.execute(
            "INSERT INTO rhiza_migrations (slice, version, name, checksum, applied_at) VALUES ($1, $2, $3, $4, $5)",
            binds![set.slice, migration.version, migration.name, checksum(migration.sql), now],
        )
        .await?;
        report.migrations.push(label);
    }
    if db.dialect() == Dialect::Postgres && !todo.is_empty() {
        protect(&tx, db.isolation()).await?;
    }
    tx.commit().await?;
    Ok(report)
}

pub(crate) async fn pending(db: &Db, sets: &[MigrationSet]) -> Result<MigrationReport, StoreError> {
    let tx = db.owner_write().await?;
    let exists = schema::tables(&tx).await?.iter().any(|t| t.name == "rhiza_migrations");
    let applied = if exists { applied(&tx).await? } else { Vec::new() };
    tx.rollback().await?;
    let todo = plan(&applied, sets)?;
    let migrations = todo.iter().map(|(s, m)| format!("{}/{} {}", s.slice, m.version, m.name)).collect();
    Ok(MigrationReport { migrations })
}

async fn applied(tx: &Tx) -> Result<Vec<Applied>, StoreError> {
    tx.fetch_all("SELECT slice, version, checksum FROM rhiza_migrations ORDER BY slice, version", Vec::new()).await
}

/// Puts every table behind row-level security. The wall is rebuilt after each upgrade, so that a new table
/// cannot be forgotten.
async fn protect(tx: &Tx, isolation: Isolation) -> Result<(), StoreError> {
    let tables: Vec<(String, bool)> = schema::tables(tx)
        .await?
        .into_iter()
        // The ledger is the owner's own and holds nothing of a tenant.
        .filter(|t| t.name != "rhiza_migrations")
        .map(|t| {
            let tenant = t.columns.iter().any(|c| c.name == "org_id");
            (t.name, tenant)
        })
        .collect();
    tx.execute_script(&postgres::policies(isolation, &tables)).await
}

/// Compares what is applied with what this binary knows.
fn plan(applied: &[Applied], sets: &[MigrationSet]) -> Result<Vec<(MigrationSet, &'static Migration)>, StoreError> {
    for row in applied {
        let known = sets
            .iter()
            .find(|s| s.slice == row.slice)
            .and_then(|s| s.migrations.iter().find(|m| m.version == row.version));
        match known {
            None => {
                return Err(StoreError::Schema(format!(
                    "the database has migration {}/{}, which this version of Rhiza does not know: it was upgraded by a \
                     newer version. Start that version, or restore a backup made before the upgrade.",
                    row.slice, row.version
                )));
            }
            Some(m) if checksum(m.sql) != row.checksum => {
                return Err(StoreError::Schema(format!(
                    "migration {}/{} was applied with a different text than this version carries. The schema cannot be \
                     trusted: restore a backup, or start the version that applied it.",
                    row.slice, row.version
                )));
            }
            Some(_) => {}
        }
    }
    let mut todo = Vec::new();
    for set in sets {
        for migration in set.migrations {
            if !applied.iter().any(|a| a.slice == set.slice && a.version == migration.version) {
                todo.push((*set, migration));
            }
        }
    }
    Ok(todo)
}

fn checksum(sql: &str) -> String {
    blake3::hash(sql.as_bytes()).to_hex().to_string()
}

/// The database's own clock: a migration is the one place with no injected one.
async fn now_in(tx: &Tx) -> Result<DateTime<Utc>, StoreError> {
    let epoch = match tx.dialect() {
        Dialect::Sqlite => "SELECT CAST(strftime('%s', 'now') AS BIGINT)",
        Dialect::Postgres => "SELECT CAST(extract(epoch FROM now()) AS BIGINT)",
    };
    let seconds: i64 = tx.fetch_scalar(epoch, Vec::new()).await?.ok_or(StoreError::RowNotFound)?;
    DateTime::from_timestamp(seconds, 0).ok_or_else(|| StoreError::Decode("the database's clock".to_owned()))
}

/// Begins a line that is for PostgreSQL alone: what only several processes need.
const POSTGRES_ONLY: &str = "{postgres} ";

/// Replaces the type words with the engine's own.
pub(crate) fn expand(sql: &str, dialect: Dialect) -> String {
    let lines = sql.lines().filter_map(|line| match (line.strip_prefix(POSTGRES_ONLY), dialect) {
        (Some(_), Dialect::Sqlite) => None,
        (Some(rest), Dialect::Postgres) => Some(rest),
        (None, _) => Some(line),
    });
    let sql: String = lines.flat_map(|line| [line, "\n"]).collect();
    let words: [(&str, &str); 8] = match dialect {
        Dialect::Sqlite => [
            ("{uuid}", "BLOB"),
            ("{timestamptz}", "TEXT"),
            ("{json}", "TEXT"),
            ("{bytes}", "BLOB"),
            ("{text}", "TEXT"),
            ("{bool}", "BOOLEAN"),
            ("{identity}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("{without_rowid}", "WITHOUT ROWID"),
        ],
        Dialect::Postgres => [
            ("{uuid}", "UUID"),
            ("{timestamptz}", "TIMESTAMPTZ"),
            ("{json}", "JSONB"),
            ("{bytes}", "BYTEA"),
            // Byte order, as SQLite's: sorting must not depend on the server's locale.
            ("{text}", "TEXT COLLATE \"C\""),
            ("{bool}", "BOOLEAN"),
            ("{identity}", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
            ("{without_rowid}", ""),
        ],
    };
    words.iter().fold(sql, |sql, (word, own)| sql.replace(word, own))
}

fn statements(sql: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut current = String::new();
    for line in sql.lines() {
        let code = line.split("--").next().unwrap_or_default().trim_end();
        current.push_str(code);
        current.push('\n');
        if code.ends_with(';') {
            out.push(std::mem::take(&mut current));
        }
    }
    if !current.trim().is_empty() {
        out.push(current);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETS: &[MigrationSet] = &[MigrationSet {
        slice: "a",
        migrations: &[
            Migration { version: 1, name: "one", sql: "CREATE TABLE x (id {identity});" },
            Migration { version: 2, name: "two", sql: "CREATE TABLE y (id {uuid});" },
        ],
    }];

    fn row(slice: &str, version: i64, sql: &str) -> Applied {
        Applied { slice: slice.to_owned(), version, checksum: checksum(sql) }
    }

    #[test]
    fn only_what_is_missing_is_planned() {
        let done = [row("a", 1, SETS[0].migrations[0].sql)];
        let todo = plan(&done, SETS).unwrap();
        assert_eq!(todo.len(), 1);
        assert_eq!(todo[0].1.version, 2);
    }

    #[test]
    fn a_newer_schema_is_refused_with_advice() {
        let error = plan(&[row("a", 3, "")], SETS).unwrap_err().to_string();
        assert!(error.contains("newer version"), "{error}");
    }

    #[test]
    fn a_migration_with_another_text_is_refused() {
        let error = plan(&[row("a", 1, "something else")], SETS).unwrap_err().to_string();
        assert!(error.contains("different text"), "{error}");
    }

    #[test]
    fn statements_end_at_a_semicolon_at_the_end_of_a_line() {
        assert_eq!(statements("A; -- note\nB\n C;\n").len(), 2);
    }
}
