//! What tests share. The heart is [`db_tests!`], which runs one test body on SQLite and on PostgreSQL.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up must fail at once, and says through its environment where the services are"
)]

mod db;

pub use db::{Engine, TestDb, start};

/// Instantiates each test on both databases.
///
/// ```ignore
/// rhiza_testkit::db_tests! {
///     migrations = &[rhiza_audit::MIGRATIONS];
///     async fn a_row_comes_back(db: TestDb) {
///         let tx = db.write().await;
///         …
///     }
/// }
/// ```
/// gives `a_row_comes_back::sqlite` and `a_row_comes_back::postgres`. The PostgreSQL server is the one named by
/// `RHIZA_TEST_POSTGRES_URL` (`make test` starts one); without it the test fails, unless
/// `RHIZA_TEST_SKIP_POSTGRES=1` says that this run is not meant to prove anything about PostgreSQL.
#[macro_export]
macro_rules! db_tests {
    (migrations = $sets:expr; $($(#[$meta:meta])* async fn $name:ident($db:ident: TestDb) $body:block)+) => {
        $(
            mod $name {
                #[allow(unused_imports, reason = "a body may use nothing of its module")]
                use super::*;

                async fn body($db: $crate::TestDb) $body

                $(#[$meta])*
                #[test]
                fn sqlite() {
                    $crate::start($crate::Engine::Sqlite, $sets, body);
                }

                $(#[$meta])*
                #[test]
                fn postgres() {
                    $crate::start($crate::Engine::Postgres, $sets, body);
                }
            }
        )+
    };
}
