//! The registry of a copy: registered models, and versions one by one.

use super::model::{Registered, Version};
use super::store;
use super::transfer::{REGISTERED, Reserved, Transfer};
use super::writer::Writer;
use crate::error::{TrackingError, TrackingResult};
use crate::registry;

const VERSION: &str = "version";

/// What became of a version of a registered model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionOutcome {
    /// It is new here.
    Brought {
        /// Whether its files are here too.
        has_files: bool,
    },
    /// It was brought before.
    There,
    /// Another version has its number here.
    NumberTaken,
}

impl Transfer {
    /// Whether a version of a registered model was brought before.
    #[must_use]
    pub fn knows_version(&self, model: &str, version: i64) -> bool {
        self.noted(VERSION, &format!("{model}/{version}")).is_some()
    }

    /// Brings a registered model, without versions.
    ///
    /// # Errors
    /// When a text cannot be stored; database failures.
    pub async fn registered(&mut self, registered: &Registered) -> TrackingResult<Reserved> {
        let scope = self.caller.scope;
        if let Some(noted) = self.noted(REGISTERED, &registered.name) {
            let tx = self.state.db.read(&scope.org_scope()).await?;
            let there = registry::store::find_model(&tx, &scope, &noted.target).await?;
            let gone = || Reserved::Refused("it was copied before and has been renamed or removed here".to_owned());
            return Ok(there.map_or_else(gone, |_| Reserved::There));
        }
        let tx = self.state.db.write(&scope.org_scope()).await?;
        let mut writer = Writer::new(&tx, &scope, &self.state.env, &mut self.known);
        writer.reserve_name(&registered.name).await?;
        writer.registered_head(registered).await?;
        let target = self.known.names.get(&registered.name).cloned().unwrap_or_default();
        store::note(&tx, &scope, &self.source, REGISTERED, &registered.name, &target, true).await?;
        tx.commit().await?;
        self.remember_note(REGISTERED, &registered.name, &target, true);
        Ok(Reserved::New)
    }

    /// Brings a version of a registered model that was brought, and the aliases that point at it.
    ///
    /// # Errors
    /// When a text cannot be stored; database failures. Nothing is written then.
    pub async fn version(
        &mut self,
        model: &str,
        version: &Version,
        aliases: &[&str],
    ) -> TrackingResult<VersionOutcome> {
        let place = format!("{model}/{}", version.version);
        if self.noted(VERSION, &place).is_some() {
            return Ok(VersionOutcome::There);
        }
        let scope = self.caller.scope;
        let tx = self.state.db.write(&scope.org_scope()).await?;
        let name = self.known.names.get(model).cloned().unwrap_or_default();
        let head = registry::store::find_model(&tx, &scope, &name).await?;
        let row =
            head.ok_or_else(|| TrackingError::missing(format!("Registered Model with name={name} not found")))?.id;
        if store::has_version(&tx, &scope, row, version.version).await? {
            return Ok(VersionOutcome::NumberTaken);
        }
        let writer = Writer::new(&tx, &scope, &self.state.env, &mut self.known);
        writer.version(model, row, version).await?;
        for alias in aliases {
            writer.alias(row, alias, version.version).await?;
        }
        let number = version.version.to_string();
        store::note(&tx, &scope, &self.source, VERSION, &place, &number, true).await?;
        tx.commit().await?;
        self.remember_note(VERSION, &place, &number, true);
        Ok(VersionOutcome::Brought { has_files: self.known.files_of(version).is_some() })
    }
}
