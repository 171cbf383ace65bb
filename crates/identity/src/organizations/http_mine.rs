//! The routes of the caller's organisations.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use rhiza_kernel::{OrgId, RoleRef};
use rhiza_platform::authz::{AllowedOrg, need};
use rhiza_web::{ApiResult, Json, Page, ProblemResponses};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::mine::Belongs;
use crate::people::http::Me;
use crate::sessions::http::welcome;
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(list_organizations, create_organization)).routes(routes!(switch_organization))
}

/// An organisation that the caller belongs to.
#[derive(Debug, Serialize, ToSchema)]
struct MyOrganization {
    #[schema(value_type = String, example = "org_01900000000070008000000000000001")]
    id: OrgId,
    name: String,
    slug: String,
    /// The caller's role there: a fixed one, or the id of one of that organisation's own.
    #[schema(value_type = String, example = "owner")]
    role: RoleRef,
    /// Whether it is the organisation of this session or key.
    current: bool,
}

impl MyOrganization {
    fn new(belongs: Belongs, current: OrgId) -> Self {
        let Belongs { organization, role } = belongs;
        let current = organization.id == current;
        Self { id: organization.id, name: organization.name, slug: organization.slug, role, current }
    }
}

/// Lists the organisations that the caller belongs to, by name; for a key, its own.
#[utoipa::path(
    get,
    path = "/organizations",
    operation_id = "listOrganizations",
    tag = "access",
    responses((status = 200, body = Page<MyOrganization>), ProblemResponses)
)]
async fn list_organizations(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
) -> ApiResult<Json<Page<MyOrganization>>> {
    let found = identity.governance().organizations(&access).await?;
    let items = found.into_iter().map(|belongs| MyOrganization::new(belongs, access.scope.org)).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

/// An organisation to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateOrganization {
    #[schema(example = "Analytical Engines")]
    name: String,
}

/// Makes an organisation that the caller owns, with a first project. Anybody may where anybody may register; elsewhere the
/// owners and admins of the organisation that the installation began with. The session stays where it is.
#[utoipa::path(
    post,
    path = "/organizations",
    operation_id = "createOrganization",
    tag = "access",
    request_body = CreateOrganization,
    responses((status = 201, body = MyOrganization), ProblemResponses)
)]
async fn create_organization(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Json(body): Json<CreateOrganization>,
) -> ApiResult<(StatusCode, Json<MyOrganization>)> {
    let anybody = identity.anybody_may_register();
    let made = identity.governance().create_organization(&access, &body.name, anybody).await.map_err(refuse)?;
    Ok((StatusCode::CREATED, Json(MyOrganization::new(made, access.scope.org))))
}

/// Where to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SwitchOrganization {
    #[schema(value_type = String, example = "org_01900000000070008000000000000001")]
    organization_id: OrgId,
}

/// Goes over to another organisation of the caller's. The session is replaced by one of that organisation, which lasts as
/// long as the old one would have.
#[utoipa::path(
    post,
    path = "/auth/switch-organization",
    operation_id = "switchOrganization",
    tag = "access",
    request_body = SwitchOrganization,
    responses((status = 200, body = Me, description = "Gone over; `Set-Cookie` carries the new session."), ProblemResponses)
)]
async fn switch_organization(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Json(body): Json<SwitchOrganization>,
) -> ApiResult<Response> {
    let opened = identity.sessions().switch(&access, body.organization_id).await.map_err(refuse)?;
    welcome(&identity, opened).await
}
