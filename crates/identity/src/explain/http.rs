//! The route that says why.

use axum::extract::State;
use rhiza_kernel::{KeyId, Permission, ProjectId, RoleRef, UserId};
use rhiza_platform::authz::SignedIn;
use rhiza_web::{ApiResult, Json, ProblemResponses};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Asked;
use crate::errors::IdentityError;
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(explain_access))
}

/// A question about what somebody may do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExplainAccess {
    #[schema(example = "models:review")]
    permission: String,
    /// In this project; else about the organisation as a whole.
    #[schema(value_type = Option<String>, example = "prj_01900000000070008000000000000001")]
    project: Option<ProjectId>,
    /// Of this member instead of the caller; needs `members:manage`.
    #[schema(value_type = Option<String>)]
    user: Option<UserId>,
    /// Of this key: one's own, or with `members:manage` anybody's.
    #[schema(value_type = Option<String>)]
    key: Option<KeyId>,
}

/// Why it is allowed or denied.
#[derive(Debug, Serialize, ToSchema)]
struct AccessExplanation {
    allowed: bool,
    permission: &'static str,
    /// The roles that count there.
    roles: Vec<ExplainedRole>,
    /// The policies that led to the answer. Where none permits it, it is denied and none is named.
    reasons: Vec<ExplainedReason>,
    /// Whether the scopes of the key or token let it pass; always so for a session.
    scopes_allow: bool,
    /// What would help, when it is denied.
    hint: Option<String>,
}

/// A role that counts.
#[derive(Debug, Serialize, ToSchema)]
struct ExplainedRole {
    #[schema(value_type = String, example = "viewer")]
    id: RoleRef,
    name: String,
    /// `organization` or `project`.
    given_in: &'static str,
}

/// A policy that counted.
#[derive(Debug, Serialize, ToSchema)]
struct ExplainedReason {
    #[schema(example = "role-reviewer")]
    policy: String,
    /// `permit` or `forbid`.
    effect: &'static str,
    text: String,
}

/// Says why the caller may do something, or not, and whom to ask. With `members:manage` also about others.
#[utoipa::path(
    post,
    path = "/access/explain",
    operation_id = "explainAccess",
    tag = "access",
    request_body = ExplainAccess,
    responses((status = 200, body = AccessExplanation), ProblemResponses)
)]
async fn explain_access(
    State(identity): State<Identity>,
    SignedIn(access): SignedIn,
    Json(body): Json<ExplainAccess>,
) -> ApiResult<Json<AccessExplanation>> {
    let permission: Permission =
        body.permission.parse().map_err(|_| IdentityError::field("/permission", "is not a permission"))?;
    if body.user.is_some() && body.key.is_some() {
        return Err(IdentityError::field("/key", "cannot be asked about together with a member").into());
    }
    let asked = Asked { permission, project: body.project, user: body.user, key: body.key };
    let explained = identity.governance().explain(&access, asked).await.map_err(refuse)?;
    let role = |held: super::RoleHeld| ExplainedRole {
        id: held.role,
        name: held.name,
        given_in: if held.in_project { "project" } else { "organization" },
    };
    let reason = |reason: rhiza_platform::authz::Reason| ExplainedReason {
        policy: reason.policy,
        effect: if reason.permits { "permit" } else { "forbid" },
        text: reason.says,
    };
    Ok(Json(AccessExplanation {
        allowed: explained.allowed,
        permission: permission.as_str(),
        roles: explained.roles.into_iter().map(role).collect(),
        reasons: explained.reasons.into_iter().map(reason).collect(),
        scopes_allow: explained.scopes_allow,
        hint: explained.hint,
    }))
}
