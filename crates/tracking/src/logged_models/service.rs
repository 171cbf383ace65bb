//! What can be done with logged models.

use serde_json::json;

use super::model::{self, LoggedModel, Status};
use super::store::{self, Row};
use crate::error::{TrackingError, TrackingResult};
use crate::experiments;
use crate::journal::Change;
use crate::protocol::{Caller, repr_str, user_text};
use crate::runs::model::random_name;
use crate::state::TrackingState;

/// A logged model to be made.
#[derive(Debug, Clone, Default)]
pub struct ModelDraft {
    /// The experiment, as the client names it.
    pub experiment_id: String,
    /// Its name; one is found when there is none.
    pub name: Option<String>,
    /// What sort of model.
    pub model_type: String,
    /// The run that makes it.
    pub source_run_id: String,
    /// Parameters.
    pub params: Vec<(String, String)>,
    /// Tags.
    pub tags: Vec<(String, String)>,
}

/// The use cases of logged models.
#[derive(Clone)]
pub struct LoggedModels {
    pub(super) state: TrackingState,
}

/// The refusal of an unknown id.
#[must_use]
pub fn not_found(model_id: &str) -> TrackingError {
    TrackingError::missing(format!("Logged model with ID '{model_id}' not found."))
}

impl LoggedModels {
    /// The logged models of this installation.
    #[must_use]
    pub fn new(state: &TrackingState) -> Self {
        Self { state: state.clone() }
    }

    /// Makes a logged model, pending.
    ///
    /// # Errors
    /// When the name is not acceptable, or the experiment is not there or not active.
    pub async fn create(&self, caller: &Caller, draft: ModelDraft) -> TrackingResult<LoggedModel> {
        if let Some(name) = &draft.name {
            model::check_name(name)?;
        }
        for (key, value) in draft.params.iter().chain(&draft.tags) {
            user_text(key, "key")?;
            user_text(value, "value")?;
        }
        for (text, field) in [(&draft.model_type, "model_type"), (&draft.source_run_id, "source_run_id")] {
            user_text(text, field)?;
        }
        let ids = self.state.ids.of(&caller.scope).await?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let experiment = experiments::service::require_active(&tx, &caller.scope, ids, &draft.experiment_id).await?;
        let model_id = format!("m-{}", crate::runs::model::run_id(self.state.env.random_bytes()));
        let now = self.state.env.now_ms();
        let made = LoggedModel {
            artifact_uri: format!("{}/models/{model_id}/artifacts", experiment.artifact_location.trim_end_matches('/')),
            model_id,
            experiment_id: experiment.id,
            name: draft.name.unwrap_or_else(|| random_name(self.state.env.random_bytes())),
            model_type: draft.model_type,
            source_run_id: draft.source_run_id,
            status: Status::Pending,
            created_ms: now,
            updated_ms: now,
            params: draft.params,
            tags: draft.tags,
            metrics: Vec::new(),
        };
        store::insert(&tx, &caller.scope, &made).await?;
        let after = json!({"name": made.name, "experiment_id": experiment.id, "source_run_id": made.source_run_id});
        Change::new("logged_model", "created", &made.model_id)
            .after(after)
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(made)
    }

    /// A logged model.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn get(&self, caller: &Caller, model_id: &str, deleted: bool) -> TrackingResult<LoggedModel> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let row = store::find_any(&tx, &caller.scope, model_id, deleted).await?;
        self.complete(&tx, caller, row.ok_or_else(|| not_found(model_id))?).await
    }

    async fn complete(&self, tx: &rhiza_store::Tx, caller: &Caller, row: Row) -> TrackingResult<LoggedModel> {
        let mut models = store::complete(tx, &caller.scope, vec![row]).await?;
        models.pop().ok_or_else(|| TrackingError::Internal("a row vanished inside its transaction".to_owned()))
    }

    /// Says how far a model is.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn finalize(&self, caller: &Caller, model_id: &str, status: Status) -> TrackingResult<LoggedModel> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let row = store::find_any(&tx, &caller.scope, model_id, true).await?.ok_or_else(|| not_found(model_id))?;
        let before = Status::of_rank(row.status).map(Status::as_str);
        store::set_status(&tx, &caller.scope, model_id, status, self.state.env.now_ms()).await?;
        let row = store::find_any(&tx, &caller.scope, model_id, true).await?.ok_or_else(|| not_found(model_id))?;
        let made = self.complete(&tx, caller, row).await?;
        Change::new("logged_model", "finalized", model_id)
            .before(json!({"status": before}))
            .after(json!({"status": status.as_str()}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Hides a model; hiding it again is no error.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn delete(&self, caller: &Caller, model_id: &str) -> TrackingResult<()> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let row = store::find_any(&tx, &caller.scope, model_id, true).await?.ok_or_else(|| not_found(model_id))?;
        store::delete(&tx, &caller.scope, model_id, self.state.env.now_ms()).await?;
        Change::new("logged_model", "deleted", model_id)
            .before(json!({"name": row.name}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sets tags. Tags and parameters of logged models are ingest: they leave no audit entry.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn set_tags(&self, caller: &Caller, model_id: &str, tags: &[(String, String)]) -> TrackingResult<()> {
        for (key, value) in tags {
            user_text(key, "key")?;
            user_text(value, "value")?;
        }
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        store::find_any(&tx, &caller.scope, model_id, true).await?.ok_or_else(|| not_found(model_id))?;
        store::set_tags(&tx, &caller.scope, model_id, tags).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// When there is no such model or tag.
    pub async fn delete_tag(&self, caller: &Caller, model_id: &str, key: &str) -> TrackingResult<()> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        store::find_any(&tx, &caller.scope, model_id, true).await?.ok_or_else(|| not_found(model_id))?;
        if !store::delete_tag(&tx, &caller.scope, model_id, key).await? {
            return Err(TrackingError::missing(format!(
                "No tag with key {} found for model with ID {}.",
                repr_str(key),
                repr_str(model_id)
            )));
        }
        tx.commit().await?;
        Ok(())
    }

    /// Adds parameters.
    ///
    /// # Errors
    /// When there is no such model, or a parameter is there already.
    pub async fn add_params(&self, caller: &Caller, model_id: &str, params: &[(String, String)]) -> TrackingResult<()> {
        for (key, value) in params {
            user_text(key, "key")?;
            user_text(value, "value")?;
        }
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        store::find_any(&tx, &caller.scope, model_id, true).await?.ok_or_else(|| not_found(model_id))?;
        store::insert_params(&tx, &caller.scope, model_id, params).await?;
        tx.commit().await?;
        Ok(())
    }
}
