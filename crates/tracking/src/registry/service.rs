//! What can be done with registered models and their versions. Every change is one transaction: rows, audit
//! entry and event together.

use rhiza_store::Tx;
use serde_json::json;

use super::model::{self, ModelVersion, RegisteredModel, Stage, Tag};
use super::store::{self, ModelRow, VersionRow};
use crate::error::{Code, TrackingError, TrackingResult};
use crate::journal::Change;
use crate::protocol::{Caller, repr_str, tag_key, user_text};
use crate::state::TrackingState;

/// The registry's use cases.
#[derive(Clone)]
pub struct Registry {
    pub(super) state: TrackingState,
}

impl Registry {
    /// The registry of this installation.
    #[must_use]
    pub fn new(state: &TrackingState) -> Self {
        Self { state: state.clone() }
    }

    fn now(&self) -> i64 {
        self.state.env.now_ms()
    }

    /// Makes a registered model.
    ///
    /// # Errors
    /// When the name or a tag is not acceptable, or the name is taken.
    pub async fn create(
        &self,
        caller: &Caller,
        name: &str,
        description: &str,
        tags: Vec<Tag>,
    ) -> TrackingResult<RegisteredModel> {
        model::check_name(name)?;
        for tag in &tags {
            check_tag(tag)?;
        }
        user_text(name, "name")?;
        user_text(description, "description")?;
        let tags = model::last_of_each(tags);
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        if let Some(row) = store::find_model(&tx, &caller.scope, name).await? {
            let existing = one(store::complete_models(&tx, &caller.scope, vec![row]).await?)?;
            return Err(taken(&existing, name, &tags));
        }
        let now = self.now();
        let id = store::insert_model(&tx, &caller.scope, name, Some(description), now, now)
            .await
            .map_err(|error| raced(error, name))?;
        store::set_model_tags(&tx, &caller.scope, id, &tags).await?;
        let made = self.complete(&tx, caller, found(store::find_model(&tx, &caller.scope, name).await?, name)?).await?;
        let after = json!({"name": name, "description": description, "prompt": made.is_prompt()});
        Change::new("registered_model", "created", name).after(after).record(&tx, caller, &self.state.env).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// A registered model by name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get(&self, caller: &Caller, name: &str) -> TrackingResult<RegisteredModel> {
        model::check_name(name)?;
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let row = found(store::find_model(&tx, &caller.scope, name).await?, name)?;
        self.complete(&tx, caller, row).await
    }

    /// Sets a model's description.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn describe(&self, caller: &Caller, name: &str, description: &str) -> TrackingResult<RegisteredModel> {
        model::check_name(name)?;
        user_text(description, "description")?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let row = found(store::lock_model(&tx, &caller.scope, name).await?, name)?;
        store::update_model(&tx, &caller.scope, row.id, Some(description), self.now()).await?;
        let made = self.complete(&tx, caller, found(store::find_model(&tx, &caller.scope, name).await?, name)?).await?;
        Change::new("registered_model", "updated", name)
            .before(json!({"description": row.description}))
            .after(json!({"description": description}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Gives a model another name.
    ///
    /// # Errors
    /// When there is no such model, the new name is not acceptable or taken.
    pub async fn rename(&self, caller: &Caller, name: &str, new_name: &str) -> TrackingResult<RegisteredModel> {
        model::check_new_name(new_name)?;
        model::check_name(name)?;
        user_text(new_name, "new_name")?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let row = found(store::lock_model(&tx, &caller.scope, name).await?, name)?;
        if name != new_name && store::find_model(&tx, &caller.scope, new_name).await?.is_some() {
            return Err(exists(new_name));
        }
        store::rename_model(&tx, &caller.scope, row.id, new_name, self.now())
            .await
            .map_err(|error| raced(error, new_name))?;
        let renamed = found(store::find_model(&tx, &caller.scope, new_name).await?, new_name)?;
        let made = self.complete(&tx, caller, renamed).await?;
        Change::new("registered_model", "renamed", new_name)
            .before(json!({"name": name}))
            .after(json!({"name": new_name}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Removes a model with its versions, tags and aliases.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn delete(&self, caller: &Caller, name: &str) -> TrackingResult<()> {
        model::check_name(name)?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let row = found(store::lock_model(&tx, &caller.scope, name).await?, name)?;
        let last = store::next_version(&tx, &caller.scope, row.id).await? - 1;
        store::delete_model(&tx, &caller.scope, row.id).await?;
        Change::new("registered_model", "deleted", name)
            .before(json!({"name": name, "description": row.description, "last_version": last}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sets a tag of a model.
    ///
    /// # Errors
    /// When there is no such model or the tag is not acceptable.
    pub async fn set_tag(&self, caller: &Caller, name: &str, tag: Tag) -> TrackingResult<()> {
        model::check_name(name)?;
        check_tag(&tag)?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let row = found(store::find_model(&tx, &caller.scope, name).await?, name)?;
        store::set_model_tags(&tx, &caller.scope, row.id, std::slice::from_ref(&tag)).await?;
        Change::new("registered_model", "tagged", name)
            .after(json!({"key": tag.key, "value": tag.value}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Removes a tag of a model; that it was not there is no error.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn delete_tag(&self, caller: &Caller, name: &str, key: &str) -> TrackingResult<()> {
        model::check_name(name)?;
        crate::protocol::key_name(key, "key")?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let row = found(store::find_model(&tx, &caller.scope, name).await?, name)?;
        store::delete_model_tag(&tx, &caller.scope, row.id, key).await?;
        Change::new("registered_model", "untagged", name)
            .before(json!({"key": key}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Points an alias at a version, away from wherever it pointed.
    ///
    /// # Errors
    /// When the alias is not acceptable or there is no such version.
    pub async fn set_alias(&self, caller: &Caller, name: &str, alias: &str, version: &str) -> TrackingResult<()> {
        model::check_name(name)?;
        model::check_new_alias(alias)?;
        let number = model::parse_version(version)?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        // Held: the version may not go while the alias comes.
        store::lock_model(&tx, &caller.scope, name).await?;
        let row = found_version(store::find_version(&tx, &caller.scope, name, number).await?, name, number)?;
        let before = store::find_alias(&tx, &caller.scope, row.registered_id, alias).await?;
        store::set_alias(&tx, &caller.scope, row.registered_id, alias, number).await?;
        Change::new("model_alias", "set", format!("{name}@{alias}"))
            .before(json!({"version": before}))
            .after(json!({"version": number}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Removes an alias; that it was not there is no error.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn delete_alias(&self, caller: &Caller, name: &str, alias: &str) -> TrackingResult<()> {
        model::check_name(name)?;
        model::check_alias(alias)?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let row = found(store::find_model(&tx, &caller.scope, name).await?, name)?;
        let before = store::find_alias(&tx, &caller.scope, row.id, alias).await?;
        store::delete_alias(&tx, &caller.scope, row.id, alias).await?;
        Change::new("model_alias", "deleted", format!("{name}@{alias}"))
            .before(json!({"version": before}))
            .record(&tx, caller, &self.state.env)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The version an alias points at; `latest` is the newest of all.
    ///
    /// # Errors
    /// When there is no such model, alias or version.
    pub async fn by_alias(&self, caller: &Caller, name: &str, alias: &str) -> TrackingResult<ModelVersion> {
        model::check_name(name)?;
        model::check_alias(alias)?;
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        version_by_alias(&tx, caller, name, alias).await
    }

    /// The newest version of each of the stages (all of them when none is named).
    ///
    /// # Errors
    /// When there is no such model or stage.
    pub async fn latest(&self, caller: &Caller, name: &str, stages: &[String]) -> TrackingResult<Vec<ModelVersion>> {
        model::check_name(name)?;
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        latest(&tx, caller, name, stages).await
    }

    pub(super) async fn complete(&self, tx: &Tx, caller: &Caller, row: ModelRow) -> TrackingResult<RegisteredModel> {
        one(store::complete_models(tx, &caller.scope, vec![row]).await?)
    }
}

/// The newest version of each of the stages, with aliases.
pub(super) async fn latest(
    tx: &Tx,
    caller: &Caller,
    name: &str,
    stages: &[String],
) -> TrackingResult<Vec<ModelVersion>> {
    let row = found(store::find_model(tx, &caller.scope, name).await?, name)?;
    let wanted = if stages.is_empty() {
        Stage::ALL.to_vec()
    } else {
        stages.iter().map(|s| Stage::parse(s)).collect::<TrackingResult<Vec<_>>>()?
    };
    let model = one(store::complete_models(tx, &caller.scope, vec![row]).await?)?;
    let mut versions = model.latest_versions;
    versions.retain(|v| wanted.contains(&v.stage));
    for version in &mut versions {
        version.aliases =
            model.aliases.iter().filter(|a| a.version == version.version).map(|a| a.alias.clone()).collect();
    }
    Ok(versions)
}

/// The version an alias points at.
pub(super) async fn version_by_alias(
    tx: &Tx,
    caller: &Caller,
    name: &str,
    alias: &str,
) -> TrackingResult<ModelVersion> {
    if alias.to_lowercase() == "latest" {
        let newest = latest(tx, caller, name, &[]).await?.into_iter().max_by_key(|v| v.version);
        return newest.ok_or_else(|| TrackingError::missing(format!("Latest version not found for model {name}.")));
    }
    let row = found(store::find_model(tx, &caller.scope, name).await?, name)?;
    let Some(number) = store::find_alias(tx, &caller.scope, row.id, alias).await? else {
        return Err(TrackingError::invalid(format!("Registered model alias {alias} not found.")));
    };
    let row = found_version(store::find_version(tx, &caller.scope, name, number).await?, name, number)?;
    complete_version(tx, caller, row).await
}

/// A version with its tags and aliases.
pub(super) async fn complete_version(tx: &Tx, caller: &Caller, row: VersionRow) -> TrackingResult<ModelVersion> {
    let id = row.registered_id;
    let mut version = one(store::complete_versions(tx, &caller.scope, vec![row]).await?)?;
    version.aliases = store::aliases_of(tx, &caller.scope, id, version.version).await?;
    Ok(version)
}

pub(super) fn one<T>(mut items: Vec<T>) -> TrackingResult<T> {
    items.pop().ok_or_else(|| TrackingError::Internal("a row vanished inside its transaction".to_owned()))
}

pub(super) fn found(row: Option<ModelRow>, name: &str) -> TrackingResult<ModelRow> {
    row.ok_or_else(|| TrackingError::missing(format!("Registered Model with name={name} not found")))
}

pub(super) fn found_version(row: Option<VersionRow>, name: &str, version: i64) -> TrackingResult<VersionRow> {
    row.ok_or_else(|| TrackingError::missing(format!("Model Version (name={name}, version={version}) not found")))
}

/// The rule of tags of models and versions.
pub(super) fn check_tag(tag: &Tag) -> TrackingResult<()> {
    tag_key(&tag.key, "key")?;
    crate::protocol::length("value", model::TAG_VALUE_MAX, &tag.value)?;
    user_text(&tag.value, "value")
}

fn exists(name: &str) -> TrackingError {
    TrackingError::exists(format!("Registered Model (name={name}) already exists."))
}

/// Two callers made the same name at once: the database let one through.
fn raced(error: TrackingError, name: &str) -> TrackingError {
    match error {
        TrackingError::Store(store) if store.is_unique() => exists(name),
        other => other,
    }
}

fn taken(existing: &RegisteredModel, name: &str, tags: &[Tag]) -> TrackingError {
    let marked = |tags: &[Tag]| tags.iter().any(|t| t.key == model::IS_PROMPT);
    let kind = |prompt: bool| if prompt { "prompt" } else { "registered model" };
    let (old, new) = (marked(&existing.tags), marked(tags));
    if old == new {
        let label = if new { "Prompt" } else { "Registered Model" };
        return TrackingError::exists(format!("{label} (name={name}) already exists."));
    }
    TrackingError::new(
        Code::ResourceAlreadyExists,
        format!(
            "Tried to create a {} with name {}, but the name is already taken by a {}. MLflow does not allow creating \
             a model and a prompt with the same name.",
            kind(new),
            repr_str(name),
            kind(old)
        ),
    )
}
