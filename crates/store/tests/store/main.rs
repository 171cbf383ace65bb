//! The database layer on both engines: tenant walls, durability of commits, migrations, matching schemas.
#![expect(clippy::unwrap_used, reason = "tests")]

mod blobs;

use rhiza_store::{Conflict, Db, DbOptions, Migration, MigrationSet, StoreError, Value, binds};
use rhiza_testkit::db_tests;
use uuid::Uuid;

const NOTES: MigrationSet = MigrationSet {
    slice: "notes",
    migrations: &[Migration {
        version: 1,
        name: "init",
        sql: "CREATE TABLE notes (id {identity}, org_id {uuid} NOT NULL, title {text} NOT NULL, body {json},
                seen {timestamptz}, raw {bytes}, score DOUBLE PRECISION, done {bool} NOT NULL, UNIQUE (org_id, title));
              CREATE TABLE secrets (id {uuid} PRIMARY KEY, word {text} NOT NULL);
              CREATE INDEX notes_by_title ON notes (title);",
    }],
};

const INSERT: &str = "INSERT INTO notes (org_id, title, done) VALUES ($1, $2, $3)";

db_tests! {
    migrations = &[NOTES];

    async fn every_type_survives_a_round_trip(db: TestDb) {
        let scope = db.tenant().org_scope();
        let tx = db.write(&scope).await;
        tx.execute(
            "INSERT INTO notes (org_id, title, body, seen, raw, score, done) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            binds![scope.org.uuid(), "é", serde_json::json!({"a": [1, "b"]}), db.env.now(), vec![0_u8, 255], 1.5, true],
        ).await.unwrap();
        tx.commit().await.unwrap();
        let tx = db.read(&scope).await;
        let rows = tx.fetch_rows("SELECT * FROM notes WHERE org_id = $1", binds![scope.org.uuid()]).await.unwrap();
        let row = &rows[0];
        assert_eq!(row.try_get::<Uuid>("", "org_id").unwrap(), scope.org.uuid());
        assert_eq!(row.try_get::<String>("", "title").unwrap(), "é");
        assert_eq!(row.try_get::<serde_json::Value>("", "body").unwrap()["a"][1], "b");
        assert_eq!(row.try_get::<chrono::DateTime<chrono::Utc>>("", "seen").unwrap(), db.env.now());
        assert_eq!(row.try_get::<Vec<u8>>("", "raw").unwrap(), [0, 255]);
        assert!((row.try_get::<f64>("", "score").unwrap() - 1.5).abs() < f64::EPSILON);
        assert!(row.try_get::<bool>("", "done").unwrap());
    }

    async fn a_dropped_transaction_leaves_nothing(db: TestDb) {
        let scope = db.tenant().org_scope();
        let tx = db.write(&scope).await;
        tx.execute(INSERT, binds![scope.org.uuid(), "gone", false]).await.unwrap();
        drop(tx);
        let tx = db.read(&scope).await;
        let count: i64 = tx.fetch_scalar("SELECT count(*) FROM notes", binds![]).await.unwrap().unwrap();
        assert_eq!(count, 0);
    }

    async fn a_duplicate_is_told_apart_from_other_failures(db: TestDb) {
        let scope = db.tenant().org_scope();
        let tx = db.write(&scope).await;
        tx.execute(INSERT, binds![scope.org.uuid(), "same", false]).await.unwrap();
        tx.commit().await.unwrap();
        let tx = db.write(&scope).await;
        let error = tx.execute(INSERT, binds![scope.org.uuid(), "same", false]).await.unwrap_err();
        assert!(error.is_unique(), "{error}");
    }

    async fn bulk_inserts_pass_every_limit(db: TestDb) {
        let scope = db.tenant().org_scope();
        let rows: Vec<Vec<Value>> =
            (0..3000).map(|i| binds![scope.org.uuid(), format!("n{i}"), i % 2 == 0]).collect();
        let tx = db.write(&scope).await;
        let columns = ["org_id", "title", "done"];
        assert_eq!(tx.insert_many("notes", &columns, rows.clone(), Conflict::Fail).await.unwrap(), 3000);
        assert_eq!(tx.insert_many("notes", &columns, rows[..10].to_vec(), Conflict::Ignore).await.unwrap(), 0);
        tx.commit().await.unwrap();
    }

    async fn like_and_ilike_mean_the_same_on_both_engines(db: TestDb) {
        let scope = db.tenant().org_scope();
        let tx = db.write(&scope).await;
        for title in ["Alpha", "alpha", "a*b", "al[x]pha", "al_pha"] {
            tx.execute(INSERT, binds![scope.org.uuid(), title, false]).await.unwrap();
        }
        let dialect = tx.dialect();
        for (pattern, like, ilike) in [("al%", 3, 4), ("a_b", 1, 1), ("a*b", 1, 1), ("al[x]%", 1, 1), ("%PHA", 0, 5 - 1)] {
            let sql = format!("SELECT count(*) FROM notes WHERE {}", dialect.like("title", "$1"));
            let n: i64 = tx.fetch_scalar(&sql, binds![dialect.like_pattern(pattern)]).await.unwrap().unwrap();
            assert_eq!(n, like, "LIKE {pattern}");
            let sql = format!("SELECT count(*) FROM notes WHERE {}", dialect.ilike("title", "$1"));
            let n: i64 = tx.fetch_scalar(&sql, binds![pattern]).await.unwrap().unwrap();
            assert_eq!(n, ilike, "ILIKE {pattern}");
        }
    }

    async fn migrating_twice_changes_nothing(db: TestDb) {
        let mut again = Db::open(&DbOptions::new(db.url.clone())).await.unwrap();
        assert!(again.pending(&[NOTES]).await.unwrap().migrations.is_empty());
        assert!(again.migrate(&[NOTES]).await.unwrap().migrations.is_empty());
        again.close().await.unwrap();
    }

    async fn a_failing_upgrade_leaves_the_old_schema(db: TestDb) {
        const NEXT: MigrationSet = MigrationSet {
            slice: "next",
            migrations: &[
                Migration { version: 1, name: "fine", sql: "CREATE TABLE fine (id {identity});" },
                Migration { version: 2, name: "broken", sql: "CREATE TABLE fine (id {identity});" },
            ],
        };
        let mut upgraded = Db::open(&DbOptions::new(db.url.clone())).await.unwrap();
        let error = upgraded.migrate(&[NOTES, NEXT]).await.unwrap_err();
        assert!(error.to_string().contains("next/2 broken failed and nothing was changed"), "{error}");
        assert!(!db.db.tables().await.unwrap().iter().any(|t| t.name == "fine"));
        // The old version still starts.
        assert!(upgraded.migrate(&[NOTES]).await.unwrap().migrations.is_empty());
        upgraded.close().await.unwrap();
    }

    async fn a_schema_from_the_future_is_refused(db: TestDb) {
        let mut older = Db::open(&DbOptions::new(db.url.clone())).await.unwrap();
        let error = older.migrate(&[]).await.unwrap_err();
        assert!(matches!(&error, StoreError::Schema(advice) if advice.contains("newer version")), "{error}");
        older.close().await.unwrap();
    }
}

/// On PostgreSQL the database itself keeps tenants apart: the statements here carry no predicate at all.
#[test]
fn row_level_security_hides_foreign_rows() {
    rhiza_testkit::start(rhiza_testkit::Engine::Postgres, &[NOTES], |db| async move {
        let (mine, theirs) = (db.tenant().org_scope(), db.tenant().org_scope());
        for scope in [&mine, &theirs] {
            let tx = db.write(scope).await;
            tx.execute(INSERT, binds![scope.org.uuid(), "note", false]).await.unwrap();
            tx.commit().await.unwrap();
        }
        let tx = db.read(&mine).await;
        let seen: Option<Uuid> = tx.fetch_scalar("SELECT org_id FROM notes", binds![]).await.unwrap();
        let count: i64 = tx.fetch_scalar("SELECT count(*) FROM notes", binds![]).await.unwrap().unwrap();
        assert_eq!((seen, count), (Some(mine.org.uuid()), 1));
        tx.rollback().await.unwrap();

        let tx = db.write(&mine).await;
        let error = tx.execute(INSERT, binds![theirs.org.uuid(), "planted", false]).await.unwrap_err();
        assert!(error.to_string().contains("row-level security"), "{error}");
        drop(tx);
        let tx = db.write(&mine).await;
        assert_eq!(tx.execute("DELETE FROM notes WHERE org_id = $1", binds![theirs.org.uuid()]).await.unwrap(), 0);
        drop(tx);

        // A table without a tenant column is the system's alone.
        let tx = db.db.system_write().await.unwrap();
        tx.execute("INSERT INTO secrets (id, word) VALUES ($1, $2)", binds![Uuid::nil(), "x"]).await.unwrap();
        let all: i64 = tx.fetch_scalar("SELECT count(*) FROM notes", binds![]).await.unwrap().unwrap();
        assert_eq!(all, 2);
        tx.commit().await.unwrap();
        let tx = db.read(&mine).await;
        let hidden: i64 = tx.fetch_scalar("SELECT count(*) FROM secrets", binds![]).await.unwrap().unwrap();
        assert_eq!(hidden, 0);
        tx.rollback().await.unwrap();
    });
}

/// A restart of PostgreSQL ends every pooled connection: nobody who asks afterwards notices.
#[test]
fn connections_that_the_server_ended_are_replaced_unnoticed() {
    rhiza_testkit::start(rhiza_testkit::Engine::Postgres, &[NOTES], |db| async move {
        let scope = db.tenant().org_scope();
        // Several at the same time, so that the pool holds more than one.
        let open = [db.read(&scope).await, db.read(&scope).await, db.read(&scope).await];
        for tx in open {
            tx.rollback().await.unwrap();
        }
        let ended = "DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid(); END $$";
        db.db.system_write_raw(ended).await.unwrap();
        for _ in 0..4 {
            let tx = db.write(&scope).await;
            tx.rollback().await.unwrap();
        }
    });
}
/// SQLite rolls a whole transaction back by itself when a commit finds no space, and its driver does not notice.
#[test]
fn writes_after_a_full_disk_are_really_committed() {
    rhiza_testkit::start(rhiza_testkit::Engine::Sqlite, &[NOTES], |db| async move {
        let scope = db.tenant().org_scope();
        let mut written = Vec::new();
        for title in ["first", "second", "third"] {
            let tx = db.write(&scope).await;
            tx.execute(INSERT, binds![scope.org.uuid(), "lost", false]).await.unwrap();
            // What a full disk does, without one.
            tx.execute_script("ROLLBACK").await.unwrap();
            drop(tx);
            let tx = db.write(&scope).await;
            tx.execute(INSERT, binds![scope.org.uuid(), title, false]).await.unwrap();
            tx.commit().await.unwrap();
            written.push(title.to_owned());
            let tx = db.write(&scope).await;
            drop(tx);
            // Another connection sees only what is committed.
            let tx = db.read(&scope).await;
            let rows = tx.fetch_rows("SELECT title FROM notes ORDER BY id", binds![]).await.unwrap();
            let titles: Vec<String> = rows.iter().map(|row| row.try_get("", "title").unwrap()).collect();
            assert_eq!(titles, written);
            tx.rollback().await.unwrap();
        }
    });
}
