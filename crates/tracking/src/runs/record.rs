//! Runs that the server makes itself: written into the caller's transaction, whole, with ids that the caller chose. Doing it
//! again with the same id is the caller's to prevent.

use rhiza_kernel::ProjectScope;
use rhiza_store::Tx;

use super::model::{NAME_TAG, RunStatus, run_id};
use super::store::{self, NewRun, RunChange};
use crate::TrackingState;
use crate::artifacts::path;
use crate::error::{TrackingError, TrackingResult};
use crate::experiments;
use crate::metrics::Point;
use crate::metrics::store::{self as metrics, Latest, Segment};
use crate::protocol::{self, Caller, truncated, without_nul};

/// Longest parameter that MLflow's own server takes, in characters.
const PARAM_MAX: usize = 6_000;
/// Longest tag, in characters.
const TAG_MAX: usize = 8_000;

/// An experiment to put runs into.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its row.
    pub row: i64,
    /// Its id, as clients know it.
    pub experiment_id: String,
}

/// A run to be written.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// Its id.
    pub run_id: &'a str,
    /// The row of its experiment.
    pub experiment: i64,
    /// Its name.
    pub name: &'a str,
    /// Who it is of.
    pub user: &'a str,
    /// Where it stands.
    pub status: RunStatus,
    /// In milliseconds since 1970.
    pub start_ms: i64,
    /// In milliseconds since 1970.
    pub end_ms: Option<i64>,
}

/// What is known of a run. What does not fit MLflow's limits is cut, what is not a number left out.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Parameters, each at most once.
    pub params: Vec<(String, String)>,
    /// Tags, each at most once.
    pub tags: Vec<(String, String)>,
    /// Series of metrics, each at most once.
    pub metrics: Vec<(String, Vec<Point>)>,
}

/// A new run's id.
#[must_use]
pub fn new_run_id(state: &TrackingState) -> String {
    run_id(state.env.random_bytes())
}

/// The experiment of this name, made if there is none.
///
/// # Errors
/// When it is deleted, its files are in another store, or the name is none.
pub async fn experiment(state: &TrackingState, caller: &Caller, name: &str) -> TrackingResult<Place> {
    let ids = state.ids.of(&caller.scope).await?;
    let there = find(state, caller, name).await?;
    let row = match there {
        Some(row) => row,
        None => match experiments::service::create(state, caller, name, None, &[]).await {
            Ok(public) => ids.parse(&public)?,
            // Somebody else made it meanwhile.
            Err(refused) => find(state, caller, name).await?.ok_or(refused)?,
        },
    };
    Ok(Place { row, experiment_id: ids.public(row) })
}

async fn find(state: &TrackingState, caller: &Caller, name: &str) -> TrackingResult<Option<i64>> {
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let found = experiments::store::by_name(&tx, &caller.scope, name).await?;
    tx.rollback().await?;
    let Some(found) = found else { return Ok(None) };
    if found.deleted {
        return Err(TrackingError::invalid(format!(
            "The experiment {name:?} is deleted. Restore it, or choose another."
        )));
    }
    if path::of_uri(&found.artifact_location).is_none() {
        return Err(TrackingError::invalid(format!(
            "The files of the experiment {name:?} are kept in another store. Choose one whose files are kept here."
        )));
    }
    Ok(Some(found.id))
}

/// Writes a run.
///
/// # Errors
/// When its experiment is gone; database failures.
pub async fn insert(tx: &Tx, scope: &ProjectScope, record: &Record<'_>, facts: &Facts) -> TrackingResult<()> {
    let experiment = experiments::store::hold(tx, scope, record.experiment).await?.filter(|row| !row.deleted);
    if experiment.is_none() {
        return Err(TrackingError::invalid("The experiment of this run has been deleted."));
    }
    let new = NewRun {
        run_id: record.run_id,
        experiment: record.experiment,
        name: record.name,
        user_id: record.user,
        status: record.status.number(),
        start_time: record.start_ms,
        end_time: record.end_ms,
    };
    let row = store::insert_run(tx, scope, &new).await?;
    store::set_tags(tx, &scope.org_scope(), &[(row, NAME_TAG, record.name)]).await?;
    write(tx, scope, row, record.experiment, facts).await
}

/// Adds to a run, and ends it where `ended` says how and when (in milliseconds since 1970). A run that somebody has deleted
/// takes no more and is left alone; the answer tells whether it took this.
///
/// # Errors
/// When there is no such run; database failures.
pub async fn add(
    tx: &Tx,
    scope: &ProjectScope,
    run_id: &str,
    ended: Option<(RunStatus, i64)>,
    facts: &Facts,
) -> TrackingResult<bool> {
    let head = store::require_run(tx, scope, run_id).await?;
    if head.deleted {
        return Ok(false);
    }
    if let Some((status, end_ms)) = ended {
        let change = RunChange { status: Some(status.number()), end_time: Some(end_ms), name: None };
        store::update_run(tx, scope, head.id, &change).await?;
    }
    write(tx, scope, head.id, head.experiment_id, facts).await?;
    Ok(true)
}

/// Lets an ended run go on.
///
/// # Errors
/// When there is no such run; database failures.
pub async fn reopen(tx: &Tx, scope: &ProjectScope, run_id: &str) -> TrackingResult<()> {
    let head = store::require_run(tx, scope, run_id).await?.active()?;
    let change = RunChange { status: Some(RunStatus::Running.number()), end_time: None, name: None };
    store::update_run(tx, scope, head.id, &change).await?;
    Ok(())
}

async fn write(tx: &Tx, scope: &ProjectScope, row: i64, experiment: i64, facts: &Facts) -> TrackingResult<()> {
    let org = scope.org_scope();
    let fit = |pairs: &[(String, String)], most: usize| -> Vec<(String, String)> {
        let fits = |(key, value): &(String, String)| {
            (!key.is_empty()).then(|| (without_nul(key), truncated(without_nul(value), most)))
        };
        pairs.iter().filter_map(fits).collect()
    };
    let (params, tags) = (fit(&facts.params, PARAM_MAX), fit(&facts.tags, TAG_MAX));
    let wanted: Vec<(i64, &str)> = params.iter().map(|(key, _)| (row, key.as_str())).collect();
    let there = store::params(tx, &org, &wanted).await?;
    let fresh: Vec<(i64, &str, &str)> = params
        .iter()
        .filter(|(key, _)| !there.contains_key(&(row, key.clone())))
        .map(|(key, value)| (row, key.as_str(), value.as_str()))
        .collect();
    store::insert_params(tx, &org, &fresh).await?;
    let tags: Vec<(i64, &str, &str)> = tags.iter().map(|(key, value)| (row, key.as_str(), value.as_str())).collect();
    store::set_tags(tx, &org, &tags).await?;
    let (mut latest, mut segments) = (Vec::new(), Vec::new());
    for (key, points) in &facts.metrics {
        let points: Vec<Point> = points.iter().copied().filter(|point| point.value.is_finite()).collect();
        let best = points.iter().copied().reduce(|best, point| if point.supersedes(&best) { point } else { best });
        let Some(point) = best else { continue };
        protocol::user_text(key, "key")?;
        latest.push(Latest { run_pk: row, experiment, key: key.clone(), point });
        segments.extend(Segment::cut(key, points));
    }
    metrics::upsert_latest(tx, &org, &latest).await?;
    metrics::insert_segments(tx, &org, row, segments).await?;
    Ok(())
}
