//! The platform's own routes behind its own guard: who gets in, who does not, and what repeating a request does.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use rhiza_kernel::{KeyId, Permission, Permissions, ProjectScope, Role, TypedId as _};
use rhiza_platform::audit::{self, AuditState, Denials, Entry};
use rhiza_platform::authz::{
    self, Actor, Allowed, AllowedOrg, AuthError, Authenticator, Caller, Credentials, Grants, Policies, Presented,
    Principal, ProjectChoice, Standing, need,
};
use rhiza_platform::events::Hub;
use rhiza_platform::idempotency;
use rhiza_platform::jobs::{self, JobsState, NewJob};
use rhiza_platform::runtime::Tasks;
use rhiza_store::binds;
use rhiza_testkit::TestDb;
use rhiza_web::{OriginPolicy, WebConfig};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::SETS;

/// Knows one tenant. The credential is the role's name; `narrow` is an owner's key that may only read models.
struct Door(ProjectScope, Policies);

#[async_trait]
impl Authenticator for Door {
    async fn authenticate(&self, credentials: &Credentials) -> Result<Principal, AuthError> {
        let (Presented::Bearer(secret)
        | Presented::ApiKey(secret)
        | Presented::Session(secret)
        | Presented::Basic { password: secret, .. }) = &credentials.presented;
        let (role, scopes) = match secret.expose_secret() {
            "narrow" => (Role::Owner, Some(Permissions::NONE.with(Permission::ModelRead))),
            "expired" => return Err(AuthError::Expired),
            name => (name.parse().map_err(|_| AuthError::Invalid)?, None),
        };
        let project = match &credentials.project {
            None => ProjectChoice::None,
            Some(asked) if asked.name == "mine" => {
                ProjectChoice::Selected { id: self.0.project, slug: "mine".to_owned() }
            }
            Some(asked) => ProjectChoice::Unknown(asked.clone()),
        };
        let id = KeyId::from_uuid(uuid::Uuid::from_u128(role as u128));
        let standing = Standing::new(&[role.into()], Permissions::NONE);
        let grants = Grants {
            roles: Arc::new([role.into()]),
            held: self.1.decide(standing),
            allowed: self.1.decide(standing.limited(scopes).program(true)),
        };
        Ok(Principal {
            actor: Actor::Key { id, owner: None, service_account: None },
            in_organization: grants.clone(),
            in_project: grants,
            ..Principal::system(self.0.org, project)
        })
    }
}

async fn count(counter: Arc<AtomicU32>, body: String) -> (StatusCode, String) {
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let n = counter.fetch_add(1, Ordering::SeqCst);
    if body == "fail" {
        (StatusCode::UNPROCESSABLE_ENTITY, "no".to_owned())
    } else {
        (StatusCode::CREATED, n.to_string())
    }
}

/// The rows of a CSV text by RFC 4180.
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => cell.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    rows
}

fn app(db: &TestDb, scope: ProjectScope) -> Router {
    watched(db, scope, Denials::default())
}

fn watched(db: &TestDb, scope: ProjectScope, denials: Denials) -> Router {
    let counter = Arc::new(AtomicU32::new(0));
    let tasks = Tasks::new();
    let state = JobsState { db: db.db.clone(), env: db.env.clone(), hub: Hub::new(), tasks: tasks.clone() };
    let (jobs, _) = jobs::router().with_state(state).split_for_parts();
    let (audit, _) = audit::router().with_state(AuditState { db: db.db.clone() }).split_for_parts();
    let secret = || async { ([(http::header::CACHE_CONTROL, "no-store")], "secret") };
    let router = Router::new()
        .merge(jobs)
        .merge(audit)
        .route("/api/v1/setup", get(|| async { "open" }))
        .route("/api/v1/write", get(|_: Allowed<need::ModelWrite>| async { "written" }))
        .route("/api/v1/org", get(|_: AllowedOrg<need::OrganizationRead>| async { "org" }))
        .route("/api/v1/count", post(move |body: String| count(counter.clone(), body)))
        .route("/api/v1/secret", post(secret))
        .fallback(|| async { "console" });
    let router = idempotency::layer(router, db.db.clone(), db.env.clone(), tasks);
    let router = audit::watch(router, denials, db.env.clone());
    let origins = OriginPolicy::new(vec!["https://rhiza.example.org".parse().unwrap()]);
    let router = authz::protect(router, Arc::new(Door(scope, Policies::load().unwrap())), origins);
    rhiza_web::stack(router, &WebConfig::default(), db.env.clone())
}

async fn send(app: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let peer: SocketAddr = "127.0.0.1:5000".parse().unwrap();
    let request = request.extension(ConnectInfo(peer)).body(Body::from(body.to_owned())).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn status(app: &Router, path: &str, headers: &[(&str, &str)]) -> u16 {
    send(app, "GET", path, headers, "").await.status().as_u16()
}

const MINE: (&str, &str) = ("x-rhiza-project", "mine");
const OWNER: (&str, &str) = ("authorization", "Bearer owner");

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn nobody_gets_in_without_a_credential_except_where_it_says_so(db: TestDb) {
        let app = app(&db, db.tenant());
        assert_eq!(status(&app, "/api/v1/setup", &[]).await, 200);
        assert_eq!(status(&app, "/p/mine/experiments", &[]).await, 200);
        for path in ["/api/v1/write", "/api/v1/org", "/api/v1/jobs", "/api/v1/audit", "/api/v1/none", "/metrics"] {
            let response = send(&app, "GET", path, &[], "").await;
            assert_eq!(response.status(), 401, "{path}");
            assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"rhiza\"");
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
        assert_eq!(send(&app, "POST", "/p/mine", &[], "").await.status(), 401);
        assert_eq!(status(&app, "/api/v1/org", &[("authorization", "Bearer nonsense")]).await, 401);
        assert_eq!(status(&app, "/api/v1/org", &[("authorization", "Bearer expired")]).await, 401);
        assert_eq!(status(&app, "/api/v1/org", &[("x-api-key", "viewer")]).await, 200);
    }

    async fn a_bad_header_never_falls_back_to_the_cookie(db: TestDb) {
        let app = app(&db, db.tenant());
        let cookie = ("cookie", "__Host-rhiza=owner");
        assert_eq!(status(&app, "/api/v1/org", &[cookie]).await, 200);
        assert_eq!(status(&app, "/api/v1/org", &[cookie, ("authorization", "Bearer nonsense")]).await, 401);
    }

    async fn a_cookie_changes_things_only_from_our_own_pages(db: TestDb) {
        let app = app(&db, db.tenant());
        let cookie = ("cookie", "__Host-rhiza=owner");
        let from = async |headers: &[(&str, &str)]| send(&app, "POST", "/api/v1/count", headers, "").await.status().as_u16();
        assert_eq!(from(&[cookie]).await, 403);
        assert_eq!(from(&[cookie, ("origin", "https://evil.example.org"), ("sec-fetch-site", "cross-site")]).await, 403);
        assert_eq!(from(&[cookie, ("origin", "https://rhiza.example.org")]).await, 201);
        assert_eq!(from(&[OWNER, ("origin", "https://evil.example.org")]).await, 201, "a header was set on purpose");
    }

    async fn role_scope_and_project_decide(db: TestDb) {
        let app = app(&db, db.tenant());
        assert_eq!(status(&app, "/api/v1/write", &[OWNER, MINE]).await, 200);
        assert_eq!(status(&app, "/api/v1/write", &[("authorization", "Bearer viewer"), MINE]).await, 403);
        assert_eq!(status(&app, "/api/v1/write", &[("authorization", "Bearer narrow"), MINE]).await, 403);
        assert_eq!(status(&app, "/api/v1/write", &[OWNER, ("x-rhiza-project", "theirs")]).await, 404);
        let unbound = send(&app, "GET", "/api/v1/write", &[OWNER], "").await;
        assert_eq!(unbound.status(), 422);
        assert!(text(unbound).await.contains("X-Rhiza-Project: must name a project"));
        assert_eq!(status(&app, "/api/v1/org", &[OWNER, ("x-rhiza-project", "theirs")]).await, 200);
        let answer = text(send(&app, "GET", "/api/v1/write", &[OWNER, ("x-mlflow-workspace", "nope")], "").await).await;
        assert!(answer.contains("Workspace 'nope' not found"), "{answer}");
    }

    async fn the_same_key_and_body_have_one_effect_and_one_reply(db: TestDb) {
        let app = app(&db, db.tenant());
        let key = ("idempotency-key", "k1");
        let first = send(&app, "POST", "/api/v1/count", &[OWNER, key], "a").await;
        assert_eq!(first.status(), 201);
        assert_eq!(text(first).await, "0");
        let again = send(&app, "POST", "/api/v1/count", &[OWNER, key], "a").await;
        assert_eq!((again.status().as_u16(), again.headers()["idempotency-replayed"].to_str().unwrap()), (201, "true"));
        assert_eq!(text(again).await, "0");
        assert_eq!(send(&app, "POST", "/api/v1/count", &[OWNER, key], "b").await.status(), 409);
        let other = send(&app, "POST", "/api/v1/count", &[("authorization", "Bearer admin"), key], "a").await;
        assert_eq!(text(other).await, "1", "another caller's key is another key");
        db.clock.advance(std::time::Duration::from_secs(24 * 3600));
        assert_eq!(text(send(&app, "POST", "/api/v1/count", &[OWNER, key], "b").await).await, "2");
        assert_eq!(idempotency::purge(&db.db, &db.env).await.unwrap(), 1);
        assert_eq!(send(&app, "POST", "/api/v1/count", &[OWNER, ("idempotency-key", "a b")], "").await.status(), 422);
    }

    async fn requests_at_the_same_time_have_one_effect(db: TestDb) {
        let app = app(&db, db.tenant());
        let headers = [OWNER, ("idempotency-key", "k")];
        let sent = (0..6).map(|_| send(&app, "POST", "/api/v1/count", &headers, "a"));
        let mut statuses: Vec<u16> = futures::future::join_all(sent).await.iter().map(|r| r.status().as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses[0], 201);
        assert!(statuses.iter().all(|s| [201, 409].contains(s)), "{statuses:?}");
        assert_eq!(text(send(&app, "POST", "/api/v1/count", &headers, "a").await).await, "0", "it ran once");
    }

    async fn what_failed_may_be_tried_again_and_secrets_are_not_kept(db: TestDb) {
        let app = app(&db, db.tenant());
        let headers = [OWNER, ("idempotency-key", "k")];
        assert_eq!(send(&app, "POST", "/api/v1/count", &headers, "fail").await.status(), 422);
        assert_eq!(text(send(&app, "POST", "/api/v1/count", &headers, "a").await).await, "1");
        let headers = [OWNER, ("idempotency-key", "s")];
        assert_eq!(text(send(&app, "POST", "/api/v1/secret", &headers, "").await).await, "secret");
        assert_eq!(send(&app, "POST", "/api/v1/secret", &headers, "").await.status(), 409);
    }

    async fn jobs_are_listed_followed_and_cancelled(db: TestDb) {
        let scope = db.tenant();
        let app = app(&db, scope);
        let tx = db.write(&scope.org_scope()).await;
        let id = jobs::enqueue(&tx, NewJob::new("k", json!({})).scope(scope), &db.env).await.unwrap().id;
        let foreign = jobs::enqueue(&tx, NewJob::new("k", json!({})).scope(ProjectScope::new(scope.org, db.env.new_id())), &db.env).await.unwrap().id;
        tx.commit().await.unwrap();
        let list: Value = serde_json::from_str(&text(send(&app, "GET", "/api/v1/jobs", &[OWNER, MINE], "").await).await).unwrap();
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        assert_eq!(list["items"][0]["id"], id.to_string());
        assert_eq!(status(&app, &format!("/api/v1/jobs/{foreign}"), &[OWNER, MINE]).await, 404);
        assert_eq!(status(&app, "/api/v1/jobs/nonsense", &[OWNER, MINE]).await, 404);
        assert_eq!(status(&app, &format!("/api/v1/jobs/{foreign}/events"), &[OWNER, MINE]).await, 404);

        let events = send(&app, "GET", &format!("/api/v1/jobs/{id}/events"), &[OWNER, MINE], "").await;
        assert_eq!(events.headers()["content-type"], "text/event-stream");
        let cancel = format!("/api/v1/jobs/{id}/cancel");
        assert_eq!(send(&app, "POST", &cancel, &[("authorization", "Bearer viewer"), MINE], "").await.status(), 403);
        assert_eq!(send(&app, "POST", &cancel, &[OWNER, MINE], "").await.status(), 202);
        assert_eq!(send(&app, "POST", &cancel, &[OWNER, MINE], "").await.status(), 409);
        let body = tokio::time::timeout(std::time::Duration::from_secs(10), text(events)).await.unwrap();
        assert!(body.contains("event: job") && body.contains("\"state\":\"cancelled\""), "{body}");

        let entries = text(send(&app, "GET", "/api/v1/audit?action=jobs", &[OWNER], "").await).await;
        assert!(entries.contains("jobs.job.cancel") && entries.contains("127.0.0.1"), "{entries}");
    }

    async fn the_chain_is_exported_whole(db: TestDb) {
        let scope = db.tenant();
        let app = app(&db, scope);
        let wild = ["=formula", "plain \"quoted\"", "+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r\n=1", "＝1", "a,b\nc"];
        for subject in wild {
            let tx = db.write(&scope.org_scope()).await;
            let entry = Entry::new(&Caller::system(), "a.b", subject);
            audit::record(&tx, &scope.org_scope(), entry, &db.env).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!(status(&app, "/api/v1/audit/export", &[("authorization", "Bearer viewer")]).await, 403);
        let lines = text(send(&app, "GET", "/api/v1/audit/export", &[OWNER], "").await).await;
        let lines: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.iter().map(|l| l["sequence"].as_i64().unwrap()).collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
        assert_eq!(lines[0]["hash"], lines[1]["previous_hash"]);
        for line in &lines {
            let hashed = line["hashed"].as_str().unwrap();
            let mut hasher = blake3::Hasher::new_derive_key("rhiza audit entry v1");
            hasher.update(hashed.as_bytes());
            assert_eq!(hasher.finalize().to_hex().as_str(), line["hash"], "whoever has the lines can check them");
            let content: Value = serde_json::from_str(hashed).unwrap();
            assert_eq!((&content[0], &content[2], &content[9]), (&line["previous_hash"], &line["sequence"], &line["subject"]));
        }
        let csv = text(send(&app, "GET", "/api/v1/audit/export?format=csv", &[OWNER], "").await).await;
        for (subject, cell) in wild.into_iter().zip([
            "'=formula", "plain \"\"quoted\"\"", "'+1", "'-1+cmd|' /C calc'!A0", "'@SUM(1)", "'\t=1", "'\r\n=1", "'＝1", "a,b\nc",
        ]) {
            assert!(csv.contains(&format!(",\"{cell}\",")), "{subject:?} in {csv}");
        }
        let cells = csv_rows(&csv);
        assert_eq!(cells.len(), 10);
        assert!(cells.iter().all(|row| row.len() == 12), "{cells:?}");
        let some = text(send(&app, "GET", "/api/v1/audit/export?format=csv&subject=%2B1", &[OWNER], "").await).await;
        assert_eq!(csv_rows(&some).len(), 2);
    }

    async fn what_is_denied_is_in_the_chain_once_with_its_count(db: TestDb) {
        let scope = db.tenant();
        let denials = Denials::default();
        let app = watched(&db, scope, denials.clone());
        let viewer = ("authorization", "Bearer viewer");
        for _ in 0..200 {
            assert_eq!(status(&app, "/api/v1/write", &[viewer, MINE]).await, 403);
        }
        let keyed = [viewer, MINE, ("idempotency-key", "k1"), ("x-request-id", "abc")];
        assert_eq!(send(&app, "POST", "/api/v1/jobs/job_01900000000070008000000000000001/cancel", &keyed, "").await.status(), 403);
        assert_eq!(status(&app, "/api/v1/audit", &[("authorization", "Bearer narrow")]).await, 403);
        // No denials: let in, not there, not signed in, no such credential.
        assert_eq!(status(&app, "/api/v1/write", &[OWNER, MINE]).await, 200);
        assert_eq!(status(&app, "/api/v1/write", &[OWNER, ("x-rhiza-project", "other")]).await, 404);
        assert_eq!(status(&app, "/api/v1/write", &[]).await, 401);
        assert_eq!(status(&app, "/api/v1/write", &[("authorization", "Bearer nobody")]).await, 401);
        denials.write(&db.db, &db.env, false).await.unwrap();
        let listed = text(send(&app, "GET", "/api/v1/audit?action=authz", &[OWNER], "").await).await;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let items = listed["items"].as_array().unwrap();
        let told: BTreeSet<(String, String, u64)> = items
            .iter()
            .map(|entry| {
                assert_eq!((&entry["action"], &entry["actor"]["kind"]), (&json!("authz.request.deny"), &json!("key")));
                assert_eq!(entry["address"], "127.0.0.1");
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                (text(&entry["subject"]), text(&entry["after"]["reason"]), entry["after"]["count"].as_u64().unwrap())
            })
            .collect();
        let told: Vec<_> = told.iter().map(|(subject, reason, count)| (subject.as_str(), reason.as_str(), *count)).collect();
        assert_eq!(
            told,
            [
                ("GET /api/v1/audit", "audit:read", 1),
                ("GET /api/v1/write", "models:write", 200),
                ("POST /api/v1/jobs/{id}/cancel", "jobs:manage", 1),
            ]
        );
        assert!(items.iter().any(|entry| entry["request_id"] == "abc"), "{items:?}");
        let tx = db.read(&scope.org_scope()).await;
        assert!(audit::verify(&tx, &scope.org_scope()).await.unwrap().is_intact());
    }

    async fn denials_that_cannot_be_written_wait(db: TestDb) {
        let scope = db.tenant();
        let denials = Denials::default();
        let app = watched(&db, scope, denials.clone());
        assert_eq!(status(&app, "/api/v1/write", &[("authorization", "Bearer viewer"), MINE]).await, 403);
        // Something is in the way of the chain's first entry.
        let tx = db.write(&scope.org_scope()).await;
        let block = "INSERT INTO audit_entries (org_id, seq, audit_id, at, actor_kind, actor_id, actor_label, action, subject,
                       prev_hash, hash) VALUES ($1, 1, $1, $2, '', '', '', '', '', $3, $3)";
        tx.execute(block, binds![scope.org.uuid(), db.env.now(), Vec::<u8>::new()]).await.unwrap();
        tx.commit().await.unwrap();
        denials.write(&db.db, &db.env, true).await.unwrap_err();
        let tx = db.write(&scope.org_scope()).await;
        tx.execute("DELETE FROM audit_entries WHERE org_id = $1", binds![scope.org.uuid()]).await.unwrap();
        tx.commit().await.unwrap();
        denials.finish(&db.db, &db.env).await;
        let listed = text(send(&app, "GET", "/api/v1/audit", &[OWNER], "").await).await;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    }

    async fn audit_filters_that_make_no_sense_are_told_all_at_once(db: TestDb) {
        let app = app(&db, db.tenant());
        let long = "x".repeat(201);
        let path = format!(
            "/api/v1/audit?address=nowhere&since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z&text={long}&actor=%00"
        );
        let reply = send(&app, "GET", &path, &[OWNER], "").await;
        assert_eq!(reply.status(), 422);
        let problem: Value = serde_json::from_str(&text(reply).await).unwrap();
        assert_eq!(problem["errors"].as_array().unwrap().len(), 4, "{problem}");
        for path in ["/api/v1/audit?since=yesterday", "/api/v1/audit/export?until=x", "/api/v1/audit?cursor=%27"] {
            let status = status(&app, path, &[OWNER]).await;
            assert!(status == 400 || status == 422, "{path}: {status}");
        }
    }
}
