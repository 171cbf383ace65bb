//! `rhiza backup create|verify|restore`: database and blobs together.

use rhiza_platform::backup;

use crate::cli::{BackupCommand, Settings};
use crate::commands::print;
use crate::error::Failure;
use crate::installation::{Installation, MIGRATIONS};
use crate::settings;

pub(crate) async fn run(command: BackupCommand, given: &Settings) -> Result<(), Failure> {
    let (verb, manifest) = match command {
        BackupCommand::Verify { folder } => ("verified", backup::verify(&folder).await?),
        BackupCommand::Create { folder } => {
            let installation = Installation::open(settings::load(given)?).await?;
            let Installation { db, blobs, env, .. } = &installation;
            let made = backup::create(db, blobs, blobs, MIGRATIONS, &folder, env).await;
            installation.close().await?;
            ("saved", made?)
        }
        BackupCommand::Restore { folder } => {
            let installation = Installation::open(settings::load(given)?).await?;
            let restored = backup::restore(&installation.db, &installation.blobs, MIGRATIONS, &folder).await;
            installation.close().await?;
            ("restored", restored?)
        }
    };
    let rows: u64 = manifest.tables.iter().map(|table| table.rows).sum();
    print(&format!(
        "{verb} {rows} rows in {} tables and {} blobs, as of {}",
        manifest.tables.len(),
        manifest.blobs.len(),
        manifest.created_at.to_rfc3339()
    ));
    Ok(())
}
