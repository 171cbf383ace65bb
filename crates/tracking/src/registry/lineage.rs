//! Data → run → logged model → version: what came of what.

use super::model;
use super::service::{Registry, found_version};
use super::store;
use super::store_lineage;
use super::wire_native::{LineageRun, ModelRegistration, VersionLineage};
use crate::console::wire::{RunModel, RunStatus};
use crate::error::TrackingResult;
use crate::experiments::service::stage;
use crate::logged_models;
use crate::protocol::Caller;
use crate::runs::store_view::entries;

impl Registry {
    /// Where a version comes from: what still exists of it.
    ///
    /// # Errors
    /// When there is no such version.
    pub async fn lineage(&self, caller: &Caller, name: &str, version: &str) -> TrackingResult<VersionLineage> {
        model::check_name(name)?;
        let number = model::parse_version(version)?;
        let ids = self.state.ids.of(&caller.scope).await?;
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let row = found_version(store::find_version(&tx, &caller.scope, name, number).await?, name, number)?;
        let run_id = row.run_id.filter(|id| !id.is_empty());
        let origin = match &run_id {
            Some(id) => store_lineage::origin(&tx, &caller.scope, id).await?,
            None => None,
        };
        let mut datasets = Vec::new();
        let mut run = None;
        if let Some(origin) = origin {
            datasets = entries(origin.datasets.as_deref())?;
            run = Some(LineageRun {
                run_id: origin.run_id,
                run_name: origin.run_name,
                status: RunStatus::of(origin.status),
                lifecycle_stage: stage(origin.deleted).to_owned(),
                experiment_id: ids.public(origin.experiment_id),
                experiment_name: origin.experiment_name,
            });
        }
        let model = match row.model_id.filter(|id| !id.is_empty()) {
            None => None,
            Some(model_id) => {
                let found = logged_models::store::find(&tx, &caller.scope, &model_id).await?;
                found.map(|model| RunModel { model_id, name: model.name })
            }
        };
        Ok(VersionLineage { run_id, run, datasets, model })
    }

    /// The versions that are these logged models.
    ///
    /// # Errors
    /// Database failures.
    pub async fn registrations(&self, caller: &Caller, models: &[String]) -> TrackingResult<Vec<ModelRegistration>> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let found = store_lineage::registrations(&tx, &caller.scope, models).await?;
        Ok(found
            .into_iter()
            .map(|row| ModelRegistration { model_id: row.model_id, name: row.name, version: row.version.to_string() })
            .collect())
    }
}
