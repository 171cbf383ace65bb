//! The developer's mailbox.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use chrono::{DateTime, Utc};
use rhiza_kernel::{ErrorCode, MailId, OrgScope};
use rhiza_store::{Db, StoreError};
use rhiza_web::{ApiError, ApiResult, Json, Page, PageQuery, ProblemResponses};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::Content;
use super::{store, system};
use crate::authz::{AllowedOrg, need};
use crate::secrets::Sealer;

/// Who belongs to an organisation: what the mailbox must know of the identity slice.
#[async_trait]
pub trait Recipients: Send + Sync {
    /// The addresses of the organisation's members.
    async fn addresses(&self, scope: &OrgScope) -> Result<Vec<String>, StoreError>;
}

/// What the mailbox needs.
#[derive(Clone)]
pub struct MailsState {
    /// The database.
    pub db: Db,
    /// Opens letters.
    pub sealer: Sealer,
    /// Who belongs to the caller's organisation.
    pub recipients: Arc<dyn Recipients>,
    /// Whether there is a mailbox: in development only.
    pub development: bool,
}

/// The mailbox's route.
#[must_use]
pub fn router() -> OpenApiRouter<MailsState> {
    OpenApiRouter::new().routes(routes!(list_mails))
}

/// A letter in the developer's mailbox.
#[derive(Debug, Serialize, ToSchema)]
struct Mail {
    #[schema(value_type = String, example = "mail_01900000000070008000000000000001")]
    id: MailId,
    to: String,
    /// Which letter it is: `verify_email`, `reset_password`, `invitation`, …
    template: String,
    /// `queued`, `sent`, `shown` (there is no mail server) or `failed`.
    state: String,
    /// Not there once the letter was sent.
    subject: Option<String>,
    /// Not there once the letter was sent.
    text: Option<String>,
    /// Why it could not be sent.
    error: Option<String>,
    created_at: DateTime<Utc>,
}

/// Lists the letters of the organisation and those to its members, newest first. In development only, so that the links
/// in them can be followed without a mail server; elsewhere there is no such route.
#[utoipa::path(
    get,
    path = "/api/v1/mails",
    operation_id = "listMails",
    tag = "mail",
    params(PageQuery),
    responses((status = 200, body = Page<Mail>), ProblemResponses)
)]
async fn list_mails(
    State(state): State<MailsState>,
    access: AllowedOrg<need::MemberManage>,
    page: PageQuery,
) -> ApiResult<Json<Page<Mail>>> {
    if !state.development {
        return Err(ApiError::new(ErrorCode::NotFound, "the mailbox exists in development only"));
    }
    let before: Option<MailId> = page.cursor()?;
    let mut addresses = state.recipients.addresses(&access.scope).await?;
    addresses.truncate(MOST_MEMBERS);
    for address in &mut addresses {
        *address = address.to_lowercase();
    }
    let rows = system::mailbox(&state.db, &access.scope, &addresses, before, page.fetch()).await?;
    let mails: Vec<Mail> = rows.into_iter().map(|row| mail(&state.sealer, row)).collect();
    Ok(Json(Page::from_overfetch(mails, &page, |last| last.id)))
}

/// Addresses that are asked for at once; a development installation has a handful.
const MOST_MEMBERS: usize = 500;

fn mail(sealer: &Sealer, row: system::Kept) -> Mail {
    let id = row.id();
    let content: Option<Content> = row
        .sealed
        .and_then(|sealed| sealer.open(&store::purpose(id), &sealed).ok())
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let (subject, text) = content.map(|content| (content.subject, content.text)).unzip();
    Mail {
        id,
        to: row.recipient,
        template: row.template,
        state: row.state,
        subject,
        text,
        error: row.error,
        created_at: row.created_at,
    }
}
