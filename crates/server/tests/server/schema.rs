//! Both engines must end up with the same schema: one migration text, two dialects, no drift.

use rhiza_store::TableInfo;
use rhiza_testkit::{Engine, start};

pub(crate) const ALL: &[rhiza_store::MigrationSet] =
    &[rhiza_platform::MIGRATIONS, rhiza_identity::MIGRATIONS, rhiza_tracking::MIGRATIONS, rhiza_mlops::MIGRATIONS];

/// What an engine's type stands for, where the two have different words for it.
fn kind(name: &str) -> &str {
    match name {
        "UUID" | "BYTEA" | "BLOB" => "bytes",
        "TEXT" | "TIMESTAMP WITH TIME ZONE" | "JSONB" => "text",
        "BIGINT" | "INTEGER" | "SMALLINT" => "integer",
        other => other,
    }
}

fn tables(engine: Engine) -> Vec<TableInfo> {
    let (sender, receiver) = std::sync::mpsc::channel();
    start(engine, ALL, |db| async move {
        sender.send(db.db.tables().await.unwrap()).unwrap();
    });
    receiver.recv().unwrap()
}

#[test]
fn sqlite_and_postgresql_have_the_same_tables_columns_keys_and_indexes() {
    let (sqlite, postgres) = (tables(Engine::Sqlite), tables(Engine::Postgres));
    let names = |tables: &[TableInfo]| tables.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&sqlite), names(&postgres));
    for (a, b) in sqlite.iter().zip(&postgres) {
        let shape = |t: &TableInfo| {
            t.columns
                .iter()
                // SQLite reports an integer primary key as nullable, though it never is.
                .map(|c| (c.name.clone(), kind(&c.kind).to_owned(), c.not_null || c.key_position > 0, c.key_position))
                .collect::<Vec<_>>()
        };
        assert_eq!(shape(a), shape(b), "columns of {}", a.name);
        assert_eq!(a.indexes, b.indexes, "indexes of {}", a.name);
    }
}
