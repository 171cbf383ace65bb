//! Members, the organisation itself, and its own roles.

use http::header;
use rhiza_kernel::Role;
use rhiza_store::binds;
use serde_json::{Value, json};

use crate::access_support::Engines;
use crate::site::{SETS, bearer};

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn members_are_listed_and_found(db: TestDb) {
        let engines = Engines::new(db).await;
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        let eve = engines.stranger().await;
        let emails = |body: &Value| -> Vec<String> {
            body["items"].as_array().unwrap().iter().map(|m| m["email"].as_str().unwrap().to_owned()).collect()
        };
        let all = engines.get(&engines.ada, "/members").await.body;
        assert_eq!(emails(&all), ["ada@example.com", "vic@example.com"]);
        assert_eq!(all["items"][0]["you"], true);
        assert_eq!(all["items"][1]["second_factor"], false);
        assert!(all["items"][1]["last_seen_at"].is_string(), "{all}");
        let first = engines.get(&engines.ada, "/members?limit=1").await.body;
        let next = format!("/members?limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
        assert_eq!(emails(&engines.get(&engines.ada, &next).await.body), ["vic@example.com"]);
        assert_eq!(emails(&engines.get(&engines.ada, "/members?q=VIC").await.body), ["vic@example.com"]);
        // When somebody was last seen and how they sign in is for who manages members.
        let seen = engines.get(&vic, &format!("/members/{}", engines.ada.id)).await.body;
        assert_eq!((seen["role"].as_str(), seen["last_seen_at"].is_null(), seen["second_factor"].is_null()),
            (Some("owner"), true, true), "{seen}");
        assert_eq!(emails(&engines.get(&eve, "/members?q=a").await.body), ["eve@example.com"]);
        for (method, body) in [("GET", Value::Null), ("PATCH", json!({ "role": "viewer" })), ("DELETE", Value::Null)] {
            engines.refused(&eve, method, &format!("/members/{}", vic.id), body, 404).await;
        }
    }

    async fn an_organisation_always_has_an_owner(db: TestDb) {
        let engines = Engines::new(db).await;
        let ada = format!("/members/{}", engines.ada.id);
        engines.refused(&engines.ada, "PATCH", &ada, json!({ "role": "admin" }), 409).await;
        engines.refused(&engines.ada, "DELETE", &ada, Value::Null, 409).await;
        engines.refused(&engines.ada, "POST", "/organization/leave", Value::Null, 409).await;
        // Two owners, each of whom goes because the other is still there.
        for (method, path, body, done) in [
            ("POST", None, Value::Null, 204),
            ("DELETE", Some(()), Value::Null, 204),
            ("PATCH", Some(()), json!({ "role": "viewer" }), 200),
        ] {
            let bob = engines.join(&format!("bob-{}@example.com", method.to_lowercase()), Role::Owner).await;
            let of = |who: &str| match path {
                None => "/organization/leave".to_owned(),
                Some(()) => format!("/members/{who}"),
            };
            let (mine, his) = (of(&engines.ada.id), of(&bob.id));
            let (a, b) = tokio::join!(
                engines.by(&engines.ada, method, &mine, body.clone()),
                engines.by(&bob, method, &his, body.clone()),
            );
            let mut statuses = [a.status, b.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [done, 409], "{} {}", a.body, b.body);
            // Ada comes back for the next round.
            let tx = engines.site.db.db.system_write().await.unwrap();
            tx.execute("DELETE FROM memberships WHERE org_id = $1", binds![engines.org.uuid()]).await.unwrap();
            let ada: rhiza_kernel::UserId = engines.ada.id.parse().unwrap();
            let sql = "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ($1, $2, 'owner', $3)";
            tx.execute(sql, binds![engines.org.uuid(), ada.uuid(), engines.site.db.env.now()]).await.unwrap();
            tx.execute("UPDATE sessions SET revoked_at = NULL WHERE user_id = $1", binds![ada.uuid()]).await.unwrap();
            tx.commit().await.unwrap();
            engines.second();
        }
    }

    async fn owners_who_take_each_other_s_role_leave_one(db: TestDb) {
        let engines = Engines::new(db).await;
        let bob = engines.join("bob@example.com", Role::Owner).await;
        let (hers, his) = (format!("/members/{}", engines.ada.id), format!("/members/{}", bob.id));
        let (a, b) = tokio::join!(
            engines.by(&engines.ada, "PATCH", &his, json!({ "role": "viewer" })),
            engines.by(&bob, "PATCH", &hers, json!({ "role": "viewer" })),
        );
        // The second no longer owns anything when their turn comes, whatever they were when they asked.
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403], "{} {}", a.body, b.body);
    }

    async fn nobody_gives_what_they_lack_or_edits_who_holds_more(db: TestDb) {
        let engines = Engines::new(db).await;
        let admin = engines.join("adm@example.com", Role::Admin).await;
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        let path = |who: &str| format!("/members/{who}");
        let problem = engines.refused(&admin, "PATCH", &path(&vic.id), json!({ "role": "owner" }), 403).await;
        assert_eq!(problem["permission"], "organization:manage");
        engines.refused(&admin, "PATCH", &path(&admin.id), json!({ "role": "owner" }), 403).await;
        engines.refused(&admin, "PATCH", &path(&engines.ada.id), json!({ "role": "viewer" }), 403).await;
        engines.refused(&admin, "DELETE", &path(&engines.ada.id), Value::Null, 403).await;
        engines.done(&admin, "PATCH", &path(&vic.id), json!({ "role": "admin" })).await;
        engines.set_role(&vic, "viewer").await;
        // A role of one's own making is no way round.
        let all = json!({ "name": "All", "permissions": ["organization:manage"] });
        let problem = engines.refused(&admin, "POST", "/roles", all, 403).await;
        assert_eq!(problem["permission"], "organization:manage");
        let mighty = engines.role("Mighty", &["organization:manage", "members:manage", "roles:manage"]).await;
        engines.refused(&admin, "PATCH", &path(&vic.id), json!({ "role": mighty }), 403).await;
        engines.refused(&admin, "PATCH", &format!("/roles/{mighty}"), json!({ "permissions": [] }), 403).await;
        engines.refused(&admin, "DELETE", &format!("/roles/{mighty}"), Value::Null, 403).await;
        // Somebody who manages members, and nothing else.
        let clerk_role = engines.role("Clerk", &["members:manage", "roles:manage"]).await;
        let clerk = engines.join("clerk@example.com", Role::Viewer).await;
        engines.set_role(&clerk, &clerk_role).await;
        for role in ["viewer", "engineer", "admin", "owner", mighty.as_str()] {
            engines.refused(&clerk, "PATCH", &path(&clerk.id), json!({ "role": role }), 403).await;
        }
        engines.refused(&clerk, "PATCH", &path(&vic.id), json!({ "role": clerk_role }), 403).await;
        engines.refused(&clerk, "DELETE", &path(&vic.id), Value::Null, 403).await;
        let wider = json!({ "permissions": ["members:manage", "roles:manage", "projects:manage"] });
        engines.refused(&clerk, "PATCH", &format!("/roles/{clerk_role}"), wider, 403).await;
        engines.refused(&vic, "PATCH", &path(&vic.id), json!({ "role": "admin" }), 403).await;
        // A key that is limited gives no more than its limits.
        let keys = [("authorization", bearer(&engines.key))];
        let limited = json!({ "name": "k", "organization_wide": true, "scopes": ["members:manage", "organization:read"] });
        let made = engines.site.send("POST", "/keys", &[(keys[0].0, &keys[0].1)], limited).await;
        let limited = bearer(made.body["secret"].as_str().unwrap());
        let reply = engines.site.send("PATCH", &path(&vic.id), &[("authorization", &limited)], json!({ "role": "admin" })).await;
        assert_eq!(reply.status, 403, "{}", reply.body);
    }

    async fn rights_are_read_anew_when_they_are_handed_on(db: TestDb) {
        let engines = Engines::new(db).await;
        let admin = engines.join("adm@example.com", Role::Admin).await;
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        // What the session opens is remembered for a second; the clock stands still.
        engines.done(&admin, "GET", "/me", Value::Null).await;
        engines.done(&engines.ada, "PATCH", &format!("/members/{}", admin.id), json!({ "role": "viewer" })).await;
        engines.refused(&admin, "PATCH", &format!("/members/{}", vic.id), json!({ "role": "admin" }), 403).await;
        engines.refused(&admin, "POST", "/roles", json!({ "name": "Mine", "permissions": [] }), 403).await;
    }

    async fn who_is_removed_has_nothing_left(db: TestDb) {
        let engines = Engines::new(db).await;
        let eng = engines.join("eng@example.com", Role::Engineer).await;
        let made = engines.done(&eng, "POST", "/keys", json!({ "name": "mine" })).await;
        let key = bearer(made["secret"].as_str().unwrap());
        let key = [("authorization", key.as_str())];
        assert_eq!(engines.site.get("/me", &key).await.status, 200);
        let user: rhiza_kernel::UserId = eng.id.parse().unwrap();
        let tx = engines.site.db.db.system_write().await.unwrap();
        let env = &engines.site.db.env;
        let family: rhiza_kernel::TokenFamilyId = env.new_id();
        let sql = "INSERT INTO token_families (family_id, org_id, user_id, name, scopes, created_at, expires_at)
                   VALUES ($1, $2, $3, 'laptop', $4, $5, $5)";
        tx.execute(sql, binds![family.uuid(), engines.org.uuid(), user.uuid(), json!(["*"]), env.now()]).await.unwrap();
        tx.commit().await.unwrap();

        engines.done(&engines.ada, "DELETE", &format!("/members/{}", eng.id), Value::Null).await;
        // At once, not within the second that answers are remembered for.
        assert_eq!(engines.get(&eng, "/me").await.status, 401);
        assert_eq!(engines.site.get("/me", &key).await.status, 401);
        engines.refused(&engines.ada, "DELETE", &format!("/members/{}", eng.id), Value::Null, 404).await;
        let tx = engines.site.db.db.system_read().await.unwrap();
        let open: i64 = tx.fetch_scalar("SELECT COUNT(*) FROM token_families WHERE revoked_at IS NULL", binds![]).await.unwrap().unwrap();
        assert_eq!(open, 0);
        assert_eq!(engines.actions().await[0], "identity.member.delete");
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        let left = engines.by(&vic, "POST", "/organization/leave", Value::Null).await;
        assert_eq!((left.status, left.cookie.unwrap().contains("Max-Age=0")), (204, true));
        assert_eq!(engines.get(&vic, "/me").await.status, 401);
        assert_eq!(engines.actions().await[0], "identity.member.leave");
    }

    async fn a_key_of_a_project_manages_nothing_of_the_organisation(db: TestDb) {
        let engines = Engines::new(db).await;
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        let made = engines.done(&engines.ada, "POST", "/keys", json!({ "name": "k", "scopes": ["*"] })).await;
        let key = bearer(made["secret"].as_str().unwrap());
        let key = [("authorization", key.as_str())];
        for (method, path, body) in [
            ("PATCH", "/organization".to_owned(), json!({ "name": "Mine" })),
            ("PATCH", format!("/members/{}", vic.id), json!({ "role": "admin" })),
            ("DELETE", format!("/members/{}", vic.id), Value::Null),
            ("POST", "/roles".to_owned(), json!({ "name": "Mine", "permissions": [] })),
            ("POST", "/organization/leave".to_owned(), Value::Null),
        ] {
            let reply = engines.site.send(method, &path, &key, body).await;
            assert_eq!(reply.status, 403, "{method} {path}: {}", reply.body);
        }
        assert_eq!(engines.site.get("/organization", &key).await.status, 200);
    }

    async fn roles_are_made_changed_and_removed(db: TestDb) {
        let engines = Engines::new(db).await;
        let eve = engines.stranger().await;
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        let made = engines.by(&engines.ada, "POST", "/roles", json!({ "name": "Release manager", "permissions": ["models:read"] })).await;
        assert_eq!(made.status, 201, "{}", made.body);
        assert_eq!(made.body["permissions"], json!(["models:read", "organization:read", "self:manage"]));
        let etag = made.headers[header::ETAG].to_str().unwrap().to_owned();
        let path = format!("/roles/{}", made.body["id"].as_str().unwrap());
        for (body, status) in [
            (json!({ "name": "RELEASE Manager ", "permissions": [] }), 409),
            (json!({ "name": "Owner", "permissions": [] }), 422),
            (json!({ "name": "x", "permissions": ["*"] }), 422),
            (json!({ "name": "\u{202E}", "permissions": [] }), 422),
            (json!({ "name": "x" }), 422),
        ] {
            engines.refused(&engines.ada, "POST", "/roles", body, status).await;
        }
        // Another organisation has roles of its own, and may call them the same.
        engines.done(&eve, "POST", "/roles", json!({ "name": "Release manager", "permissions": [] })).await;
        for (method, body) in [("GET", Value::Null), ("PATCH", json!({ "name": "x" })), ("DELETE", Value::Null)] {
            engines.refused(&eve, method, &path, body, 404).await;
        }
        let own = made.body["id"].as_str().unwrap();
        let their_own = format!("/members/{}", eve.id);
        engines.refused(&eve, "PATCH", &their_own, json!({ "role": own }), 422).await;
        engines.refused(&vic, "POST", "/roles", json!({ "name": "x", "permissions": [] }), 403).await;

        engines.set_role(&vic, own).await;
        assert_eq!(engines.get(&vic, "/me").await.body["organization_permissions"], made.body["permissions"]);
        let wider = json!({ "permissions": ["models:read", "projects:manage"] });
        let changed = engines.site.send("PATCH", &path, &[("cookie", &engines.ada.cookie), crate::site::OURS, ("if-match", &etag)], wider.clone()).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        let stale = engines.site.send("PATCH", &path, &[("cookie", &engines.ada.cookie), crate::site::OURS, ("if-match", &etag)], wider).await;
        assert_eq!(stale.status, 412);
        engines.second();
        engines.done(&vic, "POST", "/projects", json!({ "name": "By Vic" })).await;
        let problem = engines.refused(&engines.ada, "DELETE", &path, Value::Null, 409).await;
        assert!(problem["detail"].as_str().unwrap().contains("members (1)"), "{problem}");
        engines.set_role(&vic, "viewer").await;
        engines.done(&engines.ada, "DELETE", &path, Value::Null).await;
        engines.refused(&engines.ada, "GET", &path, Value::Null, 404).await;

        let all = engines.get(&vic, "/roles").await.body;
        assert_eq!((all["items"].as_array().unwrap().len(), all["items"][0]["id"].as_str()), (7, Some("owner")));
        assert!(all["items"].as_array().unwrap().iter().all(|role| !role["description"].as_str().unwrap().is_empty()), "{all}");
        engines.refused(&engines.ada, "PATCH", "/roles/viewer", json!({ "permissions": [] }), 409).await;
        let permissions = engines.get(&vic, "/permissions").await.body;
        let review = permissions["items"].as_array().unwrap().iter().find(|p| p["name"] == "models:review").unwrap().clone();
        assert_eq!(review["roles"], json!(["owner", "admin", "reviewer"]));
        let actions = engines.actions().await;
        for action in ["identity.role.create", "identity.role.update", "identity.role.delete", "identity.member.update"] {
            assert!(actions.iter().any(|a| a == action), "{action}");
        }
    }

    async fn a_role_is_not_given_while_it_is_removed(db: TestDb) {
        let engines = Engines::new(db).await;
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        for round in 0..4 {
            let role = engines.role(&format!("Role {round}"), &[]).await;
            let (remove, member) = (format!("/roles/{role}"), format!("/members/{}", vic.id));
            let (removed, given) = tokio::join!(
                engines.by(&engines.ada, "DELETE", &remove, Value::Null),
                engines.by(&engines.ada, "PATCH", &member, json!({ "role": role })),
            );
            assert!(matches!((removed.status, given.status), (204, 422) | (409, 200)), "{} {}", removed.body, given.body);
            engines.set_role(&vic, "viewer").await;
        }
    }

    async fn the_organisation_is_renamed_and_asks_for_a_second_factor(db: TestDb) {
        let engines = Engines::new(db).await;
        let admin = engines.join("adm@example.com", Role::Admin).await;
        let seen = engines.get(&engines.ada, "/organization").await;
        let etag = seen.headers[header::ETAG].to_str().unwrap().to_owned();
        assert_eq!((seen.body["name"].as_str(), seen.body["require_second_factor"].as_bool()), (Some("Engines"), Some(false)));
        let mine = [("cookie", engines.ada.cookie.as_str()), crate::site::OURS, ("if-match", etag.as_str())];
        assert_eq!(engines.site.send("PATCH", "/organization", &mine, json!({ "name": "Looms" })).await.status, 200);
        assert_eq!(engines.site.send("PATCH", "/organization", &mine, json!({ "name": "Late" })).await.status, 412);
        let problem = engines.refused(&admin, "PATCH", "/organization", json!({ "name": "Mine" }), 403).await;
        assert_eq!(problem["permission"], "organization:manage");
        engines.refused(&admin, "PATCH", "/organization", json!({}), 403).await;

        let on = json!({ "require_second_factor": true });
        engines.refused(&engines.ada, "PATCH", "/organization", on.clone(), 403).await;
        let key = bearer(&engines.key);
        assert_eq!(engines.site.send("PATCH", "/organization", &[("authorization", &key)], on.clone()).await.status, 403);
        let tx = engines.site.db.db.system_write().await.unwrap();
        let ada: rhiza_kernel::UserId = engines.ada.id.parse().unwrap();
        let sql = "UPDATE sessions SET second_factor_at = created_at WHERE user_id = $1";
        tx.execute(sql, binds![ada.uuid()]).await.unwrap();
        tx.commit().await.unwrap();
        engines.second();
        engines.done(&engines.ada, "PATCH", "/organization", on).await;
        engines.second();
        assert_eq!(engines.get(&admin, "/organization").await.status, 200);
        engines.refused(&admin, "POST", "/projects", json!({ "name": "X Y" }), 403).await;
        engines.done(&engines.ada, "POST", "/projects", json!({ "name": "X Y" })).await;
        // Programs have no second factor; they go on.
        assert_eq!(engines.site.get("/projects", &[("authorization", &key)]).await.status, 200);
        assert!(engines.actions().await.contains(&"identity.organization.update".to_owned()));
    }
}
