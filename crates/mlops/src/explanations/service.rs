//! What can be done with explanations.

use std::collections::BTreeMap;

use rhiza_kernel::{DatasetId, ExplanationId};
use rhiza_platform::jobs::{self, JobContext, JobState, NewJob};
use rhiza_store::Tx;
use rhiza_tracking::datasets::Datasets;
use rhiza_tracking::journal::Change;
use rhiza_tracking::protocol::Caller;
use serde_json::json;

use super::jobs::{ExplainInput, KIND};
use super::model::{Explanation, Request, Source, Wish};
use super::store::{self, Chosen};
use super::wire_result::ExplanationResult;
use crate::automl::{Fault, Searches, State, made_by};
use crate::error::{MlopsError, MlopsResult};
use crate::models::{self, ModelRef};
use crate::state::MlopsState;

/// The use cases of explanations.
#[derive(Clone)]
pub(super) struct Explanations {
    pub(super) state: MlopsState,
}

/// What is to be explained, before it has been looked for.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) name: Option<String>,
    pub(super) model: ModelRef,
    pub(super) rows: Rows,
    pub(super) background: Option<(DatasetId, Option<i64>)>,
    pub(super) wish: Wish,
}

/// Where rows are to come from.
#[derive(Debug, Clone)]
pub(super) enum Rows {
    Dataset { dataset: DatasetId, version: Option<i64>, first: usize, count: usize },
    Records(Vec<serde_json::Map<String, serde_json::Value>>),
}

/// Two explanations beside each other, column by column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compared {
    pub(super) columns: Vec<ComparedColumn>,
    /// Spearman's correlation of the ranks; nothing for fewer than two columns.
    pub(super) correlation: Option<f64>,
}

/// A column in two explanations.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ComparedColumn {
    pub(super) name: String,
    pub(super) left: Option<f64>,
    pub(super) right: Option<f64>,
    pub(super) left_rank: Option<usize>,
    pub(super) right_rank: Option<usize>,
}

const NONE: MlopsError = MlopsError::Missing("There is no such explanation here.");
/// The most bytes of an unpacked result.
const LARGEST: usize = 256 << 20;

impl Explanations {
    pub(super) fn new(state: &MlopsState) -> Self {
        Self { state: state.clone() }
    }

    /// Begins an explanation.
    pub(super) async fn create(&self, caller: &Caller, draft: Draft) -> MlopsResult<Explanation> {
        let found = models::find(&self.state, caller, &draft.model).await?;
        let rows = match draft.rows {
            Rows::Dataset { dataset, version, first, count } => {
                let version = self.ready(caller, dataset, version).await?;
                Source::Dataset { dataset, version, first, count }
            }
            Rows::Records(records) => Source::Records(records),
        };
        let background = match (draft.background, &draft.model, &rows) {
            (Some((dataset, version)), _, _) => Some((dataset, self.ready(caller, dataset, version).await?)),
            // What it was learnt from.
            (None, ModelRef::Automl(id), Source::Records(_)) => {
                Some(Searches::new(&self.state).data(caller, *id).await?)
            }
            (None, _, Source::Records(_)) => {
                let why = "Rows that come with the request need a dataset as background.";
                return Err(MlopsError::Asked(why.to_owned()));
            }
            (None, _, Source::Dataset { .. }) => None,
        };
        let mut made = Explanation {
            id: self.state.env.new_id(),
            name: draft.name.unwrap_or_else(|| found.label.clone()),
            request: Request { model: draft.model, label: found.label, rows, background, wish: draft.wish },
            state: State::Queued,
            error: None,
            job: None,
            created_by: made_by(caller),
            created_at: self.state.env.now(),
            finished_at: None,
        };
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let input = ExplainInput { explanation: made.id, plan: caller.plan.as_ref().to_owned() };
        let input = serde_json::to_value(input).map_err(|e| MlopsError::Unwritable(e.to_string()))?;
        let job = NewJob::new(KIND, input).scope(caller.scope).created_by(&caller.who);
        // Somebody waits for it, where a search goes on for minutes.
        let job = job.priority(1);
        let limit = self.state.quotas.as_ref().and_then(|quotas| quotas.plan(&caller.plan).allowances.jobs);
        made.job = Some(jobs::enqueue_within(&tx, job, limit, &self.state.env).await?.id);
        store::insert(&tx, &caller.scope, &made).await?;
        let told = json!({ "name": made.name, "model": made.request.model, "kind": made.request.wish.kind });
        let change = Change::new("explanation", "created", made.id.to_string()).after(told);
        change.record(&tx, caller, &self.state.env).await?;
        tx.commit().await?;
        Ok(made)
    }

    async fn ready(&self, caller: &Caller, dataset: DatasetId, version: Option<i64>) -> MlopsResult<i64> {
        Ok(Datasets::new(&self.state.tracking).columns(caller, dataset, version).await?.1.number)
    }

    /// A page of explanations, newest first.
    pub(super) async fn page(&self, caller: &Caller, chosen: Chosen, limit: i64) -> MlopsResult<Vec<Explanation>> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let mut found = store::list(&tx, &caller.scope, chosen, limit).await?;
        for made in &mut found {
            settle(&tx, caller, made).await?;
        }
        tx.rollback().await?;
        Ok(found)
    }

    /// One explanation, and what it found.
    pub(super) async fn get(
        &self,
        caller: &Caller,
        id: ExplanationId,
    ) -> MlopsResult<(Explanation, Option<ExplanationResult>)> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let mut made = store::get(&tx, &caller.scope, id, false).await?.ok_or(NONE)?;
        settle(&tx, caller, &mut made).await?;
        let result = store::result(&tx, &caller.scope, id).await?;
        tx.rollback().await?;
        let result = result.map(|bytes| unpacked(&bytes)).transpose()?;
        Ok((made, result))
    }

    /// Removes an explanation; its job, if it is at work, ends.
    pub(super) async fn delete(&self, caller: &Caller, id: ExplanationId) -> MlopsResult<()> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let made = store::get(&tx, &caller.scope, id, false).await?.ok_or(NONE)?;
        // Its job first, then the explanation: as the worker holds them.
        if let Some(job) = made.job.filter(|_| !made.state.is_final()) {
            jobs::cancel(&tx, &caller.scope, job, &self.state.env).await?;
        }
        store::delete(&tx, &caller.scope, id).await?;
        let change = Change::new("explanation", "deleted", id.to_string()).before(json!({ "name": made.name }));
        change.record(&tx, caller, &self.state.env).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What two explanations say of each column.
    pub(super) async fn compare(
        &self,
        caller: &Caller,
        left: ExplanationId,
        right: ExplanationId,
    ) -> MlopsResult<Compared> {
        let mut sizes = Vec::new();
        for id in [left, right] {
            let (made, result) = self.get(caller, id).await?;
            let sized = result.as_ref().and_then(magnitudes);
            let why =
                || MlopsError::Conflict(format!("{:?} has no sizes of columns to compare, or not yet.", made.name));
            sizes.push(sized.ok_or_else(why)?);
        }
        let [left, right] = sizes.as_slice() else { return Err(MlopsError::Internal("two explanations".to_owned())) };
        Ok(compared(left, right))
    }

    /// Marks the explanation as at work; nothing when there is nothing to do any more.
    pub(super) async fn begin(
        &self,
        caller: &Caller,
        context: &JobContext,
        id: ExplanationId,
    ) -> Result<Option<Explanation>, Fault> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        context.hold(&tx).await?;
        let there = store::get(&tx, &caller.scope, id, true).await?;
        let Some(mut made) = there.filter(|made| !made.state.is_final()) else { return Ok(None) };
        made.state = State::Running;
        store::update(&tx, &caller.scope, &made).await?;
        tx.commit().await?;
        Ok(Some(made))
    }

    /// Keeps what was found, or why nothing was.
    pub(super) async fn finish(
        &self,
        caller: &Caller,
        context: &JobContext,
        id: ExplanationId,
        found: Result<&ExplanationResult, &str>,
    ) -> Result<(), Fault> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        context.hold(&tx).await?;
        let Some(mut made) = store::get(&tx, &caller.scope, id, true).await? else { return Ok(()) };
        made.finished_at = Some(self.state.env.now());
        match found {
            Ok(result) => {
                made.state = State::Succeeded;
                store::set_result(&tx, &caller.scope, id, packed(result)?).await?;
            }
            Err(why) => {
                made.state = State::Failed;
                made.error = Some(why.to_owned());
            }
        }
        store::update(&tx, &caller.scope, &made).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn packed(result: &ExplanationResult) -> MlopsResult<Vec<u8>> {
    let bytes = serde_json::to_vec(result).map_err(|e| MlopsError::Unwritable(e.to_string()))?;
    zstd::bulk::compress(&bytes, 3).map_err(|e| MlopsError::Unwritable(e.to_string()))
}

fn unpacked(bytes: &[u8]) -> MlopsResult<ExplanationResult> {
    let damaged = |e: &dyn std::fmt::Display| MlopsError::Internal(format!("a stored explanation: {e}"));
    let bytes = zstd::bulk::decompress(bytes, LARGEST).map_err(|e| damaged(&e))?;
    serde_json::from_slice(&bytes).map_err(|e| damaged(&e))
}

/// An explanation whose job was cancelled elsewhere, or whose process died once too often, will not be made.
async fn settle(tx: &Tx, caller: &Caller, made: &mut Explanation) -> MlopsResult<()> {
    let Some(job) = made.job.filter(|_| !made.state.is_final()) else { return Ok(()) };
    match jobs::get(tx, &caller.scope, job).await?.map(|job| job.state) {
        Some(JobState::Cancelled) => made.state = State::Cancelled,
        Some(JobState::Failed | JobState::Succeeded) => {
            made.state = State::Failed;
            made.error = Some("it was interrupted too often; ask again".to_owned());
        }
        Some(JobState::Queued | JobState::Running) | None => {}
    }
    Ok(())
}

/// What an explanation says each column is worth.
fn magnitudes(result: &ExplanationResult) -> Option<Vec<(String, f64)>> {
    match result {
        ExplanationResult::Shap(found) | ExplanationResult::Lime(found) => {
            Some(found.global.iter().map(|one| (one.name.clone(), one.mean_magnitude.iter().sum())).collect())
        }
        ExplanationResult::Importance(found) => {
            Some(found.columns.iter().map(|one| (one.name.clone(), one.importance)).collect())
        }
        _ => None,
    }
}

fn ranks(sizes: &[(String, f64)]) -> BTreeMap<&str, (f64, usize)> {
    let mut order: Vec<&(String, f64)> = sizes.iter().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    order.into_iter().zip(1..).map(|((name, size), rank)| (name.as_str(), (*size, rank))).collect()
}

fn compared(left: &[(String, f64)], right: &[(String, f64)]) -> Compared {
    let (of_left, of_right) = (ranks(left), ranks(right));
    let mut names: Vec<&str> = of_left.keys().chain(of_right.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let mut columns: Vec<ComparedColumn> = names
        .into_iter()
        .map(|name| ComparedColumn {
            name: name.to_owned(),
            left: of_left.get(name).map(|found| found.0),
            right: of_right.get(name).map(|found| found.0),
            left_rank: of_left.get(name).map(|found| found.1),
            right_rank: of_right.get(name).map(|found| found.1),
        })
        .collect();
    columns.sort_by_key(|column| column.left_rank.unwrap_or(usize::MAX));
    let correlation = spearman(&of_left, &of_right);
    Compared { columns, correlation }
}

/// Of the columns that both know.
#[expect(clippy::cast_precision_loss, reason = "ranks of columns")]
fn spearman(left: &BTreeMap<&str, (f64, usize)>, right: &BTreeMap<&str, (f64, usize)>) -> Option<f64> {
    let order = |all: &BTreeMap<&str, (f64, usize)>, other: &BTreeMap<&str, (f64, usize)>| {
        let mut names: Vec<(usize, String)> = all
            .iter()
            .filter(|(name, _)| other.contains_key(*name))
            .map(|(name, at)| (at.1, (*name).to_owned()))
            .collect();
        names.sort();
        names.into_iter().zip(1_usize..).map(|((_, name), rank)| (name, rank)).collect::<BTreeMap<_, _>>()
    };
    let (left, right) = (order(left, right), order(right, left));
    let count = left.len() as f64;
    if left.len() < 2 {
        return None;
    }
    let squares: f64 = left.iter().filter_map(|(name, a)| Some((*a as f64 - *right.get(name)? as f64).powi(2))).sum();
    Some(1.0 - 6.0 * squares / (count * (count * count - 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_compared_by_rank() {
        let of =
            |sizes: &[(&str, f64)]| sizes.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect::<Vec<_>>();
        let found = compared(&of(&[("a", 3.0), ("b", 2.0), ("c", 1.0)]), &of(&[("a", 0.1), ("b", 0.2), ("d", 0.3)]));
        let seen: Vec<(&str, Option<usize>, Option<usize>)> =
            found.columns.iter().map(|c| (c.name.as_str(), c.left_rank, c.right_rank)).collect();
        assert_eq!(
            seen,
            [("a", Some(1), Some(3)), ("b", Some(2), Some(2)), ("c", Some(3), None), ("d", None, Some(1))]
        );
        assert_eq!(found.correlation, Some(-1.0));
        assert_eq!(compared(&of(&[("a", 1.0)]), &of(&[("a", 1.0)])).correlation, None);
    }
}
