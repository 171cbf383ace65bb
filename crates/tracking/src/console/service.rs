//! Tables of runs and summaries of experiments.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use rhiza_store::Tx;
use serde::{Deserialize, Serialize};

use super::store::{self, SummaryQuery};
use super::store_rows::{self, Row, Wanted};
use super::wire::{
    ExperimentColumns, ExperimentSummary, MetricNumber, RunColumns, RunDataset, RunModel, RunRegistration, RunRow,
    RunStatus,
};
use crate::TrackingState;
use crate::error::{TrackingError, TrackingResult};
use crate::experiments;
use crate::experiments::ids::ExperimentIds;
use crate::experiments::service::stage;
use crate::logged_models;
use crate::protocol::{Caller, read_metric_bits};
use crate::registry;
use crate::runs::model::PARENT_TAG;
use crate::runs::store_search;
use crate::search::runs::{Attribute, Search, Term};
use crate::search::{TextTest, View, cut};

/// The most names a list of columns has.
const MAX_NAMES: usize = 2_000;
/// What a filter of runs may name beside metrics, parameters, tags and datasets.
const ATTRIBUTES: [&str; 7] = ["artifact_uri", "end_time", "run_id", "run_name", "start_time", "status", "user_id"];

/// Where a list of runs goes on: behind so many of the runs there were when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunPlace {
    skip: u64,
    newest: i64,
}

/// A search of runs, ready to be made.
#[derive(Debug)]
pub(crate) struct RunQuery {
    pub(crate) experiments: Vec<String>,
    pub(crate) search: Search,
    pub(crate) columns: RunColumns,
    pub(crate) limit: u64,
    pub(crate) place: Option<RunPlace>,
}

impl RunQuery {
    /// Narrows the search to runs without a parent.
    pub(crate) fn only_roots(&mut self) {
        self.search.terms.push(Term::Tag(PARENT_TAG.to_owned(), TextTest::Missing));
    }

    /// Narrows the search to the children of a run.
    pub(crate) fn only_children_of(&mut self, run_id: String) {
        self.search.terms.push(Term::Tag(PARENT_TAG.to_owned(), TextTest::Is(run_id)));
    }

    /// Narrows the search to these runs.
    pub(crate) fn only(&mut self, run_ids: Vec<String>) {
        // No run has an empty id, and an empty list is no SQL.
        let test = if run_ids.is_empty() { TextTest::Is(String::new()) } else { TextTest::In(run_ids) };
        self.search.terms.push(Term::Text(Attribute::RunId, test));
    }
}

/// A page of a search.
#[derive(Debug)]
pub(crate) struct RunPage {
    pub(crate) items: Vec<RunRow>,
    pub(crate) next: Option<RunPlace>,
    /// How many runs there are; only on the first page.
    pub(crate) total: Option<i64>,
}

/// One page of a search. Later pages show the runs there were at the first one.
pub(crate) async fn search(state: &TrackingState, caller: &Caller, mut query: RunQuery) -> TrackingResult<RunPage> {
    let ids = state.ids.of(&caller.scope).await?;
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let mut experiments = Vec::with_capacity(query.experiments.len());
    for text in &query.experiments {
        // An id that cannot be one finds nothing, as one that is not there.
        experiments.extend(ids.parse(text).ok());
    }
    if query.experiments.is_empty() {
        experiments = store::active_experiments(&tx, &caller.scope).await?;
    }
    experiments.sort_unstable();
    experiments.dedup();
    let (skip, total) = if let Some(place) = query.place {
        query.search.newest = Some(place.newest);
        (place.skip, None)
    } else {
        let extent = store_search::extent(&tx, &caller.scope, &experiments, &query.search).await?;
        query.search.newest = extent.newest;
        (0, Some(extent.runs))
    };
    let mut page = store_search::search(&tx, &caller.scope, &experiments, &query.search, skip, query.limit + 1).await?;
    let more = cut(&mut page, query.limit);
    let next = query.search.newest.filter(|_| more).map(|newest| RunPlace { skip: skip + query.limit, newest });
    let items = rows(&tx, caller, ids, &page, &query.columns).await?;
    Ok(RunPage { items, next, total })
}

/// One run as a row with everything.
pub(crate) async fn row(tx: &Tx, caller: &Caller, ids: ExperimentIds, run_pk: i64) -> TrackingResult<Option<RunRow>> {
    Ok(rows(tx, caller, ids, &[run_pk], &RunColumns::default()).await?.pop())
}

async fn rows(
    tx: &Tx,
    caller: &Caller,
    ids: ExperimentIds,
    page: &[i64],
    columns: &RunColumns,
) -> TrackingResult<Vec<RunRow>> {
    let wanted = Wanted {
        metrics: columns.metrics.as_deref(),
        params: columns.params.as_deref(),
        tags: columns.tags.as_deref(),
    };
    let loaded = store_rows::load(tx, &caller.scope, page, wanted).await?;
    let run_ids: Vec<&str> = loaded.iter().map(|row| row.run_id.as_str()).collect();
    let children = store_rows::children(tx, &caller.scope, &run_ids).await?;
    let mut registered: HashMap<String, Vec<RunRegistration>> = HashMap::new();
    for version in registry::store::registered_of(tx, &caller.scope, &run_ids).await? {
        let entry = RunRegistration { name: version.name, version: version.version.to_string() };
        registered.entry(version.run_id).or_default().push(entry);
    }
    let mut models: Vec<Vec<ModelEntry>> = Vec::with_capacity(loaded.len());
    for row in &loaded {
        models.push(entries(row.models.as_deref())?);
    }
    let mut model_ids: Vec<&str> = models.iter().flatten().map(|m| m.m.as_str()).collect();
    model_ids.sort_unstable();
    model_ids.dedup();
    let names = logged_models::store::names(tx, &caller.scope, &model_ids).await?;
    let mut rows = Vec::with_capacity(loaded.len());
    for (row, models) in loaded.into_iter().zip(models) {
        let children = children.get(&row.run_id).copied().unwrap_or(0);
        let registered = registered.remove(&row.run_id).unwrap_or_default();
        rows.push(wire_row(row, ids, children, named(models, &names), registered)?);
    }
    Ok(rows)
}

/// Each model once: one may both go in and come out.
fn named(models: Vec<ModelEntry>, names: &HashMap<String, String>) -> Vec<RunModel> {
    let mut shown: Vec<RunModel> = Vec::with_capacity(models.len());
    for ModelEntry { m } in models {
        if !shown.iter().any(|known| known.model_id == m) {
            let name = names.get(&m).unwrap_or(&m).clone();
            shown.push(RunModel { model_id: m, name });
        }
    }
    shown
}

#[derive(Deserialize)]
struct MetricEntry {
    k: String,
    b: i64,
}

#[derive(Deserialize)]
struct Pair {
    k: String,
    v: String,
}

#[derive(Deserialize)]
struct ModelEntry {
    m: String,
}

fn entries<'a, T: Deserialize<'a>>(column: Option<&'a str>) -> TrackingResult<Vec<T>> {
    crate::runs::store_view::entries(column)
}

fn pairs(column: Option<&str>) -> TrackingResult<BTreeMap<String, String>> {
    Ok(entries::<Pair>(column)?.into_iter().map(|pair| (pair.k, pair.v)).collect())
}

fn wire_row(
    row: Row,
    ids: ExperimentIds,
    child_count: i64,
    models: Vec<RunModel>,
    registered: Vec<RunRegistration>,
) -> TrackingResult<RunRow> {
    let metrics: Vec<MetricEntry> = entries(row.metrics.as_deref())?;
    let datasets: Vec<RunDataset> = entries(row.datasets.as_deref())?;
    Ok(RunRow {
        experiment_id: ids.public(row.experiment_id),
        status: RunStatus::of(row.status),
        lifecycle_stage: stage(row.deleted).to_owned(),
        started_at: instant(row.start_time),
        ended_at: row.end_time.and_then(instant),
        parent_run_id: row.parent,
        child_count,
        metrics: metrics.into_iter().map(|m| (m.k, MetricNumber(read_metric_bits(m.b)))).collect(),
        params: pairs(row.params.as_deref())?,
        tags: pairs(row.tags.as_deref())?,
        datasets,
        models,
        registered,
        run_id: row.run_id,
        run_name: row.name,
        user_id: row.user_id,
    })
}

/// The time of stored milliseconds; MLflow's clients write 0 for none.
fn instant(ms: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(ms).filter(|_| ms != 0)
}

/// Which experiments to list.
#[derive(Debug)]
pub(crate) struct SummaryFilter<'a> {
    pub(crate) view: View,
    pub(crate) part: Option<&'a str>,
    pub(crate) after: Option<(i64, i64)>,
    pub(crate) limit: u32,
}

/// A page of experiments.
#[derive(Debug)]
pub(crate) struct SummaryPage {
    pub(crate) items: Vec<ExperimentSummary>,
    /// The activity and number of the last one, when there are more.
    pub(crate) next: Option<(i64, i64)>,
}

/// Experiments with what goes on in them, the latest activity first.
pub(crate) async fn summaries(
    state: &TrackingState,
    caller: &Caller,
    filter: SummaryFilter<'_>,
) -> TrackingResult<SummaryPage> {
    let ids = state.ids.of(&caller.scope).await?;
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let query = SummaryQuery {
        view: filter.view,
        part: filter.part.filter(|part| !part.is_empty()),
        after: filter.after,
        limit: i64::from(filter.limit) + 1,
    };
    let mut found = store::summaries(&tx, &caller.scope, &query).await?;
    let more = found.len() > filter.limit as usize;
    found.truncate(filter.limit as usize);
    let next = found.last().filter(|_| more).map(|last| (last.activity, last.id));
    let rows: Vec<i64> = found.iter().map(|row| row.id).collect();
    let mut tags: HashMap<i64, BTreeMap<String, String>> = HashMap::new();
    for tag in experiments::store::tags(&tx, &caller.scope, &rows).await? {
        tags.entry(tag.experiment_id).or_default().insert(tag.tag_key, tag.tag_value);
    }
    let items = found.into_iter().map(|row| ExperimentSummary {
        experiment_id: ids.public(row.id),
        lifecycle_stage: stage(row.deleted).to_owned(),
        created_at: DateTime::from_timestamp_millis(row.created_ms).unwrap_or_default(),
        updated_at: DateTime::from_timestamp_millis(row.updated_ms).unwrap_or_default(),
        tags: tags.remove(&row.id).unwrap_or_default(),
        run_count: row.run_count,
        running_count: row.running_count,
        last_run_at: row.last_run.and_then(instant),
        name: row.name,
    });
    Ok(SummaryPage { items: items.collect(), next })
}

/// What an experiment's runs can be filtered, ordered and shown by.
pub(crate) async fn columns(state: &TrackingState, caller: &Caller, id: &str) -> TrackingResult<ExperimentColumns> {
    let ids = state.ids.of(&caller.scope).await?;
    let missing = || TrackingError::missing(format!("No Experiment with id={id} exists"));
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let wanted = ids.parse(id).map_err(|_| missing())?;
    let experiment = experiments::store::by_id(&tx, &caller.scope, wanted).await?.ok_or_else(missing)?;
    // One more than is shown tells that there are more.
    let limit = i64::try_from(MAX_NAMES + 1).unwrap_or(i64::MAX);
    let mut columns = ExperimentColumns {
        metrics: store::metric_keys(&tx, &caller.scope, experiment.id, limit).await?,
        params: store::param_keys(&tx, &caller.scope, experiment.id, limit).await?,
        tags: store::tag_keys(&tx, &caller.scope, experiment.id, limit).await?,
        attributes: ATTRIBUTES.map(str::to_owned).into(),
        datasets: store::datasets(&tx, &caller.scope, experiment.id, limit).await?,
        truncated: false,
    };
    for list in [&mut columns.metrics, &mut columns.params, &mut columns.tags] {
        columns.truncated |= list.len() > MAX_NAMES;
        list.truncate(MAX_NAMES);
    }
    columns.truncated |= columns.datasets.len() > MAX_NAMES;
    columns.datasets.truncate(MAX_NAMES);
    Ok(columns)
}
