//! An opened database. It hands out transactions, each bound to one organisation, or to the system.

use rhiza_kernel::OrgScope;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::error::is_connection_lost;
use crate::migrate::{self, MigrationReport, MigrationSet};
use crate::{DbOptions, DbUrl, Dialect, StoreError, Tx, postgres, sqlite};

/// How the tenant wall stands on this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// SQLite: the predicate in every statement is the wall; there is one file and one process.
    Predicates,
    /// PostgreSQL: every transaction becomes `rhiza_app` or `rhiza_system`, and row-level security holds.
    Roles,
    /// PostgreSQL without the right to create roles: row-level security is forced on the owner.
    Forced,
    /// PostgreSQL without roles, connected as a user that row-level security does not bind. Refused in production.
    Bypassed,
}

#[derive(Debug, Clone)]
pub(crate) enum Pools {
    // Two pools on one file: SQLite has one writer, and readers never wait for it.
    Sqlite { writer: DatabaseConnection, readers: DatabaseConnection },
    Postgres { pool: DatabaseConnection },
}

/// A database, cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pub(crate) pools: Pools,
    isolation: Isolation,
}

impl Db {
    /// Opens the database without touching its schema, creating the SQLite file when it is missing.
    ///
    /// # Errors
    /// When it cannot be reached or its folder cannot be written.
    pub async fn open(options: &DbOptions) -> Result<Self, StoreError> {
        match &options.url {
            DbUrl::Sqlite(path) => {
                let (writer, readers) = sqlite::open(path, options).await?;
                Ok(Self { pools: Pools::Sqlite { writer, readers }, isolation: Isolation::Predicates })
            }
            DbUrl::Postgres(url) => {
                let pool = postgres::open(url, options).await?;
                let isolation = postgres::isolation(&pool).await?;
                Ok(Self { pools: Pools::Postgres { pool }, isolation })
            }
        }
    }

    /// Brings the schema up to date: every pending migration of every slice in one transaction, so that a
    /// failing upgrade leaves the schema of the old version.
    ///
    /// # Errors
    /// [`StoreError::Schema`] with advice when the schema is newer than this binary or was changed by hand.
    pub async fn migrate(&mut self, sets: &[MigrationSet]) -> Result<MigrationReport, StoreError> {
        if let Pools::Postgres { pool } = &self.pools {
            postgres::create_roles(pool).await?;
            self.isolation = postgres::isolation(pool).await?;
        }
        let report = migrate::run(self, sets).await?;
        Ok(report)
    }

    /// What [`Db::migrate`] would do, without doing it.
    ///
    /// # Errors
    /// As [`Db::migrate`].
    pub async fn pending(&self, sets: &[MigrationSet]) -> Result<MigrationReport, StoreError> {
        migrate::pending(self, sets).await
    }

    /// Which engine this is.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self.pools {
            Pools::Sqlite { .. } => Dialect::Sqlite,
            Pools::Postgres { .. } => Dialect::Postgres,
        }
    }

    /// How the tenant wall stands.
    #[must_use]
    pub const fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// A reading transaction: one consistent snapshot of one organisation's rows.
    ///
    /// # Errors
    /// When no connection is free in time or the database is down.
    pub async fn read(&self, scope: &OrgScope) -> Result<Tx, StoreError> {
        let tx = match &self.pools {
            Pools::Sqlite { readers, .. } => begin_sqlite(readers, SqliteTransactionMode::Deferred).await?,
            Pools::Postgres { pool } => {
                begin_postgres(pool, &postgres::tenant_read(self.isolation, scope.org.uuid())).await?
            }
        };
        Ok(tx.of(scope.org))
    }

    /// A writing transaction on one organisation's rows.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn write(&self, scope: &OrgScope) -> Result<Tx, StoreError> {
        let tx = match &self.pools {
            Pools::Sqlite { writer, .. } => begin_sqlite(writer, SqliteTransactionMode::Immediate).await?,
            Pools::Postgres { pool } => {
                begin_postgres(pool, &postgres::tenant_write(self.isolation, scope.org.uuid())).await?
            }
        };
        Ok(tx.of(scope.org))
    }

    /// A reading transaction across organisations. Only for files named `system.rs`.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn system_read(&self) -> Result<Tx, StoreError> {
        match &self.pools {
            Pools::Sqlite { readers, .. } => begin_sqlite(readers, SqliteTransactionMode::Deferred).await,
            Pools::Postgres { pool } => begin_postgres(pool, &postgres::system_read(self.isolation)).await,
        }
    }

    /// A writing transaction across organisations. Only for files named `system.rs`.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn system_write(&self) -> Result<Tx, StoreError> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => begin_sqlite(writer, SqliteTransactionMode::Immediate).await,
            Pools::Postgres { pool } => begin_postgres(pool, &postgres::system_write(self.isolation)).await,
        }
    }

    /// A transaction as the connecting user, for migrations and schema inspection.
    pub(crate) async fn owner_write(&self) -> Result<Tx, StoreError> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => begin_sqlite(writer, SqliteTransactionMode::Immediate).await,
            Pools::Postgres { pool } => begin_postgres(pool, postgres::owner(self.isolation)).await,
        }
    }

    /// Runs one statement outside any transaction, as the connecting user: creating and dropping databases,
    /// `VACUUM`. Only for administration and tests.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn system_write_raw(&self, sql: &str) -> Result<(), StoreError> {
        let (Pools::Sqlite { writer: pool, .. } | Pools::Postgres { pool }) = &self.pools;
        pool.execute_unprepared(sql).await?;
        Ok(())
    }

    /// Asks the database a trivial question, for readiness checks: reading and, on SQLite, taking the write lock.
    ///
    /// # Errors
    /// When the database would not serve a request now.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let tx = self.system_read().await?;
        tx.fetch_scalar::<i32>("SELECT 1", Vec::new()).await?;
        tx.rollback().await
    }

    /// Closes all connections; on SQLite also folds the write-ahead log into the file.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn close(self) -> Result<(), StoreError> {
        match self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await?;
                sqlite::checkpoint(&writer).await?;
                writer.close().await?;
            }
            Pools::Postgres { pool } => pool.close().await?,
        }
        Ok(())
    }
}

async fn begin_sqlite(pool: &DatabaseConnection, mode: SqliteTransactionMode) -> Result<Tx, StoreError> {
    let options = TransactionOptions { sqlite_transaction_mode: Some(mode), ..TransactionOptions::default() };
    let inner = begin(pool, options).await?;
    Ok(Tx::new(inner, Dialect::Sqlite))
}

/// After a restart of PostgreSQL every idle connection is dead, which shows when it is used. A transaction that has done
/// nothing yet is then begun again on another one, at most so often.
const STALE_CONNECTIONS: usize = 32;

async fn begin_postgres(pool: &DatabaseConnection, settings: &str) -> Result<Tx, StoreError> {
    let mut stale = 0;
    loop {
        match try_begin_postgres(pool, settings).await {
            Ok(inner) => return Ok(Tx::new(inner, Dialect::Postgres)),
            // Not when no new connection can be made: the pool has waited for the server already.
            Err(error)
                if !matches!(error, DbErr::Conn(_)) && is_connection_lost(&error) && stale < STALE_CONNECTIONS =>
            {
                stale += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn try_begin_postgres(pool: &DatabaseConnection, settings: &str) -> Result<sea_orm::DatabaseTransaction, DbErr> {
    let inner = begin(pool, TransactionOptions::default()).await?;
    if !settings.is_empty() {
        inner.execute_unprepared(settings).await?;
    }
    Ok(inner)
}

async fn begin(pool: &DatabaseConnection, options: TransactionOptions) -> Result<sea_orm::DatabaseTransaction, DbErr> {
    pool.begin_with_options(options).await
}
