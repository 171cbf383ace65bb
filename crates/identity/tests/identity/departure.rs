//! Taking one's data along, and going.

use rhiza_kernel::Role;
use rhiza_store::binds;
use serde_json::{Value, json};

use crate::site::{OURS, PASSWORD, SETS, Site, bearer};

const GRACE: &str = "grace@example.com";

async fn delete(site: &Site, cookie: &str) -> crate::site::Reply {
    site.send("DELETE", "/me", &[OURS, ("cookie", cookie)], Value::Null).await
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn an_export_holds_what_is_kept_and_no_secret(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        site.add_member(Some(owner.organization_id), GRACE, Role::Engineer).await;
        let (cookie, other) = (site.sign_in(GRACE).await, site.sign_in("ada@example.com").await);
        let mine = [("cookie", cookie.as_str())];
        let made = site.post("/keys", &mine, json!({ "name": "grace's key" })).await;
        site.post("/keys", &[("cookie", &other)], json!({ "name": "ada's key" })).await;
        let secret = made.body["secret"].as_str().unwrap().to_owned();
        let totp = site.post("/me/totp", &mine, Value::Null).await.body["secret"].as_str().unwrap().to_owned();
        let export = site.get("/me/export", &mine).await;
        assert_eq!(export.status, 200, "{}", export.body);
        assert!(export.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
        let body = &export.body;
        assert_eq!(body["profile"]["email"], GRACE);
        assert_eq!(body["memberships"][0]["role"], "engineer");
        assert_eq!(body["keys"][0]["name"], "grace's key");
        assert_eq!(body["sessions"].as_array().unwrap().len(), 1);
        let acts: Vec<&str> =
            body["audit_entries"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
        assert!(acts.contains(&"identity.key.create") && acts.contains(&"identity.session.create"), "{acts:?}");
        let text = body.to_string();
        for foreign in [secret.as_str(), &totp, "$argon2id", "ada's key", "token_hash", cookie.split_once('=').unwrap().1] {
            assert!(!text.contains(foreign), "{foreign}");
        }
        let key = bearer(&secret);
        assert_eq!(site.get("/me/export", &[("authorization", &key)]).await.status, 403);
    }

    async fn who_goes_leaves_nothing_but_what_they_made(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        site.add_member(Some(owner.organization_id), GRACE, Role::Engineer).await;
        let cookie = site.sign_in(GRACE).await;
        let mine = [("cookie", cookie.as_str())];
        let made = site.post("/keys", &mine, json!({ "name": "k" })).await;
        let key = bearer(made.body["secret"].as_str().unwrap());
        let me = site.get("/me", &mine).await.body["user"]["id"].as_str().unwrap().to_owned();
        site.db.clock.advance(std::time::Duration::from_secs(600));
        let stale = delete(&site, &cookie).await;
        assert_eq!((stale.status, stale.body["permission"].as_str()), (403, Some("confirmation")));
        assert_eq!(site.post("/me/confirm", &mine, json!({ "password": PASSWORD })).await.status, 204);
        let gone = delete(&site, &cookie).await;
        assert_eq!((gone.status, gone.cookie.unwrap().contains("Max-Age=0")), (204, true), "{}", gone.body);
        assert_eq!(site.get("/me", &mine).await.status, 401);
        site.db.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(site.get("/me", &[("authorization", &key)]).await.status, 401);
        let attempt = json!({ "email": GRACE, "password": PASSWORD });
        assert_eq!(site.post("/auth/sign-in", &[], attempt.clone()).await.status, 401);
        assert_eq!(site.letters(GRACE).await[0].0, "account_deleted");

        // Nothing about them is left outside the audit chain, whose entries still name their id.
        let tx = site.db.db.system_read().await.unwrap();
        let sql = "SELECT COUNT(*) FROM users WHERE email LIKE '%grace%' OR email_key LIKE '%grace%'";
        assert_eq!(tx.fetch_scalar::<i64>(sql, binds![]).await.unwrap(), Some(0));
        let id: rhiza_kernel::UserId = me.parse().unwrap();
        for table in ["sessions", "memberships", "totp_factors", "user_tokens", "team_members"] {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE user_id = $1");
            assert_eq!(tx.fetch_scalar::<i64>(&sql, binds![id.uuid()]).await.unwrap(), Some(0), "{table}");
        }
        let sql = "SELECT COUNT(*) FROM audit_entries WHERE actor_id = $1 AND action = 'identity.person.delete'";
        assert_eq!(tx.fetch_scalar::<i64>(sql, binds![me]).await.unwrap(), Some(1));
        tx.rollback().await.unwrap();
        site.actions(owner.organization_id).await;

        // The address is free again.
        site.add_member(Some(owner.organization_id), GRACE, Role::Viewer).await;
        assert_eq!(site.post("/auth/sign-in", &[], attempt).await.status, 200);
    }

    async fn nobody_leaves_an_organisation_without_an_owner(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let ada = site.sign_in("ada@example.com").await;
        let alone = delete(&site, &ada).await;
        assert!(alone.status == 409 && alone.body["detail"].as_str().unwrap().contains("only member"), "{}", alone.body);
        site.add_member(Some(owner.organization_id), GRACE, Role::Admin).await;
        let last = delete(&site, &ada).await;
        assert!(last.status == 409 && last.body["detail"].as_str().unwrap().contains("last owner"), "{}", last.body);
        // Two owners who go at the same moment: one of them stays.
        site.execute("UPDATE memberships SET role = 'owner'", binds![]).await;
        let grace = site.sign_in(GRACE).await;
        let (a, b) = tokio::join!(delete(&site, &ada), delete(&site, &grace));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409], "{} {}", a.body, b.body);
    }
}
