//! The server that the tests talk to: the real routes behind the real guard, on one database.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, header};
use http_body_util::BodyExt as _;
use rhiza_identity::setup::{self, NewOwner};
use rhiza_identity::{Identity, IdentityOptions, PasswordCost};
use rhiza_kernel::{Env, OrgId, ProjectId, Role, UserId};
use rhiza_platform::authz;
use rhiza_platform::mail::{Post, PostOptions};
use rhiza_platform::secrets::Sealer;
use rhiza_store::{MigrationSet, binds};
use rhiza_testkit::TestDb;
use rhiza_web::{OriginPolicy, WebConfig};
use serde_json::{Value, json};
use tower::ServiceExt as _;

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
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) cookie: Option<String>,
    pub(crate) headers: http::HeaderMap,
}

impl Site {
    pub(crate) fn new(db: TestDb) -> Self {
        let sealer = Sealer::ephemeral(&db.env);
        let identity = Identity::new(db.db.clone(), db.env.clone(), options(&db.env, &sealer)).unwrap();
        let app = app(&identity, &db.env);
        Self { app, identity, db, sealer }
    }

    /// Lets another process with the same settings answer from now on.
    pub(crate) fn change_process(&mut self) {
        let options = options(&self.db.env, &self.sealer);
        self.identity = Identity::new(self.db.db.clone(), self.db.env.clone(), options).unwrap();
        self.app = app(&self.identity, &self.db.env);
    }

    /// Another process of this site.
    pub(crate) fn beside(&self) -> Beside {
        let options = options(&self.db.env, &self.sealer);
        let identity = Identity::new(self.db.db.clone(), self.db.env.clone(), options).unwrap();
        Beside(app(&identity, &self.db.env))
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
        let sql = "INSERT INTO users (user_id, email, email_key, name, password_hash, created_at)
                   VALUES ($1, $2, $2, 'Someone', $3, $4)";
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

fn options(env: &Env, sealer: &Sealer) -> IdentityOptions {
    let site: url::Url = SITE.parse().unwrap();
    let post = PostOptions { public_url: site.clone(), available: true };
    IdentityOptions {
        // The cheapest cost Argon2 has: what is tested here is not its strength.
        passwords: PasswordCost { memory_kib: 64, passes: 1, at_once: 2 },
        ..IdentityOptions::new(site, Post::new(env.clone(), sealer.clone(), post), sealer.clone())
    }
}

fn app(identity: &Identity, env: &Env) -> Router {
    let (routes, _) = rhiza_identity::router().with_state(identity.clone()).split_for_parts();
    let (well_known, _) = rhiza_identity::well_known().with_state(identity.clone()).split_for_parts();
    let router = Router::new().nest("/api/v1", routes).merge(well_known);
    let router = authz::protect(router, identity.authenticator(), OriginPolicy::default());
    rhiza_web::stack(router, &WebConfig::default(), env.clone())
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
