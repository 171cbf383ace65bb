//! The rows of datasets.

use rhiza_kernel::ProjectScope;
use rhiza_store::{FromQueryResult, StoreError, Tx, Value, binds, in_list, sea_orm};

/// A dataset with one of the purposes it was used for.
#[derive(Debug, FromQueryResult)]
pub(super) struct SummaryRow {
    pub(super) experiment_id: i64,
    pub(super) name: String,
    pub(super) digest: String,
    pub(super) context: Option<String>,
}

/// The datasets that runs of these experiments used, at most `limit`.
pub(super) async fn summaries(
    tx: &Tx,
    scope: &ProjectScope,
    experiments: &[i64],
    limit: i64,
) -> Result<Vec<SummaryRow>, StoreError> {
    let sql = format!(
        "SELECT DISTINCT d.experiment_id, d.name, d.digest, u.context FROM datasets d \
         JOIN experiments e ON e.id = d.experiment_id JOIN run_datasets u ON u.dataset_pk = d.id \
         WHERE e.org_id = $1 AND e.project_id = $2 AND d.experiment_id IN ({}) \
         ORDER BY d.experiment_id, d.name, d.digest, u.context LIMIT $3",
        in_list(4, experiments.len())
    );
    let mut values = binds![scope.org.uuid(), scope.project.uuid(), limit];
    values.extend(experiments.iter().map(|id| Value::from(*id)));
    tx.fetch_all(&sql, values).await
}
