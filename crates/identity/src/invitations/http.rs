//! The routes of invitations.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use http::StatusCode;
use rhiza_kernel::{InvitationId, RoleRef, TeamId, UserId};
use rhiza_platform::authz::{AllowedOrg, OrgAccess, need};
use rhiza_web::{ApiResult, Json, Page, PageQuery, Path, ProblemResponses};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::NewInvitation;
use crate::access::name_of;
use crate::people::http::Me;
use crate::roles::OwnRole;
use crate::sessions::http::welcome;
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(list_invitations, create_invitation))
        .routes(routes!(accept_invitation))
        .routes(routes!(revoke_invitation))
        .routes(routes!(resend_invitation))
        .routes(routes!(get_invitation))
}

/// An invitation that nobody has accepted yet. Its secret is in the letter and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
struct Invitation {
    #[schema(value_type = String, example = "inv_01900000000070008000000000000001")]
    id: InvitationId,
    email: String,
    /// A fixed role, or the id of one of the organisation's own.
    #[schema(value_type = String, example = "engineer")]
    role: RoleRef,
    /// The role as people call it.
    role_name: String,
    /// Teams to join at once, by id.
    #[schema(value_type = Vec<String>)]
    teams: Vec<TeamId>,
    #[schema(value_type = String)]
    invited_by: UserId,
    created_at: DateTime<Utc>,
    /// Until when it can be accepted; send it again after that.
    expires_at: DateTime<Utc>,
}

impl Invitation {
    fn new(invitation: super::Invitation, own_roles: &[OwnRole]) -> Self {
        Self {
            id: invitation.id,
            email: invitation.email,
            role_name: name_of(own_roles, invitation.role),
            role: invitation.role,
            teams: invitation.teams,
            invited_by: invitation.invited_by,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}

async fn told(identity: &Identity, access: &OrgAccess, invitation: super::Invitation) -> ApiResult<Json<Invitation>> {
    let roles = identity.governance().own_roles(access).await?;
    Ok(Json(Invitation::new(invitation, &roles)))
}

/// Lists the invitations that nobody has accepted, newest first.
#[utoipa::path(
    get,
    path = "/invitations",
    operation_id = "listInvitations",
    tag = "access",
    params(PageQuery),
    responses((status = 200, body = Page<Invitation>), ProblemResponses)
)]
async fn list_invitations(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    page: PageQuery,
) -> ApiResult<Json<Page<Invitation>>> {
    let found = identity.invitations().open(&access, page.cursor()?, page.fetch()).await?;
    let roles = identity.governance().own_roles(&access).await?;
    Ok(Json(Page::from_overfetch(found, &page, |last| last.id).map(|found| Invitation::new(found, &roles))))
}

/// Somebody to be invited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateInvitation {
    #[schema(example = "grace@example.com")]
    email: String,
    /// A fixed role, or the id of one of the organisation's own; the caller must have everything in it.
    #[schema(example = "engineer")]
    role: String,
    /// Teams to join at once, by id.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    teams: Vec<TeamId>,
}

/// Invites somebody by mail. The link in the letter can be used once, for a week, by whoever has that address.
#[utoipa::path(
    post,
    path = "/invitations",
    operation_id = "createInvitation",
    tag = "access",
    request_body = CreateInvitation,
    responses((status = 201, body = Invitation), ProblemResponses)
)]
async fn create_invitation(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Json(body): Json<CreateInvitation>,
) -> ApiResult<(StatusCode, Json<Invitation>)> {
    let new = NewInvitation { email: body.email, role: body.role, teams: body.teams };
    let made = identity.invitations().invite(&access, new).await.map_err(refuse)?;
    Ok((StatusCode::CREATED, told(&identity, &access, made).await?))
}

/// Withdraws an invitation.
#[utoipa::path(
    delete,
    path = "/invitations/{invitation_id}",
    operation_id = "revokeInvitation",
    tag = "access",
    params(("invitation_id" = String, Path, description = "The invitation's id.")),
    responses((status = 204, description = "Withdrawn."), ProblemResponses)
)]
async fn revoke_invitation(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Path(id): Path<InvitationId>,
) -> ApiResult<StatusCode> {
    identity.invitations().revoke(&access, id).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends an invitation again, with another link, for another week. The link before no longer works.
#[utoipa::path(
    post,
    path = "/invitations/{invitation_id}/resend",
    operation_id = "resendInvitation",
    tag = "access",
    params(("invitation_id" = String, Path, description = "The invitation's id.")),
    responses((status = 200, body = Invitation), ProblemResponses)
)]
async fn resend_invitation(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Path(id): Path<InvitationId>,
) -> ApiResult<Json<Invitation>> {
    let sent = identity.invitations().resend(&access, id).await.map_err(refuse)?;
    told(&identity, &access, sent).await
}

/// The secret of an invitation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InvitationToken {
    /// What stands behind `#token=` in the link.
    #[schema(value_type = String, format = "password")]
    token: SecretString,
}

/// What an invitation offers.
#[derive(Debug, Serialize, ToSchema)]
struct InvitationOffer {
    organization: String,
    /// The address it was sent to; only who has it can accept.
    email: String,
    /// Who invites.
    inviter: String,
    /// The role as people call it.
    role: String,
    /// Whether the address has an account already: then sign in and accept, else register with the invitation.
    account_exists: bool,
}

/// What the invitation of a link offers, to who holds the link.
#[utoipa::path(
    post,
    path = "/auth/invitation",
    operation_id = "getInvitation",
    tag = "access",
    security(()),
    request_body = InvitationToken,
    responses((status = 200, body = InvitationOffer), ProblemResponses)
)]
async fn get_invitation(
    State(identity): State<Identity>,
    Json(body): Json<InvitationToken>,
) -> ApiResult<Json<InvitationOffer>> {
    let offer = identity.invitations().offer(body.token.expose_secret()).await.map_err(refuse)?;
    Ok(Json(InvitationOffer {
        organization: offer.organization,
        email: offer.email,
        inviter: offer.inviter,
        role: offer.role,
        account_exists: offer.account_exists,
    }))
}

/// Accepts an invitation to the caller's own address, and goes over to the organisation that invites.
#[utoipa::path(
    post,
    path = "/invitations/accept",
    operation_id = "acceptInvitation",
    tag = "access",
    request_body = InvitationToken,
    responses((status = 200, body = Me, description = "A member now; `Set-Cookie` carries a session there."), ProblemResponses)
)]
async fn accept_invitation(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Json(body): Json<InvitationToken>,
) -> ApiResult<Response> {
    let org = identity.invitations().come(&access, body.token.expose_secret()).await.map_err(refuse)?;
    let opened = identity.sessions().switch(&access, org).await.map_err(refuse)?;
    welcome(&identity, opened).await
}
