//! Finding datasets.

use super::model::DatasetSummary;
use super::store;
use crate::TrackingState;
use crate::error::{TrackingError, TrackingResult};
use crate::protocol::Caller;

/// How many experiments one request may name.
const EXPERIMENTS_MAX: usize = 20;
/// How many summaries one answer holds.
const SUMMARIES_MAX: i64 = 1000;

/// The datasets that runs of these experiments used. Experiments that are not there for the caller add nothing.
pub(crate) async fn search(
    state: &TrackingState,
    caller: &Caller,
    experiments: &[String],
) -> TrackingResult<Vec<DatasetSummary>> {
    if experiments.is_empty() {
        return Err(TrackingError::invalid("SearchDatasets request must specify at least one experiment_id."));
    }
    if experiments.len() > EXPERIMENTS_MAX {
        return Err(TrackingError::invalid(format!(
            "SearchDatasets request cannot specify more than {EXPERIMENTS_MAX} experiment_ids. Received {} \
             experiment_ids.",
            experiments.len()
        )));
    }
    let ids = state.ids.of(&caller.scope).await?;
    let rows = experiments.iter().map(|id| ids.parse(id)).collect::<TrackingResult<Vec<i64>>>()?;
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let found = store::summaries(&tx, &caller.scope, &rows, SUMMARIES_MAX).await?;
    Ok(found
        .into_iter()
        .map(|row| DatasetSummary {
            experiment_id: ids.public(row.experiment_id),
            name: row.name,
            digest: row.digest,
            context: row.context,
        })
        .collect())
}
