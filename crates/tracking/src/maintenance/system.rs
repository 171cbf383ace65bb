//! Which of the deleted are due, in every organisation. Only tells; the removing is done in each tenant's own scope,
//! where everything is looked at again.

use rhiza_kernel::{OrgId, ProjectId, ProjectScope, TypedId as _};
use rhiza_store::{Db, FromQueryResult, StoreError, binds, sea_orm};
use uuid::Uuid;

use super::store;

/// Something due, and whose it is.
#[derive(Debug, Clone)]
pub(super) struct Due<K> {
    pub(super) scope: ProjectScope,
    pub(super) key: K,
}

#[derive(Debug, FromQueryResult)]
struct NumberRow {
    org_id: Uuid,
    project_id: Uuid,
    id: i64,
}

#[derive(Debug, FromQueryResult)]
struct TextRow {
    org_id: Uuid,
    project_id: Uuid,
    id: String,
}

fn scope(org: Uuid, project: Uuid) -> ProjectScope {
    ProjectScope::new(OrgId::from_uuid(org), ProjectId::from_uuid(project))
}

/// Runs with numbers beyond `after`, by number.
pub(super) async fn runs(db: &Db, before: i64, after: i64, limit: i64) -> Result<Vec<Due<i64>>, StoreError> {
    let sql = format!(
        "SELECT r.org_id, r.project_id, r.id FROM runs r WHERE {} AND r.id > $3 ORDER BY r.id LIMIT $4",
        store::RUN_IS_DUE
    );
    let tx = db.system_read().await?;
    let rows: Vec<NumberRow> = tx.fetch_all(&sql, binds![before, true, after, limit]).await?;
    tx.rollback().await?;
    Ok(rows.into_iter().map(|r| Due { scope: scope(r.org_id, r.project_id), key: r.id }).collect())
}

/// Logged models whose ids come after `after`, by id. Ids are unique in a project only: where two projects share the
/// last one of a batch, the other's turn comes with the next job.
pub(super) async fn models(db: &Db, before: i64, after: &str, limit: i64) -> Result<Vec<Due<String>>, StoreError> {
    let sql = format!(
        "SELECT m.org_id, m.project_id, m.model_id AS id FROM logged_models m \
         WHERE {} AND m.model_id > $3 ORDER BY m.model_id LIMIT $4",
        store::MODEL_IS_DUE
    );
    let tx = db.system_read().await?;
    let rows: Vec<TextRow> = tx.fetch_all(&sql, binds![before, true, after, limit]).await?;
    tx.rollback().await?;
    Ok(rows.into_iter().map(|r| Due { scope: scope(r.org_id, r.project_id), key: r.id }).collect())
}

/// Experiments with numbers beyond `after`, by number.
pub(super) async fn experiments(db: &Db, before: i64, after: i64, limit: i64) -> Result<Vec<Due<i64>>, StoreError> {
    let sql = format!(
        "SELECT e.org_id, e.project_id, e.id FROM experiments e WHERE {} AND e.id > $3 ORDER BY e.id LIMIT $4",
        store::EXPERIMENT_IS_DUE
    );
    let tx = db.system_read().await?;
    let rows: Vec<NumberRow> = tx.fetch_all(&sql, binds![before, true, after, limit]).await?;
    tx.rollback().await?;
    Ok(rows.into_iter().map(|r| Due { scope: scope(r.org_id, r.project_id), key: r.id }).collect())
}
