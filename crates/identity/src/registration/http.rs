//! Registering, and what this installation offers to who is not signed in.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use rhiza_web::{ApiResult, Json, ProblemResponses};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::NewPerson;
use crate::people::http::Me;
use crate::sessions::http::{Challenge, Visitor, admit, welcome};
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(get_auth_options))
        .routes(routes!(register))
        .routes(routes!(verify_email))
        .routes(routes!(resend_verification))
}

/// How one can get in here.
#[derive(Serialize, ToSchema)]
struct AuthOptions {
    /// Who may register: `open` (everybody), `domain` (who has an address in one of the domains), `invite`.
    #[schema(example = "invite")]
    registration: &'static str,
    /// The domains whose addresses may register.
    registration_domains: Vec<String>,
    /// Whether letters are sent: without them nobody can register by themselves or reset a password.
    mail: bool,
    /// Whether one can sign in with a passkey.
    passkeys: bool,
    /// Other sites where one can sign in.
    providers: Vec<AuthProvider>,
}

/// Another site where one can sign in.
#[derive(Serialize, ToSchema)]
struct AuthProvider {
    /// Its name in addresses.
    name: String,
    /// Its name for people.
    label: String,
}

/// Who registers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Register {
    #[schema(example = "ada@example.com")]
    email: String,
    /// At least 12 characters.
    #[schema(value_type = String, format = "password")]
    password: SecretString,
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// The organisation to be founded, where everybody may register; one's own name when absent.
    organization: Option<String>,
    /// The token of an invitation to this address.
    #[schema(value_type = Option<String>)]
    invitation: Option<SecretString>,
}

/// What is to be done next.
#[derive(Serialize, ToSchema)]
struct Next {
    /// Always `verify_email`: follow the link in the letter.
    next: &'static str,
}

/// The secret out of a letter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LetterToken {
    /// What stands behind `#token=` in the link.
    #[schema(value_type = String)]
    pub(crate) token: SecretString,
}

/// An address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Address {
    #[schema(example = "ada@example.com")]
    pub(crate) email: String,
}

/// How one can get in here.
#[utoipa::path(
    get,
    path = "/auth/options",
    operation_id = "getAuthOptions",
    tag = "sessions",
    security(()),
    responses((status = 200, body = AuthOptions), ProblemResponses)
)]
async fn get_auth_options(State(identity): State<Identity>) -> Json<AuthOptions> {
    let rules = identity.registrations().rules();
    Json(AuthOptions {
        registration: rules.mode.as_str(),
        registration_domains: rules.domains.clone(),
        mail: identity.registrations().has_mail(),
        passkeys: identity.offers_passkeys(),
        providers: identity
            .providers()
            .map(|(name, label)| AuthProvider { name: name.to_owned(), label: label.to_owned() })
            .collect(),
    })
}

/// Registers. Without an invitation the answer is always the same, whether or not the address has an account: a letter
/// tells its owner how to go on. With one, the address is proved, and they are signed in.
#[utoipa::path(
    post,
    path = "/auth/register",
    operation_id = "register",
    tag = "sessions",
    security(()),
    request_body = Register,
    responses(
        (status = 200, body = Me, description = "Signed in; `Set-Cookie` carries the session."),
        (status = 202, body = Next, description = "A letter is on its way."),
        ProblemResponses
    )
)]
async fn register(
    State(identity): State<Identity>,
    Visitor(browser): Visitor,
    Json(body): Json<Register>,
) -> ApiResult<Response> {
    let person =
        NewPerson { email: body.email, password: body.password, name: body.name, organization: body.organization };
    if let Some(invitation) = body.invitation {
        let accepted = identity.registrations().accept(person, invitation.expose_secret(), &browser).await;
        return welcome(&identity, accepted.map_err(refuse)?).await;
    }
    identity.registrations().register(person, &browser).await.map_err(refuse)?;
    Ok((StatusCode::ACCEPTED, Json(Next { next: "verify_email" })).into_response())
}

/// Proves an address with the secret of a letter, and signs its owner in.
#[utoipa::path(
    post,
    path = "/auth/verify-email",
    operation_id = "verifyEmail",
    tag = "sessions",
    security(()),
    request_body = LetterToken,
    responses(
        (status = 200, body = Me, description = "Signed in; `Set-Cookie` carries the session."),
        (status = 202, body = Challenge, description = "A second factor is due."),
        ProblemResponses
    )
)]
async fn verify_email(
    State(identity): State<Identity>,
    Visitor(browser): Visitor,
    Json(body): Json<LetterToken>,
) -> ApiResult<Response> {
    let entrance = identity.registrations().verify(body.token.expose_secret(), &browser).await.map_err(refuse)?;
    admit(&identity, entrance).await
}

/// Sends the letter that proves an address once more, if there is one to send. The answer tells nothing.
#[utoipa::path(
    post,
    path = "/auth/verify-email/resend",
    operation_id = "resendVerification",
    tag = "sessions",
    security(()),
    request_body = Address,
    responses((status = 202, description = "If somebody waits for it, a letter is on its way."), ProblemResponses)
)]
async fn resend_verification(
    State(identity): State<Identity>,
    Visitor(browser): Visitor,
    Json(body): Json<Address>,
) -> ApiResult<StatusCode> {
    identity.registrations().send_again(&body.email, &browser).await.map_err(refuse)?;
    Ok(StatusCode::ACCEPTED)
}
