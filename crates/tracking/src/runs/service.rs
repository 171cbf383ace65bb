//! What can be done with runs.

use rhiza_kernel::ProjectScope;
use rhiza_store::Tx;
use serde_json::Value;

use super::model::{self, NAME_TAG, RunStatus};
use super::store::{self, NewRun, RunChange};
use super::store_view::{self as view, Detail, RunRow};
use super::{ingest, store_search};
use crate::TrackingState;
use crate::error::{TrackingError, TrackingResult};
use crate::experiments;
use crate::experiments::ids::ExperimentIds;
use crate::protocol::{self, Caller, repr_str};
use crate::search::cut;
use crate::search::runs::Search;

/// A run about to be created, as asked for.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) experiment: String,
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) start_time: i64,
    pub(crate) tags: Vec<(String, String)>,
}

async fn one(tx: &Tx, scope: &ProjectScope, id: i64) -> TrackingResult<RunRow> {
    let mut rows = view::load(tx, scope, &[id]).await?;
    rows.pop().ok_or_else(|| TrackingError::Internal("a run got lost".to_owned()))
}

fn run_json(row: &RunRow, ids: ExperimentIds, detail: Detail) -> TrackingResult<Vec<u8>> {
    let mut out = Vec::with_capacity(1_024);
    out.extend_from_slice(b"{\"run\":");
    view::write_run(row, ids, detail, &mut out)?;
    out.push(b'}');
    Ok(out)
}

/// Creates a run; gives the answer's JSON.
pub(crate) async fn create(state: &TrackingState, caller: &Caller, draft: Draft) -> TrackingResult<Vec<u8>> {
    let ids = state.ids.of(&caller.scope).await?;
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    let public = if draft.experiment.is_empty() { "0" } else { &draft.experiment };
    let experiment = experiments::service::require_active(&tx, &caller.scope, ids, public).await?;
    let tagged = draft.tags.iter().find(|(key, _)| key == NAME_TAG).map(|(_, value)| value.clone()).unwrap_or_default();
    if !draft.name.is_empty() && !tagged.is_empty() && draft.name != tagged {
        return Err(TrackingError::invalid(format!(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name={}, \
             mlflow.runName={}).",
            repr_str(&draft.name),
            repr_str(&tagged)
        )));
    }
    let name = [draft.name, tagged].into_iter().find(|n| !n.is_empty());
    let name = name.unwrap_or_else(|| model::random_name(state.env.random_bytes()));
    let mut tags: Vec<(&str, &str)> = Vec::with_capacity(draft.tags.len() + 1);
    for (key, value) in draft.tags.iter().filter(|(key, _)| key != NAME_TAG) {
        protocol::user_text(key, "tags")?;
        protocol::user_text(value, "tags")?;
        if tags.iter().any(|(known, _)| known == key) {
            return Err(TrackingError::new(
                crate::Code::BadRequest,
                format!("The tag {} was given twice.", repr_str(key)),
            ));
        }
        tags.push((key, value));
    }
    protocol::user_text(&name, "run_name")?;
    protocol::user_text(&draft.user_id, "user_id")?;
    tags.push((NAME_TAG, &name));
    let run_id = model::run_id(state.env.random_bytes());
    let new = NewRun {
        run_id: &run_id,
        experiment: experiment.id,
        name: &name,
        user_id: &draft.user_id,
        status: RunStatus::Running.number(),
        start_time: draft.start_time,
        end_time: None,
    };
    let id = store::insert_run(&tx, &caller.scope, &new).await?;
    let rows: Vec<(i64, &str, &str)> = tags.iter().map(|(key, value)| (id, *key, *value)).collect();
    store::set_tags(&tx, &caller.scope.org_scope(), &rows).await?;
    tx.commit().await?;
    let list: Vec<_> = tags
        .iter()
        .map(|(key, value)| protocol::KeyValue { key: (*key).to_owned(), value: (*value).to_owned() })
        .collect();
    let row = RunRow {
        id,
        run_id: run_id.clone(),
        experiment_id: experiment.id,
        name: name.clone(),
        user_id: draft.user_id,
        status: RunStatus::Running.number(),
        deleted: false,
        start_time: draft.start_time,
        end_time: None,
        artifact_location: experiment.artifact_location,
        metrics: None,
        params: None,
        tags: serde_json::to_string(&list).ok(),
        datasets: None,
        models: None,
    };
    run_json(&row, ids, Detail::Created)
}

/// One run; gives the answer's JSON.
pub(crate) async fn get(state: &TrackingState, caller: &Caller, run_id: &str) -> TrackingResult<Vec<u8>> {
    let ids = state.ids.of(&caller.scope).await?;
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let head = store::require_run(&tx, &caller.scope, run_id).await?;
    run_json(&one(&tx, &caller.scope, head.id).await?, ids, Detail::Whole)
}

/// Changes status, end or name; gives the answer's JSON.
pub(crate) async fn update(
    state: &TrackingState,
    caller: &Caller,
    run_id: &str,
    status: Option<RunStatus>,
    end_time: Option<i64>,
    name: Option<&str>,
) -> TrackingResult<Vec<u8>> {
    let ids = state.ids.of(&caller.scope).await?;
    let name = name.filter(|n| !n.is_empty());
    if let Some(name) = name {
        protocol::user_text(name, "run_name")?;
    }
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    let head = store::require_run(&tx, &caller.scope, run_id).await?.active()?;
    let change = RunChange { status: status.map(RunStatus::number), end_time, name };
    store::update_run(&tx, &caller.scope, head.id, &change).await?;
    if let Some(name) = name {
        store::set_tags(&tx, &caller.scope.org_scope(), &[(head.id, NAME_TAG, name)]).await?;
    }
    let row = one(&tx, &caller.scope, head.id).await?;
    tx.commit().await?;
    let mut out = b"{\"run_info\":".to_vec();
    view::write_info(&row, ids, &mut out);
    out.push(b'}');
    Ok(out)
}

/// Deletes or restores.
pub(crate) async fn set_deleted(
    state: &TrackingState,
    caller: &Caller,
    run_id: &str,
    deleted: bool,
) -> TrackingResult<()> {
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    let head = store::require_run(&tx, &caller.scope, run_id).await?;
    store::set_deleted(&tx, &caller.scope, head.id, deleted.then(|| state.env.now_ms())).await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn delete_tag(state: &TrackingState, caller: &Caller, run_id: &str, key: &str) -> TrackingResult<()> {
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    let head = store::require_run(&tx, &caller.scope, run_id).await?.active()?;
    if !protocol::storable(key) || !store::delete_tag(&tx, &caller.scope, head.id, key).await? {
        return Err(TrackingError::missing(format!("No tag with name: {key} in run with id {run_id}")));
    }
    tx.commit().await?;
    Ok(())
}

/// Notes the models that came out of a run.
pub(crate) async fn log_outputs(
    state: &TrackingState,
    caller: &Caller,
    run_id: &str,
    models: &[(String, i64)],
) -> TrackingResult<()> {
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    let head = store::require_run(&tx, &caller.scope, run_id).await?.active()?;
    store::add_models(&tx, &caller.scope, head.id, models, true).await.map_err(|error| {
        if error.is_unique() {
            let message = format!("A model can be an output of the run {run_id} only once.");
            return TrackingError::new(crate::Code::BadRequest, message);
        }
        error.into()
    })?;
    tx.commit().await?;
    Ok(())
}

/// Notes the datasets and models that went into a run.
pub(crate) async fn log_inputs(
    state: &TrackingState,
    caller: &Caller,
    run_id: &str,
    datasets: &[store::NewDataset],
    models: &[(String, i64)],
) -> TrackingResult<()> {
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    let head = store::require_run(&tx, &caller.scope, run_id).await?.active()?;
    for (position, dataset) in (0_i64..).zip(datasets) {
        let tags: Vec<_> = dataset
            .tags
            .iter()
            .map(|(key, value)| protocol::KeyValue { key: key.clone(), value: value.clone() })
            .collect();
        let json = serde_json::to_string(&tags).map_err(|e| TrackingError::Internal(e.to_string()))?;
        store::add_dataset(&tx, &caller.scope, &head, dataset, &json, position).await?;
    }
    store::add_models(&tx, &caller.scope, head.id, models, false).await?;
    tx.commit().await?;
    Ok(())
}

/// Adds a model of an older client to the run's history of models, which is a tag.
pub(crate) async fn log_model(
    state: &TrackingState,
    caller: &Caller,
    run_id: &str,
    model_json: &str,
) -> TrackingResult<()> {
    const HISTORY: &str = "mlflow.log-model.history";
    let malformed = || TrackingError::invalid(format!("Malformed model info. \n {model_json} \n is not a valid JSON."));
    let model: Value = serde_json::from_str(model_json).map_err(|_| malformed())?;
    let mut missing: Vec<&str> = ["artifact_path", "flavors", "run_id", "utc_time_created"]
        .into_iter()
        .filter(|field| model.get(field).is_none())
        .collect();
    missing.sort_unstable();
    if !missing.is_empty() {
        return Err(TrackingError::invalid(format!(
            "Model json is missing mandatory fields: {}",
            crate::search::python_set(&missing)
        )));
    }
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    let head = store::require_run(&tx, &caller.scope, run_id).await?.active()?;
    let known = store::tag(&tx, &caller.scope, head.id, HISTORY).await?;
    let mut history: Vec<Value> = known.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    history.push(model);
    let text = serde_json::to_string(&history).map_err(|e| TrackingError::Internal(e.to_string()))?;
    store::set_tags(&tx, &caller.scope.org_scope(), &[(head.id, HISTORY, &text)]).await?;
    tx.commit().await?;
    Ok(())
}

/// One page of a search as the answer's JSON.
pub(crate) async fn search(
    state: &TrackingState,
    caller: &Caller,
    experiments: &[String],
    search: &Search,
    offset: u64,
    limit: u64,
) -> TrackingResult<Vec<u8>> {
    let ids = state.ids.of(&caller.scope).await?;
    let mut rows = Vec::with_capacity(experiments.len());
    for text in experiments {
        rows.push(ids.parse(text)?);
    }
    rows.sort_unstable();
    rows.dedup();
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let mut page = store_search::search(&tx, &caller.scope, &rows, search, offset, limit + 1).await?;
    let more = cut(&mut page, limit);
    let runs = view::load(&tx, &caller.scope, &page).await?;
    drop(tx);
    let mut out = Vec::with_capacity(runs.len() * 1_024 + 64);
    out.push(b'{');
    for (i, run) in runs.iter().enumerate() {
        out.extend_from_slice(if i == 0 { &b"\"runs\":["[..] } else { b"," });
        view::write_run(run, ids, Detail::Found, &mut out)?;
    }
    if !runs.is_empty() {
        out.push(b']');
    }
    if more {
        out.extend_from_slice(
            format!(",\"next_page_token\":\"{}\"", protocol::encode_token(offset + limit)).as_bytes(),
        );
    }
    out.push(b'}');
    Ok(out)
}

/// Hands a write to the queue.
pub(crate) async fn write(state: &TrackingState, write: ingest::Write) -> TrackingResult<()> {
    state.ingest.write(write).await
}
