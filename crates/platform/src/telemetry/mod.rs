//! Logs and metrics. Logs are for people on a terminal and JSON elsewhere; metrics are rendered for Prometheus on a
//! listener of their own.

mod http;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, fmt, reload};

use crate::config::{LogFormat, TelemetryConfig};

pub use http::metrics_router;

/// Seconds: from a cached read to a slow upload.
const DURATION_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0];

/// Changes what is logged while the process runs.
#[derive(Clone)]
pub struct LogControl(reload::Handle<EnvFilter, Registry>);

impl LogControl {
    /// Logs by `filter` from now on.
    ///
    /// # Errors
    /// When the filter cannot be read; the old one stays.
    pub fn set(&self, filter: &str) -> Result<(), TelemetryError> {
        let filter = EnvFilter::try_new(filter).map_err(|e| TelemetryError(e.to_string()))?;
        self.0.reload(filter).map_err(|e| TelemetryError(e.to_string()))
    }
}

/// Telemetry could not be started or changed.
#[derive(Debug, thiserror::Error)]
#[error("telemetry: {0}")]
pub struct TelemetryError(String);

/// Starts logging to standard error. Call once per process.
///
/// # Errors
/// When the filter cannot be read, or logging has been started before.
pub fn init(config: &TelemetryConfig, is_terminal: bool) -> Result<LogControl, TelemetryError> {
    let filter = EnvFilter::try_new(&config.log).map_err(|e| TelemetryError(format!("telemetry.log: {e}")))?;
    let (filter, handle) = reload::Layer::new(filter);
    let text = match config.log_format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => is_terminal,
    };
    let output = if text {
        fmt::layer().with_writer(std::io::stderr).with_ansi(is_terminal).with_target(true).boxed()
    } else {
        fmt::layer().json().flatten_event(true).with_current_span(true).with_writer(std::io::stderr).boxed()
    };
    tracing_subscriber::registry().with(filter).with(output).try_init().map_err(|e| TelemetryError(e.to_string()))?;
    Ok(LogControl(handle))
}

/// Starts collecting metrics. Call once per process.
///
/// # Errors
/// When metrics are being collected already.
pub fn metrics() -> Result<PrometheusHandle, TelemetryError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &DURATION_BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|e| TelemetryError(e.to_string()))
}
