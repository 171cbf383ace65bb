//! The two layers of limits around a guarded application: who is counted, who is refused, and what they are told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use rhiza_kernel::{KeyId, OrgId, TypedId as _};
use rhiza_platform::authz::{
    self, Actor, AllowedOrg, AuthError, Authenticator, Credentials, Presented, Principal, ProjectChoice, need,
};
use rhiza_platform::config;
use rhiza_platform::limits::quota::{self, Quotas};
use rhiza_platform::limits::{self, Limiter, Plans};
use rhiza_testkit::TestDb;
use rhiza_web::{OriginPolicy, TrustedProxies, WebConfig};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tower::ServiceExt as _;
use uuid::Uuid;

use super::SETS;

/// Every bearer token that is a number is a key of that number.
struct Door;

#[async_trait]
impl Authenticator for Door {
    async fn authenticate(&self, credentials: &Credentials) -> Result<Principal, AuthError> {
        let Presented::Bearer(secret) = &credentials.presented else { return Err(AuthError::Invalid) };
        let number: u128 = secret.expose_secret().parse().map_err(|_| AuthError::Invalid)?;
        let id = KeyId::from_uuid(Uuid::from_u128(number));
        let actor = Actor::Key { id, owner: None, service_account: None };
        let org = OrgId::from_uuid(Uuid::from_u128(1));
        Ok(Principal { actor, ..Principal::system(org, ProjectChoice::None) })
    }
}

async fn private(_: AllowedOrg<need::SelfManage>) -> &'static str {
    "private"
}

async fn public() -> &'static str {
    "public"
}

fn application(db: &TestDb, settings: &str) -> (Router, Quotas) {
    let config = config::load(Some(("test", settings)), &Default::default(), &[]).unwrap();
    let env = db.env.clone();
    let limiter = Limiter::local(env.clone());
    let plans = Arc::new(Plans::new(&config.limits));
    let quotas = Quotas::new(db.db.clone(), env.clone(), Arc::clone(&plans));
    let router = Router::new()
        .route("/api/v1/me", get(private).post(private))
        .route("/api/v1/audit/export", get(private))
        .route("/api/v1/setup", get(public))
        .route("/api/v1/auth/sign-in", post(public))
        .route("/livez", get(public))
        .merge(Router::from(quota::router().with_state(quotas.clone())));
    let router = limits::principal_layer(router, limiter.clone(), quotas.clone());
    let router = authz::protect(router, Arc::new(Door), OriginPolicy::default());
    let router = limits::address_layer(router, limiter, plans);
    let web = WebConfig { trusted_proxies: TrustedProxies::parse(["10.0.0.0/8"]).unwrap(), ..WebConfig::default() };
    (rhiza_web::stack(router, &web, env), quotas)
}

struct Call<'a> {
    method: &'a str,
    path: &'a str,
    from: &'a str,
    headers: Vec<(&'a str, &'a str)>,
}

fn call<'a>(method: &'a str, path: &'a str, from: &'a str) -> Call<'a> {
    Call { method, path, from, headers: Vec::new() }
}

impl<'a> Call<'a> {
    fn with(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    async fn send(self, router: &Router) -> Response<Body> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let peer = SocketAddr::new(self.from.parse().unwrap(), 4711);
        router.clone().oneshot(request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn status(self, router: &Router) -> u16 {
        self.send(router).await.status().as_u16()
    }
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn each_key_has_its_own_limit_wherever_it_calls_from(db: TestDb) {
        let (app, _) = application(&db, "[limits.plans.standard]\nread = 3\nwrite = 1\nexport = 1\n");
        for (address, left) in [("203.0.113.1", "2"), ("198.51.100.1", "1"), ("2001:db8::1", "0")] {
            let answer = call("GET", "/api/v1/me", address).with("authorization", "Bearer 7").send(&app).await;
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(header(&answer, "ratelimit-limit"), Some("3"));
            assert_eq!(header(&answer, "ratelimit-remaining"), Some(left));
        }
        let refused = call("GET", "/api/v1/me", "192.0.2.1").with("authorization", "Bearer 7").send(&app).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(header(&refused, "retry-after"), Some("20"));
        assert_eq!(header(&refused, "ratelimit-remaining"), Some("0"));
        assert_eq!(header(&refused, "ratelimit-reset"), Some("60"));
        assert_eq!(header(&refused, "content-type"), Some("application/problem+json"));
        let body = refused.into_body().collect().await.unwrap().to_bytes();
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], "rate_limited");
        // Another key, and another kind of work of the same key.
        assert_eq!(call("GET", "/api/v1/me", "192.0.2.1").with("authorization", "Bearer 8").status(&app).await, 200);
        assert_eq!(call("POST", "/api/v1/me", "192.0.2.1").with("authorization", "Bearer 7").status(&app).await, 200);
        let export = || call("GET", "/api/v1/audit/export", "192.0.2.1").with("authorization", "Bearer 7");
        assert_eq!(export().status(&app).await, 200);
        assert_eq!(export().status(&app).await, 429);
        db.clock.advance(Duration::from_secs(20));
        assert_eq!(call("GET", "/api/v1/me", "192.0.2.1").with("authorization", "Bearer 7").status(&app).await, 200);
        assert_eq!(call("GET", "/api/v1/me", "192.0.2.1").with("authorization", "Bearer 7").status(&app).await, 429);
    }

    async fn anonymous_calls_are_counted_by_place_and_probes_are_not(db: TestDb) {
        let (app, _) = application(&db, "[limits]\nanonymous = 2\nsign_in = 1\n");
        assert_eq!(call("GET", "/api/v1/setup", "2001:db8::1").status(&app).await, 200);
        // No credential at all: the same place, the same bucket.
        assert_eq!(call("GET", "/api/v1/me", "2001:db8::2").status(&app).await, 401);
        assert_eq!(call("GET", "/api/v1/setup", "2001:db8::3").status(&app).await, 429);
        assert_eq!(call("GET", "/api/v1/me", "2001:db8::3").status(&app).await, 429);
        assert_eq!(call("GET", "/api/v1/setup", "2001:db8:0:1::3").status(&app).await, 200);
        assert_eq!(call("POST", "/api/v1/auth/sign-in", "2001:db8::1").status(&app).await, 200);
        assert_eq!(call("POST", "/api/v1/auth/sign-in", "2001:db8::1").status(&app).await, 429);
        // People who are signed in behind the same address do not notice.
        assert_eq!(call("GET", "/api/v1/me", "2001:db8::1").with("authorization", "Bearer 1").status(&app).await, 200);
        for _ in 0..10 {
            assert_eq!(call("GET", "/livez", "2001:db8::1").status(&app).await, 200);
        }
    }

    async fn a_forged_address_walks_around_nothing(db: TestDb) {
        let (app, _) = application(&db, "[limits]\nanonymous = 2\nsign_in = 3\n");
        let forged = |n: usize| format!("198.51.100.{n}");
        let mut passed = 0;
        for n in 0..20 {
            let (address, standard) = (forged(n), format!("for={}", forged(n)));
            for (name, value) in [
                ("x-forwarded-for", &address),
                ("forwarded", &standard),
                ("x-real-ip", &address),
                ("cf-connecting-ip", &address),
            ] {
                let answer = call("GET", "/api/v1/setup", "203.0.113.9").with(name, value).status(&app).await;
                passed += usize::from(answer == 200);
            }
        }
        assert_eq!(passed, 2, "a stranger's headers do not count");
        // Behind our proxy, what the client itself wrote stands to the left of what the proxy saw.
        let mut passed = 0;
        for n in 0..20 {
            let chain = format!("{}, 203.0.113.77", forged(n));
            let answer = call("GET", "/api/v1/setup", "10.0.0.1").with("x-forwarded-for", &chain).status(&app).await;
            passed += usize::from(answer == 200);
        }
        assert_eq!(passed, 2);
        assert_eq!(
            call("GET", "/api/v1/setup", "10.0.0.1").with("x-forwarded-for", "203.0.113.78").status(&app).await,
            200,
            "each client behind the proxy has a limit of their own"
        );
    }

    async fn showing_bad_credentials_is_slowed_for_the_place_but_not_for_good_ones(db: TestDb) {
        let (app, _) = application(&db, "[limits]\nbad_credentials = 5\n");
        let good = || call("GET", "/api/v1/me", "203.0.113.1").with("authorization", "Bearer 1");
        assert_eq!(good().status(&app).await, 200);
        let mut refused = None;
        for n in 0..8 {
            let bad = format!("Bearer bad{n}");
            let answer = call("GET", "/api/v1/me", "203.0.113.1").with("authorization", &bad).send(&app).await;
            assert_eq!(answer.status().as_u16(), if n < 5 { 401 } else { 429 }, "{n}");
            refused = Some(answer);
        }
        assert_eq!(header(&refused.unwrap(), "retry-after"), Some("12"));
        assert_eq!(good().status(&app).await, 200, "a neighbour's good key goes on working");
        let elsewhere = call("GET", "/api/v1/me", "203.0.113.2").with("authorization", "Bearer bad").status(&app).await;
        assert_eq!(elsewhere, 401);
        db.clock.advance(Duration::from_secs(12));
        assert_eq!(call("GET", "/api/v1/me", "203.0.113.1").with("authorization", "Bearer x").status(&app).await, 401);
    }

    async fn zero_means_no_limit(db: TestDb) {
        let (app, _) =
            application(&db, "[limits]\nanonymous = 0\nbad_credentials = 0\nsign_in = 0\n[limits.plans.standard]\nread = 0\n");
        for _ in 0..200 {
            assert_eq!(call("GET", "/api/v1/setup", "203.0.113.1").status(&app).await, 200);
            assert_eq!(call("GET", "/api/v1/me", "203.0.113.1").with("authorization", "Bearer x").status(&app).await, 401);
            let answer = call("GET", "/api/v1/me", "203.0.113.1").with("authorization", "Bearer 1").send(&app).await;
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(header(&answer, "ratelimit-limit"), None);
        }
    }

    async fn requests_beyond_the_quota_are_refused_with_what_there_is_to_know(db: TestDb) {
        let (app, quotas) = application(&db, "[limits.plans.standard]\nrequests_per_month = 3\n");
        let me = || call("GET", "/api/v1/me", "203.0.113.1").with("authorization", "Bearer 1");
        for _ in 0..3 {
            assert_eq!(call("POST", "/api/v1/me", "203.0.113.1").with("authorization", "Bearer 1").status(&app).await, 200);
        }
        let export = call("GET", "/api/v1/audit/export", "203.0.113.1").with("authorization", "Bearer 2");
        let refused = export.send(&app).await;
        assert_eq!(refused.status(), StatusCode::PAYMENT_REQUIRED);
        let body = refused.into_body().collect().await.unwrap().to_bytes();
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], "quota_exceeded");
        let quota = &problem["quota"];
        assert_eq!((quota["name"].as_str(), quota["limit"].as_u64(), quota["used"].as_u64()), (Some("requests"), Some(3), Some(3)));
        assert_eq!(quota["resets_at"], "2026-06-01T00:00:00Z");
        // Seeing that, and leaving, stays possible.
        assert_eq!(me().status(&app).await, 200);
        let report = call("GET", "/api/v1/quotas", "203.0.113.1").with("authorization", "Bearer 1").send(&app).await;
        let body = report.into_body().collect().await.unwrap().to_bytes();
        let report: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(report["plan"], "standard");
        assert_eq!(report["quotas"][0]["used"], 3, "{report}");
        assert_eq!(report["quotas"][1]["name"], "storage");
        assert_eq!(report["quotas"][1].get("limit"), None);
        // A restart forgets nothing; the next month begins at nothing.
        drop(quotas);
        let (app, _) = application(&db, "[limits.plans.standard]\nrequests_per_month = 3\n");
        let export = || call("GET", "/api/v1/audit/export", "203.0.113.1").with("authorization", "Bearer 1");
        assert_eq!(export().status(&app).await, 402);
        db.clock.advance(Duration::from_secs(31 * 86_400));
        assert_eq!(export().status(&app).await, 200);
    }
}
