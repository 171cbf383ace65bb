//! The routes of teams.

use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use http::StatusCode;
use rhiza_kernel::{TeamId, UserId};
use rhiza_platform::authz::{AllowedOrg, need};
use rhiza_web::{ApiResult, Etag, IfMatch, Json, Page, PageQuery, Path, ProblemResponses};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{NewTeam, TeamChange};
use crate::members::http::Member;
use crate::members::system::Wanted;
use crate::{Identity, people, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(list_teams, create_team))
        .routes(routes!(get_team, update_team, delete_team))
        .routes(routes!(list_team_members))
        .routes(routes!(add_team_member, remove_team_member))
}

/// Members of the organisation who get roles in projects together.
#[derive(Debug, Serialize, ToSchema)]
struct Team {
    #[schema(value_type = String, example = "team_01900000000070008000000000000001")]
    id: TeamId,
    name: String,
    description: String,
    /// How many belong to it.
    members: i64,
    created_at: DateTime<Utc>,
}

impl From<super::Team> for Team {
    fn from(team: super::Team) -> Self {
        Self {
            id: team.id,
            name: team.name,
            description: team.description,
            members: team.members,
            created_at: team.created_at,
        }
    }
}

/// Lists the organisation's teams, by name.
#[utoipa::path(
    get,
    path = "/teams",
    operation_id = "listTeams",
    tag = "access",
    params(PageQuery),
    responses((status = 200, body = Page<Team>), ProblemResponses)
)]
async fn list_teams(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    page: PageQuery,
) -> ApiResult<Json<Page<Team>>> {
    let found = identity.governance().teams(&access, page.cursor()?, page.fetch()).await?;
    Ok(Json(Page::from_overfetch(found, &page, |last| people::fold(&last.name)).map(Team::from)))
}

/// A team to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateTeam {
    #[schema(example = "Fraud detection")]
    name: String,
    description: Option<String>,
}

/// Makes a team. It has no members and no roles yet.
#[utoipa::path(
    post,
    path = "/teams",
    operation_id = "createTeam",
    tag = "access",
    request_body = CreateTeam,
    responses((status = 201, body = Team), ProblemResponses)
)]
async fn create_team(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Json(body): Json<CreateTeam>,
) -> ApiResult<impl IntoResponse> {
    let new = NewTeam { name: body.name, description: body.description };
    let team = identity.governance().create_team(&access, new).await.map_err(refuse)?;
    Ok((StatusCode::CREATED, Etag::revision(team.revision), Json(Team::from(team))))
}

/// One team. Its `ETag` goes into the `If-Match` of a change.
#[utoipa::path(
    get,
    path = "/teams/{team_id}",
    operation_id = "getTeam",
    tag = "access",
    params(("team_id" = String, Path, description = "The team's id.")),
    responses((status = 200, body = Team), ProblemResponses)
)]
async fn get_team(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    Path(id): Path<TeamId>,
) -> ApiResult<impl IntoResponse> {
    let team = identity.governance().team(&access, id).await?;
    Ok((Etag::revision(team.revision), Json(Team::from(team))))
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateTeam {
    name: Option<String>,
    description: Option<String>,
}

/// Renames or describes a team. With `If-Match`, only if nobody else has changed it since it was read.
#[utoipa::path(
    patch,
    path = "/teams/{team_id}",
    operation_id = "updateTeam",
    tag = "access",
    params(
        ("team_id" = String, Path, description = "The team's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag the team had when it was read.")
    ),
    request_body = UpdateTeam,
    responses((status = 200, body = Team), ProblemResponses)
)]
async fn update_team(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Path(id): Path<TeamId>,
    if_match: IfMatch,
    Json(body): Json<UpdateTeam>,
) -> ApiResult<impl IntoResponse> {
    let change = TeamChange { name: body.name, description: body.description };
    let still_as_seen = |revision| if_match.require(&Etag::revision(revision)).is_ok();
    let team = identity.governance().update_team(&access, id, change, still_as_seen).await.map_err(refuse)?;
    Ok((Etag::revision(team.revision), Json(Team::from(team))))
}

/// Removes a team, and with it the roles in projects that its members had through it.
#[utoipa::path(
    delete,
    path = "/teams/{team_id}",
    operation_id = "deleteTeam",
    tag = "access",
    params(("team_id" = String, Path, description = "The team's id.")),
    responses((status = 204, description = "Removed."), ProblemResponses)
)]
async fn delete_team(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Path(id): Path<TeamId>,
) -> ApiResult<StatusCode> {
    identity.governance().delete_team(&access, id).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the members of a team, by e-mail address.
#[utoipa::path(
    get,
    path = "/teams/{team_id}/members",
    operation_id = "listTeamMembers",
    tag = "access",
    params(("team_id" = String, Path, description = "The team's id."), PageQuery),
    responses((status = 200, body = Page<Member>), ProblemResponses)
)]
async fn list_team_members(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    Path(id): Path<TeamId>,
    page: PageQuery,
) -> ApiResult<Json<Page<Member>>> {
    let governance = identity.governance();
    governance.team(&access, id).await?;
    let wanted = Wanted { team: Some(id), after: page.cursor()?, ..Wanted::default() };
    let found = governance.members(&access, wanted, page.fetch()).await?;
    let roles = governance.own_roles(&access).await?;
    let page = Page::from_overfetch(found, &page, |last| last.email_key.clone());
    Ok(Json(page.map(|member| Member::of(member, &access, &roles))))
}

/// Puts a member of the organisation into a team, which gives them the team's roles: the caller must have all of those.
#[utoipa::path(
    put,
    path = "/teams/{team_id}/members/{user_id}",
    operation_id = "addTeamMember",
    tag = "access",
    params(
        ("team_id" = String, Path, description = "The team's id."),
        ("user_id" = String, Path, description = "The person's id.")
    ),
    responses((status = 204, description = "They are in the team."), ProblemResponses)
)]
async fn add_team_member(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Path((team, user)): Path<(TeamId, UserId)>,
) -> ApiResult<StatusCode> {
    identity.governance().join_team(&access, team, user).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a member out of a team.
#[utoipa::path(
    delete,
    path = "/teams/{team_id}/members/{user_id}",
    operation_id = "removeTeamMember",
    tag = "access",
    params(
        ("team_id" = String, Path, description = "The team's id."),
        ("user_id" = String, Path, description = "The person's id.")
    ),
    responses((status = 204, description = "They are not in the team."), ProblemResponses)
)]
async fn remove_team_member(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Path((team, user)): Path<(TeamId, UserId)>,
) -> ApiResult<StatusCode> {
    identity.governance().part_team(&access, team, user).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}
