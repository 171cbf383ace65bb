//! What can go wrong between a slice and its database, in terms a slice can act on.

use rhiza_kernel::{Coded, ErrorCode};
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// A failed database operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A unique constraint refused the write; the text names the constraint or its columns.
    #[error("unique constraint: {0}")]
    Unique(String),
    /// A foreign key refused the write.
    #[error("foreign key: {0}")]
    ForeignKey(String),
    /// A row that must exist does not.
    #[error("no such row")]
    RowNotFound,
    /// A text holds a NUL character, which PostgreSQL cannot keep; neither engine is asked.
    #[error("a text holds a NUL character")]
    NulCharacter,
    /// More values at once than a statement takes.
    #[error("more values than a statement takes")]
    TooManyValues,
    /// The database is locked, overloaded or restarting; the same call may succeed later.
    #[error("database busy: {0}")]
    Busy(#[source] DbErr),
    /// No space is left where the database lives.
    #[error("no space left for the database: {0}")]
    Full(#[source] DbErr),
    /// A row did not have the expected shape: our bug.
    #[error("unexpected row shape: {0}")]
    Decode(String),
    /// The schema is not one this binary can use.
    #[error("{0}")]
    Schema(String),
    /// The configured address or path cannot be used.
    #[error("{0}")]
    Config(String),
    /// A file operation failed.
    #[error("{context}: {source}")]
    Io {
        /// What was being done.
        context: String,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Anything else the database said.
    #[error("database: {0}")]
    Database(#[source] DbErr),
}

impl StoreError {
    /// Whether the failure is a broken unique constraint.
    #[must_use]
    pub const fn is_unique(&self) -> bool {
        matches!(self, Self::Unique(_))
    }

    pub(crate) fn io(context: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { context: context.into(), source }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(what)) => return Self::Unique(what),
            Some(SqlErr::ForeignKeyConstraintViolation(what)) => return Self::ForeignKey(what),
            _ => {}
        }
        if let DbErr::RecordNotFound(_) = error {
            return Self::RowNotFound;
        }
        if let DbErr::Type(what) | DbErr::Json(what) = &error {
            return Self::Decode(what.clone());
        }
        if matches!(error, DbErr::ConnectionAcquire(_)) || is_connection_lost(&error) {
            return Self::Busy(error);
        }
        match driver_code(&error).as_deref() {
            // SQLite: BUSY, LOCKED (and their extended codes). PostgreSQL: serialization failure, deadlock, a standby
            // that takes no writes yet, out of memory, too many connections, lock and statement timeouts, starting up.
            Some(
                "5" | "6" | "261" | "517" | "40001" | "40P01" | "25006" | "53000" | "53200" | "53300" | "53400"
                | "55P03" | "57014" | "57P03",
            ) => Self::Busy(error),
            // SQLite tells of a full disk in its own words when it cannot extend its shared memory file.
            Some("13" | "4874" | "53100") => Self::Full(error),
            _ => Self::Database(error),
        }
    }
}

/// Whether the connection broke under the call: the server ended it (restart, administrator), or the network did.
pub(crate) fn is_connection_lost(error: &DbErr) -> bool {
    let (DbErr::Conn(inner) | DbErr::Exec(inner) | DbErr::Query(inner)) = error else { return false };
    let RuntimeErr::SqlxError(sqlx) = inner else { return false };
    if matches!(&**sqlx, sea_orm::sqlx::Error::Io(_) | sea_orm::sqlx::Error::PoolClosed) {
        return true;
    }
    let code = driver_code(error);
    code.is_some_and(|code| code.starts_with("08") || matches!(code.as_str(), "57P01" | "57P02" | "57P05" | "25P03"))
}

/// The driver's own error code, when the failure came from the server rather than the client library.
fn driver_code(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(inner) | DbErr::Exec(inner) | DbErr::Query(inner)) = error else { return None };
    let RuntimeErr::SqlxError(sqlx) = inner else { return None };
    sqlx.as_database_error().and_then(|e| e.code()).map(std::borrow::Cow::into_owned)
}

impl Coded for StoreError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Unique(_) | Self::ForeignKey(_) => ErrorCode::Conflict,
            Self::RowNotFound => ErrorCode::NotFound,
            Self::NulCharacter | Self::TooManyValues => ErrorCode::InvalidArgument,
            Self::Busy(_) | Self::Full(_) => ErrorCode::Unavailable,
            Self::Decode(_) | Self::Schema(_) | Self::Config(_) | Self::Io { .. } | Self::Database(_) => {
                ErrorCode::Internal
            }
        }
    }

    fn public_detail(&self) -> String {
        match self {
            Self::Unique(_) => "Something with the same key exists already.",
            Self::ForeignKey(_) => "It refers to something that does not exist, or is still referred to.",
            Self::RowNotFound => "There is no such thing here.",
            Self::TooManyValues => "The request names too many things at once.",
            Self::NulCharacter => "A text of the request holds a NUL character.",
            Self::Busy(_) => "The database is busy; try again.",
            Self::Full(_) => "No storage space is left; nothing was changed.",
            _ => "The server failed to use its database; the log has the details under this request id.",
        }
        .to_owned()
    }
}
