//! `rhiza serve` and `rhiza worker`: the life of a process from its settings to its last connection.

use std::fs::File;
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use rhiza_platform::audit;
use rhiza_platform::config::{Config, Environment};
use rhiza_platform::runtime::Tasks;
use rhiza_platform::secrets::{self, Sealer};
use rhiza_platform::telemetry::{self, LogControl};
use rhiza_store::DbUrl;
use rhiza_web::{ServeConfig, Tls, TlsFiles};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Settings;
use crate::commands::print;
use crate::error::Failure;
use crate::installation::Installation;
use crate::router::{Application, public_url};
use crate::settings;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    Server,
    /// Background work only.
    Worker,
}

/// Requests, streams and jobs are asked to finish within the configured drain time; what is left gets this long.
const LAST_MOMENTS: Duration = Duration::from_secs(3);

pub(crate) async fn serve(given: &Settings, role: Role) -> Result<(), Failure> {
    let config = settings::load(given)?;
    let logs = telemetry::init(&config.telemetry, std::io::stderr().is_terminal())
        .map_err(|e| Failure::usage(e.to_string()))?;
    let is_sqlite = matches!(DbUrl::parse(&config.database_url())?, DbUrl::Sqlite(_));
    if role == Role::Worker && is_sqlite {
        return Err(Failure::usage("a worker beside other processes needs PostgreSQL; set database.url"));
    }
    // Held until the process ends: the operating system lets go of it even after a kill.
    let lock = if is_sqlite { Some(lock(&config.data_dir)?) } else { None };
    let installation = Installation::open(config).await?;
    let sealer = sealer(&installation).await?;
    let tasks = Tasks::new();
    watch_signals(&tasks, given.clone(), logs)?;
    let application = Application::build(&installation, &sealer, &tasks)?;
    tasks.spawn("jobs", application.worker.run(tasks.clone()));
    tasks.spawn("ingest", application.ingest.run());
    tasks.spawn("limits", application.limiter.run(tasks.token()));
    tasks.spawn("changes", application.identity.clone().listen(tasks.token()));
    tasks.spawn("identity", application.identity.clone().run(tasks.token()));
    let (denials, db, env) = (application.denials.clone(), installation.db.clone(), installation.env.clone());
    tasks.spawn("denials", denials.run(db, env, tasks.token()));
    tasks.spawn("quotas", application.quotas.clone().run(tasks.token()));
    if let Some(listener) = metrics_listener(&installation.config).await? {
        let handle = telemetry::metrics().map_err(|e| Failure::failed(e.to_string()))?;
        let router = telemetry::metrics_router(handle);
        tasks.spawn("metrics", rhiza_web::serve(vec![listener], router, ServeConfig::default(), tasks.token()));
    }
    let (health, stopping) = (application.health.clone(), tasks.token());
    tasks.spawn("readiness", async move {
        stopping.cancelled().await;
        health.stop();
    });
    if role == Role::Server {
        let removed = installation.blobs.remove_leftovers().await?;
        if removed > 0 {
            tracing::info!(removed, "removed uploads that were cut off");
        }
        let listener = bind(&installation.config).await?;
        announce(&installation).await?;
        rhiza_web::serve(vec![listener], application.router, serve_config(&installation.config)?, tasks.token()).await;
    } else {
        tracing::info!("working");
        tasks.token().cancelled().await;
    }
    if !tasks.shutdown(LAST_MOMENTS).await {
        tracing::warn!("some background tasks did not finish in time; their jobs will be taken up again");
    }
    // Requests were answered, and refused, until a moment ago.
    application.denials.finish(&installation.db, &installation.env).await;
    if let Err(error) = application.identity.flush().await {
        tracing::error!(error = &error as &dyn std::error::Error, "uses and refused sign-ins were not recorded");
    }
    // The last requests count too.
    if let Err(error) = application.quotas.flush().await {
        tracing::error!(error = &error as &dyn std::error::Error, "the uses of the last second were not written down");
    }
    installation.close().await?;
    drop(lock);
    tracing::info!("stopped");
    Ok(())
}

/// The keys of what is stored sealed. Wrong ones are found here, before anything is served with them.
pub(crate) async fn sealer(installation: &Installation) -> Result<Sealer, Failure> {
    let Installation { config, env, db, .. } = installation;
    let sealer = Sealer::new(secrets::load(config, env).await?, env.clone());
    secrets::check_keys(db, &sealer, env).await?;
    audit::ensure_key(db, &sealer, env).await?;
    Ok(sealer)
}

/// Two servers on one SQLite file would each believe to be the only writer of the data folder.
fn lock(folder: &Path) -> Result<File, Failure> {
    let path = folder.join("rhiza.lock");
    let fault = |e: &dyn std::fmt::Display| Failure::failed(format!("cannot lock {}: {e}", path.display()));
    std::fs::create_dir_all(folder).map_err(|e| fault(&e))?;
    let file = File::create(&path).map_err(|e| fault(&e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Failure::failed(format!(
            "another Rhiza is using {}; stop it, or choose another --data-dir",
            folder.display()
        ))),
        Err(std::fs::TryLockError::Error(e)) => Err(fault(&e)),
    }
}

async fn bind(config: &Config) -> Result<TcpListener, Failure> {
    let address = config.server.listen;
    TcpListener::bind(address)
        .await
        .map_err(|e| Failure::failed(format!("cannot listen on {address}: {e}; choose another --listen")))
}

async fn metrics_listener(config: &Config) -> Result<Option<TcpListener>, Failure> {
    let address = &config.telemetry.metrics_listen;
    if address.is_empty() {
        return Ok(None);
    }
    let listener = TcpListener::bind(address)
        .await
        .map_err(|e| Failure::failed(format!("cannot listen for metrics on {address}: {e}")))?;
    Ok(Some(listener))
}

fn serve_config(config: &Config) -> Result<ServeConfig, Failure> {
    let tls = if config.has_tls() {
        let (certificate, key) = (&config.server.tls_certificate, &config.server.tls_key);
        let tls = Tls::load(TlsFiles { certificate: certificate.into(), key: key.into() });
        Some(tls.map_err(|e| Failure::failed(format!("cannot use the TLS certificate: {e}")))?)
    } else {
        None
    };
    Ok(ServeConfig {
        tls,
        drain: Duration::from_secs(config.server.drain_seconds),
        max_connections: config.server.max_connections,
        ..ServeConfig::default()
    })
}

/// Tells where the server is and, as long as there is no owner, how to become it.
async fn announce(installation: &Installation) -> Result<(), Failure> {
    let config = &installation.config;
    let public = config.public_url();
    tracing::info!(listen = %config.server.listen, public, version = env!("CARGO_PKG_VERSION"), "serving");
    let link = rhiza_identity::setup::ensure_link(&installation.db, &installation.env, &public_url(config)?).await?;
    // For the person who started the server, not for the log. Whoever closed the pipe does not stop the server.
    match link {
        Some(link) => print(&format!(
            "\n  Rhiza is running at {public}\n\n  Nobody owns it yet. Open this link once to set it up:\n\n    {link}\n"
        )),
        None => print(&format!("\n  Rhiza is running at {public}\n")),
    }
    if config.env == Environment::Development && !config.server.listen.ip().is_loopback() && !config.has_tls() {
        tracing::warn!("listening beyond this machine without TLS: browsers will refuse to sign in");
    }
    Ok(())
}

/// SIGTERM and SIGINT stop the process, a second one at once; SIGHUP reads the safe settings again.
fn watch_signals(tasks: &Tasks, given: Settings, logs: LogControl) -> Result<(), Failure> {
    let fault = |e: std::io::Error| Failure::failed(format!("cannot listen for signals: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(fault)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
    let mut reload = signal(SignalKind::hangup()).map_err(fault)?;
    let token = tasks.token();
    tasks.spawn("signals", async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = reload.recv() => reload_settings(&given, &logs),
                () = token.cancelled() => return,
            }
        }
        tracing::info!("stopping");
        token.cancel();
    });
    Ok(())
}

fn reload_settings(given: &Settings, logs: &LogControl) {
    let outcome = settings::load(given)
        .map_err(|e| e.to_string())
        .and_then(|config| logs.set(&config.telemetry.log).map_err(|e| e.to_string()));
    match outcome {
        Ok(()) => tracing::info!("settings read again"),
        Err(error) => tracing::error!(error, "the settings were not read again; the old ones hold"),
    }
}
