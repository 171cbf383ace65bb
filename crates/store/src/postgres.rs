//! PostgreSQL: the roles behind which row-level security stands, and the settings of each transaction.
//!
//! Two NOLOGIN roles exist per server: `rhiza_app`, which sees one organisation's rows, and `rhiza_system`, which
//! sees all. The connecting user is a member of both and becomes one of them for the length of each transaction.
//! Where roles cannot be created, the tables force row-level security on their owner instead, and a setting that
//! only system transactions turn on lifts it.

use std::fmt::Write as _;
use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use uuid::Uuid;

use crate::{DbOptions, Isolation, StoreError};

/// A server that is away this long is more than busy: the caller learns of it rather than wait in a growing queue.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

pub(crate) async fn open(url: &str, options: &DbOptions) -> Result<DatabaseConnection, StoreError> {
    let mut connect = ConnectOptions::new(url);
    connect
        .max_connections(options.max_connections)
        .min_connections(1)
        .acquire_timeout(options.acquire_timeout.min(LONGEST_WAIT))
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .test_before_acquire(false);
    connect.map_sqlx_postgres_opts(|postgres| postgres.application_name("rhiza").statement_cache_capacity(256));
    Ok(Database::connect(connect).await?)
}

/// Creates the two roles unless they exist or this user may not.
pub(crate) async fn create_roles(pool: &DatabaseConnection) -> Result<(), StoreError> {
    for role in ["rhiza_app", "rhiza_system"] {
        // Another process may be creating the same role: that is success. No right to: then FORCE is used.
        let sql = format!(
            "DO $do$ BEGIN
               IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                 CREATE ROLE {role} NOLOGIN NOBYPASSRLS;
               END IF;
               IF NOT pg_has_role(current_user, '{role}', 'USAGE') THEN
                 EXECUTE format('GRANT {role} TO %I', current_user);
               END IF;
             EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege
                            OR invalid_grant_operation THEN NULL;
             END $do$"
        );
        pool.execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// Finds out which wall this connection can use.
pub(crate) async fn isolation(pool: &DatabaseConnection) -> Result<Isolation, StoreError> {
    let sql = "SELECT
        (SELECT count(*) FROM pg_roles WHERE rolname IN ('rhiza_app', 'rhiza_system')
            AND NOT rolsuper AND NOT rolbypassrls AND pg_has_role(current_user, oid, 'USAGE')) AS roles,
        (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS bypasses";
    let row =
        pool.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?.ok_or(StoreError::RowNotFound)?;
    let roles: i64 = row.try_get("", "roles")?;
    let bypasses: bool = row.try_get("", "bypasses")?;
    Ok(match (roles, bypasses) {
        (2, _) => Isolation::Roles,
        (_, false) => Isolation::Forced,
        (_, true) => Isolation::Bypassed,
    })
}

// Our statements are short: compiling one takes far longer than running it. Set here and not when connecting, because
// connection poolers refuse settings that they do not know.
const SNAPSHOT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;SET LOCAL jit = off;";

/// A read whose caller was told that it took too long must not go on for ever in the server: somewhat longer than the
/// time a request has.
const READ_TIMEOUT: &str = "SET LOCAL statement_timeout = '40s';";

pub(crate) fn tenant_read(isolation: Isolation, org: Uuid) -> String {
    format!("{SNAPSHOT}{READ_TIMEOUT}{}", tenant_write(isolation, org))
}

/// One round trip with everything a tenant's transaction needs. A UUID's text holds only hexadecimal digits and
/// dashes, so it can stand in the statement.
pub(crate) fn tenant_write(isolation: Isolation, org: Uuid) -> String {
    let role = if isolation == Isolation::Roles { "SET LOCAL ROLE rhiza_app;" } else { "" };
    format!("{role}SET LOCAL app.org = '{org}'")
}

pub(crate) fn system_read(isolation: Isolation) -> String {
    format!("{SNAPSHOT}{}", system_write(isolation))
}

pub(crate) fn system_write(isolation: Isolation) -> String {
    match isolation {
        Isolation::Roles => "SET LOCAL ROLE rhiza_system".to_owned(),
        _ => "SET LOCAL app.system = 'on'".to_owned(),
    }
}

/// The settings of a migration's transaction: the owner must see all rows even where the wall binds owners.
pub(crate) const fn owner(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::Forced => "SET LOCAL app.system = 'on'",
        _ => "",
    }
}

/// The statements that put every table behind row-level security: rows with an `org_id` are visible to
/// transactions of that organisation, all rows to system transactions. Repeatable: run after each migration.
pub(crate) fn policies(isolation: Isolation, tables: &[(String, bool)]) -> String {
    let mut sql = String::new();
    let (tenant_role, system_role, system_rule) = match isolation {
        Isolation::Roles => ("rhiza_app", "rhiza_system", "true"),
        _ => ("PUBLIC", "PUBLIC", "(SELECT current_setting('app.system', true)) = 'on'"),
    };
    if isolation == Isolation::Roles {
        sql.push_str(
            "GRANT USAGE ON SCHEMA public TO rhiza_app, rhiza_system;
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO rhiza_app, rhiza_system;
             GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO rhiza_app, rhiza_system;",
        );
    }
    // With roles the owner only migrates and never serves a request; without them it is the one who serves.
    let force = if isolation == Isolation::Roles { "NO FORCE" } else { "FORCE" };
    for (table, tenant) in tables {
        // Writing to a String cannot fail.
        let _ = write!(
            sql,
            "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
             ALTER TABLE {table} {force} ROW LEVEL SECURITY;
             DROP POLICY IF EXISTS rhiza_tenant ON {table};
             DROP POLICY IF EXISTS rhiza_all ON {table};
             CREATE POLICY rhiza_all ON {table} TO {system_role} USING ({system_rule}) WITH CHECK ({system_rule});"
        );
        if *tenant {
            // The sub-select makes the planner read the setting once per statement instead of once per row.
            let rule = "org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid)";
            let _ = write!(
                sql,
                "CREATE POLICY rhiza_tenant ON {table} TO {tenant_role} USING ({rule}) WITH CHECK ({rule});"
            );
        }
    }
    sql
}
