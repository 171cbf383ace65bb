//! `rhiza doctor`: examines an installation and says what is wrong with it, and what to do.

use rhiza_platform::config::Config;
use rhiza_store::{DbUrl, Isolation};
use serde_json::json;

use crate::cli::Settings;
use crate::commands::{print, print_json};
use crate::error::Failure;
use crate::installation::{Installation, MIGRATIONS};
use crate::settings;

struct Finding {
    name: &'static str,
    ok: bool,
    detail: String,
}

impl Finding {
    fn new(name: &'static str, answer: Result<String, String>) -> Self {
        let ok = answer.is_ok();
        Self { name, ok, detail: answer.unwrap_or_else(|fault| fault) }
    }
}

pub(crate) async fn run(given: &Settings, json: bool) -> Result<(), Failure> {
    let config = settings::load(given)?;
    let findings = examine(config).await;
    let bad = findings.iter().filter(|f| !f.ok).count();
    if json {
        let checks: Vec<_> =
            findings.iter().map(|f| json!({ "name": f.name, "ok": f.ok, "detail": f.detail })).collect();
        print_json(&json!({ "ok": bad == 0, "checks": checks }))?;
    } else {
        for finding in &findings {
            print(&format!("{} {:<12} {}", if finding.ok { "ok  " } else { "BAD " }, finding.name, finding.detail));
        }
    }
    if bad > 0 { Err(Failure::failed(format!("{bad} of {} checks failed", findings.len()))) } else { Ok(()) }
}

async fn examine(config: Config) -> Vec<Finding> {
    let mut findings = vec![Finding::new("settings", Ok(format!("{:?}, {}", config.env, config.public_url())))];
    findings.push(Finding::new("data folder", writable(&config)));
    let place = DbUrl::parse(&config.database_url()).map(|url| url.redacted()).unwrap_or_default();
    match Installation::open_unmigrated(config).await {
        Err(failure) => findings.push(Finding::new("database", Err(format!("{place}: {failure}")))),
        Ok(installation) => {
            examine_open(&installation, &place, &mut findings).await;
            if let Err(failure) = installation.close().await {
                findings.push(Finding::new("database", Err(failure.to_string())));
            }
        }
    }
    findings
}

async fn examine_open(installation: &Installation, place: &str, findings: &mut Vec<Finding>) {
    let db = &installation.db;
    let answer = db.ping().await.map(|()| place.to_owned()).map_err(|e| format!("{place}: {e}"));
    findings.push(Finding::new("database", answer));
    let schema = match db.pending(MIGRATIONS).await {
        Ok(report) if report.migrations.is_empty() => Ok("up to date".to_owned()),
        Ok(report) => Ok(format!("{} migrations will run at the next start", report.migrations.len())),
        Err(error) => Err(error.to_string()),
    };
    findings.push(Finding::new("schema", schema));
    let wall = match db.isolation() {
        Isolation::Predicates => Ok("one file, one process: every statement carries its organisation"),
        Isolation::Roles => Ok("row-level security under roles"),
        Isolation::Forced => Ok("row-level security forced on the owner"),
        Isolation::Bypassed => Err("this database user bypasses row-level security; production refuses it"),
    };
    findings.push(Finding::new("tenants", wall.map(str::to_owned).map_err(str::to_owned)));
    let storage = installation.blobs.ping().await.map(|()| installation.config.storage_url());
    findings.push(Finding::new("storage", storage.map_err(|e| e.to_string())));
}

fn writable(config: &Config) -> Result<String, String> {
    let folder = &config.data_dir;
    let probe = folder.join(".doctor");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&probe, b"x"))
        .and_then(|()| std::fs::remove_file(&probe))
        .map(|()| folder.display().to_string())
        .map_err(|e| format!("{} cannot be written: {e}", folder.display()))
}
