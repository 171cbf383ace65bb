//! The server that the tests talk to: the real routes behind the real guard, on one database.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, header};
use http_body_util::BodyExt as _;
use rhiza_identity::setup::{self, NewOwner};
use rhiza_identity::{Identity, IdentityOptions, OidcProvider, PasswordCost, RegistrationRules};
use rhiza_kernel::{MailId, OrgId, OrgScope, ProjectId, Role, TypedId as _, UserId};
use rhiza_platform::config::OutboundConfig;
use rhiza_platform::events::Hub;
use rhiza_platform::jobs::{Worker, WorkerOptions};
use rhiza_platform::mail::{Post, PostOptions};
use rhiza_platform::outbound::Outbound;
use rhiza_platform::runtime::Tasks;
use rhiza_platform::secrets::Sealer;
use rhiza_platform::{audit, authz};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{MigrationSet, binds};
use rhiza_testkit::TestDb;
use rhiza_web::{OriginPolicy, WebConfig};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use url::Url;
use uuid::Uuid;

pub(crate) const SETS: &[MigrationSet] = &[rhiza_platform::MIGRATIONS, rhiza_identity::MIGRATIONS];
pub(crate) const PASSWORD: &str = "tin kettle orbit 9";
/// The site that passkeys are made for, and that tokens are from.
pub(crate) const SITE: &str = "http://localhost:8080";
pub(crate) const HOST: (&str, &str) = ("host", "127.0.0.1:8080");
pub(crate) const OURS: (&str, &str) = ("origin", "http://127.0.0.1:8080");

/// A server with one database.
pub(crate) struct Site {
    app: Router,
    pub(crate) identity: Identity,
    pub(crate) db: TestDb,
    pub(crate) sealer: Sealer,
    rules: Rules,
    tasks: Tasks,
}

/// How people come here.
#[derive(Clone, Default)]
struct Rules {
    registration: RegistrationRules,
    providers: Vec<OidcProvider>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.tasks.token().cancel();
    }
}

fn process(db: &TestDb, sealer: &Sealer, rules: Rules) -> (Router, Identity) {
    let site: Url = SITE.parse().unwrap();
    let post = PostOptions { public_url: site.clone(), available: true };
    let reach = OutboundConfig { allow: vec!["127.0.0.1".into()], blocked_ports: Vec::new() };
    let options = IdentityOptions {
        providers: rules.providers,
        outbound: Some(Outbound::new(&reach, db.env.clone()).unwrap()),
        // The cheapest cost Argon2 has: what is tested here is not its strength.
        passwords: PasswordCost { memory_kib: 64, passes: 1, at_once: 2 },
        registration: rules.registration,
        ..IdentityOptions::new(site, Post::new(db.env.clone(), sealer.clone(), post), sealer.clone())
    };
    let identity = Identity::new(db.db.clone(), db.env.clone(), options).unwrap();
    let (routes, _) = rhiza_identity::router().with_state(identity.clone()).split_for_parts();
    let (well_known, _) = rhiza_identity::well_known().with_state(identity.clone()).split_for_parts();
    let router = Router::new().nest("/api/v1", routes).merge(well_known);
    let router = authz::protect(router, identity.authenticator(), OriginPolicy::default());
    (rhiza_web::stack(router, &WebConfig::default(), db.env.clone()), identity)
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) cookie: Option<String>,
    pub(crate) headers: http::HeaderMap,
}

impl Site {
    pub(crate) fn new(db: TestDb) -> Self {
        Self::under(db, Rules::default())
    }

    /// A site where these people may register.
    pub(crate) fn with(db: TestDb, registration: RegistrationRules) -> Self {
        Self::under(db, Rules { registration, ..Rules::default() })
    }

    /// A site with OpenID providers on this machine.
    pub(crate) fn with_providers(db: TestDb, providers: Vec<OidcProvider>) -> Self {
        Self::under(db, Rules { providers, ..Rules::default() })
    }

    fn under(db: TestDb, rules: Rules) -> Self {
        let sealer = Sealer::ephemeral(&db.env);
        let (app, identity) = process(&db, &sealer, rules.clone());
        Self { app, identity, db, sealer, rules, tasks: Tasks::new() }
    }

    /// Lets another process with the same settings answer from now on.
    pub(crate) fn change_process(&mut self) {
        (self.app, self.identity) = process(&self.db, &self.sealer, self.rules.clone());
    }

    /// Another process of this site.
    pub(crate) fn beside(&self) -> Beside {
        Beside(process(&self.db, &self.sealer, self.rules.clone()).0)
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        self.send_from("127.0.0.1:5000", method, path, headers, body).await
    }

    pub(crate) async fn send_from(
        &self,
        peer: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Reply {
        ask(&self.app, peer, method, path, headers, body).await
    }

    /// Lets the jobs run that write letters.
    pub(crate) fn work(&self) {
        let options = WorkerOptions { poll: Duration::from_millis(5), ..WorkerOptions::default() };
        let worker = Worker::new(self.db.db.clone(), self.db.env.clone(), Hub::new(), options)
            .register(Arc::new(self.identity.letters()));
        self.tasks.spawn("worker", worker.run(self.tasks.clone()));
    }

    /// The letters to `to` so far, oldest first: the template's name and the text. Waits until every letter that was
    /// asked for is written.
    pub(crate) async fn letters(&self, to: &str) -> Vec<(String, String)> {
        #[derive(FromQueryResult)]
        struct Row {
            mail_id: Uuid,
            template: String,
            sealed: Vec<u8>,
        }
        for attempt in 0_u32.. {
            assert!(attempt < 2000, "the letters are not written");
            let tx = self.db.db.system_read().await.unwrap();
            let sql = "SELECT COUNT(*) FROM jobs WHERE kind = 'identity.write_letter'
                        AND state NOT IN ('succeeded', 'failed')";
            if tx.fetch_scalar::<i64>(sql, binds![]).await.unwrap() == Some(0) {
                let sql = "SELECT mail_id, template, sealed FROM mails WHERE recipient = $1 ORDER BY mail_id";
                let rows: Vec<Row> = tx.fetch_all(sql, binds![to]).await.unwrap();
                return rows.into_iter().map(|row| (row.template, self.read(row.mail_id, &row.sealed))).collect();
            }
            tx.rollback().await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Vec::new()
    }

    fn read(&self, id: Uuid, sealed: &[u8]) -> String {
        let plain = self.sealer.open(&format!("mail:{}", MailId::from_uuid(id)), sealed).unwrap();
        let letter: Value = serde_json::from_slice(&plain).unwrap();
        letter["text"].as_str().unwrap().to_owned()
    }

    /// The secret of the newest letter of this kind to `to`.
    pub(crate) async fn letter_token(&self, to: &str, template: &str) -> String {
        let letters = self.letters(to).await;
        let (_, text) = letters.iter().rev().find(|(kind, _)| kind == template).unwrap();
        let (_, token) = text.split_once("#token=").unwrap();
        token.split_whitespace().next().unwrap().to_owned()
    }

    /// The actions in the audit chain of `org`, oldest first; the chain must hold.
    pub(crate) async fn actions(&self, org: OrgId) -> Vec<String> {
        self.identity.flush().await.unwrap();
        let scope = OrgScope::new(org);
        let tx = self.db.read(&scope).await;
        assert!(audit::verify(&tx, &scope).await.unwrap().is_intact());
        #[derive(FromQueryResult)]
        struct Row {
            action: String,
        }
        let sql = "SELECT action FROM audit_entries WHERE org_id = $1 ORDER BY seq";
        let rows: Vec<Row> = tx.fetch_all(sql, binds![org.uuid()]).await.unwrap();
        rows.into_iter().map(|row| row.action).collect()
    }

    /// Runs one statement as the system.
    pub(crate) async fn execute(&self, sql: &str, values: Vec<rhiza_store::Value>) -> u64 {
        let tx = self.db.db.system_write().await.unwrap();
        let touched = tx.execute(sql, values).await.unwrap();
        tx.commit().await.unwrap();
        touched
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        let mut all = vec![OURS];
        all.extend_from_slice(headers);
        self.send("POST", path, &all, body).await
    }

    pub(crate) async fn link_token(&self) -> String {
        let url = "http://127.0.0.1:8080/".parse().unwrap();
        let link = setup::ensure_link(&self.db.db, &self.db.env, &url).await.unwrap().unwrap();
        link.strip_prefix("http://127.0.0.1:8080/setup?token=").unwrap().to_owned()
    }

    /// The first owner and a key of the whole organisation.
    pub(crate) async fn owner(&self) -> setup::Owner {
        let owner = NewOwner {
            email: "ada@example.com".into(),
            password: PASSWORD.into(),
            name: None,
            organization: "Engines".into(),
            project: None,
        };
        setup::init_owner(&self.db.db, &self.db.env, self.identity.passwords(), owner).await.unwrap()
    }

    /// A second organisation with an owner of its own, or a further member of the first.
    pub(crate) async fn add_member(&self, org: Option<OrgId>, email: &str, role: Role) -> (OrgId, ProjectId) {
        let env = &self.db.env;
        let (user, project): (UserId, ProjectId) = (env.new_id(), env.new_id());
        let hash = self.identity.passwords().hash(PASSWORD.into()).await.unwrap();
        let tx = self.db.db.system_write().await.unwrap();
        let at = env.now();
        let scope = match org {
            Some(org) => org,
            None => {
                let new: OrgId = env.new_id();
                let sql =
                    "INSERT INTO organizations (org_id, name, slug, created_at) VALUES ($1, 'Other', 'other', $2)";
                tx.execute(sql, binds![new.uuid(), at]).await.unwrap();
                let sql = "INSERT INTO projects (project_id, org_id, name, slug, revision, created_at)
                           VALUES ($1, $2, 'Default', 'default', 1, $3)";
                tx.execute(sql, binds![project.uuid(), new.uuid(), at]).await.unwrap();
                new
            }
        };
        let sql = "INSERT INTO users (user_id, email, email_key, name, password_hash, created_at, email_verified_at)
                   VALUES ($1, $2, $2, 'Someone', $3, $4, $4)";
        tx.execute(sql, binds![user.uuid(), email, hash, at]).await.unwrap();
        let sql = "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)";
        tx.execute(sql, binds![scope.uuid(), user.uuid(), role.as_str(), at]).await.unwrap();
        tx.commit().await.unwrap();
        (scope, project)
    }

    pub(crate) async fn sign_in(&self, email: &str) -> String {
        let reply = self.send("POST", "/auth/sign-in", &[OURS], json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        session(&reply)
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send("GET", path, headers, Value::Null).await
    }
}

/// Another process on the same database.
pub(crate) struct Beside(Router);

impl Beside {
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        ask(&self.0, "127.0.0.1:5000", method, path, headers, body).await
    }
}

/// A request, and what comes back. Paths are those under `/api/v1`, well-known ones apart.
async fn ask(app: &Router, peer: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
    let root = if path.starts_with("/.well-known/") { "" } else { "/api/v1" };
    let mut request = Request::builder().method(method).uri(format!("{root}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header(HOST.0, HOST.1);
    }
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let peer: SocketAddr = peer.parse().unwrap();
    let request = request.header(header::CONTENT_TYPE, "application/json").extension(ConnectInfo(peer));
    let response = app.clone().oneshot(request.body(Body::from(text)).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let cookie = parts.headers.get(header::SET_COOKIE).map(|v| v.to_str().unwrap().to_owned());
    Reply {
        status: parts.status.as_u16(),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        cookie,
        headers: parts.headers,
    }
}

/// The Cookie header a browser would send after `reply`.
pub(crate) fn session(reply: &Reply) -> String {
    reply.cookie.as_ref().unwrap().split(';').next().unwrap().to_owned()
}

pub(crate) fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}
