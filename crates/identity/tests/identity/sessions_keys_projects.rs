//! Set-up, sessions, keys and projects.

use std::time::Duration;

use http::header;
use rhiza_identity::setup::{self, NewOwner};
use rhiza_kernel::{OrgId, OrgScope, Role, TypedId as _};
use rhiza_platform::audit;
use rhiza_store::binds;
use serde_json::{Value, json};

use crate::site::{OURS, PASSWORD, SETS, Site, bearer, session};

fn set_up(token: &str) -> Value {
    json!({ "token": token, "email": "Ada@example.com", "password": PASSWORD, "name": "Ada", "organization": "Engines" })
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn the_set_up_link_works_once(db: TestDb) {
        let site = Site::new(db);
        assert_eq!(site.get("/setup", &[]).await.body, json!({ "needed": true }));
        let spoiled = site.link_token().await;
        let token = site.link_token().await;
        assert_eq!(site.send("POST", "/setup", &[OURS], set_up(&spoiled)).await.status, 401);
        let mut weak = set_up(&token);
        weak["password"] = json!("password1234");
        let refused = site.send("POST", "/setup", &[OURS], weak).await;
        assert_eq!((refused.status, refused.body["errors"][0]["pointer"].as_str()), (422, Some("/password")));

        let (a, b) = tokio::join!(
            site.send("POST", "/setup", &[OURS], set_up(&token)),
            site.send("POST", "/setup", &[OURS], set_up(&token)),
        );
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200, "{} {}", a.body, b.body);
        assert!(matches!(statuses[1], 401 | 409), "{statuses:?}");
        let won = if a.status == 200 { a } else { b };
        assert_eq!(won.body["role"], "owner");
        assert_eq!(won.body["projects"][0]["slug"], "default");
        let cookie = won.cookie.clone().unwrap();
        for flag in ["__Host-rhiza=", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(cookie.contains(flag), "{cookie}");
        }
        let me = site.get("/me", &[("cookie", &session(&won))]).await;
        assert_eq!((me.status, me.body["user"]["email"].as_str()), (200, Some("Ada@example.com")));
        assert_eq!(site.get("/setup", &[]).await.body, json!({ "needed": false }));
        assert_eq!(site.send("POST", "/setup", &[OURS], set_up(&token)).await.status, 409);
        let url = "http://127.0.0.1:8080".parse().unwrap();
        assert_eq!(setup::ensure_link(&site.db.db, &site.db.env, &url).await.unwrap(), None);
        let again = NewOwner {
            email: "eve@example.com".into(), password: PASSWORD.into(), name: None, organization: "E".into(), project: None,
        };
        let refused = setup::init_owner(&site.db.db, &site.db.env, site.identity.passwords(), again).await;
        assert!(refused.is_err());
    }

    async fn a_wrong_password_and_an_unknown_address_are_told_apart_by_nothing(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let attempt = |email: &'static str, password: &'static str| {
            site.send("POST", "/auth/sign-in", &[OURS], json!({ "email": email, "password": password }))
        };
        let wrong = attempt("ada@example.com", "not the password").await;
        let unknown = attempt("nobody@example.com", "not the password").await;
        for reply in [&wrong, &unknown] {
            assert_eq!((reply.status, reply.cookie.is_none()), (401, true));
        }
        assert_eq!(wrong.body["detail"], unknown.body["detail"]);
        assert_eq!(attempt("ADA@Example.com ", PASSWORD).await.status, 200);

        // What was refused on the account is in the chain; what belongs to no account is not.
        site.identity.flush().await.unwrap();
        let scope = OrgScope::new(owner.organization_id);
        let tx = site.db.read(&scope).await;
        let filter = audit::Filter::default();
        let actions: Vec<String> =
            audit::list(&tx, &scope, &filter, None, 50).await.unwrap().into_iter().map(|e| e.action).collect();
        let count = |action: &str| actions.iter().filter(|a| *a == action).count();
        assert_eq!((count("identity.session.refuse"), count("identity.session.create")), (1, 1), "{actions:?}");
        audit::verify(&tx, &scope).await.unwrap();
    }

    async fn guessing_is_slowed_where_it_comes_from_only(db: TestDb) {
        let site = Site::new(db);
        site.owner().await;
        let guess = json!({ "email": "ada@example.com", "password": "a guess, a guess" });
        let mut last = 0;
        for _ in 0..9 {
            let reply = site.send_from("127.0.0.9:1", "POST", "/auth/sign-in", &[OURS], guess.clone()).await;
            last = reply.status;
            assert_eq!(reply.headers.contains_key(header::RETRY_AFTER), last == 429);
        }
        assert_eq!(last, 429);
        site.sign_in("ada@example.com").await;
    }

    async fn a_session_is_new_at_each_sign_in_and_ends_when_told(db: TestDb) {
        let site = Site::new(db);
        site.owner().await;
        // Fixation: a token planted before sign-in opens nothing afterwards, and one held before is dead.
        let planted = format!("__Host-rhiza={}", "A".repeat(43));
        let body = json!({ "email": "ada@example.com", "password": PASSWORD });
        let first = site.send("POST", "/auth/sign-in", &[OURS, ("cookie", &planted)], body.clone()).await;
        assert_ne!(session(&first), planted);
        assert_eq!(site.get("/me", &[("cookie", &planted)]).await.status, 401);
        let held = session(&first);
        let second = session(&site.send("POST", "/auth/sign-in", &[OURS, ("cookie", &held)], body).await);
        assert_eq!(site.get("/me", &[("cookie", &held)]).await.status, 401);

        let third = site.sign_in("ada@example.com").await;
        let listed = site.get("/sessions", &[("cookie", &second)]).await;
        let items = listed.body["items"].as_array().unwrap().clone();
        assert_eq!(items.len(), 2, "{}", listed.body);
        let other = items.iter().find(|s| s["current"] == false).unwrap()["id"].as_str().unwrap().to_owned();
        assert_eq!(site.get("/me", &[("cookie", &third)]).await.status, 200);
        let path = format!("/sessions/{other}");
        assert_eq!(site.send("DELETE", &path, &[OURS, ("cookie", &second)], Value::Null).await.status, 204);
        assert_eq!(site.get("/me", &[("cookie", &third)]).await.status, 401);
        assert_eq!(site.send("DELETE", &path, &[OURS, ("cookie", &second)], Value::Null).await.status, 404);

        let out = site.send("POST", "/auth/sign-out", &[OURS, ("cookie", &second)], Value::Null).await;
        assert_eq!((out.status, out.cookie.unwrap().contains("Max-Age=0")), (204, true));
        assert_eq!(site.get("/me", &[("cookie", &second)]).await.status, 401);
    }

    async fn a_session_ends_by_itself(db: TestDb) {
        let site = Site::new(db);
        site.owner().await;
        let cookie = site.sign_in("ada@example.com").await;
        let day = Duration::from_secs(86_400);
        for _ in 0..9 {
            site.db.clock.advance(3 * day);
            assert_eq!(site.get("/me", &[("cookie", &cookie)]).await.status, 200);
            site.identity.flush().await.unwrap();
        }
        // Used all along, and over after thirty days nevertheless.
        site.db.clock.advance(3 * day);
        assert_eq!(site.get("/me", &[("cookie", &cookie)]).await.status, 401);
        let idle = site.sign_in("ada@example.com").await;
        site.db.clock.advance(4 * day);
        assert_eq!(site.get("/me", &[("cookie", &idle)]).await.status, 401);
    }

    async fn other_sites_can_change_nothing(db: TestDb) {
        let site = Site::new(db);
        site.owner().await;
        let cookie = site.sign_in("ada@example.com").await;
        let mine = ("cookie", cookie.as_str());
        let body = json!({ "name": "Churn" });
        let evil = ("origin", "https://evil.example");
        assert_eq!(site.send("POST", "/projects", &[mine, evil], body.clone()).await.status, 403);
        assert_eq!(site.send("POST", "/projects", &[mine, ("sec-fetch-site", "cross-site")], body.clone()).await.status, 403);
        assert_eq!(site.send("POST", "/projects", &[mine], body.clone()).await.status, 403);
        assert_eq!(site.send("POST", "/projects", &[mine, OURS], body.clone()).await.status, 201);
        // Signing a browser in under another account is an attack too.
        let sign_in = json!({ "email": "ada@example.com", "password": PASSWORD });
        assert_eq!(site.send("POST", "/auth/sign-in", &[evil], sign_in.clone()).await.status, 403);
        assert_eq!(site.send("POST", "/auth/sign-in", &[], sign_in.clone()).await.status, 200);
        // Over plain HTTP elsewhere the cookie would not be kept, and the answer says so.
        let elsewhere = site.send("POST", "/auth/sign-in", &[("host", "rhiza.lan:8080")], sign_in).await;
        assert_eq!((elsewhere.status, elsewhere.cookie.is_none()), (403, true));
        assert!(elsewhere.body["detail"].as_str().unwrap().contains("HTTPS"), "{}", elsewhere.body);
    }

    async fn keys_open_until_revoked_or_expired(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let root = ("authorization", root.as_str());
        let expires = site.db.env.now() + Duration::from_secs(600);
        let made = site.send("POST", "/keys", &[root], json!({ "name": "train", "expires_at": expires })).await;
        assert_eq!(made.status, 201, "{}", made.body);
        assert_eq!(made.headers[header::CACHE_CONTROL], "no-store");
        let secret = made.body["secret"].as_str().unwrap().to_owned();
        let own = bearer(&secret);
        let own = ("authorization", own.as_str());
        let id = made.body["key"]["id"].as_str().unwrap().to_owned();

        let me = site.get("/me", &[own]).await;
        assert_eq!((me.status, me.body["key"].as_str()), (200, Some(id.as_str())));
        let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("me:{secret}"));
        assert_eq!(site.get("/me", &[("authorization", &format!("Basic {basic}"))]).await.status, 200);
        assert_eq!(site.get("/me", &[("x-api-key", &secret)]).await.status, 200);
        // Scopes: made for work, so it manages nothing.
        assert_eq!(site.get("/keys", &[own]).await.status, 403);
        assert_eq!(site.send("POST", "/projects", &[own], json!({ "name": "Churn" })).await.status, 403);
        let mut typo = secret.clone();
        typo.replace_range(20..21, if &secret[20..21] == "a" { "b" } else { "a" });
        assert_eq!(site.get("/me", &[("x-api-key", &typo)]).await.status, 401);
        // A bad header is not forgiven because of a good cookie.
        let cookie = site.sign_in("ada@example.com").await;
        assert_eq!(site.get("/me", &[("x-api-key", &typo), ("cookie", &cookie)]).await.status, 401);

        site.identity.flush().await.unwrap();
        let listed = site.get("/keys", &[root]).await;
        let row = listed.body["items"].as_array().unwrap().iter().find(|k| k["id"] == id.as_str()).unwrap().clone();
        assert!(row["last_used_at"].is_string(), "{row}");
        assert_eq!(row["prefix"], &secret[..12]);
        assert!(!listed.body.to_string().contains(&secret));

        assert_eq!(site.send("DELETE", &format!("/keys/{id}"), &[root], Value::Null).await.status, 204);
        let dead = site.get("/me", &[own]).await;
        assert_eq!((dead.status, dead.headers.contains_key(header::WWW_AUTHENTICATE)), (401, true));

        let made = site.send("POST", "/keys", &[root], json!({ "name": "short", "expires_at": expires })).await;
        let short = bearer(made.body["secret"].as_str().unwrap());
        assert_eq!(site.get("/me", &[("authorization", &short)]).await.status, 200);
        site.db.clock.advance(Duration::from_secs(600));
        assert_eq!(site.get("/me", &[("authorization", &short)]).await.status, 401);
    }

    async fn a_revocation_elsewhere_is_seen_within_two_seconds(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let key = bearer(&owner.api_key);
        assert_eq!(site.get("/me", &[("authorization", &key)]).await.status, 200);
        let tx = site.db.db.system_write().await.unwrap();
        tx.execute("UPDATE api_keys SET revoked_at = $1", binds![site.db.env.now()]).await.unwrap();
        tx.commit().await.unwrap();
        site.db.clock.advance(Duration::from_secs(1));
        assert_eq!(site.get("/me", &[("authorization", &key)]).await.status, 401);
    }

    async fn a_disabled_account_opens_nothing(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let key = bearer(&owner.api_key);
        let cookie = site.sign_in("ada@example.com").await;
        let tx = site.db.db.system_write().await.unwrap();
        tx.execute("UPDATE users SET disabled_at = $1", binds![site.db.env.now()]).await.unwrap();
        tx.commit().await.unwrap();
        site.db.clock.advance(Duration::from_secs(1));
        assert_eq!(site.get("/me", &[("authorization", &key)]).await.status, 401);
        assert_eq!(site.get("/me", &[("cookie", &cookie)]).await.status, 401);
        let body = json!({ "email": "ada@example.com", "password": PASSWORD });
        assert_eq!(site.send("POST", "/auth/sign-in", &[OURS], body).await.status, 401);
    }

    async fn another_organisation_s_things_do_not_exist(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let (_, foreign_project) = site.add_member(None, "eve@example.com", Role::Owner).await;
        let eve = site.sign_in("eve@example.com").await;
        let eve = ("cookie", eve.as_str());
        let made = site.send("POST", "/keys", &[eve, OURS], json!({ "name": "eve's" })).await;
        let foreign_key = made.body["key"]["id"].as_str().unwrap().to_owned();
        let foreign_session = site.get("/sessions", &[eve]).await.body["items"][0]["id"].as_str().unwrap().to_owned();

        let ada = site.sign_in("ada@example.com").await;
        let ada = ("cookie", ada.as_str());
        for (method, path, body) in [
            ("GET", format!("/projects/{foreign_project}"), Value::Null),
            ("PATCH", format!("/projects/{foreign_project}"), json!({ "name": "mine now" })),
            ("DELETE", format!("/keys/{foreign_key}"), Value::Null),
            ("DELETE", format!("/sessions/{foreign_session}"), Value::Null),
            ("GET", "/projects/prj_nonsense".to_owned(), Value::Null),
        ] {
            let reply = site.send(method, &path, &[ada, OURS], body).await;
            assert_eq!(reply.status, 404, "{method} {path}");
        }
        let unknown = ("x-rhiza-project", foreign_project.to_string());
        assert_eq!(site.get("/keys", &[ada, (unknown.0, &unknown.1)]).await.status, 404);
        let listed = site.get("/projects", &[ada]).await.body;
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        assert_eq!(listed["items"][0]["id"], owner.project_id.to_string());
        assert_eq!(site.get("/me", &[eve]).await.status, 200);
    }

    async fn a_role_does_what_it_may_and_grants_no_more(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let org = OrgId::from_uuid(owner.organization_id.uuid());
        site.add_member(Some(org), "view@example.com", Role::Viewer).await;
        site.add_member(Some(org), "sci@example.com", Role::Scientist).await;
        let viewer = site.sign_in("view@example.com").await;
        let viewer = ("cookie", viewer.as_str());
        assert_eq!(site.get("/projects", &[viewer]).await.status, 200);
        assert_eq!(site.send("POST", "/projects", &[viewer, OURS], json!({ "name": "X Y" })).await.status, 403);
        assert_eq!(site.send("POST", "/keys", &[viewer, OURS], json!({ "name": "k" })).await.status, 403);

        let sci = site.sign_in("sci@example.com").await;
        let sci = ("cookie", sci.as_str());
        for (body, status) in [
            (json!({ "name": "k", "role": "owner" }), 422),
            (json!({ "name": "k", "scopes": ["projects:manage"] }), 422),
            (json!({ "name": "k", "scopes": ["no:such"] }), 422),
            (json!({ "name": "k", "scopes": [] }), 422),
            (json!({ "name": "k", "expires": "never" }), 422),
            (json!({ "name": "k", "organization_wide": true }), 403),
            (json!({ "name": "k", "role": "viewer", "scopes": ["experiments:read"] }), 201),
        ] {
            let reply = site.send("POST", "/keys", &[sci, OURS], body.clone()).await;
            assert_eq!(reply.status, status, "{body} {}", reply.body);
        }
        // A scientist sees their own key only, and cannot withdraw the owner's.
        assert_eq!(site.get("/keys", &[sci]).await.body["items"].as_array().unwrap().len(), 1);
        let root = bearer(&owner.api_key);
        let all = site.get("/keys", &[("authorization", &root)]).await.body;
        assert_eq!(all["items"].as_array().unwrap().len(), 2);
        let owners = all["items"].as_array().unwrap().iter().find(|k| k["role"].is_null()).unwrap()["id"].clone();
        let path = format!("/keys/{}", owners.as_str().unwrap());
        assert_eq!(site.send("DELETE", &path, &[sci, OURS], Value::Null).await.status, 404);

        // A key dies with its owner's membership.
        let made = site.send("POST", "/keys", &[sci, OURS], json!({ "name": "k" })).await;
        let key = bearer(made.body["secret"].as_str().unwrap());
        assert_eq!(site.get("/me", &[("authorization", &key)]).await.status, 200);
        let tx = site.db.db.system_write().await.unwrap();
        tx.execute("DELETE FROM memberships WHERE role = 'scientist'", binds![]).await.unwrap();
        tx.commit().await.unwrap();
        site.db.clock.advance(Duration::from_secs(1));
        assert_eq!(site.get("/me", &[("authorization", &key)]).await.status, 401);
        assert_eq!(site.get("/me", &[sci]).await.status, 401);
    }

    async fn projects_are_made_renamed_and_put_away(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let root = ("authorization", root.as_str());
        let made = site.send("POST", "/projects", &[root], json!({ "name": "Fraud (EU)" })).await;
        assert_eq!((made.status, made.body["slug"].as_str()), (201, Some("fraud-eu")));
        let etag = made.headers[header::ETAG].to_str().unwrap().to_owned();
        for (body, status) in [
            (json!({ "name": "Again", "slug": "fraud-eu" }), 409),
            (json!({ "name": "Bad", "slug": "Bad_Slug" }), 422),
            (json!({ "name": "Bad", "slug": "default" }), 422),
            (json!({ "name": " " }), 422),
        ] {
            assert_eq!(site.send("POST", "/projects", &[root], body.clone()).await.status, status, "{body}");
        }
        let path = format!("/projects/{}", made.body["id"].as_str().unwrap());
        let renamed = site.send("PATCH", &path, &[root, ("if-match", &etag)], json!({ "name": "Fraud" })).await;
        assert_eq!((renamed.status, renamed.body["name"].as_str()), (200, Some("Fraud")));
        let stale = site.send("PATCH", &path, &[root, ("if-match", &etag)], json!({ "name": "Late" })).await;
        assert_eq!(stale.status, 412);
        assert_eq!(site.get(&path, &[root]).await.body["name"], "Fraud");

        // A key of the project enters it and no other; a workspace is a project.
        let in_fraud = [root, ("x-rhiza-project", "fraud-eu")];
        let made = site.send("POST", "/keys", &in_fraud, json!({ "name": "k", "scopes": ["*"] })).await;
        let key = bearer(made.body["secret"].as_str().unwrap());
        let key = ("authorization", key.as_str());
        let me = site.get("/me", &[key]).await.body;
        assert_eq!(me["projects"].as_array().unwrap().len(), 1);
        assert_eq!(me["projects"][0]["slug"], "fraud-eu");
        assert_eq!(site.get("/keys", &[key, ("x-mlflow-workspace", "fraud-eu")]).await.status, 200);
        assert_eq!(site.get("/keys", &[key, ("x-mlflow-workspace", "default")]).await.status, 404);
        assert_eq!(site.send("POST", "/projects", &[key], json!({ "name": "More" })).await.status, 403);
        assert_eq!(site.get(&format!("/projects/{}", owner.project_id), &[key]).await.status, 404);

        assert_eq!(site.send("PATCH", &path, &[root], json!({ "archived": true })).await.status, 200);
        assert_eq!(site.get("/keys", &in_fraud).await.status, 404);
        assert_eq!(site.get("/keys", &[key]).await.status, 404);
        let last = format!("/projects/{}", owner.project_id);
        assert_eq!(site.send("PATCH", &last, &[root], json!({ "archived": true })).await.status, 409);
        assert_eq!(site.send("PATCH", &path, &[root], json!({ "archived": false })).await.status, 200);
        assert_eq!(site.get("/keys", &in_fraud).await.status, 200);
    }

    async fn nothing_but_the_public_routes_answers_strangers(db: TestDb) {
        let site = Site::new(db);
        for (method, path) in [
            ("GET", "/me"), ("GET", "/sessions"), ("DELETE", "/sessions/x"), ("POST", "/auth/sign-out"),
            ("GET", "/projects"), ("POST", "/projects"), ("GET", "/projects/x"), ("PATCH", "/projects/x"),
            ("GET", "/keys"), ("POST", "/keys"), ("DELETE", "/keys/x"),
        ] {
            assert_eq!(site.send(method, path, &[], Value::Null).await.status, 401, "{method} {path}");
        }
    }
}
