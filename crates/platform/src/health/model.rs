//! Probes and what they report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rhiza_kernel::Env;
use rhiza_store::{Blobs, Db};
use serde::Serialize;
use utoipa::ToSchema;

/// A dependency that does not answer within this time would not serve a request in time either.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// Something a request needs and that can be asked whether it works.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Its name on the readiness page.
    fn name(&self) -> &'static str;
    /// Asks it. The error's text is shown to whoever can reach the readiness page: no addresses, no secrets.
    async fn check(&self) -> Result<(), String>;
}

/// The database answers a query.
pub struct DatabaseProbe(pub Db);

#[async_trait]
impl Probe for DatabaseProbe {
    fn name(&self) -> &'static str {
        "database"
    }

    async fn check(&self) -> Result<(), String> {
        self.0.ping().await.map_err(|error| {
            tracing::warn!(%error, "the database does not answer");
            "does not answer".to_owned()
        })
    }
}

/// The blob storage answers.
pub struct BlobProbe(pub Blobs);

#[async_trait]
impl Probe for BlobProbe {
    fn name(&self) -> &'static str {
        "storage"
    }

    async fn check(&self) -> Result<(), String> {
        self.0.ping().await.map_err(|error| {
            tracing::warn!(%error, "the blob storage does not answer");
            "does not answer".to_owned()
        })
    }
}

/// What one probe found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProbeReport {
    /// The dependency.
    pub name: &'static str,
    /// Whether it works.
    pub ok: bool,
    /// How long it took to answer, in milliseconds.
    pub latency_ms: f64,
    /// What is wrong, when it does not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The probes of a process. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    env: Env,
    probes: Arc<Vec<Arc<dyn Probe>>>,
    stopping: Arc<AtomicBool>,
}

impl Health {
    /// Health by these probes.
    #[must_use]
    pub fn new(env: Env, probes: Vec<Arc<dyn Probe>>) -> Self {
        Self { env, probes: Arc::new(probes), stopping: Arc::new(AtomicBool::new(false)) }
    }

    /// From now on this process is not ready: it is about to stop, and no new request should be sent to it.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Asks every probe, all at the same time. The flag tells whether requests would be served.
    pub async fn check(&self) -> (bool, Vec<ProbeReport>) {
        let reports = futures::future::join_all(self.probes.iter().map(|probe| self.ask(probe.as_ref()))).await;
        let ready = !self.stopping.load(Ordering::SeqCst) && reports.iter().all(|report| report.ok);
        (ready, reports)
    }

    async fn ask(&self, probe: &dyn Probe) -> ProbeReport {
        let start = self.env.monotonic();
        let answer = tokio::time::timeout(PROBE_LIMIT, probe.check())
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", PROBE_LIMIT.as_secs())));
        let latency = self.env.monotonic().saturating_sub(start);
        ProbeReport {
            name: probe.name(),
            ok: answer.is_ok(),
            latency_ms: latency.as_secs_f64() * 1000.0,
            detail: answer.err(),
        }
    }
}
