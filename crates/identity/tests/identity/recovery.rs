//! Forgotten passwords: the link, who gets it, and what it does not do.

use std::time::Duration;

use rhiza_store::binds;
use serde_json::{Value, json};

use crate::site::{PASSWORD, SETS, Site, session};

const ADA: &str = "ada@example.com";
const NEW: &str = "another kettle 7";

async fn forgot(site: &Site, email: &str) {
    let reply = site.post("/auth/forgot-password", &[], json!({ "email": email })).await;
    assert_eq!((reply.status, reply.body), (202, Value::Null));
}

async fn reset(site: &Site, token: &str, password: &str) -> u16 {
    site.post("/auth/reset-password", &[], json!({ "token": token, "password": password })).await.status
}

async fn attempt(site: &Site, password: &str) -> u16 {
    site.post("/auth/sign-in", &[], json!({ "email": ADA, "password": password })).await.status
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn a_link_gives_a_new_password_once_and_ends_every_session(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        site.work();
        let cookie = site.sign_in(ADA).await;
        let family = site.db.env.new_uuid();
        let now = site.db.env.now();
        site.execute(
            "INSERT INTO token_families (family_id, org_id, user_id, name, scopes, created_at, expires_at)
             VALUES ($1, $2, $3, 'laptop', $4, $5, $6)",
            binds![
                family,
                owner.organization_id.uuid(),
                owner.user_id.uuid(),
                json!([]),
                now,
                now + Duration::from_secs(86_400)
            ],
        )
        .await;
        forgot(&site, " ADA@Example.com").await;
        let token = site.letter_token(ADA, "reset_password").await;
        // A password that may not be does not use the link up.
        assert_eq!(reset(&site, &token, "short").await, 422);
        assert_eq!(reset(&site, &token, "ada.ada.ada.").await, 422);
        assert_eq!(reset(&site, &token, NEW).await, 204);
        assert_eq!(reset(&site, &token, "a third kettle 8").await, 401);
        assert_eq!(site.get("/me", &[("cookie", &cookie)]).await.status, 401);
        assert_eq!((attempt(&site, PASSWORD).await, attempt(&site, NEW).await), (401, 200));
        let tx = site.db.db.system_read().await.unwrap();
        let sql = "SELECT COUNT(*) FROM token_families WHERE revoked_at IS NULL";
        assert_eq!(tx.fetch_scalar::<i64>(sql, binds![]).await.unwrap(), Some(0));
        tx.rollback().await.unwrap();
        let mut letters: Vec<String> = site.letters(ADA).await.into_iter().map(|(kind, _)| kind).collect();
        letters.sort();
        assert_eq!(letters, ["password_changed", "reset_password"]);
        let actions = site.actions(owner.organization_id).await;
        for action in ["identity.password.ask_reset", "identity.password.reset"] {
            assert!(actions.contains(&action.to_owned()), "{action} in {actions:?}");
        }
    }

    async fn of_two_who_follow_one_link_one_gets_in(db: TestDb) {
        let site = Site::new(db);
        site.owner().await;
        site.work();
        forgot(&site, ADA).await;
        let token = site.letter_token(ADA, "reset_password").await;
        let (a, b) = tokio::join!(reset(&site, &token, NEW), reset(&site, &token, "a third kettle 8"));
        let mut statuses = [a, b];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 401]);
        let (right, wrong) = if a == 204 { (NEW, "a third kettle 8") } else { ("a third kettle 8", NEW) };
        assert_eq!((attempt(&site, wrong).await, attempt(&site, right).await), (401, 200));
    }

    async fn the_newest_link_counts_and_for_half_an_hour(db: TestDb) {
        let site = Site::new(db);
        site.owner().await;
        site.work();
        forgot(&site, ADA).await;
        let first = site.letter_token(ADA, "reset_password").await;
        site.db.clock.advance(Duration::from_secs(1));
        forgot(&site, ADA).await;
        let second = site.letter_token(ADA, "reset_password").await;
        assert_ne!(first, second);
        assert_eq!(reset(&site, &first, NEW).await, 401);
        site.db.clock.advance(Duration::from_secs(30 * 60));
        assert_eq!(reset(&site, &second, NEW).await, 401);
        for bad in ["", "x", &"a".repeat(43), &"a".repeat(100_000)] {
            let before = site.identity.passwords().computed();
            assert_eq!(reset(&site, bad, NEW).await, 401);
            assert_eq!(site.identity.passwords().computed(), before, "no work for strangers");
        }
        // What is stored is not what was sent.
        let tx = site.db.db.system_read().await.unwrap();
        let sql = "SELECT COUNT(*) FROM jobs WHERE CAST(input AS TEXT) LIKE '%example%'";
        assert_eq!(tx.fetch_scalar::<i64>(sql, binds![]).await.unwrap(), Some(0), "addresses in jobs are sealed");
    }

    async fn a_shut_account_gets_no_link_and_an_old_one_opens_nothing(db: TestDb) {
        let site = Site::new(db);
        site.owner().await;
        site.work();
        forgot(&site, ADA).await;
        let token = site.letter_token(ADA, "reset_password").await;
        site.execute("UPDATE users SET disabled_at = $1", binds![site.db.env.now()]).await;
        assert_eq!(reset(&site, &token, NEW).await, 401);
        forgot(&site, ADA).await;
        assert_eq!(site.letters(ADA).await.len(), 1);
    }

    async fn a_hash_of_an_import_opens_once_and_becomes_our_own(db: TestDb) {
        let site = Site::new(db);
        site.owner().await;
        let imported = bcrypt::hash(PASSWORD, 4).unwrap();
        site.execute("UPDATE users SET password_hash = $1", binds![imported]).await;
        assert_eq!(attempt(&site, "not the password").await, 401);
        let hash = async || -> String {
            let tx = site.db.db.system_read().await.unwrap();
            tx.fetch_scalar("SELECT password_hash FROM users", binds![]).await.unwrap().unwrap()
        };
        assert!(hash().await.starts_with("$2"));
        assert_eq!(attempt(&site, PASSWORD).await, 200);
        assert!(hash().await.starts_with("$argon2id$"), "{}", hash().await);
        let reply = site.post("/auth/sign-in", &[], json!({ "email": ADA, "password": PASSWORD })).await;
        assert_eq!(site.get("/me", &[("cookie", &session(&reply))]).await.status, 200);
    }
}
