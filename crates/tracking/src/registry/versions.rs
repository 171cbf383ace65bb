//! What can be done with versions of registered models.

use rhiza_store::Tx;
use serde_json::json;

use super::model::{self, ModelVersion, Stage, Tag};
use super::service::{self, Registry, check_tag, complete_version, found, found_version, one};
use super::source::{self, Owner};
use super::store;
use super::uri::{ModelUri, Uri};
use crate::artifacts;
use crate::error::{Code, TrackingError, TrackingResult};
use crate::journal::Change;
use crate::logged_models;
use crate::protocol::{Caller, user_text};

/// A version to be made.
#[derive(Debug, Clone, Default)]
pub struct VersionDraft {
    /// The model's name.
    pub name: String,
    /// Where the files are.
    pub source: String,
    /// The run that made it, when the client said.
    pub run_id: Option<String>,
    /// The logged model it is, when the client said.
    pub model_id: Option<String>,
    /// A link to the run.
    pub run_link: String,
    /// Free text.
    pub description: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// Where a version comes from, resolved.
struct Origin {
    source: String,
    run_id: Option<String>,
    model_id: String,
}

impl Registry {
    /// Makes the next version of a model.
    ///
    /// # Errors
    /// When the source is not acceptable, or there is no such model, run or logged model.
    pub async fn create_version(&self, caller: &Caller, draft: VersionDraft) -> TrackingResult<ModelVersion> {
        let prompt = model::is_prompt(&draft.tags);
        if prompt {
            source::check_prompt(&draft.source)?;
        }
        source::check_scheme(&draft.source)?;
        for (text, field) in
            [(&draft.source, "source"), (&draft.run_link, "run_link"), (&draft.description, "description")]
        {
            user_text(text, field)?;
        }
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let origin = origin(&tx, caller, &draft, prompt).await?;
        model::check_name(&draft.name)?;
        for tag in &draft.tags {
            check_version_tag(tag)?;
        }
        let made = self.write_version(&tx, caller, draft, origin, prompt).await?;
        let after = json!({
            "name": made.name, "version": made.version, "source": made.source, "run_id": made.run_id,
            "model_id": made.model_id,
        });
        Change::new("model_version", "created", format!("{}/{}", made.name, made.version))
            .after(after)
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(made)
    }

    async fn write_version(
        &self,
        tx: &Tx,
        caller: &Caller,
        draft: VersionDraft,
        origin: Origin,
        prompt: bool,
    ) -> TrackingResult<ModelVersion> {
        let mut run_id = origin.run_id;
        let mut model_id = origin.model_id;
        let mut storage_location = origin.source.clone();
        match ModelUri::parse(&origin.source) {
            Some(ModelUri::Logged(id)) => {
                let logged = logged_models::store::find(tx, &caller.scope, &id).await?.ok_or_else(|| {
                    TrackingError::missing(format!(
                        "Unable to fetch model from model URI source artifact location '{}'.Error: Logged model with \
                         ID '{id}' not found.",
                        origin.source
                    ))
                })?;
                storage_location = logged.artifact_uri;
                run_id = run_id.filter(|r| !r.is_empty()).or(Some(logged.source_run_id));
                model_id = id;
            }
            Some(ModelUri::Version(name, number)) => {
                let number = model::parse_version(&number)?;
                let row = store::find_version(tx, &caller.scope, &name, number).await?;
                storage_location = found_version(row, &name, number)?.storage_location;
            }
            _ => {}
        }
        if run_id.as_deref().unwrap_or_default().is_empty() && !model_id.is_empty() {
            let logged = logged_models::store::find(tx, &caller.scope, &model_id).await?;
            run_id = Some(logged.ok_or_else(|| logged_models::not_found(&model_id))?.source_run_id);
        }
        let row = found(store::lock_model(tx, &caller.scope, &draft.name).await?, &draft.name)?;
        let now = self.state.env.now_ms();
        let version = ModelVersion {
            version: store::next_version(tx, &caller.scope, row.id).await?,
            name: draft.name,
            description: Some(draft.description),
            stage: Stage::None,
            source: origin.source,
            storage_location,
            run_id,
            run_link: Some(draft.run_link),
            model_id: Some(model_id).filter(|id| !id.is_empty()),
            created_ms: now,
            updated_ms: now,
            tags: model::last_of_each(draft.tags),
            aliases: Vec::new(),
        };
        store::insert_version(tx, &caller.scope, row.id, &version).await?;
        store::touch_model(tx, &caller.scope, row.id, now).await?;
        if let (Some(id), false) = (&version.model_id, prompt) {
            logged_models::store::append_registration(tx, &caller.scope, id, &version.name, version.version).await?;
        }
        let row = store::find_version(tx, &caller.scope, &version.name, version.version).await?;
        complete_version(tx, caller, found_version(row, &version.name, version.version)?).await
    }

    /// A version by number.
    ///
    /// # Errors
    /// When there is none.
    pub async fn version(&self, caller: &Caller, name: &str, version: &str) -> TrackingResult<ModelVersion> {
        model::check_name(name)?;
        let number = model::parse_version(version)?;
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let row = found_version(store::find_version(&tx, &caller.scope, name, number).await?, name, number)?;
        complete_version(&tx, caller, row).await
    }

    /// Sets or clears a version's description.
    ///
    /// # Errors
    /// When there is no such version.
    pub async fn describe_version(
        &self,
        caller: &Caller,
        name: &str,
        version: &str,
        description: Option<&str>,
    ) -> TrackingResult<ModelVersion> {
        model::check_name(name)?;
        let number = model::parse_version(version)?;
        user_text(description.unwrap_or_default(), "description")?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let row = found_version(store::find_version(&tx, &caller.scope, name, number).await?, name, number)?;
        let before = row.description.clone();
        let now = self.state.env.now_ms();
        store::describe_version(&tx, &caller.scope, row.registered_id, number, description, now).await?;
        let row = found_version(store::find_version(&tx, &caller.scope, name, number).await?, name, number)?;
        let made = complete_version(&tx, caller, row).await?;
        Change::new("model_version", "updated", format!("{name}/{number}"))
            .before(json!({"description": before}))
            .after(json!({"description": description}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Moves a version to a stage; on wish, the other versions there go to the archive.
    ///
    /// # Errors
    /// When there is no such version or stage, or others shall be archived out of a stage that is not in use.
    pub async fn transition(
        &self,
        caller: &Caller,
        name: &str,
        version: &str,
        stage: &str,
        archive: bool,
    ) -> TrackingResult<ModelVersion> {
        let target = Stage::parse(stage)?;
        if archive && !target.is_active() {
            return Err(TrackingError::invalid(format!(
                "Model version transition cannot archive existing model versions because '{stage}' is not an Active \
                 stage. Valid stages are ['Staging', 'Production']"
            )));
        }
        model::check_name(name)?;
        let number = model::parse_version(version)?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let row = found_version(store::find_version(&tx, &caller.scope, name, number).await?, name, number)?;
        let (id, before) = (row.registered_id, row.stage.clone());
        let now = self.state.env.now_ms();
        let archived =
            if archive { store::archive_others(&tx, &caller.scope, id, number, target, now).await? } else { 0 };
        store::stage_version(&tx, &caller.scope, id, number, target, now).await?;
        store::touch_model(&tx, &caller.scope, id, now).await?;
        let row = found_version(store::find_version(&tx, &caller.scope, name, number).await?, name, number)?;
        let made = complete_version(&tx, caller, row).await?;
        Change::new("model_version", "staged", format!("{name}/{number}"))
            .before(json!({"stage": before}))
            .after(json!({"stage": target.as_str(), "archived_others": archived}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Deletes a version; its number is not given again.
    ///
    /// # Errors
    /// When there is no such version.
    pub async fn delete_version(&self, caller: &Caller, name: &str, version: &str) -> TrackingResult<()> {
        let number = model::parse_version(version)?;
        model::check_name(name)?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        // Held: no alias may come to point at the version while it goes.
        store::lock_model(&tx, &caller.scope, name).await?;
        let row = found_version(store::find_version(&tx, &caller.scope, name, number).await?, name, number)?;
        let now = self.state.env.now_ms();
        store::delete_version(&tx, &caller.scope, row.registered_id, number, now).await?;
        store::touch_model(&tx, &caller.scope, row.registered_id, now).await?;
        Change::new("model_version", "deleted", format!("{name}/{number}"))
            .before(json!({"source": row.source, "run_id": row.run_id, "stage": row.stage}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sets a tag of a version.
    ///
    /// # Errors
    /// When there is no such version or the tag is not acceptable.
    pub async fn set_version_tag(&self, caller: &Caller, name: &str, version: &str, tag: Tag) -> TrackingResult<()> {
        model::check_name(name)?;
        let number = model::parse_version(version)?;
        check_version_tag(&tag)?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let row = found_version(store::find_version(&tx, &caller.scope, name, number).await?, name, number)?;
        let id = row.registered_id;
        store::set_version_tags(&tx, &caller.scope, id, number, std::slice::from_ref(&tag)).await?;
        Change::new("model_version", "tagged", format!("{name}/{number}"))
            .after(json!({"key": tag.key, "value": tag.value}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Removes a tag of a version; that it was not there is no error.
    ///
    /// # Errors
    /// When there is no such version.
    pub async fn delete_version_tag(
        &self,
        caller: &Caller,
        name: &str,
        version: &str,
        key: &str,
    ) -> TrackingResult<()> {
        model::check_name(name)?;
        let number = model::parse_version(version)?;
        crate::protocol::key_name(key, "key")?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let row = found_version(store::find_version(&tx, &caller.scope, name, number).await?, name, number)?;
        store::delete_version_tag(&tx, &caller.scope, row.registered_id, number, key).await?;
        Change::new("model_version", "untagged", format!("{name}/{number}"))
            .before(json!({"key": key}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Where a version's files are.
    ///
    /// # Errors
    /// When there is no such version.
    pub async fn download_uri(&self, caller: &Caller, name: &str, version: &str) -> TrackingResult<String> {
        model::check_name(name)?;
        let number = model::parse_version(version)?;
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let row = found_version(store::find_version(&tx, &caller.scope, name, number).await?, name, number)?;
        Ok(if row.storage_location.is_empty() { row.source } else { row.storage_location })
    }
}

/// The rule of version tags: as other tags, with words of its own for the text of a prompt.
fn check_version_tag(tag: &Tag) -> TrackingResult<()> {
    if tag.key == model::PROMPT_TEXT && tag.value.chars().count() > model::TAG_VALUE_MAX {
        return Err(TrackingError::invalid(format!(
            "Prompt text exceeds max length of {} characters.",
            model::TAG_VALUE_MAX
        )));
    }
    check_tag(tag)
}

/// Resolves and checks where a version comes from.
async fn origin(tx: &Tx, caller: &Caller, draft: &VersionDraft, prompt: bool) -> TrackingResult<Origin> {
    let given = Origin {
        source: draft.source.clone(),
        run_id: Some(draft.run_id.clone().unwrap_or_default()),
        model_id: draft.model_id.clone().unwrap_or_default(),
    };
    if prompt {
        return Ok(given);
    }
    let origin = lineage(tx, caller, draft, given).await?;
    if origin.model_id.is_empty() {
        let run_id = origin.run_id.clone().unwrap_or_default();
        let root = match run_id.as_str() {
            "" => None,
            id => artifacts::store::run_root(tx, &caller.scope, id).await?,
        };
        let run = (!run_id.is_empty()).then_some((run_id.as_str(), root.as_deref()));
        source::check_owner(&origin.source, Owner::Run(run))?;
    } else {
        let model = logged_models::store::find(tx, &caller.scope, &origin.model_id).await?;
        let root = model.as_ref().map(|m| m.artifact_uri.as_str());
        source::check_owner(&origin.source, Owner::Model(&origin.model_id, root))?;
    }
    Ok(origin)
}

/// A source that names another registered version stands for that version: its number, its run.
async fn lineage(tx: &Tx, caller: &Caller, draft: &VersionDraft, given: Origin) -> TrackingResult<Origin> {
    let uri = Uri::parse(&draft.source);
    if uri.scheme != "models" {
        return Ok(given);
    }
    if !uri.authority.is_empty() {
        return Err(TrackingError::invalid(format!(
            "Invalid model version source: '{}'. Registered model sources must use the active model registry.",
            draft.source
        )));
    }
    let named = ModelUri::parse(&draft.source).ok_or_else(|| source::not_inside(&draft.source, "model_id"))?;
    let name = match &named {
        ModelUri::Logged(_) => return Ok(given),
        ModelUri::Version(name, _) | ModelUri::Stage(name, _) | ModelUri::Latest(name) | ModelUri::Alias(name, _) => {
            name.clone()
        }
    };
    model::check_name(&name)?;
    let row = found(store::find_model(tx, &caller.scope, &name).await?, &name)?;
    if one(store::complete_models(tx, &caller.scope, vec![row]).await?)?.is_prompt() {
        return Err(TrackingError::invalid(format!(
            "Invalid model version source: '{}'. Prompt versions cannot be used as model version sources.",
            draft.source
        )));
    }
    let number = match named {
        ModelUri::Version(_, number) => model::parse_version(&number)?,
        ModelUri::Alias(name, alias) => {
            model::check_alias(&alias)?;
            service::version_by_alias(tx, caller, &name, &alias).await?.version
        }
        ModelUri::Stage(name, stage) => newest(tx, caller, &name, Some(stage)).await?,
        ModelUri::Latest(name) | ModelUri::Logged(name) => newest(tx, caller, &name, None).await?,
    };
    let row = found_version(store::find_version(tx, &caller.scope, &name, number).await?, &name, number)?;
    let other_run = draft.run_id.as_deref().is_some_and(|r| r != row.run_id.as_deref().unwrap_or_default());
    // MLflow's versions do not tell which logged model they are, so none can be confirmed.
    let other_model = draft.model_id.as_deref().is_some_and(|m| !m.is_empty());
    if other_run || other_model {
        return Err(TrackingError::invalid(format!(
            "Invalid model version source: '{}'. The run_id and model_id request parameters must match the referenced \
             model version.",
            draft.source
        )));
    }
    Ok(Origin {
        source: format!("models:/{name}/{number}"),
        run_id: draft.run_id.clone().or(row.run_id),
        model_id: String::new(),
    })
}

async fn newest(tx: &Tx, caller: &Caller, name: &str, stage: Option<String>) -> TrackingResult<i64> {
    let stages: Vec<String> = stage.iter().cloned().collect();
    let found = service::latest(tx, caller, name, &stages).await?.into_iter().map(|v| v.version).max();
    found.ok_or_else(|| {
        let of_stage = stage.map(|s| format!(" and stage '{s}'")).unwrap_or_default();
        TrackingError::new(
            Code::ResourceDoesNotExist,
            format!("No versions of model with name '{name}'{of_stage} found"),
        )
    })
}
