//! Service accounts, and keys that are bound to networks or replaced.

use std::time::Duration;

use rhiza_kernel::{OrgScope, Role};
use rhiza_platform::audit;
use rhiza_store::binds;
use serde_json::{Value, json};

use crate::site::{OURS, Reply, SETS, Site, bearer};

fn text(reply: &Reply, pointer: &str) -> String {
    let found = reply.body.pointer(pointer).and_then(Value::as_str);
    assert!(found.is_some(), "no {pointer} in {}", reply.body);
    found.unwrap().to_owned()
}

/// Makes a key; the answer and its bearer header.
async fn key(site: &Site, by: &[(&str, &str)], body: Value) -> (Reply, String) {
    let made = site.send("POST", "/keys", by, body.clone()).await;
    assert_eq!(made.status, 201, "{body} {}", made.body);
    let header = bearer(&text(&made, "/secret"));
    (made, header)
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn a_program_s_key_outlives_the_person_who_made_it(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        site.add_member(Some(owner.organization_id), "adm@example.com", Role::Admin).await;
        let admin = site.sign_in("adm@example.com").await;
        let admin = [("cookie", admin.as_str()), OURS];
        let made = site.send("POST", "/service-accounts", &admin, json!({ "name": "Nightly", "role": "engineer" })).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let (account, etag) = (text(&made, "/id"), made.headers["etag"].to_str().unwrap().to_owned());
        let path = format!("/service-accounts/{account}");
        let (made, secret) = key(&site, &admin, json!({ "name": "k", "service_account_id": account, "scopes": ["*"] })).await;
        assert_eq!(made.body["key"]["service_account_id"], account.as_str());
        let program = [("authorization", secret.as_str())];

        let me = site.get("/me", &program).await;
        assert_eq!((me.status, &me.body["user"], &me.body["role"]), (200, &Value::Null, &json!("engineer")));
        assert_eq!(me.body["service_account"], json!({ "id": account, "name": "Nightly" }));
        assert_eq!(me.body["projects"].as_array().unwrap().len(), 1);
        // What it makes is its own, and it sees its own keys only.
        let (made, _) = key(&site, &program, json!({ "name": "child" })).await;
        assert_eq!(made.body["key"]["service_account_id"], account.as_str());
        assert_eq!(site.get("/keys", &program).await.body["items"].as_array().unwrap().len(), 2);
        let root = bearer(&owner.api_key);
        let root = [("authorization", root.as_str())];
        let log = audit_labels(&site, owner.organization_id).await;
        assert!(log.iter().any(|(label, action)| label == "Nightly" && action == "identity.key.create"), "{log:?}");

        let tx = site.db.db.system_write().await.unwrap();
        tx.execute("DELETE FROM memberships WHERE role = 'admin'", binds![]).await.unwrap();
        tx.execute("UPDATE users SET disabled_at = $1 WHERE email = 'adm@example.com'", binds![site.db.env.now()]).await.unwrap();
        tx.commit().await.unwrap();
        site.db.clock.advance(Duration::from_secs(1));
        assert_eq!(site.get("/me", &admin).await.status, 401);
        assert_eq!(site.get("/me", &program).await.status, 200, "the key is the account's");

        let shut = site.send("PATCH", &path, &[root[0], ("if-match", &etag)], json!({ "disabled": true })).await;
        assert_eq!((shut.status, shut.body["disabled_at"].is_string()), (200, true), "{}", shut.body);
        assert_eq!(site.send("PATCH", &path, &[root[0], ("if-match", &etag)], json!({ "disabled": false })).await.status, 412);
        site.db.clock.advance(Duration::from_secs(1));
        assert_eq!(site.get("/me", &program).await.status, 401);
        assert_eq!(site.send("PATCH", &path, &root, json!({ "disabled": false, "role": "viewer" })).await.status, 200);
        site.db.clock.advance(Duration::from_secs(1));
        assert_eq!(site.get("/me", &program).await.body["role"], "viewer");
        assert_eq!(site.send("DELETE", &path, &root, Value::Null).await.status, 204);
        assert_eq!(site.get("/me", &program).await.status, 401, "at once");
        assert_eq!(site.get(&path, &root).await.status, 404);
    }

    async fn nobody_gains_through_a_service_account(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let root = [("authorization", root.as_str())];
        for (email, role) in [("adm@example.com", Role::Admin), ("eng@example.com", Role::Engineer)] {
            site.add_member(Some(owner.organization_id), email, role).await;
        }
        let admin = site.sign_in("adm@example.com").await;
        let admin = [("cookie", admin.as_str()), OURS];
        let engineer = site.sign_in("eng@example.com").await;
        let engineer = [("cookie", engineer.as_str()), OURS];
        for (who, body, status) in [
            (&admin, json!({ "name": "boss", "role": "owner" }), 403),
            (&admin, json!({ "name": "x", "role": "king" }), 422),
            (&admin, json!({ "name": "x", "role": "rol_01900000000070008000000000000001" }), 422),
            (&admin, json!({ "name": " ", "role": "viewer" }), 422),
            (&engineer, json!({ "name": "x", "role": "viewer" }), 403),
            (&admin, json!({ "name": "Builder", "role": "engineer" }), 201),
            (&admin, json!({ "name": "builder", "role": "engineer" }), 409),
        ] {
            let reply = site.send("POST", "/service-accounts", who, body.clone()).await;
            assert_eq!(reply.status, status, "{body} {}", reply.body);
        }
        let boss = site.send("POST", "/service-accounts", &root, json!({ "name": "boss", "role": "owner" })).await;
        let boss = text(&boss, "/id");
        assert_eq!(site.send("PATCH", &format!("/service-accounts/{boss}"), &engineer, json!({ "name": "x" })).await.status, 403);
        // What holds more than oneself is not one's own to change or to remove.
        let path = format!("/service-accounts/{boss}");
        for body in [json!({ "name": "x" }), json!({ "disabled": true }), json!({ "role": "viewer" })] {
            let reply = site.send("PATCH", &path, &admin, body.clone()).await;
            assert_eq!(reply.status, 403, "{body} {}", reply.body);
        }
        assert_eq!(site.send("DELETE", &path, &admin, Value::Null).await.status, 403);
        for (who, body, status) in [
            (&admin, json!({ "name": "k", "service_account_id": boss, "scopes": ["*"] }), 422),
            (&admin, json!({ "name": "k", "service_account_id": boss, "scopes": ["organization:manage"] }), 422),
            (&engineer, json!({ "name": "k", "service_account_id": boss }), 403),
            (&admin, json!({ "name": "k", "service_account_id": "sva_01900000000070008000000000000001" }), 422),
            (&admin, json!({ "name": "k", "service_account_id": boss, "scopes": ["models:read"] }), 201),
        ] {
            let reply = site.send("POST", "/keys", who, body.clone()).await;
            assert_eq!(reply.status, status, "{body} {}", reply.body);
        }
        // Nor by replacing a key that can do more.
        let (strong, _) = key(&site, &root, json!({ "name": "k", "service_account_id": boss, "scopes": ["*"] })).await;
        let path = format!("/keys/{}/rotate", text(&strong, "/key/id"));
        assert_eq!(site.send("POST", &path, &admin, json!({})).await.status, 403);
        assert_eq!(site.send("POST", &path, &engineer, json!({})).await.status, 404);
        assert_eq!(site.send("POST", &path, &root, json!({})).await.status, 201);
        // Somebody else's own key is theirs.
        let (of_owner, _) = key(&site, &root, json!({ "name": "k", "scopes": ["models:read"] })).await;
        let path = format!("/keys/{}/rotate", text(&of_owner, "/key/id"));
        assert_eq!(site.send("POST", &path, &admin, json!({})).await.status, 403);
    }

    async fn a_key_opens_from_its_networks_only(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let root = [("authorization", root.as_str())];
        for bad in [json!([]), json!(["10.0.0.0/40"]), json!(["everywhere"])] {
            let reply = site.send("POST", "/keys", &root, json!({ "name": "k", "allowed_networks": bad })).await;
            assert_eq!(reply.status, 422, "{}", reply.body);
        }
        let body = json!({ "name": "k", "allowed_networks": ["::ffff:10.0.0.0/104", "2001:db8::/32"], "scopes": ["*"] });
        let (made, secret) = key(&site, &root, body).await;
        assert_eq!(made.body["key"]["allowed_networks"], json!(["10.0.0.0/8", "2001:db8::/32"]));
        let own = [("authorization", secret.as_str())];
        for (peer, status) in [
            ("10.1.2.3:5", 200), ("[::ffff:10.1.2.3]:5", 200), ("[2001:db8::7]:5", 200),
            ("11.1.2.3:5", 403), ("[::ffff:11.1.2.3]:5", 403), ("[2001:db9::7]:5", 403), ("127.0.0.1:5", 403),
        ] {
            let reply = site.send_from(peer, "GET", "/me", &own, Value::Null).await;
            assert_eq!(reply.status, status, "{peer} {}", reply.body);
        }
        // The header that only proxies may set changes nothing.
        let forged = [own[0], ("x-forwarded-for", "10.1.2.3")];
        assert_eq!(site.send_from("127.0.0.1:5", "GET", "/me", &forged, Value::Null).await.status, 403);
        site.identity.flush().await.unwrap();
        let log = audit_labels(&site, owner.organization_id).await;
        assert_eq!(log.iter().filter(|(_, action)| action == "identity.credential.refuse_address").count(), 3, "{log:?}");

        // What it makes is bound as it is, and cannot be bound less.
        let from = "10.0.0.1:5";
        let made = site.send_from(from, "POST", "/keys", &own, json!({ "name": "child" })).await;
        assert_eq!(made.body["key"]["allowed_networks"], json!(["10.0.0.0/8", "2001:db8::/32"]), "{}", made.body);
        let wider = json!({ "name": "child", "allowed_networks": ["0.0.0.0/0"] });
        assert_eq!(site.send_from(from, "POST", "/keys", &own, wider).await.status, 422);
    }

    async fn a_key_made_with_a_key_ends_no_later(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let root = [("authorization", root.as_str())];
        let ends = site.db.env.now() + Duration::from_secs(600);
        let (made, secret) = key(&site, &root, json!({ "name": "k", "scopes": ["*"], "expires_at": ends })).await;
        let own = [("authorization", secret.as_str())];
        let (child, _) = key(&site, &own, json!({ "name": "child" })).await;
        assert_eq!(child.body["key"]["expires_at"], made.body["key"]["expires_at"]);
        let later = json!({ "name": "child", "expires_at": ends + Duration::from_secs(1) });
        assert_eq!(site.send("POST", "/keys", &own, later).await.status, 422);
    }

    async fn a_key_is_replaced_with_an_overlap_and_only_once(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let root = [("authorization", root.as_str())];
        let body = json!({ "name": "train", "scopes": ["models:read", "keys:manage", "organization:read"], "allowed_networks": ["127.0.0.0/8"] });
        let (old, old_secret) = key(&site, &root, body).await;
        let id = text(&old, "/key/id");
        let path = format!("/keys/{id}/rotate");
        assert_eq!(site.send("POST", &path, &root, json!({ "overlap_seconds": 2_592_001 })).await.status, 422);
        let (a, b) = tokio::join!(
            site.send("POST", &path, &root, json!({ "overlap_seconds": 60 })),
            site.send("POST", &path, &root, json!({ "overlap_seconds": 60 })),
        );
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{} {}", a.body, b.body);
        let new = if a.status == 201 { a } else { b };
        for field in ["name", "scopes", "role", "allowed_networks", "project_id", "created_by"] {
            assert_eq!(new.body["key"][field], old.body["key"][field], "{field}");
        }
        assert_eq!((&new.body["key"]["rotated_from"], &new.body["key"]["expires_at"]), (&json!(id), &Value::Null));
        let new_secret = bearer(&text(&new, "/secret"));
        let (old_key, new_key) = ([("authorization", old_secret.as_str())], [("authorization", new_secret.as_str())]);
        assert_eq!((site.get("/me", &old_key).await.status, site.get("/me", &new_key).await.status), (200, 200));
        site.db.clock.advance(Duration::from_secs(60));
        assert_eq!((site.get("/me", &old_key).await.status, site.get("/me", &new_key).await.status), (401, 200));
        assert_eq!(site.send("POST", &path, &root, json!({})).await.status, 409);
        // A key may replace itself, but not one that can do more.
        let path = format!("/keys/{}/rotate", text(&new, "/key/id"));
        assert_eq!(site.send("POST", &path, &new_key, json!({ "overlap_seconds": 0 })).await.status, 201);
        assert_eq!(site.get("/me", &new_key).await.status, 401);
        let (weak, secret) = key(&site, &root, json!({ "name": "weak", "scopes": ["keys:manage"] })).await;
        let (strong, _) = key(&site, &root, json!({ "name": "strong", "scopes": ["*"] })).await;
        assert_eq!(weak.status, 201);
        let path = format!("/keys/{}/rotate", text(&strong, "/key/id"));
        assert_eq!(site.send("POST", &path, &[("authorization", secret.as_str())], json!({})).await.status, 403);
    }
}

/// Who did what, as the audit chain shows it.
async fn audit_labels(site: &Site, org: rhiza_kernel::OrgId) -> Vec<(String, String)> {
    use rhiza_store::sea_orm::{self, FromQueryResult};
    #[derive(FromQueryResult)]
    struct Row {
        actor_label: String,
        action: String,
    }
    let scope = OrgScope::new(org);
    let tx = site.db.db.read(&scope).await.unwrap();
    assert!(audit::verify(&tx, &scope).await.unwrap().is_intact());
    let sql = "SELECT actor_label, action FROM audit_entries WHERE org_id = $1 ORDER BY seq";
    let rows: Vec<Row> = tx.fetch_all(sql, binds![org.uuid()]).await.unwrap();
    tx.rollback().await.unwrap();
    rows.into_iter().map(|row| (row.actor_label, row.action)).collect()
}
