//! The set-up page's two calls.

use axum::extract::State;
use axum::response::IntoResponse;
use rhiza_web::{ApiResult, Json, ProblemResponses};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::NewOwner;
use crate::people::http::Me;
use crate::sessions::http::{Visitor, welcome};
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(get_setup, set_up))
}

/// Whether the installation waits for its owner.
#[derive(Debug, Serialize, ToSchema)]
struct SetupState {
    needed: bool,
}

/// The owner and what the installation is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetUp {
    /// The token of the link that the server printed.
    #[schema(value_type = String)]
    token: SecretString,
    #[schema(example = "ada@example.com")]
    email: String,
    /// At least 12 characters.
    #[schema(value_type = String, format = "password")]
    password: SecretString,
    #[schema(example = "Ada Lovelace")]
    name: String,
    #[schema(example = "Analytical Engines")]
    organization: String,
    /// The first project; `Default` when absent.
    project: Option<String>,
}

/// Whether the installation waits for its owner.
#[utoipa::path(
    get,
    path = "/setup",
    operation_id = "getSetup",
    tag = "setup",
    security(()),
    responses((status = 200, body = SetupState), ProblemResponses)
)]
async fn get_setup(State(identity): State<Identity>) -> ApiResult<Json<SetupState>> {
    Ok(Json(SetupState { needed: identity.setup().is_needed().await? }))
}

/// Makes the bearer of the set-up link the owner, and signs them in. Works once.
#[utoipa::path(
    post,
    path = "/setup",
    operation_id = "setup",
    tag = "setup",
    security(()),
    request_body = SetUp,
    responses((status = 200, body = Me, description = "Signed in; `Set-Cookie` carries the session."), ProblemResponses)
)]
async fn set_up(
    State(identity): State<Identity>,
    Visitor(browser): Visitor,
    Json(body): Json<SetUp>,
) -> ApiResult<impl IntoResponse> {
    use secrecy::ExposeSecret as _;
    let owner = NewOwner {
        email: body.email,
        password: body.password,
        name: Some(body.name),
        organization: body.organization,
        project: body.project,
    };
    let opened = identity.setup().complete(body.token.expose_secret(), owner, &browser).await.map_err(refuse)?;
    welcome(&identity, opened).await
}
