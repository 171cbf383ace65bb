//! Reading memberships before it is known who asks: a credential leads to one of any organisation.

use std::sync::Arc;

use rhiza_kernel::{
    OrgId, Permission, Permissions, ProjectId, RoleId, RoleRef, ServiceAccountId, TypedId as _, UserId,
};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use uuid::Uuid;

use super::{Holder, Membership};

#[derive(Debug, FromQueryResult)]
struct MemberRow {
    role: String,
    plan: String,
    require_second_factor: bool,
}

#[derive(Debug, FromQueryResult)]
struct ProjectRoleRow {
    project_id: Uuid,
    role: String,
}

#[derive(Debug, FromQueryResult)]
struct OwnRoleRow {
    role_id: Uuid,
    permissions: serde_json::Value,
}

/// What the organisation has given to a person; nothing when they are no member.
pub(crate) async fn of_person(tx: &Tx, org: OrgId, user: UserId) -> Result<Option<Membership>, StoreError> {
    let row: Option<MemberRow> = tx
        .fetch_optional(
            "SELECT m.role, o.plan, o.require_second_factor
               FROM memberships m JOIN organizations o ON o.org_id = m.org_id
              WHERE m.org_id = $1 AND m.user_id = $2",
            binds![org.uuid(), user.uuid()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let projects: Vec<ProjectRoleRow> = tx
        .fetch_all(
            "SELECT project_id, role FROM project_roles
              WHERE org_id = $1 AND subject_kind = 'user' AND subject_id = $2
              UNION
             SELECT p.project_id, p.role FROM project_roles p
               JOIN team_members t ON t.org_id = p.org_id AND t.team_id = p.subject_id
              WHERE p.org_id = $1 AND p.subject_kind = 'team' AND t.user_id = $2",
            binds![org.uuid(), user.uuid()],
        )
        .await?;
    compose(tx, org, row, projects).await.map(Some)
}

/// What the organisation has given to a service account; nothing when there is none, or it is shut.
pub(crate) async fn of_service_account(
    tx: &Tx,
    org: OrgId,
    account: ServiceAccountId,
) -> Result<Option<Membership>, StoreError> {
    let row: Option<MemberRow> = tx
        .fetch_optional(
            "SELECT s.role, o.plan, o.require_second_factor
               FROM service_accounts s JOIN organizations o ON o.org_id = s.org_id
              WHERE s.org_id = $1 AND s.service_account_id = $2 AND s.disabled_at IS NULL",
            binds![org.uuid(), account.uuid()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let projects: Vec<ProjectRoleRow> = tx
        .fetch_all(
            "SELECT project_id, role FROM project_roles
              WHERE org_id = $1 AND subject_kind = 'service_account' AND subject_id = $2",
            binds![org.uuid(), account.uuid()],
        )
        .await?;
    compose(tx, org, row, projects).await.map(Some)
}

/// What the organisation has given to a person or a program.
pub(crate) async fn of_holder(tx: &Tx, org: OrgId, holder: Holder) -> Result<Option<Membership>, StoreError> {
    match holder {
        Holder::Person(user) => of_person(tx, org, user).await,
        Holder::ServiceAccount(account) => of_service_account(tx, org, account).await,
    }
}

/// As [`of_holder`], in a transaction of its own.
pub(crate) async fn find_holder(db: &Db, org: OrgId, holder: Holder) -> Result<Option<Membership>, StoreError> {
    let tx = db.system_read().await?;
    let found = of_holder(&tx, org, holder).await?;
    tx.rollback().await?;
    Ok(found)
}

/// As [`of_person`], in a transaction of its own.
pub(crate) async fn find(db: &Db, org: OrgId, user: UserId) -> Result<Option<Membership>, StoreError> {
    let tx = db.system_read().await?;
    let found = of_person(&tx, org, user).await?;
    tx.rollback().await?;
    Ok(found)
}

async fn compose(tx: &Tx, org: OrgId, row: MemberRow, projects: Vec<ProjectRoleRow>) -> Result<Membership, StoreError> {
    let role = read_role(&row.role)?;
    let projects: Vec<(ProjectId, RoleRef)> = projects
        .into_iter()
        .map(|p| Ok((ProjectId::from_uuid(p.project_id), read_role(&p.role)?)))
        .collect::<Result<_, StoreError>>()?;
    let is_own = |role: &RoleRef| matches!(role, RoleRef::Custom(_));
    // Most organisations make do with the fixed roles: then there is nothing to ask for.
    let own_roles = if is_own(&role) || projects.iter().any(|(_, role)| is_own(role)) {
        own_roles(tx, org).await?
    } else {
        Vec::new()
    };
    let plan = Arc::from(row.plan);
    Ok(Membership { role, projects, own_roles, plan, second_factor_required: row.require_second_factor })
}

/// As [`of_holder`], knowing what all of the organisation's own roles include.
pub(crate) async fn with_roles(tx: &Tx, org: OrgId, holder: Holder) -> Result<Option<Membership>, StoreError> {
    let Some(mut membership) = of_holder(tx, org, holder).await? else { return Ok(None) };
    membership.own_roles = own_roles(tx, org).await?;
    Ok(Some(membership))
}

/// As [`with_roles`], in a transaction of its own.
pub(crate) async fn find_with_roles(db: &Db, org: OrgId, holder: Holder) -> Result<Option<Membership>, StoreError> {
    let tx = db.system_read().await?;
    let found = with_roles(&tx, org, holder).await?;
    tx.rollback().await?;
    Ok(found)
}

/// Makes `membership` know what `role` includes, where it is one that the organisation made.
pub(crate) async fn know_role(
    tx: &Tx,
    org: OrgId,
    membership: &mut Membership,
    role: RoleRef,
) -> Result<(), StoreError> {
    if matches!(role, RoleRef::Custom(_)) && membership.own_roles.is_empty() {
        membership.own_roles = own_roles(tx, org).await?;
    }
    Ok(())
}

/// What each role that the organisation made includes.
pub(crate) async fn own_roles(tx: &Tx, org: OrgId) -> Result<Vec<(RoleId, Permissions)>, StoreError> {
    let rows: Vec<OwnRoleRow> =
        tx.fetch_all("SELECT role_id, permissions FROM roles WHERE org_id = $1", binds![org.uuid()]).await?;
    Ok(rows.into_iter().map(|row| (RoleId::from_uuid(row.role_id), read_permissions(&row.permissions))).collect())
}

/// Reads stored permissions. A name this version does not know grants nothing.
pub(crate) fn read_permissions(value: &serde_json::Value) -> Permissions {
    let names = value.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
    names.filter_map(|name| name.parse::<Permission>().ok()).collect()
}

/// Reads a stored role.
pub(crate) fn read_role(text: &str) -> Result<RoleRef, StoreError> {
    text.parse().map_err(|_| StoreError::Decode(format!("role {text:?}")))
}
