//! What checking a caller adds to a request: authentication, limits and authorisation against the same handler without
//! them, at 2,000 requests a second on one core. `cargo bench -p rhiza-identity --bench access_path`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first fault and prints a table"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::get;
use http::{Request, header};
use rhiza_identity::setup::{NewOwner, init_owner};
use rhiza_identity::{Identity, IdentityOptions};
use rhiza_kernel::Env;
use rhiza_platform::authz::{self, Allowed, need};
use rhiza_platform::config;
use rhiza_platform::limits::quota::Quotas;
use rhiza_platform::limits::{self, Limiter, Plans};
use rhiza_platform::mail::{Post, PostOptions};
use rhiza_platform::runtime::system_env;
use rhiza_platform::secrets::Sealer;
use rhiza_store::{Db, DbOptions, DbUrl};
use rhiza_web::{OriginPolicy, WebConfig};
use tower::ServiceExt as _;

/// Requests a second, and for how many seconds each variant is asked in a round.
const RATE: u32 = 2_000;
const SECONDS: u32 = 3;
/// Of so many rounds, taken in turns, the quietest of each variant counts: what else the machine did is not its cost.
const ROUNDS: usize = 5;

const PASSWORD: &str = "tin kettle orbit 9";

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run());
}

async fn run() {
    let env = system_env();
    println!("| database | request | p50 µs | p99 µs | added p50 µs | added p99 µs |");
    println!("|---|---|---|---|---|---|");
    let folder = std::env::temp_dir().join(format!("rhiza-bench-{}", env.new_id::<rhiza_kernel::JobId>()));
    measure_on("SQLite", DbUrl::Sqlite(folder.join("bench.db")), &env).await;
    std::fs::remove_dir_all(&folder).unwrap();
    #[expect(clippy::disallowed_methods, reason = "where the database is stands in the environment, as for tests")]
    let url = std::env::var("RHIZA_TEST_POSTGRES_URL");
    if let Ok(url) = url {
        on_postgres(&url, &env).await;
    }
}

async fn on_postgres(server: &str, env: &Env) {
    let admin = Db::open(&DbOptions::new(DbUrl::parse(server).unwrap())).await.unwrap();
    let name = format!("rhiza_bench_{}", env.new_id::<rhiza_kernel::JobId>().uuid().simple());
    admin.system_write_raw(&format!("CREATE DATABASE {name}")).await.unwrap();
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(&name);
    measure_on("PostgreSQL", DbUrl::parse(url.as_str()).unwrap(), env).await;
    admin.system_write_raw(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

async fn measure_on(database: &str, url: DbUrl, env: &Env) {
    let mut db = Db::open(&DbOptions::new(url)).await.unwrap();
    db.migrate(&[rhiza_platform::MIGRATIONS, rhiza_identity::MIGRATIONS]).await.unwrap();
    let site: url::Url = "http://localhost:8080".parse().unwrap();
    let sealer = Sealer::ephemeral(env);
    let post = PostOptions { public_url: site.clone(), available: false };
    let post = Post::new(env.clone(), sealer.clone(), post);
    let identity = Identity::new(db.clone(), env.clone(), IdentityOptions::new(site, post, sealer)).unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    #[expect(clippy::disallowed_methods, reason = "it is stopped below")]
    let listening = tokio::spawn(identity.clone().listen(stop.clone()));
    let owner = NewOwner {
        email: "ada@example.com".into(),
        password: PASSWORD.into(),
        name: None,
        organization: "Bench".into(),
        project: None,
    };
    let key = init_owner(&db, env, identity.passwords(), owner).await.unwrap().api_key;
    let app = guarded(&identity, &db, env);
    let cookie = sign_in(&app).await;
    let key = format!("Bearer {key}");
    let token = access_token(&app, &key).await;

    let bare = bare(env);
    let variants: [(&str, &Router, (&str, &str)); 4] = [
        ("unchecked", &bare, ("x-nothing", "x")),
        ("API key", &app, ("authorization", &key)),
        ("access token", &app, ("authorization", &token)),
        ("session", &app, ("cookie", &cookie)),
    ];
    let mut quietest: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        for (best, (_, app, header)) in quietest.iter_mut().zip(variants) {
            let round = latencies(app, header, env).await;
            if best.is_empty() || at(&round, 0.99) < at(best, 0.99) {
                *best = round;
            }
        }
    }
    for ((what, ..), all) in variants.iter().zip(&quietest) {
        report(database, what, all, &quietest[0]);
    }

    stop.cancel();
    listening.await.unwrap();
    db.close().await.unwrap();
}

fn bare(env: &Env) -> Router {
    rhiza_web::stack(Router::new().route("/thing", get(|| async { "ok" })), &WebConfig::default(), env.clone())
}

fn guarded(identity: &Identity, db: &Db, env: &Env) -> Router {
    // Limits are counted, but far away: 2,000 requests a second are 120,000 a minute.
    let far = [("limits.plans.standard.read", "100000000".to_owned())];
    let settings = config::load(None, &std::collections::BTreeMap::new(), &far).unwrap();
    let (limiter, plans) = (Limiter::local(env.clone()), Arc::new(Plans::new(&settings.limits)));
    let (routes, _) = rhiza_identity::router().with_state(identity.clone()).split_for_parts();
    let thing = |_: Allowed<need::ExperimentRead>| async { "ok" };
    let router = Router::new().nest("/api/v1", routes).route("/thing", get(thing));
    let router =
        limits::principal_layer(router, limiter.clone(), Quotas::new(db.clone(), env.clone(), Arc::clone(&plans)));
    let router = authz::protect(router, identity.authenticator(), OriginPolicy::default());
    let router = limits::address_layer(router, limiter, plans);
    rhiza_web::stack(router, &WebConfig::default(), env.clone())
}

fn request(method: &str, path: &str, header: (&str, &str), body: Body) -> Request<Body> {
    let peer = ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4711)));
    let request = Request::builder().method(method).uri(path).header("host", "localhost").header(header.0, header.1);
    request.extension(peer).body(body).unwrap()
}

async fn sign_in(app: &Router) -> String {
    let body = format!("{{\"email\":\"ada@example.com\",\"password\":\"{PASSWORD}\"}}");
    let request = request("POST", "/api/v1/auth/sign-in", ("content-type", "application/json"), Body::from(body));
    let reply = app.clone().oneshot(request).await.unwrap();
    let cookie = reply.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// An EdDSA access token in the place of the key.
async fn access_token(app: &Router, key: &str) -> String {
    let mut request =
        request("POST", "/api/v1/auth/tokens", ("authorization", key), Body::from("{\"name\":\"bench\"}"));
    request.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    let reply = app.clone().oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(reply.into_body(), 1 << 16).await.unwrap();
    let made: serde_json::Value = serde_json::from_slice(&body).unwrap();
    format!("Bearer {}", made["access_token"].as_str().unwrap())
}

/// The time each request took, in microseconds, sorted. Requests begin on a schedule: one that has to wait because those
/// before it took too long has that wait counted.
async fn latencies(app: &Router, header: (&str, &str), env: &Env) -> Vec<f64> {
    for _ in 0..500 {
        let reply = app.clone().oneshot(request("GET", "/thing", header, Body::empty())).await.unwrap();
        assert_eq!(reply.status(), 200);
    }
    let start = env.monotonic();
    let mut all = Vec::new();
    for number in 0..RATE * SECONDS {
        let due = start + Duration::from_secs(1) * number / RATE;
        while env.monotonic() < due {
            // Whatever else this core has to do (the listener for changes, say) is done in between.
            tokio::task::yield_now().await;
        }
        let reply = app.clone().oneshot(request("GET", "/thing", header, Body::empty())).await.unwrap();
        assert_eq!(reply.status(), 200);
        all.push((env.monotonic() - due).as_secs_f64() * 1e6);
    }
    all.sort_by(f64::total_cmp);
    all
}

fn at(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

fn report(database: &str, what: &str, all: &[f64], bare: &[f64]) {
    let (p50, p99) = (at(all, 0.5), at(all, 0.99));
    let (more50, more99) = (p50 - at(bare, 0.5), p99 - at(bare, 0.99));
    println!("| {database} | {what} | {p50:.1} | {p99:.1} | {more50:.1} | {more99:.1} |");
}
