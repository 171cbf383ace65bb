//! The SQL of everything that is kept about a person, in whatever organisation.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use uuid::Uuid;

use super::store_rows::{PersonExport, Profile};

/// Opens the transaction in which somebody goes.
pub(super) async fn begin(db: &Db) -> Result<Tx, StoreError> {
    db.system_write().await
}

/// Entries of audit chains that an export holds.
const ENTRIES: i64 = 20_000;

#[derive(FromQueryResult)]
struct UserRow {
    email: String,
    name: String,
    created_at: DateTime<Utc>,
    email_verified_at: Option<DateTime<Utc>>,
    password_changed_at: Option<DateTime<Utc>>,
    totp_since: Option<DateTime<Utc>>,
}

/// Everything that is kept about a person, as of one moment.
pub(super) async fn export(db: &Db, user: UserId, now: DateTime<Utc>) -> Result<Option<PersonExport>, StoreError> {
    let tx = db.system_read().await?;
    let of = |sql: &'static str| (sql, binds![user.uuid()]);
    let (sql, values) = of("SELECT u.email, u.name, u.created_at, u.email_verified_at, u.password_changed_at,
           f.confirmed_at AS totp_since
      FROM users u LEFT JOIN totp_factors f ON f.user_id = u.user_id WHERE u.user_id = $1");
    let Some(row) = tx.fetch_optional::<UserRow>(sql, values).await? else { return Ok(None) };
    let profile = Profile {
        id: user.to_string(),
        email: row.email,
        name: row.name,
        created_at: row.created_at,
        email_verified_at: row.email_verified_at,
        password_changed_at: row.password_changed_at,
        totp_since: row.totp_since,
    };
    let (memberships, m) = of("SELECT o.name AS organization, o.slug, m.role, m.created_at AS since
      FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.user_id = $1 ORDER BY m.created_at");
    let (teams, t) = of("SELECT o.name AS organization, t.name AS team, m.created_at AS since
      FROM team_members m JOIN teams t ON t.team_id = m.team_id JOIN organizations o ON o.org_id = t.org_id
     WHERE m.user_id = $1 ORDER BY m.created_at");
    let (roles, r) = of("SELECT p.name AS project, r.role, r.created_at AS since
      FROM project_roles r JOIN projects p ON p.project_id = r.project_id
     WHERE r.subject_kind = 'user' AND r.subject_id = $1 ORDER BY r.created_at");
    let (sessions, s) = of("SELECT created_at, last_seen_at, revoked_at AS ended_at, method, address, user_agent
      FROM sessions WHERE user_id = $1 ORDER BY created_at");
    let (keys, k) = of("SELECT name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at
      FROM api_keys WHERE created_by = $1 ORDER BY created_at");
    let (tokens, f) = of("SELECT name, created_at, expires_at, last_used_at, address, revoked_at
      FROM token_families WHERE user_id = $1 ORDER BY created_at");
    let (passkeys, p) =
        of("SELECT name, created_at, last_used_at FROM passkeys WHERE user_id = $1 ORDER BY created_at");
    let (external, e) = of("SELECT issuer, subject, email, created_at, last_used_at
      FROM external_identities WHERE user_id = $1 ORDER BY created_at");
    // Whatever the chain is: an export of a person crosses organisations.
    let acts = "SELECT at, action, subject, address, before_text AS before, after_text AS after
      FROM audit_entries WHERE actor_id = $1 ORDER BY at DESC, seq DESC LIMIT $2";
    let counted = "SELECT COUNT(*) FROM audit_entries WHERE actor_id = $1";
    let all = tx.fetch_scalar::<i64>(counted, binds![user.to_string()]).await?.unwrap_or(0);
    let export = PersonExport {
        exported_at: now,
        profile,
        memberships: tx.fetch_all(memberships, m).await?,
        teams: tx.fetch_all(teams, t).await?,
        project_roles: tx.fetch_all(roles, r).await?,
        sessions: tx.fetch_all(sessions, s).await?,
        keys: tx.fetch_all(keys, k).await?,
        tokens: tx.fetch_all(tokens, f).await?,
        passkeys: tx.fetch_all(passkeys, p).await?,
        external_identities: tx.fetch_all(external, e).await?,
        audit_entries: tx.fetch_all(acts, binds![user.to_string(), ENTRIES]).await?,
        audit_entries_left_out: (all - ENTRIES).max(0),
    };
    tx.rollback().await?;
    Ok(Some(export))
}

/// One of a person's organisations, and who else is in it.
#[derive(Debug)]
pub(super) struct Tie {
    pub(super) org: OrgId,
    pub(super) name: String,
    pub(super) is_owner: bool,
    pub(super) owners: i64,
    pub(super) members: i64,
}

/// A person's organisations. Each is kept from changing its members until the transaction ends, in the order of ids.
pub(super) async fn ties(tx: &Tx, user: UserId) -> Result<Vec<Tie>, StoreError> {
    #[derive(FromQueryResult)]
    struct Row {
        org_id: Uuid,
        name: String,
    }
    let sql = format!(
        "SELECT org_id, name FROM organizations WHERE org_id IN (SELECT org_id FROM memberships WHERE user_id = $1)
          ORDER BY org_id{}",
        tx.dialect().for_update()
    );
    let rows: Vec<Row> = tx.fetch_all(&sql, binds![user.uuid()]).await?;
    let mut ties = Vec::with_capacity(rows.len());
    for Row { org_id, name } in rows {
        let count = async |condition: &str| {
            let sql = format!("SELECT COUNT(*) FROM memberships WHERE org_id = $1{condition}");
            Ok::<i64, StoreError>(tx.fetch_scalar(&sql, binds![org_id]).await?.unwrap_or(0))
        };
        let sql = "SELECT COUNT(*) FROM memberships WHERE org_id = $1 AND user_id = $2 AND role = 'owner'";
        ties.push(Tie {
            org: OrgId::from_uuid(org_id),
            name,
            is_owner: tx.fetch_scalar::<i64>(sql, binds![org_id, user.uuid()]).await? == Some(1),
            owners: count(" AND role = 'owner'").await?,
            members: count("").await?,
        });
    }
    Ok(ties)
}

/// What is removed with an account. What others rely on (service accounts' keys, invitations they sent) stays.
const REMOVED: [&str; 13] = [
    "DELETE FROM refresh_tokens WHERE family_id IN (SELECT family_id FROM token_families WHERE user_id = $1)",
    "DELETE FROM token_families WHERE user_id = $1",
    "DELETE FROM sessions WHERE user_id = $1",
    "UPDATE api_keys SET rotated_from = NULL
      WHERE rotated_from IN (SELECT key_id FROM api_keys WHERE created_by = $1 AND service_account_id IS NULL)",
    "DELETE FROM api_keys WHERE created_by = $1 AND service_account_id IS NULL",
    "DELETE FROM team_members WHERE user_id = $1",
    "DELETE FROM project_roles WHERE subject_kind = 'user' AND subject_id = $1",
    "DELETE FROM totp_factors WHERE user_id = $1",
    "DELETE FROM recovery_codes WHERE user_id = $1",
    "DELETE FROM passkeys WHERE user_id = $1",
    "DELETE FROM external_identities WHERE user_id = $1",
    "DELETE FROM user_tokens WHERE user_id = $1",
    "DELETE FROM sign_in_challenges WHERE user_id = $1",
];

/// Removes an account: the row stays, with nothing about the person in it. Their memberships stay until the caller, who
/// still has to write into their organisations, removes them.
pub(super) async fn remove(tx: &Tx, user: UserId, email_key: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    for sql in REMOVED {
        tx.execute(sql, binds![user.uuid()]).await?;
    }
    tx.execute("UPDATE invitations SET email = '', email_key = '' WHERE accepted_by = $1", binds![user.uuid()]).await?;
    for sql in [
        "DELETE FROM invitations WHERE email_key = $1 AND accepted_at IS NULL",
        "DELETE FROM registrations WHERE email_key = $1",
    ] {
        tx.execute(sql, binds![email_key]).await?;
    }
    tx.execute("DELETE FROM memberships WHERE user_id = $1", binds![user.uuid()]).await?;
    tx.execute(
        "UPDATE users SET email = '', email_key = $2, name = 'Deleted person', password_hash = NULL,
                email_verified_at = NULL, password_changed_at = NULL, disabled_at = $3, deleted_at = $3
          WHERE user_id = $1",
        // A blank is in no address: nobody can have or look up this one.
        binds![user.uuid(), format!("deleted {user}"), now],
    )
    .await?;
    Ok(())
}
