//! Checking every organisation's chain, for `rhiza audit verify`.

use rhiza_kernel::{OrgId, OrgScope, TypedId as _};
use rhiza_store::{Db, FromQueryResult, StoreError, sea_orm};
use uuid::Uuid;

use super::model::ChainReport;
use super::store;

#[derive(FromQueryResult)]
struct Org {
    org_id: Uuid,
}

/// One report per organisation that has a chain, all read from one snapshot.
///
/// # Errors
/// Database failures.
pub async fn verify_all(db: &Db) -> Result<Vec<ChainReport>, StoreError> {
    let tx = db.system_read().await?;
    // Entries without a head count too: removing the head must not hide a chain.
    let sql = "SELECT org_id FROM audit_heads UNION SELECT org_id FROM audit_entries ORDER BY org_id";
    let orgs: Vec<Org> = tx.fetch_all(sql, Vec::new()).await?;
    let mut reports = Vec::with_capacity(orgs.len());
    for org in orgs {
        reports.push(store::verify(&tx, &OrgScope::new(OrgId::from_uuid(org.org_id))).await?);
    }
    tx.rollback().await?;
    Ok(reports)
}
