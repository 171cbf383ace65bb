//! A transaction: the only handle through which rows are read and written.

use rhiza_kernel::OrgId;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, QueryResult, Statement, Value};

use crate::{Dialect, StoreError};

/// An open transaction, already bound to its tenant. Dropping it rolls back.
#[derive(Debug)]
pub struct Tx {
    inner: DatabaseTransaction,
    dialect: Dialect,
    org: Option<OrgId>,
}

/// What a bulk insert does with a row whose key exists.
#[derive(Debug, Clone, Copy)]
pub enum Conflict<'a> {
    /// The whole statement fails with [`StoreError::Unique`].
    Fail,
    /// The existing row stays.
    Ignore,
    /// The columns that are not in the key take the new values.
    Replace(&'a [&'a str]),
}

impl Tx {
    pub(crate) const fn new(inner: DatabaseTransaction, dialect: Dialect) -> Self {
        Self { inner, dialect, org: None }
    }

    pub(crate) const fn of(mut self, org: OrgId) -> Self {
        self.org = Some(org);
        self
    }

    /// The organisation whose rows this transaction is about; none for a system transaction.
    #[must_use]
    pub const fn org(&self) -> Option<OrgId> {
        self.org
    }

    /// The engine's SQL fragments.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn statement(&self, sql: &str, values: Vec<Value>) -> Result<Statement, StoreError> {
        if values.len() > MAX_BINDS {
            return Err(StoreError::TooManyValues);
        }
        if values.iter().any(holds_nul) {
            return Err(StoreError::NulCharacter);
        }
        let backend = match self.dialect {
            Dialect::Sqlite => DbBackend::Sqlite,
            Dialect::Postgres => DbBackend::Postgres,
        };
        Ok(Statement::from_sql_and_values(backend, sql, values))
    }

    /// Runs a statement and tells how many rows it touched.
    ///
    /// # Errors
    /// Whatever the database says, as a [`StoreError`].
    pub async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<u64, StoreError> {
        Ok(self.inner.execute_raw(self.statement(sql, values)?).await?.rows_affected())
    }

    /// Runs several statements without parameters, in order.
    ///
    /// # Errors
    /// The first failure; what went before stays in the (still open) transaction.
    pub async fn execute_script(&self, sql: &str) -> Result<(), StoreError> {
        self.inner.execute_unprepared(sql).await?;
        Ok(())
    }

    /// All rows, decoded.
    ///
    /// # Errors
    /// Database failures and rows of another shape.
    pub async fn fetch_all<T: FromQueryResult>(&self, sql: &str, values: Vec<Value>) -> Result<Vec<T>, StoreError> {
        let rows = self.inner.query_all_raw(self.statement(sql, values)?).await?;
        rows.iter().map(|row| T::from_query_result(row, "").map_err(StoreError::from)).collect()
    }

    /// All rows of `select`, decoded by the names of its columns, which `columns` lists. The database hands them over
    /// as one text: with SQLite every row costs two switches between threads, which for small rows is most of the
    /// time. Whole numbers, texts, doubles and NULL only; truth values must come as numbers.
    ///
    /// # Errors
    /// Database failures and rows of another shape.
    pub async fn fetch_packed<T: serde::de::DeserializeOwned>(
        &self,
        columns: &[&str],
        select: &str,
        values: Vec<Value>,
    ) -> Result<Vec<T>, StoreError> {
        let sql = self.dialect().packed(columns, select);
        match self.fetch_scalar::<Option<String>>(&sql, values).await?.flatten() {
            None => Ok(Vec::new()),
            Some(text) => serde_json::from_str(&text).map_err(|e| StoreError::Decode(format!("packed rows: {e}"))),
        }
    }

    /// All rows, undecoded: for columns known only at run time.
    ///
    /// # Errors
    /// Database failures.
    pub async fn fetch_rows(&self, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, StoreError> {
        Ok(self.inner.query_all_raw(self.statement(sql, values)?).await?)
    }

    /// The first row, if any.
    ///
    /// # Errors
    /// Database failures and a row of another shape.
    pub async fn fetch_optional<T: FromQueryResult>(
        &self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Option<T>, StoreError> {
        let row = self.inner.query_one_raw(self.statement(sql, values)?).await?;
        row.as_ref().map(|row| T::from_query_result(row, "").map_err(StoreError::from)).transpose()
    }

    /// The first row, which must exist.
    ///
    /// # Errors
    /// [`StoreError::RowNotFound`] when there is none.
    pub async fn fetch_one<T: FromQueryResult>(&self, sql: &str, values: Vec<Value>) -> Result<T, StoreError> {
        self.fetch_optional(sql, values).await?.ok_or(StoreError::RowNotFound)
    }

    /// The first column of the first row, if there is a row.
    ///
    /// # Errors
    /// Database failures and a column of another type.
    pub async fn fetch_scalar<T: sea_orm::TryGetable>(
        &self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Option<T>, StoreError> {
        let row = self.inner.query_one_raw(self.statement(sql, values)?).await?;
        row.map(|row| row.try_get_by_index(0).map_err(StoreError::from)).transpose()
    }

    /// Inserts many rows in as few statements as the engine's bind limit allows. Returns how many rows were
    /// inserted or replaced. Every row must have one value per column.
    ///
    /// # Errors
    /// Database failures; with [`Conflict::Fail`] also [`StoreError::Unique`].
    pub async fn insert_many(
        &self,
        table: &str,
        columns: &[&str],
        rows: Vec<Vec<Value>>,
        conflict: Conflict<'_>,
    ) -> Result<u64, StoreError> {
        // Statements of at most this many rows: long enough to amortise the call, short enough that the
        // statement cache keeps them and the parser does not dominate.
        const ROWS_PER_STATEMENT: usize = 256;
        let per_statement = (self.dialect.max_binds() / columns.len().max(1)).clamp(1, ROWS_PER_STATEMENT);
        let mut touched = 0;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let chunk: Vec<Vec<Value>> = rows.by_ref().take(per_statement).collect();
            let sql = insert_sql(table, columns, chunk.len(), conflict);
            touched += self.execute(&sql, chunk.into_iter().flatten().collect()).await?;
        }
        Ok(touched)
    }

    /// Makes the writes durable. Only after this may a caller be told that they happened.
    ///
    /// # Errors
    /// Database failures; then nothing was written.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.inner.commit().await?;
        Ok(())
    }

    /// Ends the transaction and forgets its writes. (Dropping does the same, later.)
    ///
    /// # Errors
    /// Database failures.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.inner.rollback().await?;
        Ok(())
    }
}

/// Most values a statement takes: PostgreSQL counts them in 16 bits.
const MAX_BINDS: usize = 65_535;

/// Whether a text has a NUL character. PostgreSQL refuses it wherever it stands, so both engines do: an id or a name
/// with one is the caller's fault, not a failure of the database.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(Some(text)) => text.contains('\0'),
        Value::Json(Some(json)) => json_holds_nul(json),
        _ => false,
    }
}

fn json_holds_nul(json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(items) => items.iter().any(json_holds_nul),
        serde_json::Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || json_holds_nul(value)),
        _ => false,
    }
}

fn insert_sql(table: &str, columns: &[&str], rows: usize, conflict: Conflict<'_>) -> String {
    use std::fmt::Write as _;
    let mut sql = format!("INSERT INTO {table} ({}) VALUES ", columns.join(", "));
    for row in 0..rows {
        if row > 0 {
            sql.push_str(", ");
        }
        // Writing to a String cannot fail.
        let _ = write!(sql, "({})", in_list(row * columns.len() + 1, columns.len()));
    }
    match conflict {
        Conflict::Fail => {}
        Conflict::Ignore => sql.push_str(" ON CONFLICT DO NOTHING"),
        Conflict::Replace(key) => {
            let set: Vec<String> =
                columns.iter().filter(|c| !key.contains(c)).map(|c| format!("{c} = excluded.{c}")).collect();
            let _ = write!(sql, " ON CONFLICT ({}) DO UPDATE SET {}", key.join(", "), set.join(", "));
        }
    }
    sql
}

/// `count` placeholders beginning with `$first`, for `IN (…)` and `VALUES (…)`.
///
/// ```
/// assert_eq!(rhiza_store::in_list(3, 2), "$3, $4");
/// ```
#[must_use]
pub fn in_list(first: usize, count: usize) -> String {
    use std::fmt::Write as _;
    let mut list = String::with_capacity(count * 5);
    for i in 0..count {
        if i > 0 {
            list.push_str(", ");
        }
        let _ = write!(list, "${}", first + i);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_insert_numbers_its_placeholders_through() {
        assert_eq!(
            insert_sql("t", &["a", "b"], 2, Conflict::Replace(&["a"])),
            "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT (a) DO UPDATE SET b = excluded.b"
        );
        assert_eq!(
            insert_sql("t", &["a"], 1, Conflict::Ignore),
            "INSERT INTO t (a) VALUES ($1) ON CONFLICT DO NOTHING"
        );
    }
}
