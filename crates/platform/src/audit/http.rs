//! Reading and exporting the audit chain.

use std::fmt::Write as _;
use std::net::IpAddr;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{self, Stream};
use http::{HeaderValue, header};
use rhiza_kernel::OrgScope;
use rhiza_store::{Db, StoreError};
use rhiza_web::{ApiResult, Faults, Json, Page, PageQuery, ProblemResponses, Query};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::http_checkpoints;
use super::model::Recorded;
use super::store::{self, Filter};
use crate::authz::{AllowedOrg, need};

/// What the audit routes need.
#[derive(Debug, Clone)]
pub struct AuditState {
    /// The database.
    pub db: Db,
}

/// The audit routes.
#[must_use]
pub fn router() -> OpenApiRouter<AuditState> {
    OpenApiRouter::new()
        .routes(routes!(list_audit_entries))
        .routes(routes!(export_audit_entries))
        .merge(http_checkpoints::router())
}

/// One entry of the audit chain.
#[derive(Debug, Serialize, ToSchema)]
struct AuditEntry {
    #[schema(example = "aud_01900000000070008000000000000001")]
    id: String,
    /// Place in the organisation's chain.
    sequence: i64,
    time: DateTime<Utc>,
    actor: AuditActor,
    #[schema(example = "registry.alias.set")]
    action: String,
    /// What was acted on: an id or a name.
    subject: String,
    /// The thing before the change, secrets masked.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// The thing after the change, secrets masked.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    /// The client's address.
    address: Option<String>,
    request_id: Option<String>,
    /// Hash of this entry, in hexadecimal.
    hash: String,
    /// Hash of the entry before, in hexadecimal.
    previous_hash: String,
}

/// One line of an export: the entry, and the very text that its hash covers.
#[derive(Debug, Serialize)]
struct ExportedEntry {
    #[serde(flatten)]
    entry: AuditEntry,
    hashed: String,
}

/// Who acted.
#[derive(Debug, Serialize, ToSchema)]
struct AuditActor {
    /// `user`, `key` or `system`.
    kind: String,
    /// Empty for the system.
    id: String,
    /// The actor as people knew them at that time.
    label: String,
}

impl From<Recorded> for AuditEntry {
    fn from(entry: Recorded) -> Self {
        // Written by us as JSON; shown as text should it ever not be.
        let json = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self {
            id: entry.id.to_string(),
            sequence: entry.seq,
            time: entry.at,
            actor: AuditActor { kind: entry.actor_kind, id: entry.actor_id, label: entry.actor_label },
            action: entry.action,
            subject: entry.subject,
            before: entry.before.map(json),
            after: entry.after.map(json),
            address: entry.address,
            request_id: entry.request_id,
            hash: hex::encode(entry.hash),
            previous_hash: hex::encode(entry.prev_hash),
        }
    }
}

/// Which entries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Only this action, or all actions under it: `registry` finds `registry.alias.set`.
    action: Option<String>,
    /// Only this subject.
    subject: Option<String>,
    /// Only this actor, by id or by e-mail address.
    actor: Option<String>,
    /// Only from this address of a client.
    address: Option<String>,
    /// Only at this time or later.
    since: Option<DateTime<Utc>>,
    /// Only before this time.
    until: Option<DateTime<Utc>>,
    /// Only where this text occurs in action, subject, actor, request id, or the thing before or after. Case counts for
    /// nothing.
    text: Option<String>,
}

/// Longest text that is looked for; nothing recorded is worth more.
const LONGEST_TEXT: usize = 200;

impl AuditQuery {
    fn filter(self) -> ApiResult<Filter> {
        let mut faults = Faults::default();
        let short = self.text.as_ref().is_none_or(|text| text.chars().count() <= LONGEST_TEXT);
        faults.check(short, "text", "must be at most 200 characters long");
        let ordered = self.since.zip(self.until).is_none_or(|(since, until)| since < until);
        faults.check(ordered, "until", "must be later than since");
        // As it was recorded, however it is written.
        let address: Option<Result<IpAddr, _>> = self.address.map(|text| text.parse());
        faults.check(!matches!(address, Some(Err(_))), "address", "must be an IP address");
        for (name, value) in
            [("action", &self.action), ("subject", &self.subject), ("actor", &self.actor), ("text", &self.text)]
        {
            // PostgreSQL's texts cannot hold it, so there is nothing to be found.
            faults.check(value.as_ref().is_none_or(|v| !v.contains('\0')), name, "must not contain NUL");
        }
        faults.finish()?;
        let address = address.and_then(Result::ok).map(|address| address.to_string());
        let Self { action, subject, actor, since, until, text, .. } = self;
        let text = text.filter(|text| !text.is_empty());
        Ok(Filter { action, subject, actor, address, since, until, text })
    }
}

/// Lists the organisation's audit entries, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    operation_id = "listAuditEntries",
    tag = "audit",
    params(AuditQuery, PageQuery),
    responses((status = 200, body = Page<AuditEntry>), ProblemResponses)
)]
async fn list_audit_entries(
    State(state): State<AuditState>,
    access: AllowedOrg<need::AuditRead>,
    Query(query): Query<AuditQuery>,
    page: PageQuery,
) -> ApiResult<Json<Page<AuditEntry>>> {
    let before: Option<i64> = page.cursor()?;
    let filter = query.filter()?;
    let tx = state.db.read(&access.scope).await?;
    let rows = store::list(&tx, &access.scope, &filter, before, page.fetch()).await?;
    tx.rollback().await?;
    let rows: Vec<AuditEntry> = rows.into_iter().map(AuditEntry::from).collect();
    Ok(Json(Page::from_overfetch(rows, &page, |last| last.sequence)))
}

/// In which form to export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ExportFormat {
    /// One JSON document per line.
    #[default]
    Jsonl,
    /// Comma-separated values (RFC 4180) with a header line.
    Csv,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// `jsonl` (the default) or `csv`.
    #[serde(default)]
    #[param(inline)]
    format: ExportFormat,
}

/// Exports the organisation's audit chain, oldest first: all of it, or what the filters let through. Lines of JSON carry
/// the text that was hashed, so that whoever holds them can check the chain without us.
#[utoipa::path(
    get,
    path = "/api/v1/audit/export",
    operation_id = "exportAuditEntries",
    tag = "audit",
    params(ExportQuery, AuditQuery),
    responses(
        (status = 200, description = "The chain", content((String = "application/jsonl"), (String = "text/csv"))),
        ProblemResponses
    )
)]
async fn export_audit_entries(
    State(state): State<AuditState>,
    access: AllowedOrg<need::AuditRead>,
    Query(query): Query<ExportQuery>,
    Query(which): Query<AuditQuery>,
) -> ApiResult<Response> {
    let filter = which.filter()?;
    let (kind, name) = match query.format {
        ExportFormat::Jsonl => ("application/jsonl; charset=utf-8", "attachment; filename=\"audit.jsonl\""),
        ExportFormat::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
    };
    let rows = chunks(state.db, access.scope, filter, query.format);
    let mut response = Response::new(Body::from_stream(rows));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}

/// The chain in pieces, each read in a transaction of its own: entries never change, so no snapshot has to be held
/// open while a slow client reads.
fn chunks(
    db: Db,
    scope: OrgScope,
    filter: Filter,
    format: ExportFormat,
) -> impl Stream<Item = Result<Bytes, StoreError>> {
    stream::try_unfold((db, filter, Some(0_i64), true), move |(db, filter, after, first)| async move {
        let Some(after) = after else { return Ok(None) };
        let tx = db.read(&scope).await?;
        let rows = store::filtered(&tx, &scope, &filter, after).await?;
        tx.rollback().await?;
        let next = rows.last().map(|row| row.seq);
        let mut text = String::new();
        if first && format == ExportFormat::Csv {
            text.push_str(CSV_HEADER);
        }
        for row in rows {
            match format {
                ExportFormat::Jsonl => {
                    // Strings and numbers only: serialisation cannot fail.
                    let hashed = row.hashed();
                    let line = ExportedEntry { entry: row.into(), hashed };
                    text.push_str(&serde_json::to_string(&line).unwrap_or_default());
                    text.push('\n');
                }
                ExportFormat::Csv => csv_line(&mut text, &row),
            }
        }
        Ok(Some((Bytes::from(text), (db, filter, next, false))))
    })
}

const CSV_HEADER: &str =
    "sequence,time,actor_kind,actor_id,actor,action,subject,before,after,address,request_id,hash\r\n";

fn csv_line(text: &mut String, row: &Recorded) {
    // Writing to a String cannot fail.
    let _ = write!(text, "{},{}", row.seq, row.at.to_rfc3339());
    let hash = hex::encode(&row.hash);
    let none = String::new();
    let cells = [
        &row.actor_kind,
        &row.actor_id,
        &row.actor_label,
        &row.action,
        &row.subject,
        row.before.as_ref().unwrap_or(&none),
        row.after.as_ref().unwrap_or(&none),
        row.address.as_ref().unwrap_or(&none),
        row.request_id.as_ref().unwrap_or(&none),
        &hash,
    ];
    for cell in cells {
        // A leading apostrophe keeps spreadsheets from running a cell that begins like a formula, in the wide letters
        // of East Asian keyboards too.
        let formula = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
        let guard = if cell.starts_with(formula) { "'" } else { "" };
        let _ = write!(text, ",\"{guard}{}\"", cell.replace('"', "\"\""));
    }
    text.push_str("\r\n");
}
