//! The hot path: metrics, parameters and tags of many callers in one transaction.
//!
//! Every logging request becomes a [`Write`] in a queue. One task takes what has gathered, applies it in a single
//! transaction per organisation and acknowledges each write after the commit. A write that is refused leaves no
//! trace and does not hurt its neighbours. While one group commits the next one gathers: the busier, the larger.

use std::collections::{BTreeMap, HashMap};

use rhiza_kernel::{OrgId, OrgScope, ProjectScope};
use rhiza_store::{Db, StoreError, Tx};
use tokio::sync::{mpsc, oneshot};

use super::model::NAME_TAG;
use super::store::{self, RunHead};
use crate::error::{Code, TrackingError, TrackingResult};
use crate::logged_models::store::{ModelMetric, check_metrics, record_metrics};
use crate::metrics::store::{self as metrics, Latest, LogEntry, LogSize};
use crate::metrics::{Point, model};
use crate::protocol::repr_str;

/// The most writes of one transaction: beyond this a group only makes its first member wait.
const MAX_GROUP: usize = 256;
/// The most points of one transaction.
const MAX_GROUP_POINTS: usize = 50_000;
/// Writes that may wait before callers are held back.
const QUEUE: usize = 1_024;
/// Runs whose log size is remembered.
const MAX_SIZES: usize = 10_000;

/// What one request logs to one run.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) scope: ProjectScope,
    pub(crate) run_id: String,
    pub(crate) metrics: Vec<(String, Point)>,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) tags: Vec<(String, String)>,
    /// Those of the metrics that were measured on logged models.
    pub(crate) models: Vec<ModelMetric>,
    /// Whether it is a batch: MLflow words its refusals differently.
    pub(crate) batch: bool,
}

impl Write {
    pub(crate) fn new(scope: ProjectScope, run_id: String) -> Self {
        Self {
            scope,
            run_id,
            metrics: Vec::new(),
            params: Vec::new(),
            tags: Vec::new(),
            models: Vec::new(),
            batch: false,
        }
    }
}

struct Waiting {
    write: Write,
    done: oneshot::Sender<TrackingResult<()>>,
}

/// Where requests hand in their writes.
#[derive(Clone)]
pub(crate) struct Ingest {
    queue: mpsc::Sender<Waiting>,
}

impl Ingest {
    /// The queue's two ends: one for the requests, one for the task that serves them.
    pub(crate) fn new(db: Db) -> (Self, Worker) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (Self { queue }, Worker { waiting, db, sizes: HashMap::new() })
    }

    /// Applies the write; when this returns it is durable.
    pub(crate) async fn write(&self, write: Write) -> TrackingResult<()> {
        let (done, result) = oneshot::channel();
        let stopped = || TrackingError::new(Code::TemporarilyUnavailable, "The server is stopping; try again.");
        self.queue.send(Waiting { write, done }).await.map_err(|_| stopped())?;
        result.await.map_err(|_| stopped())?
    }
}

/// The task that applies writes. It ends when every [`Ingest`] is gone.
pub(crate) struct Worker {
    waiting: mpsc::Receiver<Waiting>,
    db: Db,
    // How long the runs' logs are, as far as this process knows. Only ever a hint for when to fold.
    sizes: HashMap<i64, LogSize>,
}

impl Worker {
    pub(crate) async fn run(mut self) {
        while let Some(first) = self.waiting.recv().await {
            let mut points = first.write.metrics.len();
            let mut groups: Vec<(OrgId, Vec<Waiting>)> = vec![(first.write.scope.org, vec![first])];
            let mut count = 1;
            while count < MAX_GROUP && points < MAX_GROUP_POINTS {
                let Ok(next) = self.waiting.try_recv() else { break };
                points += next.write.metrics.len();
                count += 1;
                let org = next.write.scope.org;
                match groups.iter_mut().find(|(o, _)| *o == org) {
                    Some((_, group)) => group.push(next),
                    None => groups.push((org, vec![next])),
                }
            }
            for (org, group) in groups {
                self.serve(OrgScope::new(org), group).await;
            }
        }
    }

    async fn serve(&mut self, scope: OrgScope, group: Vec<Waiting>) {
        let (writes, waiting): (Vec<_>, Vec<_>) = group.into_iter().map(|w| (w.write, w.done)).unzip();
        match self.apply(&scope, &writes).await {
            Ok(results) => {
                for (result, done) in results.into_iter().zip(waiting) {
                    // A caller who went away no longer wants to know.
                    let _ = done.send(result);
                }
            }
            Err(error) if writes.len() == 1 => {
                if let Some(done) = waiting.into_iter().next() {
                    let _ = done.send(Err(error));
                }
            }
            // One of them broke the transaction: each for itself, so that only that one fails.
            Err(_) => {
                for (write, done) in writes.into_iter().zip(waiting) {
                    let result = match self.apply(&scope, std::slice::from_ref(&write)).await {
                        Ok(results) => results.into_iter().next().unwrap_or(Ok(())),
                        Err(error) => Err(error),
                    };
                    let _ = done.send(result);
                }
            }
        }
    }

    async fn apply(&mut self, scope: &OrgScope, writes: &[Write]) -> TrackingResult<Vec<TrackingResult<()>>> {
        let tx = self.db.write(scope).await?;
        let mut plan = Plan::default();
        let results = plan.build(&tx, scope, writes).await?;
        let touched = plan.execute(&tx, scope).await?;
        let mut sizes = Vec::with_capacity(touched.len());
        for (run, points) in touched {
            let size = match self.sizes.get(&run) {
                Some(known) => LogSize { rows: known.rows + 1, points: known.points + points },
                None => metrics::log_size(&tx, scope, run).await?,
            };
            if size.is_due() {
                metrics::fold(&tx, scope, run).await?;
                sizes.push((run, LogSize::default()));
            } else {
                sizes.push((run, size));
            }
        }
        tx.commit().await?;
        if self.sizes.len() > MAX_SIZES {
            self.sizes.clear();
        }
        self.sizes.extend(sizes);
        Ok(results)
    }
}

/// What a group of writes comes to.
#[derive(Default)]
struct Plan<'a> {
    params: HashMap<(i64, &'a str), &'a str>,
    tags: HashMap<(i64, &'a str), &'a str>,
    names: HashMap<i64, &'a str>,
    points: BTreeMap<i64, RunPoints<'a>>,
}

struct RunPoints<'a> {
    experiment: i64,
    series: HashMap<&'a str, Vec<Point>>,
}

impl<'a> Plan<'a> {
    /// Judges each write on what is stored and on the writes before it, and keeps those that may be applied.
    async fn build(
        &mut self,
        tx: &Tx,
        scope: &OrgScope,
        writes: &'a [Write],
    ) -> TrackingResult<Vec<TrackingResult<()>>> {
        let mut ids: Vec<&str> = writes.iter().map(|w| w.run_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let heads: HashMap<String, RunHead> =
            store::lock_runs(tx, scope, &ids).await?.into_iter().map(|h| (h.run_id.clone(), h)).collect();
        let mut wanted: Vec<(i64, &str)> = writes
            .iter()
            .filter_map(|w| heads.get(&w.run_id).map(|h| (h.id, w)))
            .flat_map(|(id, w)| w.params.iter().map(move |(key, _)| (id, key.as_str())))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let stored = if wanted.is_empty() { HashMap::new() } else { store::params(tx, scope, &wanted).await? };
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            let head = match self.judge(write, &heads, &stored) {
                Ok(head) => head,
                Err(error) => {
                    results.push(Err(error));
                    continue;
                }
            };
            match log_to_models(tx, write).await {
                Ok(()) => self.add(write, head, &stored),
                // The transaction is unharmed: only this write is left out.
                Err(refused @ TrackingError::Refused { .. }) => {
                    results.push(Err(refused));
                    continue;
                }
                Err(broken) => return Err(broken),
            }
            results.push(Ok(()));
        }
        Ok(results)
    }

    fn judge<'h>(
        &self,
        write: &Write,
        heads: &'h HashMap<String, RunHead>,
        stored: &HashMap<(i64, String), String>,
    ) -> TrackingResult<&'h RunHead> {
        let head = heads
            .get(&write.run_id)
            .filter(|h| h.project_id == write.scope.project.uuid())
            .ok_or_else(|| store::no_run(&write.run_id))?;
        head.clone().active()?;
        let mut clashes = Vec::new();
        for (key, value) in &write.params {
            let old = self
                .params
                .get(&(head.id, key.as_str()))
                .copied()
                .or_else(|| stored.get(&(head.id, key.clone())).map(String::as_str));
            if let Some(old) = old.filter(|old| old != value) {
                clashes.push((key, old, value));
            }
        }
        if clashes.is_empty() { Ok(head) } else { Err(changed_params(write, &clashes)) }
    }

    fn add(&mut self, write: &'a Write, head: &RunHead, stored: &HashMap<(i64, String), String>) {
        for (key, value) in &write.params {
            if !stored.contains_key(&(head.id, key.clone())) {
                self.params.insert((head.id, key), value);
            }
        }
        for (key, value) in &write.tags {
            if key != NAME_TAG {
                self.tags.insert((head.id, key), value);
            } else if !value.is_empty() {
                self.names.insert(head.id, value);
            }
        }
        if !write.metrics.is_empty() {
            let run = self
                .points
                .entry(head.id)
                .or_insert_with(|| RunPoints { experiment: head.experiment_id, series: HashMap::new() });
            for (key, point) in &write.metrics {
                run.series.entry(key).or_default().push(*point);
            }
        }
    }

    /// Writes everything. Gives the runs whose logs grew, and by how many points.
    async fn execute(self, tx: &Tx, scope: &OrgScope) -> TrackingResult<Vec<(i64, i64)>> {
        if !self.params.is_empty() {
            let params: Vec<_> = self.params.iter().map(|((run, key), value)| (*run, *key, *value)).collect();
            store::insert_params(tx, scope, &params).await?;
        }
        if !self.tags.is_empty() {
            let tags: Vec<_> = self.tags.iter().map(|((run, key), value)| (*run, *key, *value)).collect();
            store::set_tags(tx, scope, &tags).await?;
        }
        for (run, name) in &self.names {
            store::rename(tx, scope, *run, name).await?;
        }
        if self.points.is_empty() {
            return Ok(Vec::new());
        }
        Ok(write_points(tx, scope, self.points).await?)
    }
}

/// Metrics of logged models are written as they are judged, so that the next write of the group is judged on them.
async fn log_to_models(tx: &Tx, write: &Write) -> TrackingResult<()> {
    if write.models.is_empty() {
        return Ok(());
    }
    check_metrics(tx, &write.scope, &write.run_id, &write.models).await?;
    record_metrics(tx, &write.scope, &write.run_id, &write.models).await
}

async fn write_points(
    tx: &Tx,
    scope: &OrgScope,
    runs: BTreeMap<i64, RunPoints<'_>>,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut latest = Vec::new();
    let mut entries = Vec::with_capacity(runs.len());
    let mut touched = Vec::with_capacity(runs.len());
    for (run_pk, run) in runs {
        let mut series: Vec<(&str, Vec<Point>)> = run.series.into_iter().collect();
        // In key order: neighbours in the table are written one after the other.
        series.sort_unstable_by_key(|(key, _)| *key);
        for (key, points) in &series {
            let best = points.iter().copied().reduce(|best, p| if p.supersedes(&best) { p } else { best });
            if let Some(point) = best {
                latest.push(Latest { run_pk, experiment: run.experiment, key: (*key).to_owned(), point });
            }
        }
        let points: usize = series.iter().map(|(_, points)| points.len()).sum();
        let views: Vec<(&str, &[Point])> = series.iter().map(|(key, points)| (*key, points.as_slice())).collect();
        entries.push(LogEntry { run_pk, points, blob: model::encode_log(&views) });
        touched.push((run_pk, i64::try_from(points).unwrap_or(i64::MAX)));
    }
    metrics::upsert_latest(tx, scope, &latest).await?;
    metrics::append(tx, scope, entries).await?;
    Ok(touched)
}

fn changed_params(write: &Write, clashes: &[(&String, &str, &String)]) -> TrackingError {
    let run = &write.run_id;
    match clashes {
        [(key, old, new)] if !write.batch => TrackingError::invalid(format!(
            "Changing param values is not allowed. Param with key='{key}' was already logged with value='{old}' for run \
             ID='{run}'. Attempted logging new value '{new}'."
        )),
        _ => {
            let list: Vec<String> = clashes
                .iter()
                .map(|(key, old, new)| {
                    format!(
                        "{{'key': {}, 'old_value': {}, 'new_value': {}}}",
                        repr_str(key),
                        repr_str(old),
                        repr_str(new)
                    )
                })
                .collect();
            TrackingError::invalid(format!(
                "Changing param values is not allowed. Params were already logged='[{}]' for run ID='{run}'.",
                list.join(", ")
            ))
        }
    }
}
