//! Who am I.

use axum::extract::State;
use rhiza_kernel::{KeyId, OrgId, ProjectId, RoleRef, ServiceAccountId, UserId};
use rhiza_platform::authz::{AllowedOrg, Principal, need};
use rhiza_web::{ApiResult, Json, ProblemResponses};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Identity;

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(get_me))
}

/// The caller, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// The person; for an API key or access token, the person it acts for. `null` when it acts for a service account.
    user: Option<MeUser>,
    /// The service account that the API key or access token acts for.
    service_account: Option<MeServiceAccount>,
    /// The API key the call was made with, if it was one.
    #[schema(value_type = Option<String>)]
    key: Option<KeyId>,
    organization: MeOrganization,
    /// The projects that can be entered, oldest first.
    projects: Vec<MeProject>,
    /// The role in the organisation: a fixed one, or the id of one of the organisation's own.
    #[schema(value_type = String, example = "owner")]
    role: RoleRef,
    /// What may be done in the chosen project, as in the scopes of keys.
    permissions: Vec<&'static str>,
    /// What may be done to the organisation as a whole.
    organization_permissions: Vec<&'static str>,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
struct MeUser {
    #[schema(value_type = String, example = "usr_01900000000070008000000000000001")]
    id: UserId,
    email: String,
    name: String,
}

/// A program's own account.
#[derive(Debug, Serialize, ToSchema)]
struct MeServiceAccount {
    #[schema(value_type = String, example = "sva_01900000000070008000000000000001")]
    id: ServiceAccountId,
    name: String,
}

/// The organisation.
#[derive(Debug, Serialize, ToSchema)]
struct MeOrganization {
    #[schema(value_type = String, example = "org_01900000000070008000000000000001")]
    id: OrgId,
    name: String,
    slug: String,
}

/// A project that can be entered.
#[derive(Debug, Serialize, ToSchema)]
struct MeProject {
    #[schema(value_type = String, example = "prj_01900000000070008000000000000001")]
    id: ProjectId,
    name: String,
    slug: String,
    /// Whether only those with a role in it may enter.
    private: bool,
    /// The roles that count in this project.
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleRef>,
}

impl From<super::Me> for Me {
    fn from(me: super::Me) -> Self {
        Self {
            user: me.user.map(|user| MeUser { id: user.id, email: user.email, name: user.name }),
            service_account: me
                .service_account
                .map(|account| MeServiceAccount { id: account.id, name: account.name.as_ref().to_owned() }),
            key: me.key,
            organization: MeOrganization {
                id: me.organization.id,
                name: me.organization.name,
                slug: me.organization.slug,
            },
            projects: me
                .projects
                .into_iter()
                .map(|(p, roles)| MeProject { id: p.id, name: p.name, slug: p.slug, private: p.is_private, roles })
                .collect(),
            role: me.role,
            permissions: me.permissions.names(),
            organization_permissions: me.organization_permissions.names(),
        }
    }
}

/// What `principal` is told of itself.
pub(crate) async fn me_of(identity: &Identity, principal: &Principal) -> ApiResult<Me> {
    Ok(super::me(identity.db(), identity.projects(), principal).await?.into())
}

/// The caller: person or key, organisation, projects, permissions.
#[utoipa::path(
    get,
    path = "/me",
    operation_id = "getMe",
    tag = "sessions",
    responses((status = 200, body = Me), ProblemResponses)
)]
async fn get_me(State(identity): State<Identity>, access: AllowedOrg<need::OrganizationRead>) -> ApiResult<Json<Me>> {
    me_of(&identity, &access.principal).await.map(Json)
}
