//! Fresh, migrated databases: a temporary SQLite file, or a database of its own on the test PostgreSQL.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::DateTime;
use rhiza_kernel::{Env, FixedClock, OrgId, OrgScope, ProjectId, ProjectScope};
use rhiza_store::{Db, DbOptions, DbUrl, MigrationSet, Tx};

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file in a temporary folder.
    Sqlite,
    /// The server of `RHIZA_TEST_POSTGRES_URL`.
    Postgres,
}

/// A migrated database that nobody else uses, with a clock that stands still and reproducible randomness.
pub struct TestDb {
    /// The database.
    pub db: Db,
    /// Time and randomness.
    pub env: Env,
    /// Moves the time of [`TestDb::env`].
    pub clock: Arc<FixedClock>,
    /// Where it is, for tests that open it again.
    pub url: DbUrl,
    /// A folder that lives as long as the test.
    pub folder: tempfile::TempDir,
}

impl TestDb {
    /// A fresh tenant: an organisation and a project that no row belongs to yet.
    #[must_use]
    pub fn tenant(&self) -> ProjectScope {
        ProjectScope::new(self.env.new_id::<OrgId>(), self.env.new_id::<ProjectId>())
    }

    /// A writing transaction of `scope`.
    pub async fn write(&self, scope: &OrgScope) -> Tx {
        self.db.write(scope).await.expect("a writing transaction")
    }

    /// A reading transaction of `scope`.
    pub async fn read(&self, scope: &OrgScope) -> Tx {
        self.db.read(scope).await.expect("a reading transaction")
    }
}

/// Runs `body` on a fresh database of the given kind. Called by [`crate::db_tests!`].
pub fn start<F, Fut>(engine: Engine, sets: &[MigrationSet], body: F)
where
    F: FnOnce(TestDb) -> Fut,
    Fut: Future<Output = ()>,
{
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let Some((url, admin)) = address(engine, &folder).await else { return };
        let mut options = DbOptions::new(url.clone());
        options.max_connections = 4;
        let mut db = Db::open(&options).await.expect("the test database opens");
        db.migrate(sets).await.expect("the test database migrates");
        let start = DateTime::from_timestamp(1_780_000_000, 0).expect("a time");
        let (env, clock) = Env::fixed(start, u64::from(std::process::id()) << 32 | u64::from(number()));
        let handle = db.clone();
        body(TestDb { db, env, clock, url, folder }).await;
        handle.close().await.expect("the test database closes");
        if let Some((admin, name)) = admin {
            let tx = admin.system_write_raw(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            tx.expect("the test database is dropped");
            admin.close().await.expect("the admin connection closes");
        }
    });
}

fn number() -> u32 {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    COUNTER.fetch_add(1, Ordering::Relaxed)
}

async fn address(engine: Engine, folder: &tempfile::TempDir) -> Option<(DbUrl, Option<(Db, String)>)> {
    match engine {
        Engine::Sqlite => Some((DbUrl::Sqlite(folder.path().join("test.db")), None)),
        Engine::Postgres => {
            let Ok(base) = std::env::var("RHIZA_TEST_POSTGRES_URL") else {
                assert!(
                    std::env::var("RHIZA_TEST_SKIP_POSTGRES").is_ok_and(|v| v == "1"),
                    "RHIZA_TEST_POSTGRES_URL is not set: run the tests through `make test`"
                );
                return None;
            };
            let name = format!("rhiza_test_{}_{}", std::process::id(), number());
            let mut options = DbOptions::new(DbUrl::parse(&base).expect("RHIZA_TEST_POSTGRES_URL is an address"));
            options.max_connections = 1;
            let admin = Db::open(&options).await.expect("the test PostgreSQL answers");
            admin
                .system_write_raw(&format!("CREATE DATABASE {name} TEMPLATE template0"))
                .await
                .expect("the test database is created");
            let (server, _) = base.rsplit_once('/').expect("the address names a database");
            Some((DbUrl::Postgres(format!("{server}/{name}")), Some((admin, name))))
        }
    }
}
