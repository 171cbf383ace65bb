//! The routes of members.

use axum::extract::State;
use chrono::{DateTime, Utc};
use http::{HeaderValue, StatusCode, header};
use rhiza_kernel::{Permission, RoleRef, TeamId, UserId};
use rhiza_platform::authz::{AllowedOrg, OrgAccess, need};
use rhiza_web::{ApiError, ApiResult, Json, Page, PageQuery, Path, ProblemResponses, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Listed;
use super::system::Wanted;
use crate::access::name_of;
use crate::roles::OwnRole;
use crate::sessions::cookie;
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(list_members))
        .routes(routes!(get_member, update_member, remove_member))
        .routes(routes!(leave_organization))
}

/// A member of the organisation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Member {
    #[schema(value_type = String, example = "usr_01900000000070008000000000000001")]
    id: UserId,
    email: String,
    name: String,
    /// A fixed role, or the id of one of the organisation's own.
    #[schema(value_type = String, example = "reviewer")]
    role: RoleRef,
    /// The role as people call it.
    role_name: String,
    teams: Vec<TeamName>,
    joined_at: DateTime<Utc>,
    /// Whether the account is shut.
    disabled: bool,
    /// The last request in a session of this organisation, to within about a minute. Only for who manages members.
    last_seen_at: Option<DateTime<Utc>>,
    /// Whether the person has a second factor. Only for who manages members.
    second_factor: Option<bool>,
    /// Whether it is the caller.
    you: bool,
}

/// A team by its name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TeamName {
    #[schema(value_type = String, example = "team_01900000000070008000000000000001")]
    id: TeamId,
    name: String,
}

impl Member {
    pub(crate) fn of(listed: Listed, access: &OrgAccess, own_roles: &[OwnRole]) -> Self {
        let manages = access.principal.may_in_organization(Permission::MemberManage);
        Self {
            id: listed.user,
            email: listed.email,
            name: listed.name,
            role_name: name_of(own_roles, listed.role),
            role: listed.role,
            teams: listed.teams.into_iter().map(|(id, name)| TeamName { id, name }).collect(),
            joined_at: listed.joined_at,
            disabled: listed.disabled,
            last_seen_at: listed.last_seen_at.filter(|_| manages),
            second_factor: manages.then_some(listed.second_factor),
            you: access.principal.actor.user() == Some(listed.user),
        }
    }
}

/// Which members.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct MemberFilter {
    /// Part of the name or of the e-mail address.
    q: Option<String>,
}

/// Longest text that is searched for.
const MAX_SEARCH: usize = 200;

/// Lists the members of the organisation, by e-mail address.
#[utoipa::path(
    get,
    path = "/members",
    operation_id = "listMembers",
    tag = "access",
    params(MemberFilter, PageQuery),
    responses((status = 200, body = Page<Member>), ProblemResponses)
)]
async fn list_members(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    Query(filter): Query<MemberFilter>,
    page: PageQuery,
) -> ApiResult<Json<Page<Member>>> {
    let text = filter.q.map(|q| q.trim().chars().take(MAX_SEARCH).collect::<String>()).filter(|q| !q.is_empty());
    let wanted = Wanted { text, after: page.cursor()?, ..Wanted::default() };
    let governance = identity.governance();
    let found = governance.members(&access, wanted, page.fetch()).await?;
    let roles = governance.own_roles(&access).await?;
    let page = Page::from_overfetch(found, &page, |last| last.email_key.clone());
    Ok(Json(page.map(|member| Member::of(member, &access, &roles))))
}

/// One member of the organisation.
#[utoipa::path(
    get,
    path = "/members/{user_id}",
    operation_id = "getMember",
    tag = "access",
    params(("user_id" = String, Path, description = "The person's id.")),
    responses((status = 200, body = Member), ProblemResponses)
)]
async fn get_member(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    Path(user): Path<UserId>,
) -> ApiResult<Json<Member>> {
    let governance = identity.governance();
    let roles = governance.own_roles(&access).await?;
    Ok(Json(Member::of(governance.member(&access, user).await?, &access, &roles)))
}

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateMember {
    /// A fixed role, or the id of one of the organisation's own.
    #[schema(example = "reviewer")]
    role: String,
}

/// Gives a member another role in the organisation. The caller must have everything that the old and the new role
/// include, and be an owner to make one. The last owner stays one.
#[utoipa::path(
    patch,
    path = "/members/{user_id}",
    operation_id = "updateMember",
    tag = "access",
    params(("user_id" = String, Path, description = "The person's id.")),
    request_body = UpdateMember,
    responses((status = 200, body = Member), ProblemResponses)
)]
async fn update_member(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Path(user): Path<UserId>,
    Json(body): Json<UpdateMember>,
) -> ApiResult<Json<Member>> {
    let governance = identity.governance();
    let member = governance.change_member(&access, user, &body.role).await.map_err(refuse)?;
    let roles = governance.own_roles(&access).await?;
    Ok(Json(Member::of(member, &access, &roles)))
}

/// Removes a member. Their sessions, keys and tokens of this organisation, their teams and their roles in projects end
/// with the membership. The last owner cannot be removed.
#[utoipa::path(
    delete,
    path = "/members/{user_id}",
    operation_id = "removeMember",
    tag = "access",
    params(("user_id" = String, Path, description = "The person's id.")),
    responses((status = 204, description = "Removed."), ProblemResponses)
)]
async fn remove_member(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Path(user): Path<UserId>,
) -> ApiResult<StatusCode> {
    identity.governance().remove_member(&access, user).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Leaves the organisation; the session ends with it. The last owner cannot leave.
#[utoipa::path(
    post,
    path = "/organization/leave",
    operation_id = "leaveOrganization",
    tag = "access",
    responses((status = 204, description = "Left."), ProblemResponses)
)]
async fn leave_organization(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
) -> ApiResult<(StatusCode, [(header::HeaderName, HeaderValue); 1])> {
    identity.governance().leave(&access).await.map_err(refuse)?;
    let gone = HeaderValue::from_str(&cookie::clear()).map_err(ApiError::internal)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]))
}
