//! The SQL of people. Their rows belong to no organisation, so every statement here runs as the system; those that
//! serve a tenant name the organisation in their predicate.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use uuid::Uuid;

use super::{Account, Email, User};

#[derive(Debug, FromQueryResult)]
struct UserRow {
    user_id: Uuid,
    email: String,
    name: String,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self { id: UserId::from_uuid(row.user_id), email: row.email, name: row.name }
    }
}

#[derive(Debug, FromQueryResult)]
struct AccountRow {
    user_id: Uuid,
    email: String,
    name: String,
    password_hash: Option<String>,
    password_changed_at: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
    email_verified_at: Option<DateTime<Utc>>,
    factors: i64,
    org_id: Option<Uuid>,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self {
            user: User { id: UserId::from_uuid(row.user_id), email: row.email, name: row.name },
            password_hash: row.password_hash,
            password_changed_at: row.password_changed_at,
            disabled_at: row.disabled_at,
            email_verified_at: row.email_verified_at,
            totp: row.factors > 0,
            org: row.org_id.map(OrgId::from_uuid),
        }
    }
}

const ACCOUNT: &str = "SELECT u.user_id, u.email, u.name, u.password_hash, u.password_changed_at, u.disabled_at,
           u.email_verified_at,
           (SELECT COUNT(*) FROM totp_factors f WHERE f.user_id = u.user_id AND f.confirmed_at IS NOT NULL) AS factors,
           (SELECT m.org_id FROM memberships m WHERE m.user_id = u.user_id ORDER BY m.created_at, m.org_id LIMIT 1)
             AS org_id
      FROM users u";

/// The account of an address.
pub(crate) async fn account_by_email(tx: &Tx, email_key: &str) -> Result<Option<Account>, StoreError> {
    let row: Option<AccountRow> =
        tx.fetch_optional(&format!("{ACCOUNT} WHERE u.email_key = $1"), binds![email_key]).await?;
    Ok(row.map(Account::from))
}

/// The account of a person.
pub(crate) async fn account(tx: &Tx, user: UserId) -> Result<Option<Account>, StoreError> {
    let row: Option<AccountRow> =
        tx.fetch_optional(&format!("{ACCOUNT} WHERE u.user_id = $1"), binds![user.uuid()]).await?;
    Ok(row.map(Account::from))
}

/// As [`account`], in a transaction of its own.
pub(crate) async fn find_account(db: &Db, user: UserId) -> Result<Option<Account>, StoreError> {
    let tx = db.system_read().await?;
    let found = account(&tx, user).await?;
    tx.rollback().await?;
    Ok(found)
}

/// Who may be signing in with an address: the account, and the newest registration that waits for its letter to be
/// followed. Both are always asked for, so that the answer takes the same time whoever it is.
pub(crate) async fn at_the_door(
    db: &Db,
    email_key: &str,
    now: DateTime<Utc>,
) -> Result<(Option<Account>, Option<String>), StoreError> {
    let tx = db.system_read().await?;
    let account = account_by_email(&tx, email_key).await?;
    let waiting: Option<String> = tx
        .fetch_scalar(
            "SELECT password_hash FROM registrations WHERE email_key = $1 AND expires_at > $2
              ORDER BY created_at DESC, registration_id DESC LIMIT 1",
            binds![email_key, now],
        )
        .await?;
    tx.rollback().await?;
    Ok((account, waiting))
}

/// A member of an organisation.
pub(crate) async fn member(db: &Db, org: OrgId, user: UserId) -> Result<Option<User>, StoreError> {
    let tx = db.system_read().await?;
    let row: Option<UserRow> = tx
        .fetch_optional(
            "SELECT u.user_id, u.email, u.name FROM users u JOIN memberships m ON m.user_id = u.user_id
              WHERE m.org_id = $1 AND u.user_id = $2",
            binds![org.uuid(), user.uuid()],
        )
        .await?;
    tx.rollback().await?;
    Ok(row.map(User::from))
}

/// The organisations a person belongs to, by id.
pub(crate) async fn organizations_of(tx: &Tx, user: UserId) -> Result<Vec<OrgId>, StoreError> {
    #[derive(FromQueryResult)]
    struct Row {
        org_id: Uuid,
    }
    let sql = "SELECT org_id FROM memberships WHERE user_id = $1 ORDER BY org_id";
    let rows: Vec<Row> = tx.fetch_all(sql, binds![user.uuid()]).await?;
    Ok(rows.into_iter().map(|row| OrgId::from_uuid(row.org_id)).collect())
}

/// Writes a new person, whose address is proved.
pub(crate) async fn insert_user(
    tx: &Tx,
    id: UserId,
    email: &Email,
    name: &str,
    password_hash: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO users (user_id, email, email_key, name, password_hash, created_at, disabled_at,
                            email_verified_at)
         VALUES ($1, $2, $3, $4, $5, $6, NULL, $6)",
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
