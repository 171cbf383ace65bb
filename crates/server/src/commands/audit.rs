//! `rhiza audit verify`: proves every organisation's chain.

use rhiza_platform::audit;
use rhiza_platform::secrets::{self, Sealer};
use serde_json::json;

use crate::cli::{AuditCommand, Settings};
use crate::commands::{print, print_json};
use crate::error::Failure;
use crate::installation::Installation;
use crate::settings;

pub(crate) async fn run(command: AuditCommand, given: &Settings) -> Result<(), Failure> {
    let AuditCommand::Verify { json } = command;
    let installation = Installation::open(settings::load(given)?).await?;
    let Installation { config, env, db, .. } = &installation;
    let sealer = Sealer::new(secrets::load(config, env).await?, env.clone());
    let trusted = audit::trusted_keys(db, &sealer).await?;
    let reports = audit::verify_all_trusting(db, &trusted).await?;
    installation.close().await?;
    let broken = reports.iter().filter(|report| !report.is_intact()).count();
    if json {
        print_json(&json!({ "intact": broken == 0, "chains": reports }))?;
    } else {
        for report in &reports {
            print(&report.to_string());
        }
    }
    if broken > 0 {
        return Err(Failure::failed(format!("{broken} of {} audit chains are broken", reports.len())));
    }
    Ok(())
}
