//! News of changes, between processes on one database.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use rhiza_platform::authz::{AuthError, Credentials, Presented};
use rhiza_store::binds;
use rhiza_testkit::TestDb;
use tokio_util::sync::CancellationToken;

use crate::setup::{NewOwner, init_owner};
use crate::{Identity, IdentityOptions, PasswordCost};

/// Far longer than news takes, and than the two seconds that a revocation may.
const PATIENCE: Duration = Duration::from_secs(2);

fn shown(key: &str) -> Credentials {
    Credentials {
        presented: Presented::Bearer(key.to_owned().into()),
        project: None,
        method: Method::GET,
        path: "/".to_owned(),
        address: [127, 0, 0, 1].into(),
        user_agent: None,
    }
}

async fn owner_key(db: &TestDb, identity: &Identity) -> String {
    let owner = NewOwner {
        email: "ada@example.com".into(),
        password: "tin kettle orbit 9".into(),
        name: None,
        organization: "Analytical Engines".into(),
        project: None,
    };
    init_owner(&db.db, &db.env, identity.passwords(), owner).await.unwrap().api_key
}

async fn sql(db: &TestDb, sql: &str) {
    db.db.system_write_raw(sql).await.unwrap();
}

rhiza_testkit::db_tests! {
    migrations = &[rhiza_platform::MIGRATIONS, crate::MIGRATIONS];

    async fn what_is_remembered_holds_until_another_process_changes_it(db: TestDb) {
        let passwords = PasswordCost { memory_kib: 64, passes: 1, at_once: 2 };
        let options = IdentityOptions { passwords, ..IdentityOptions::of_a_test(&db.env) };
        let identity = Identity::new(db.db.clone(), db.env.clone(), options).unwrap();
        let key = owner_key(&db, &identity).await;
        let stop = CancellationToken::new();
        #[expect(clippy::disallowed_methods, reason = "the test's runtime ends with the test")]
        let listening = tokio::spawn(identity.clone().listen(stop.clone()));
        if db.db.listen("probe").await.unwrap().is_none() {
            // One process, nobody to hear from.
            tokio::time::timeout(PATIENCE, listening).await.unwrap().unwrap();
            return;
        }
        let authenticator = identity.authenticator();
        let ask = || {
            let authenticator = Arc::clone(&authenticator);
            let shown = shown(&key);
            async move { authenticator.authenticate(&shown).await }
        };
        let wait = |until_refused: bool| {
            let (ask, clock) = (&ask, Arc::clone(&db.clock));
            async move {
                tokio::time::timeout(PATIENCE * 5, async {
                    loop {
                        clock.advance(Duration::from_millis(50));
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        if ask().await.is_err() == until_refused {
                            return;
                        }
                    }
                })
                .await
                .unwrap()
            }
        };
        // Until the first heartbeat was heard.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        ask().await.unwrap();

        // Changed behind the triggers' back: believed although a second has passed, because news arrives and there is none.
        sql(&db, "ALTER TABLE api_keys DISABLE TRIGGER access_changed").await;
        sql(&db, "UPDATE api_keys SET revoked_at = now()").await;
        for _ in 0..3 {
            db.clock.advance(Duration::from_millis(1100));
            tokio::time::sleep(Duration::from_millis(1100)).await;
            ask().await.unwrap();
        }
        // The same change, announced.
        sql(&db, "ALTER TABLE api_keys ENABLE TRIGGER access_changed").await;
        let tx = db.db.system_write().await.unwrap();
        tx.execute("UPDATE api_keys SET revoked_at = $1", binds![db.env.now()]).await.unwrap();
        tx.commit().await.unwrap();
        wait(true).await;
        assert!(matches!(ask().await, Err(AuthError::Revoked)));

        // Nobody listens any more: the answer is believed for a second only.
        stop.cancel();
        listening.await.unwrap();
        sql(&db, "UPDATE api_keys SET revoked_at = NULL").await;
        wait(false).await;
        sql(&db, "ALTER TABLE api_keys DISABLE TRIGGER access_changed").await;
        sql(&db, "UPDATE api_keys SET revoked_at = now()").await;
        db.clock.advance(Duration::from_secs(3));
        assert!(matches!(ask().await, Err(AuthError::Revoked)));
    }
}
