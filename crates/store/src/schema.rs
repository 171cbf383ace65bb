//! Reading the schema back: which tables there are, with which columns. For row-level security, for backups and for
//! the test that compares the two engines' schemas.

use sea_orm::FromQueryResult;

use crate::{Dialect, StoreError, Tx, binds};

/// A table as the database describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<ColumnInfo>,
    /// Names of its explicitly created indexes, sorted.
    pub indexes: Vec<String>,
}

/// A column as the database describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// The engine's type name, in capitals.
    pub kind: String,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// Position in the primary key, counted from 1; 0 when not part of it.
    pub key_position: i32,
}

#[derive(FromQueryResult)]
struct Column {
    name: String,
    kind: String,
    not_null: bool,
    key_position: i32,
}

#[derive(FromQueryResult)]
struct Name {
    name: String,
}

/// All tables of this installation, sorted by name.
pub(crate) async fn tables(tx: &Tx) -> Result<Vec<TableInfo>, StoreError> {
    let (tables, columns, indexes) = match tx.dialect() {
        Dialect::Sqlite => (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
               AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
            "SELECT name, upper(type) AS kind, \"notnull\" <> 0 AS not_null, CAST(pk AS INTEGER) AS key_position
               FROM pragma_table_info($1) ORDER BY cid",
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = $1 AND sql IS NOT NULL ORDER BY name",
        ),
        Dialect::Postgres => (
            "SELECT CAST(tablename AS TEXT) AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename",
            "SELECT CAST(a.attname AS TEXT) AS name, upper(format_type(a.atttypid, a.atttypmod)) AS kind,
                    a.attnotnull AS not_null,
                    CAST(coalesce(array_position(CAST(i.indkey AS SMALLINT[]), a.attnum) + 1, 0) AS INTEGER) AS key_position
               FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
              WHERE a.attrelid = CAST(CAST($1 AS TEXT) AS REGCLASS) AND a.attnum > 0 AND NOT a.attisdropped
              ORDER BY a.attnum",
            "SELECT CAST(c.relname AS TEXT) AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
              WHERE i.indrelid = CAST(CAST($1 AS TEXT) AS REGCLASS)
                AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid) ORDER BY 1",
        ),
    };
    let mut out = Vec::new();
    for table in tx.fetch_all::<Name>(tables, Vec::new()).await? {
        let found: Vec<Column> = tx.fetch_all(columns, binds![table.name.clone()]).await?;
        let indexes: Vec<Name> = tx.fetch_all(indexes, binds![table.name.clone()]).await?;
        out.push(TableInfo {
            name: table.name,
            columns: found
                .into_iter()
                .map(|c| ColumnInfo { name: c.name, kind: c.kind, not_null: c.not_null, key_position: c.key_position })
                .collect(),
            indexes: indexes.into_iter().map(|i| i.name).collect(),
        });
    }
    Ok(out)
}

impl crate::Db {
    /// All tables of this installation, sorted by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tables(&self) -> Result<Vec<TableInfo>, StoreError> {
        let tx = self.owner_write().await?;
        let found = tables(&tx).await?;
        tx.rollback().await?;
        Ok(found)
    }
}

impl crate::Db {
    /// Lets automatic keys continue after the highest one there is: rows were restored with the keys they had.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn restart_identities(&self) -> Result<(), StoreError> {
        // SQLite's AUTOINCREMENT takes notice of explicit keys by itself.
        if self.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let tx = self.owner_write().await?;
        for table in tables(&tx).await? {
            for column in table.columns.iter().filter(|c| c.key_position == 1 && c.kind == "BIGINT") {
                let (table, column) = (&table.name, &column.name);
                // No sequence behind the column: setval of nothing is nothing.
                tx.execute_script(&format!(
                    "SELECT setval(pg_get_serial_sequence('{table}', '{column}'),
                       (SELECT coalesce(max({column}), 0) + 1 FROM {table}), false)"
                ))
                .await?;
            }
        }
        tx.commit().await
    }
}
