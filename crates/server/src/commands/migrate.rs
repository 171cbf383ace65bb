//! `rhiza migrate`: brings the schema up to date without starting anything.

use crate::cli::Settings;
use crate::commands::print;
use crate::error::Failure;
use crate::installation::{Installation, MIGRATIONS};
use crate::settings;

pub(crate) async fn run(given: &Settings, dry_run: bool) -> Result<(), Failure> {
    let mut installation = Installation::open_unmigrated(settings::load(given)?).await?;
    let report =
        if dry_run { installation.db.pending(MIGRATIONS).await? } else { installation.db.migrate(MIGRATIONS).await? };
    let verb = if dry_run { "would apply" } else { "applied" };
    for migration in &report.migrations {
        print(&format!("{verb} {migration}"));
    }
    if report.migrations.is_empty() {
        print("the schema is up to date");
    }
    installation.close().await
}
