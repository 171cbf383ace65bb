//! Hearing of changes that any process makes to a shared database, by PostgreSQL's notifications. SQLite has one
//! process, which knows its own changes.

use sea_orm::sqlx::postgres::{PgListener, PgPoolOptions};
use sea_orm::{DbErr, RuntimeErr};

use crate::db::Pools;
use crate::{Db, StoreError};

/// Hears what is announced on one channel, on a connection of its own.
pub struct Listener {
    inner: PgListener,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

impl Db {
    /// Begins to listen on `channel`; `None` where there is nobody to hear from.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn listen(&self, channel: &str) -> Result<Option<Listener>, StoreError> {
        let Pools::Postgres { pool } = &self.pools else { return Ok(None) };
        let options = pool.get_postgres_connection_pool().connect_options();
        // Not one of the pool's: it would be missing there for good.
        let own = PgPoolOptions::new().max_connections(1).connect_lazy_with((*options).clone());
        let mut inner = PgListener::connect_with(&own).await.map_err(refused)?;
        inner.listen(channel).await.map_err(refused)?;
        Ok(Some(Listener { inner }))
    }

    /// Announces `text` on `channel` to whoever listens, this process included. Nothing happens on SQLite.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn announce(&self, channel: &str, text: &str) -> Result<(), StoreError> {
        let Pools::Postgres { pool } = &self.pools else { return Ok(()) };
        let query = sea_orm::sqlx::query("SELECT pg_notify($1, $2)").bind(channel).bind(text);
        query.execute(pool.get_postgres_connection_pool()).await.map_err(refused)?;
        Ok(())
    }
}

impl Listener {
    /// Waits for the next announcement and returns its text.
    ///
    /// # Errors
    /// When the connection is lost: what was announced since may have been missed.
    pub async fn next(&mut self) -> Result<String, StoreError> {
        match self.inner.try_recv().await.map_err(refused)? {
            Some(notification) => Ok(notification.payload().to_owned()),
            None => Err(DbErr::Conn(RuntimeErr::Internal("the connection that listens was lost".to_owned())).into()),
        }
    }
}

fn refused(error: sea_orm::sqlx::Error) -> StoreError {
    DbErr::Conn(RuntimeErr::Internal(error.to_string())).into()
}
