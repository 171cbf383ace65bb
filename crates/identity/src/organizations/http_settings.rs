//! The routes of the organisation itself.

use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use rhiza_kernel::OrgId;
use rhiza_platform::authz::{AllowedOrg, need};
use rhiza_web::{ApiResult, Etag, IfMatch, Json, ProblemResponses};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::settings::SettingsChange;
use super::store::Settings;
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(get_organization, update_organization))
}

/// An organisation.
#[derive(Debug, Serialize, ToSchema)]
struct Organization {
    #[schema(value_type = String, example = "org_01900000000070008000000000000001")]
    id: OrgId,
    name: String,
    /// Unique in the installation; it stays when the name changes.
    slug: String,
    /// The plan whose limits count; empty for the standard one.
    plan: String,
    /// Whether people can do next to nothing here until they have signed in with a second factor.
    require_second_factor: bool,
    created_at: DateTime<Utc>,
}

impl Organization {
    fn new(id: OrgId, settings: Settings) -> Self {
        Self {
            id,
            name: settings.name,
            slug: settings.slug,
            plan: settings.plan,
            require_second_factor: settings.require_second_factor,
            created_at: settings.created_at,
        }
    }
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateOrganization {
    /// Needs `organization:manage`.
    name: Option<String>,
    /// Needs `security:manage`; to switch it on, also a session in which a second factor was shown.
    require_second_factor: Option<bool>,
}

/// The caller's organisation. Its `ETag` goes into the `If-Match` of a change.
#[utoipa::path(
    get,
    path = "/organization",
    operation_id = "getOrganization",
    tag = "access",
    responses((status = 200, body = Organization), ProblemResponses)
)]
async fn get_organization(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
) -> ApiResult<impl IntoResponse> {
    let settings = identity.governance().settings(&access).await?;
    Ok((Etag::revision(settings.revision), Json(Organization::new(access.scope.org, settings))))
}

/// Changes the organisation. With `If-Match`, only if nobody else has changed it since it was read.
#[utoipa::path(
    patch,
    path = "/organization",
    operation_id = "updateOrganization",
    tag = "access",
    params(("If-Match" = Option<String>, Header, description = "The ETag it had when it was read.")),
    request_body = UpdateOrganization,
    responses((status = 200, body = Organization), ProblemResponses)
)]
async fn update_organization(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    if_match: IfMatch,
    Json(body): Json<UpdateOrganization>,
) -> ApiResult<impl IntoResponse> {
    let change = SettingsChange { name: body.name, require_second_factor: body.require_second_factor };
    let still_as_seen = |revision| if_match.require(&Etag::revision(revision)).is_ok();
    let settings = identity.governance().update_settings(&access, change, still_as_seen).await.map_err(refuse)?;
    Ok((Etag::revision(settings.revision), Json(Organization::new(access.scope.org, settings))))
}
