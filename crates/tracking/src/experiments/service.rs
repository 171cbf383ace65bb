//! What can be done with experiments.

use std::collections::HashMap;

use rhiza_kernel::ProjectScope;
use rhiza_store::Tx;
use serde::Serialize;
use utoipa::ToSchema;

use super::ids::ExperimentIds;
use super::store::{self, ExperimentRow};
use super::store_search;
use crate::TrackingState;
use crate::error::{Code, TrackingError, TrackingResult};
use crate::protocol::{self, Caller, KeyValue};
use crate::runs;
use crate::search::cut;
use crate::search::experiments::Search;

/// An experiment as MLflow's clients read it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowExperiment)]
pub(crate) struct Experiment {
    /// Its id: digits.
    pub experiment_id: String,
    /// Its name, unique in the project.
    pub name: String,
    /// Where artifacts of its runs go.
    pub artifact_location: String,
    /// `active` or `deleted`.
    pub lifecycle_stage: &'static str,
    /// When it last changed, in milliseconds since 1970.
    pub last_update_time: i64,
    /// When it was created, in milliseconds since 1970.
    pub creation_time: i64,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<KeyValue>,
    /// The project it belongs to.
    pub workspace: String,
}

/// The name of a stage of life.
pub(crate) const fn stage(deleted: bool) -> &'static str {
    if deleted { "deleted" } else { "active" }
}

impl Experiment {
    fn new(row: ExperimentRow, tags: Vec<KeyValue>, ids: ExperimentIds, workspace: &str) -> Self {
        Self {
            experiment_id: ids.public(row.id),
            name: row.name,
            artifact_location: row.artifact_location,
            lifecycle_stage: stage(row.deleted),
            last_update_time: row.updated_ms,
            creation_time: row.created_ms,
            tags,
            workspace: workspace.to_owned(),
        }
    }
}

/// The refusal for an experiment that is not there.
pub(crate) fn no_experiment(public: &str) -> TrackingError {
    TrackingError::missing(format!("No Experiment with id={public} exists"))
}

async fn present(
    tx: &Tx,
    caller: &Caller,
    ids: ExperimentIds,
    rows: Vec<ExperimentRow>,
) -> TrackingResult<Vec<Experiment>> {
    let keys: Vec<i64> = rows.iter().map(|r| r.id).collect();
    let mut tags: HashMap<i64, Vec<KeyValue>> = HashMap::new();
    for tag in store::tags(tx, &caller.scope, &keys).await? {
        tags.entry(tag.experiment_id).or_default().push(KeyValue { key: tag.tag_key, value: tag.tag_value });
    }
    Ok(rows
        .into_iter()
        .map(|row| {
            let tags = tags.remove(&row.id).unwrap_or_default();
            Experiment::new(row, tags, ids, &caller.workspace)
        })
        .collect())
}

async fn present_one(tx: &Tx, caller: &Caller, ids: ExperimentIds, row: ExperimentRow) -> TrackingResult<Experiment> {
    let mut all = present(tx, caller, ids, vec![row]).await?;
    all.pop().ok_or_else(|| TrackingError::Internal("an experiment got lost".to_owned()))
}

/// The experiment, deleted or not.
pub(crate) async fn require(
    tx: &Tx,
    scope: &ProjectScope,
    ids: ExperimentIds,
    text: &str,
) -> TrackingResult<ExperimentRow> {
    let id = ids.parse(text)?;
    match store::by_id(tx, scope, id).await? {
        Some(row) => Ok(row),
        None => Err(no_experiment(&ids.public(id))),
    }
}

/// The experiment, unless it is deleted. Nobody deletes it before the transaction ends, so that nothing is added to a
/// deleted one.
pub(crate) async fn require_active(
    tx: &Tx,
    scope: &ProjectScope,
    ids: ExperimentIds,
    text: &str,
) -> TrackingResult<ExperimentRow> {
    let id = ids.parse(text)?;
    let row = store::hold(tx, scope, id).await?.ok_or_else(|| no_experiment(&ids.public(id)))?;
    if row.deleted {
        return Err(TrackingError::invalid(format!(
            "The experiment {} must be in the 'active' state. Current state is deleted.",
            ids.public(row.id)
        )));
    }
    Ok(row)
}

fn check_name(name: &str) -> TrackingResult<()> {
    if name.trim().is_empty() {
        return Err(TrackingError::invalid(format!("Invalid experiment name: {}", protocol::repr_str(name))));
    }
    protocol::user_text(name, "name")?;
    protocol::length("name", 500, name)
}

/// Where artifacts may be said to go: an address of a store, without query or fragment.
fn check_location(location: &str) -> TrackingResult<()> {
    protocol::user_text(location, "artifact_location")?;
    if location.contains('#') || location.contains('?') || location.contains(';') {
        return Err(TrackingError::invalid("'artifact_location' URL can't include fragments or params."));
    }
    let scheme = location.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !is_scheme || scheme.eq_ignore_ascii_case("file") {
        return Err(TrackingError::invalid(format!(
            "Invalid artifact location {}: folders of the server's own disk are not offered. Leave it empty, or name an \
             object store.",
            protocol::repr_str(location)
        )));
    }
    if location.chars().count() > 2048 {
        return Err(TrackingError::invalid(
            "Invalid artifact path length. The length of the artifact path cannot be greater than 2048 characters. To \
             configure this limit, please set the MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH environment variable.",
        ));
    }
    Ok(())
}

fn check_tag(key: &str, value: &str) -> TrackingResult<()> {
    protocol::tag_key(key, "key")?;
    protocol::length("value", 20_000, value)?;
    protocol::user_text(value, "value")
}

pub(crate) async fn create(
    state: &TrackingState,
    caller: &Caller,
    name: &str,
    location: Option<&str>,
    tags: &[(String, String)],
) -> TrackingResult<String> {
    let location = location.filter(|l| !l.is_empty());
    if let Some(location) = location {
        check_location(location)?;
    }
    check_name(name)?;
    for (key, value) in tags {
        check_tag(key, value)?;
    }
    let ids = state.ids.of(&caller.scope).await?;
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    let id = store::insert(&tx, &caller.scope, name, location, state.env.now_ms()).await?;
    let mut unique: Vec<(String, String)> = Vec::with_capacity(tags.len());
    for (key, value) in tags {
        if unique.iter().any(|(k, _)| k == key) {
            return Err(TrackingError::exists(format!(
                "Experiment(name={name}) already exists. Error: the tag {key} was given twice"
            )));
        }
        unique.push((key.clone(), value.clone()));
    }
    store::set_tags(&tx, &caller.scope, id, &unique).await?;
    tx.commit().await?;
    Ok(ids.public(id))
}

pub(crate) async fn get(state: &TrackingState, caller: &Caller, id: &str) -> TrackingResult<Experiment> {
    let ids = state.ids.of(&caller.scope).await?;
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let row = require(&tx, &caller.scope, ids, id).await?;
    present_one(&tx, caller, ids, row).await
}

pub(crate) async fn get_by_name(state: &TrackingState, caller: &Caller, name: &str) -> TrackingResult<Experiment> {
    let ids = state.ids.of(&caller.scope).await?;
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let row = match protocol::storable(name) {
        true => store::by_name(&tx, &caller.scope, name).await?,
        false => None,
    };
    let row = row.ok_or_else(|| TrackingError::missing(format!("Could not find experiment with name '{name}'")))?;
    present_one(&tx, caller, ids, row).await
}

pub(crate) async fn rename(state: &TrackingState, caller: &Caller, id: &str, name: &str) -> TrackingResult<()> {
    check_name(name)?;
    let ids = state.ids.of(&caller.scope).await?;
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    let row = require(&tx, &caller.scope, ids, id).await?;
    if row.deleted {
        return Err(TrackingError::new(Code::InvalidState, "Cannot rename a non-active experiment."));
    }
    if let Some(other) = store::by_name(&tx, &caller.scope, name).await?
        && other.id != row.id
    {
        return Err(TrackingError::new(
            Code::BadRequest,
            format!("Experiment(name={name}) already exists: the name is taken in this project"),
        ));
    }
    store::rename(&tx, &caller.scope, row.id, name, state.env.now_ms()).await?;
    tx.commit().await?;
    Ok(())
}

/// Deletes (or restores) the experiment and, with it, all its runs.
pub(crate) async fn set_deleted(state: &TrackingState, caller: &Caller, id: &str, deleted: bool) -> TrackingResult<()> {
    let ids = state.ids.of(&caller.scope).await?;
    let id = ids.parse(id)?;
    let now = state.env.now_ms();
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    if !store::set_deleted(&tx, &caller.scope, id, deleted, now).await? {
        return Err(no_experiment(&ids.public(id)));
    }
    runs::store::set_all_deleted(&tx, &caller.scope, id, deleted.then_some(now)).await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn set_tag(
    state: &TrackingState,
    caller: &Caller,
    id: &str,
    key: &str,
    value: &str,
) -> TrackingResult<()> {
    check_tag(key, value)?;
    let ids = state.ids.of(&caller.scope).await?;
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    let row = require_active(&tx, &caller.scope, ids, id).await?;
    store::set_tags(&tx, &caller.scope, row.id, &[(key.to_owned(), value.to_owned())]).await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn delete_tag(state: &TrackingState, caller: &Caller, id: &str, key: &str) -> TrackingResult<()> {
    let ids = state.ids.of(&caller.scope).await?;
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    let row = require_active(&tx, &caller.scope, ids, id).await?;
    if !protocol::storable(key) || !store::delete_tag(&tx, &caller.scope, row.id, key).await? {
        return Err(TrackingError::missing(format!(
            "No tag with name: {key} in experiment with id {}",
            ids.public(row.id)
        )));
    }
    tx.commit().await?;
    Ok(())
}

/// One page of a search, and where the next one begins.
pub(crate) async fn search(
    state: &TrackingState,
    caller: &Caller,
    search: &Search,
    offset: u64,
    limit: u64,
) -> TrackingResult<(Vec<Experiment>, Option<u64>)> {
    let ids = state.ids.of(&caller.scope).await?;
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let mut rows = store_search::search(&tx, &caller.scope, ids, search, offset, limit + 1).await?;
    let more = cut(&mut rows, limit);
    let page = present(&tx, caller, ids, rows).await?;
    Ok((page, more.then_some(offset + limit)))
}
