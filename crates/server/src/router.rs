//! The application: every slice's routes over one installation, behind the layers that every request passes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rhiza_identity::{Identity, IdentityOptions, PasswordCost, RegistrationMode, RegistrationRules, SessionLimits};
use rhiza_kernel::Env;
use rhiza_mlops::MlopsState;
use rhiza_mlops::automl::SearchModels;
use rhiza_mlops::explanations::ExplainModels;
use rhiza_platform::audit::{self, AuditState, Denials, Retain};
use rhiza_platform::authz;
use rhiza_platform::child::Workshop;
use rhiza_platform::config::{Config, Environment, Registration};
use rhiza_platform::events::Hub;
use rhiza_platform::health::{self, BlobProbe, DatabaseProbe, Health};
use rhiza_platform::idempotency;
use rhiza_platform::jobs::{self, JobsState, Worker, WorkerOptions};
use rhiza_platform::limits::quota::{self, Quotas};
use rhiza_platform::limits::{self, Limiter, Plans, RedisOptions};
use rhiza_platform::mail::{self, MailsState, Post, PostOptions, SendMail};
use rhiza_platform::runtime::Tasks;
use rhiza_platform::secrets::Sealer;
use rhiza_tracking::artifacts::CollectGarbage;
use rhiza_tracking::datasets::ReadDataset;
use rhiza_tracking::maintenance::{self, PurgeDeleted};
use rhiza_tracking::{TrackingState, workspaces};
use rhiza_web::{ErrorShape, Origin, OriginPolicy, TrustedProxies, WebConfig};
use url::Url;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::error::Failure;
use crate::http_console;
use crate::installation::Installation;
use crate::wiring;

/// Everything a process runs.
pub(crate) struct Application {
    /// All routes, behind all layers.
    pub(crate) router: Router,
    /// What describes them.
    pub(crate) document: OpenApi,
    /// Works on jobs once it is run.
    pub(crate) worker: Worker,
    /// Writes what tracking clients log once it is run.
    pub(crate) ingest: rhiza_tracking::Worker,
    /// Readiness, to be ended before the process stops.
    pub(crate) health: Health,
    /// Writes down uses of keys and refused sign-ins once it is run.
    pub(crate) identity: Identity,
    /// Keeps limits in touch with Redis once it is run.
    pub(crate) limiter: Limiter,
    /// Writes down what was denied once it is run, and at the end.
    pub(crate) denials: Denials,
    /// Writes down what organisations use once it is run.
    pub(crate) quotas: Quotas,
}

/// Paths under which faults are told the way MLflow tells them.
const MLFLOW_ROOTS: [&str; 9] = [
    "/api/2.0/mlflow",
    "/api/3.0/mlflow",
    "/api/2.0/mlflow-artifacts",
    "/ajax-api/2.0/mlflow",
    "/ajax-api/3.0/mlflow",
    "/ajax-api/2.0/mlflow-artifacts",
    "/get-artifact",
    "/model-versions/get-artifact",
    "/serving",
];

impl Application {
    /// Puts the application together.
    pub(crate) fn build(installation: &Installation, sealer: &Sealer, tasks: &Tasks) -> Result<Self, Failure> {
        let Installation { config, env, db, blobs } = installation;
        let hub = Hub::new();
        let limiter = limiter(config, env)?;
        let plans = Arc::new(Plans::new(&config.limits));
        let quotas = Quotas::new(db.clone(), env.clone(), Arc::clone(&plans));
        let origins = origins(config)?;
        let post = post(config, env, sealer)?;
        let options = identity_options(config, env, origins.clone(), limiter.clone(), &post, sealer)?;
        let identity = Identity::new(db.clone(), env.clone(), options)?;
        let (tracking, ingest) = TrackingState::new(db.clone(), env.clone(), blobs.clone());
        let tracking = tracking.with_shutdown(tasks.token()).with_quotas(quotas.clone());
        let tracking = tracking.with_upload_limit(upload_limit(config));
        let mlops = MlopsState::new(&tracking).with_shutdown(tasks.token()).with_quotas(quotas.clone());
        let unusable = |e| Failure::failed(format!("the folder work in the data folder is unusable: {e}"));
        let workshop = wiring::workshop(config, env).map_err(unusable)?;
        let health =
            Health::new(env.clone(), vec![Arc::new(DatabaseProbe(db.clone())), Arc::new(BlobProbe(blobs.clone()))]);
        let delivery = wiring::delivery(config).map_err(|e| Failure::usage(e.to_string()))?;
        let mails = MailsState {
            db: db.clone(),
            sealer: sealer.clone(),
            recipients: wiring::recipients(db),
            development: config.env == Environment::Development,
        };
        let jobs = JobsState { db: db.clone(), env: env.clone(), hub: hub.clone(), tasks: tasks.clone() };
        let (router, document) = rhiza_api::assemble(vec![
            health::router().with_state(health.clone()),
            OpenApiRouter::new().nest("/api/v1", rhiza_identity::router().with_state(identity.clone())),
            rhiza_identity::well_known().with_state(identity.clone()),
            audit::router().with_state(AuditState { db: db.clone() }),
            jobs::router().with_state(jobs),
            mail::router().with_state(mails),
            quota::router().with_state(quotas.clone()),
            rhiza_tracking::router().with_state(tracking.clone()),
            rhiza_mlops::router().with_state(mlops.clone()),
            workspaces::router().with_state(wiring::workspaces(&identity, blobs.can_presign())),
        ])
        .map_err(|e| Failure::failed(format!("the OpenAPI document cannot be written: {e}")))?;
        let router = router.fallback(http_console::fallback);
        let router = idempotency::layer(router, db.clone(), env.clone(), tasks.clone());
        let router = limits::principal_layer(router, limiter.clone(), quotas.clone());
        let denials = identity.denials().clone();
        let router = audit::watch(router, denials.clone(), env.clone());
        let router = authz::protect(router, identity.authenticator(), OriginPolicy::new(origins));
        let router = limits::address_layer(router, limiter.clone(), plans);
        let router = rhiza_web::stack(router, &web_config(config)?, env.clone());
        let options = WorkerOptions { concurrency: config.jobs.concurrency, ..WorkerOptions::default() };
        let worker = Worker::new(db.clone(), env.clone(), hub, options)
            .register(Arc::new(idempotency::Purge(db.clone())))
            .schedule(idempotency::PURGE_SCHEDULE)
            .register(Arc::new(SendMail::new(db.clone(), &post, delivery)))
            .register(Arc::new(identity.letters()))
            .register(Arc::new(mail::Purge(db.clone())))
            .schedule(mail::PURGE_SCHEDULE)
            .register(Arc::new(limits::Purge(db.clone())))
            .schedule(limits::PURGE_SCHEDULE)
            .register(Arc::new(Retain::new(db.clone(), sealer.clone(), config.audit.retention_days)))
            .schedule(audit::RETAIN_SCHEDULE)
            .register(Arc::new(PurgeDeleted::new(db.clone(), deleted_grace(config))))
            .schedule(maintenance::PURGE_SCHEDULE)
            .register(Arc::new(CollectGarbage::new(db.clone(), blobs.clone(), blob_grace(config))))
            .schedule(maintenance::COLLECT_SCHEDULE)
            .register(Arc::new(read_dataset(config, env, &tracking, &workshop)?))
            .register(Arc::new(SearchModels::new(&mlops, workshop.clone())))
            .register(Arc::new(ExplainModels::new(&mlops, workshop)));
        Ok(Self { router, document, worker, ingest, health, identity, limiter, quotas, denials })
    }
}

fn read_dataset(
    config: &Config,
    env: &Env,
    tracking: &TrackingState,
    workshop: &Workshop,
) -> Result<ReadDataset, Failure> {
    let client = wiring::outbound_to_files(config, env).map_err(|e| Failure::usage(e.to_string()))?;
    Ok(ReadDataset::new(tracking, workshop.clone(), client))
}

/// The longest file, in bytes.
fn upload_limit(config: &Config) -> Option<u64> {
    Some(config.storage.upload_limit_mib).filter(|mib| *mib > 0).map(|mib| mib.saturating_mul(1 << 20))
}

fn limiter(config: &Config, env: &Env) -> Result<Limiter, Failure> {
    use secrecy::ExposeSecret as _;
    let limits = &config.limits;
    if limits.redis_url.expose_secret().is_empty() {
        return Ok(Limiter::local(env.clone()));
    }
    let redis = RedisOptions { url: limits.redis_url.clone(), timeout: Duration::from_millis(limits.redis_timeout_ms) };
    Limiter::shared(env.clone(), &redis).map_err(|e| Failure::usage(e.to_string()))
}

/// The origins whose pages may change things with a session: our own, and those the settings name.
fn origins(config: &Config) -> Result<Vec<Origin>, Failure> {
    let mut all = vec![config.public_url()];
    if config.server.public_url.is_empty() {
        // On a laptop people type either name.
        all.push(config.public_url().replace("//localhost:", "//127.0.0.1:"));
    }
    all.extend(config.server.cors_origins.iter().filter(|origin| *origin != "*").cloned());
    all.iter()
        .map(|origin| origin.parse().map_err(|e| Failure::usage(format!("{origin} is not an origin: {e}"))))
        .collect()
}

const HOUR: u64 = 3600;

fn deleted_grace(config: &Config) -> Duration {
    Duration::from_secs(24 * HOUR * u64::from(config.tracking.deleted_grace_days))
}

fn blob_grace(config: &Config) -> Duration {
    Duration::from_secs(HOUR * u64::from(config.tracking.blob_grace_hours))
}

fn identity_options(
    config: &Config,
    env: &Env,
    origins: Vec<Origin>,
    limiter: Limiter,
    post: &Post,
    sealer: &Sealer,
) -> Result<IdentityOptions, Failure> {
    let hours = |n: u32| Duration::from_secs(3600 * u64::from(n));
    let url = public_url(config)?;
    Ok(IdentityOptions {
        limiter: Some(limiter),
        public_url: (!config.server.public_url.is_empty()).then(|| url.clone()),
        registration: registration_rules(config)?,
        origins: OriginPolicy::new(origins),
        sessions: SessionLimits {
            idle: hours(config.identity.session_idle_hours),
            absolute: hours(24 * config.identity.session_days),
        },
        passwords: password_cost(config),
        providers: wiring::providers(config),
        outbound: Some(wiring::outbound_to_providers(config, env).map_err(|e| Failure::usage(e.to_string()))?),
        ..IdentityOptions::new(url, post.clone(), sealer.clone())
    })
}

/// The post office.
fn post(config: &Config, env: &Env, sealer: &Sealer) -> Result<Post, Failure> {
    let options = PostOptions { public_url: public_url(config)?, available: config.sends_mail() };
    Ok(Post::new(env.clone(), sealer.clone(), options))
}

fn registration_rules(config: &Config) -> Result<RegistrationRules, Failure> {
    let identity = &config.identity;
    let mode = match identity.registration {
        Registration::Invite => RegistrationMode::Invite,
        Registration::Open => RegistrationMode::Open,
        Registration::Domain => RegistrationMode::Domain,
    };
    let role = identity.registration_role.parse();
    Ok(RegistrationRules {
        mode,
        domains: identity.registration_domains.iter().map(|domain| domain.to_lowercase()).collect(),
        role: role.map_err(|_| Failure::usage("identity.registration_role is no role".to_owned()))?,
    })
}

/// What a password hash costs here.
pub(crate) fn password_cost(config: &Config) -> PasswordCost {
    PasswordCost { at_once: config.identity.password_hashers, ..PasswordCost::default() }
}

/// The address people type.
pub(crate) fn public_url(config: &Config) -> Result<Url, Failure> {
    let text = config.public_url();
    Url::parse(&text).map_err(|e| Failure::usage(format!("server.public_url {text}: {e}")))
}

fn web_config(config: &Config) -> Result<WebConfig, Failure> {
    let server = &config.server;
    let shape: Arc<dyn ErrorShape> = Arc::new(rhiza_tracking::protocol::MlflowShape);
    let cors_any = server.cors_origins.iter().any(|origin| origin == "*");
    let cors = server.cors_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let web = WebConfig {
        body_limit: server.body_limit_kib * 1024,
        timeout: Duration::from_secs(server.request_timeout_seconds),
        trusted_proxies: TrustedProxies::parse(&server.trusted_proxies).map_err(|e| Failure::usage(e.to_string()))?,
        cors: if cors_any { Vec::new() } else { cors },
        cors_any,
        ..WebConfig::default()
    };
    Ok(MLFLOW_ROOTS.iter().fold(web, |web, root| web.shape(root, Arc::clone(&shape))))
}
