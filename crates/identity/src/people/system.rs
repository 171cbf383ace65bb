//! The SQL of people. Their rows belong to no organisation, so every statement here runs as the system; those that
//! serve a tenant name the organisation in their predicate.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use uuid::Uuid;

use super::{Email, Member, User};

#[derive(Debug, FromQueryResult)]
struct MemberRow {
    user_id: Uuid,
    email: String,
    name: String,
    password_hash: Option<String>,
    disabled_at: Option<DateTime<Utc>>,
    org_id: Uuid,
}

impl MemberRow {
    fn into_member(self) -> Result<Member, StoreError> {
        Ok(Member {
            user: User { id: UserId::from_uuid(self.user_id), email: self.email, name: self.name },
            org: OrgId::from_uuid(self.org_id),
            password_hash: self.password_hash,
            disabled_at: self.disabled_at,
        })
    }
}

const MEMBER: &str = "SELECT u.user_id, u.email, u.name, u.password_hash, u.disabled_at, m.org_id
    FROM users u JOIN memberships m ON m.user_id = u.user_id";

/// The person of an address, in the organisation they joined first.
pub(crate) async fn member_by_email(db: &Db, email_key: &str) -> Result<Option<Member>, StoreError> {
    let tx = db.system_read().await?;
    let sql = format!("{MEMBER} WHERE u.email_key = $1 ORDER BY m.created_at, m.org_id LIMIT 1");
    let row: Option<MemberRow> = tx.fetch_optional(&sql, binds![email_key]).await?;
    tx.rollback().await?;
    row.map(MemberRow::into_member).transpose()
}

/// A member of an organisation.
pub(crate) async fn member(db: &Db, org: OrgId, user: UserId) -> Result<Option<Member>, StoreError> {
    let tx = db.system_read().await?;
    let sql = format!("{MEMBER} WHERE m.org_id = $1 AND u.user_id = $2");
    let row: Option<MemberRow> = tx.fetch_optional(&sql, binds![org.uuid(), user.uuid()]).await?;
    tx.rollback().await?;
    row.map(MemberRow::into_member).transpose()
}

/// Writes a new person.
pub(crate) async fn insert_user(
    tx: &Tx,
    id: UserId,
    email: &Email,
    name: &str,
    password_hash: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO users (user_id, email, email_key, name, password_hash, created_at, disabled_at)
         VALUES ($1, $2, $3, $4, $5, $6, NULL)",
        binds![id.uuid(), email.as_str(), email.key(), name, password_hash, at],
    )
    .await?;
    Ok(())
}

/// Replaces a person's password hash, unless it was changed since `old` was read.
pub(crate) async fn replace_hash(db: &Db, user: UserId, old: &str, new: &str) -> Result<(), StoreError> {
    let tx = db.system_write().await?;
    tx.execute(
        "UPDATE users SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2",
        binds![user.uuid(), old, new],
    )
    .await?;
    tx.commit().await
}

#[derive(FromQueryResult)]
struct AddressRow {
    email: String,
}

/// The addresses of an organisation's members.
///
/// # Errors
/// When the database does not answer.
pub async fn member_addresses(db: &Db, org: OrgId) -> Result<Vec<String>, StoreError> {
    let tx = db.system_read().await?;
    let rows: Vec<AddressRow> = tx
        .fetch_all(
            "SELECT u.email FROM users u JOIN memberships m ON m.user_id = u.user_id
             WHERE m.org_id = $1 ORDER BY m.created_at, u.user_id",
            binds![org.uuid()],
        )
        .await?;
    tx.rollback().await?;
    Ok(rows.into_iter().map(|row| row.email).collect())
}

/// A person in the organisation they joined first.
pub(crate) async fn first_membership(tx: &Tx, user: UserId) -> Result<Option<Member>, StoreError> {
    let sql = format!("{MEMBER} WHERE u.user_id = $1 ORDER BY m.created_at, m.org_id LIMIT 1");
    let row: Option<MemberRow> = tx.fetch_optional(&sql, binds![user.uuid()]).await?;
    row.map(MemberRow::into_member).transpose()
}

/// As [`member`], in a transaction of the caller's.
pub(crate) async fn member_in(tx: &Tx, org: OrgId, user: UserId) -> Result<Option<Member>, StoreError> {
    let sql = format!("{MEMBER} WHERE m.org_id = $1 AND u.user_id = $2");
    let row: Option<MemberRow> = tx.fetch_optional(&sql, binds![org.uuid(), user.uuid()]).await?;
    row.map(MemberRow::into_member).transpose()
}

/// Makes whoever else changes how this person signs in wait until the end of `tx`.
pub(crate) async fn hold(tx: &Tx, user: UserId) -> Result<(), StoreError> {
    tx.execute("UPDATE users SET email = email WHERE user_id = $1", binds![user.uuid()]).await?;
    Ok(())
}

/// In how many ways a person can sign in: a password, passkeys, accounts elsewhere.
pub(crate) async fn ways_in(tx: &Tx, user: UserId) -> Result<i64, StoreError> {
    let count: Option<i64> = tx
        .fetch_scalar(
            "SELECT (SELECT COUNT(*) FROM users WHERE user_id = $1 AND password_hash IS NOT NULL)
                  + (SELECT COUNT(*) FROM passkeys WHERE user_id = $1)
                  + (SELECT COUNT(*) FROM external_identities WHERE user_id = $1)",
            binds![user.uuid()],
        )
        .await?;
    Ok(count.unwrap_or(0))
}
