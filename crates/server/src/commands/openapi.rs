//! `rhiza openapi`: prints the document that the running server serves.
//!
//! The document is gathered from the routes themselves, and routes need a state; a throw-away installation gives one.

use rhiza_platform::secrets::Sealer;

use crate::cli::Settings;
use crate::commands::print;
use crate::error::Failure;
use crate::installation::Installation;
use crate::router::Application;
use crate::settings;

pub(crate) async fn run() -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("rhiza-openapi-{}", std::process::id()));
    let given = Settings {
        data_dir: Some(folder.display().to_string()),
        database_url: Some(format!("sqlite://{}", folder.join("rhiza.db").display())),
        storage_url: Some(format!("file://{}", folder.join("blobs").display())),
        ..Settings::default()
    };
    let outcome = document(&given).await;
    // The folder holds nothing; if it cannot be removed, the system's own cleaning will.
    std::fs::remove_dir_all(&folder).ok();
    print(&outcome?);
    Ok(())
}

async fn document(given: &Settings) -> Result<String, Failure> {
    let installation = Installation::open(settings::load(given)?).await?;
    let application = Application::build(
        &installation,
        &Sealer::ephemeral(&installation.env),
        &rhiza_platform::runtime::Tasks::new(),
    )?;
    let text = rhiza_api::document_json(&application.document).map_err(|e| Failure::failed(e.to_string()))?;
    installation.close().await?;
    Ok(text)
}
