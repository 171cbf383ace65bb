//! Where the database is and how many connections it may use.

use std::path::PathBuf;
use std::time::Duration;

use crate::StoreError;

/// A database address: `sqlite://PATH` or `postgres://…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DbUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server, as its driver's URL.
    Postgres(String),
}

impl DbUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// [`StoreError::Config`] names what was expected; the address itself is not repeated, it may hold a password.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        if let Some(path) = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")) {
            let path = path.split('?').next().unwrap_or_default();
            if path.is_empty() || path == ":memory:" {
                return Err(StoreError::Config(
                    "a SQLite address needs a file: sqlite:///var/lib/rhiza/rhiza.db".to_owned(),
                ));
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(StoreError::Config("the database address must begin with sqlite:// or postgres://".to_owned()))
    }

    /// The address without user and password, for logs and status pages.
    #[must_use]
    pub fn redacted(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(text) => match url::Url::parse(text) {
                Ok(url) => format!(
                    "postgres://{}:{}{}",
                    url.host_str().unwrap_or("localhost"),
                    url.port().unwrap_or(5432),
                    url.path()
                ),
                Err(_) => "postgres://(unreadable address)".to_owned(),
            },
        }
    }
}

/// How to open a database.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// Where it is.
    pub url: DbUrl,
    /// Connections that read (SQLite), or connections in all (PostgreSQL).
    pub max_connections: u32,
    /// How long a caller waits for a free connection before it is told that the database is busy.
    pub acquire_timeout: Duration,
    /// SQLite page cache of each reading connection, in KiB; the writer gets four times as much.
    pub sqlite_cache_kib: u32,
}

impl DbOptions {
    /// The defaults for `url`.
    #[must_use]
    pub const fn new(url: DbUrl) -> Self {
        Self {
            url,
            // Two cores rarely profit from more than a few readers, and each keeps its own page cache.
            max_connections: 8,
            acquire_timeout: Duration::from_secs(10),
            sqlite_cache_kib: 2048,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_never_repeat_a_password() {
        assert_eq!(DbUrl::parse("sqlite:///a/b.db").unwrap(), DbUrl::Sqlite("/a/b.db".into()));
        let pg = DbUrl::parse("postgres://me:secret@db:5433/rhiza").unwrap();
        assert_eq!(pg.redacted(), "postgres://db:5433/rhiza");
        let error = DbUrl::parse("mysql://me:secret@db/x").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        assert!(DbUrl::parse("sqlite://").is_err());
    }
}
