//! The organisation rows that are written before there is a tenant to write them as, and read by the operator.

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, OrgId, OrgScope, ProjectId, ProjectScope, Role, RoleRef, TypedId as _, UserId};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::Caller;
use rhiza_platform::outbox::{self, Event};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use serde_json::json;
use uuid::Uuid;

use super::Organization;
use super::mine::Belongs;
use crate::access::system::read_role;

/// Writes a new organisation.
pub(crate) async fn insert_organization(
    tx: &Tx,
    organization: &Organization,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO organizations (org_id, name, slug, created_at) VALUES ($1, $2, $3, $4)",
        binds![organization.id.uuid(), organization.name.clone(), organization.slug.clone(), at],
    )
    .await?;
    Ok(())
}

/// Makes a person a member.
pub(crate) async fn insert_membership(
    tx: &Tx,
    org: OrgId,
    user: UserId,
    role: RoleRef,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
        binds![org.uuid(), user.uuid(), role.to_string(), at],
    )
    .await?;
    Ok(())
}

/// What came of giving an organisation a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSet {
    /// The organisation.
    pub org: OrgId,
    /// Its plan until now; empty when it had the default plan.
    pub before: String,
}

#[derive(FromQueryResult)]
struct PlanRow {
    org_id: Uuid,
    plan: String,
}

/// Gives the organisation of that slug a plan, whose name was checked (empty: the default plan). `None` when there is no
/// such organisation.
///
/// # Errors
/// When the database does not answer.
pub async fn set_plan(db: &Db, env: &Env, slug: &str, plan: &str) -> Result<Option<PlanSet>, StoreError> {
    let tx = db.system_write().await?;
    let sql = format!("SELECT org_id, plan FROM organizations WHERE slug = $1{}", tx.dialect().for_update());
    let Some(row) = tx.fetch_optional::<PlanRow>(&sql, binds![slug]).await? else { return Ok(None) };
    let scope = OrgScope::new(OrgId::from_uuid(row.org_id));
    tx.execute("UPDATE organizations SET plan = $2 WHERE org_id = $1", binds![row.org_id, plan]).await?;
    let (before, after) = (json!({ "plan": row.plan }), json!({ "plan": plan }));
    let event = Event::new("rhiza.identity.organization.plan_set", scope.org.to_string()).data(&after);
    outbox::emit(&tx, &scope, event, env).await?;
    let entry = Entry::new(&Caller::system(), "identity.organization.set_plan", scope.org.to_string());
    audit::record(&tx, &scope, entry.before(&before).after(&after), env).await?;
    tx.commit().await?;
    Ok(Some(PlanSet { org: scope.org, before: row.plan }))
}

/// A project as the operator of the installation names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedProject {
    /// Where it is.
    pub scope: ProjectScope,
    /// Its organisation's slug.
    pub organization: String,
    /// Its own slug.
    pub slug: String,
}

#[derive(FromQueryResult)]
struct PlacedRow {
    org_id: Uuid,
    project_id: Uuid,
    organization: String,
    slug: String,
}

/// The projects of every organisation that are not archived, oldest first: for commands of the operator, who has no
/// organisation.
///
/// # Errors
/// When the database does not answer.
pub async fn placed_projects(db: &Db) -> Result<Vec<PlacedProject>, StoreError> {
    let tx = db.system_read().await?;
    let rows: Vec<PlacedRow> = tx
        .fetch_all(
            "SELECT o.org_id, p.project_id, o.slug AS organization, p.slug FROM projects p \
             JOIN organizations o ON o.org_id = p.org_id WHERE p.archived_at IS NULL ORDER BY p.project_id",
            binds![],
        )
        .await?;
    tx.rollback().await?;
    let placed = |row: PlacedRow| PlacedProject {
        scope: ProjectScope { org: OrgId::from_uuid(row.org_id), project: ProjectId::from_uuid(row.project_id) },
        organization: row.organization,
        slug: row.slug,
    };
    Ok(rows.into_iter().map(placed).collect())
}

/// Opens the transaction in which an organisation is founded.
pub(super) async fn begin(db: &Db) -> Result<Tx, StoreError> {
    db.system_write().await
}

#[derive(FromQueryResult)]
struct BelongsRow {
    org_id: Uuid,
    name: String,
    slug: String,
    role: String,
}

/// The organisations of a person, by name.
pub(super) async fn of_person(db: &Db, user: UserId) -> Result<Vec<Belongs>, StoreError> {
    let tx = db.system_read().await?;
    let rows: Vec<BelongsRow> = tx
        .fetch_all(
            "SELECT o.org_id, o.name, o.slug, m.role FROM memberships m JOIN organizations o ON o.org_id = m.org_id
              WHERE m.user_id = $1 ORDER BY o.name, o.org_id",
            binds![user.uuid()],
        )
        .await?;
    tx.rollback().await?;
    let belongs = |row: BelongsRow| {
        let organization = Organization { id: OrgId::from_uuid(row.org_id), name: row.name, slug: row.slug };
        Ok(Belongs { organization, role: read_role(&row.role)? })
    };
    rows.into_iter().map(belongs).collect()
}

/// Whether a person owns or administers the organisation that the installation began with.
pub(super) async fn runs_installation(tx: &Tx, user: UserId) -> Result<bool, StoreError> {
    let found: Option<i64> = tx
        .fetch_scalar(
            "SELECT COUNT(*) FROM memberships WHERE user_id = $1 AND role IN ($2, $3)
                AND org_id = (SELECT org_id FROM organizations ORDER BY created_at, org_id LIMIT 1)",
            binds![user.uuid(), Role::Owner.as_str(), Role::Admin.as_str()],
        )
        .await?;
    Ok(found.unwrap_or(0) > 0)
}

/// How many organisations a person owns. Others of theirs wait for the answer to be acted on.
pub(super) async fn owned(tx: &Tx, user: UserId) -> Result<usize, StoreError> {
    let sql = format!("SELECT user_id FROM users WHERE user_id = $1{}", tx.dialect().for_update());
    tx.fetch_rows(&sql, binds![user.uuid()]).await?;
    let sql = "SELECT COUNT(*) FROM memberships WHERE user_id = $1 AND role = $2";
    let owned: Option<i64> = tx.fetch_scalar(sql, binds![user.uuid(), Role::Owner.as_str()]).await?;
    Ok(usize::try_from(owned.unwrap_or(0)).unwrap_or(usize::MAX))
}

/// Whether a slug is an organisation's.
pub(super) async fn slug_is_taken(tx: &Tx, slug: &str) -> Result<bool, StoreError> {
    let taken: Option<i64> =
        tx.fetch_scalar("SELECT COUNT(*) FROM organizations WHERE slug = $1", binds![slug]).await?;
    Ok(taken.unwrap_or(0) > 0)
}
