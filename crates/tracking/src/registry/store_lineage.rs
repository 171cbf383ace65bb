//! Where versions come from and what logged models became, as rows.

use rhiza_kernel::ProjectScope;
use rhiza_store::{FromQueryResult, Tx, Value, binds, in_list, sea_orm};

use crate::error::TrackingResult;

/// A version that is a logged model.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct Registration {
    pub(super) model_id: String,
    pub(super) name: String,
    pub(super) version: i64,
}

/// The versions that are these logged models, by name and number.
pub(super) async fn registrations(
    tx: &Tx,
    scope: &ProjectScope,
    models: &[String],
) -> TrackingResult<Vec<Registration>> {
    let mut found = Vec::new();
    for chunk in models.chunks(500) {
        let sql = format!(
            "SELECT v.model_id, m.name, v.version FROM model_versions v JOIN registered_models m \
             ON m.id = v.registered_id WHERE v.org_id = $1 AND m.project_id = $2 AND NOT v.deleted \
             AND v.model_id IN ({}) ORDER BY m.name, v.version",
            in_list(3, chunk.len())
        );
        let mut values = binds![scope.org.uuid(), scope.project.uuid()];
        values.extend(chunk.iter().map(|model| Value::from(crate::protocol::without_nul(model))));
        found.extend(tx.fetch_all::<Registration>(&sql, values).await?);
    }
    Ok(found)
}

/// The run a version was made from, its datasets as JSON made by the database.
#[derive(Debug, FromQueryResult)]
pub(super) struct Origin {
    pub(super) run_id: String,
    pub(super) run_name: String,
    pub(super) status: i16,
    pub(super) deleted: bool,
    pub(super) experiment_id: i64,
    pub(super) experiment_name: String,
    pub(super) datasets: Option<String>,
}

/// The run of this id, deleted or not.
pub(super) async fn origin(tx: &Tx, scope: &ProjectScope, run_id: &str) -> TrackingResult<Option<Origin>> {
    let datasets = tx
        .dialect()
        .json_group(&[("name", "d.name"), ("digest", "d.digest"), ("context", "i.context")], "i.position, d.name");
    let sql = format!(
        "SELECT r.run_id, r.name AS run_name, r.status, r.deleted, r.experiment_id, e.name AS experiment_name, \
         (SELECT {datasets} FROM run_datasets i JOIN datasets d ON d.id = i.dataset_pk WHERE i.run_pk = r.id) AS datasets \
         FROM runs r JOIN experiments e ON e.id = r.experiment_id \
         WHERE r.run_id = $1 AND r.org_id = $2 AND r.project_id = $3"
    );
    Ok(tx.fetch_optional(&sql, binds![run_id, scope.org.uuid(), scope.project.uuid()]).await?)
}
