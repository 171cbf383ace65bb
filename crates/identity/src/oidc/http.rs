//! The routes of sign-in at providers. The two that a browser visits lead somewhere, whatever happens: what goes wrong
//! is said on the sign-in page.

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rhiza_kernel::Coded as _;
use rhiza_platform::authz::{AllowedOrg, need};
use rhiza_web::{ApiError, ApiResult, Json, Page, Path, ProblemResponses, Query};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cookie;
use super::service::{Arrival, Errand};
use super::system;
use crate::errors::IdentityError;
use crate::sessions::http::browser_of;
use crate::sessions::{self, Browser, Entrance};
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(callback))
        .routes(routes!(list_external_identities, unlink))
}

/// Somebody on the way to or from a provider. Unlike a visitor they may come from another site: that is the point of it.
struct Traveller(Browser);

impl FromRequestParts<Identity> for Traveller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, identity: &Identity) -> ApiResult<Self> {
        browser_of(parts, identity).map(Self)
    }
}

/// What for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Start {
    /// Path of this site to go to afterwards.
    return_to: Option<String>,
    /// Whether to link the account there to one's own here instead of signing in.
    #[serde(default)]
    link: bool,
    /// Secret of an invitation: lets in who has no account yet, when the provider vouches for the invited address.
    invitation: Option<String>,
}

/// What the provider sends along.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Callback {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// Begins a sign-in at a provider.
#[utoipa::path(
    get,
    path = "/auth/oidc/{provider}/start",
    operation_id = "startOidcSignIn",
    tag = "sessions",
    security(()),
    params(("provider" = String, Path, description = "The provider's name."), Start),
    responses((status = 302, description = "To the provider, or to the sign-in page with `error`."), ProblemResponses)
)]
async fn start(
    State(identity): State<Identity>,
    Traveller(browser): Traveller,
    Path(provider): Path<String>,
    Query(asked): Query<Start>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    // Only our own page may begin to link something to the account of who is signed in.
    let foreign = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    if asked.link && foreign {
        return lead("/sign-in", Some("Begin on your account's page."), None);
    }
    let errand =
        Errand { return_to: asked.return_to.as_deref(), link: asked.link, invitation: asked.invitation.clone() };
    let departure = identity.oidc().depart(&provider, errand, &browser).await;
    match departure {
        Ok(departure) => lead(departure.url.as_str(), None, Some(&departure.cookie)),
        Err(error @ (IdentityError::ProviderRefused(_) | IdentityError::Unconfirmed)) => {
            lead("/sign-in", Some(&error.public_detail()), None)
        }
        Err(error) => Err(refuse(error)),
    }
}

/// Ends a sign-in at a provider.
#[utoipa::path(
    get,
    path = "/auth/oidc/{provider}/callback",
    operation_id = "finishOidcSignIn",
    tag = "sessions",
    security(()),
    params(("provider" = String, Path, description = "The provider's name."), Callback),
    responses(
        (status = 302, description = "To the console, with `Set-Cookie`; or to the sign-in page with `error`."),
        ProblemResponses
    )
)]
async fn callback(
    State(identity): State<Identity>,
    Traveller(browser): Traveller,
    Path(provider): Path<String>,
    Query(said): Query<Callback>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let arrival = Arrival {
        state: said.state.unwrap_or_default(),
        code: said.code,
        error: said.error,
        issuer: said.iss,
        browser: cookie::brought(&headers),
    };
    match identity.oidc().arrive(&provider, arrival, &browser).await {
        Ok(arrived) => {
            let to = match &arrived.entrance {
                Some(Entrance::Challenged { secret, expires_at }) => {
                    second_step(&arrived.return_to, secret.expose(), *expires_at)
                }
                _ => arrived.return_to,
            };
            let mut response = lead(&to, None, Some(&cookie::clear()))?;
            if let Some(Entrance::Opened(opened)) = arrived.entrance {
                let session = value(&sessions::cookie::set(&opened.token, opened.life))?;
                response.headers_mut().append(header::SET_COOKIE, session);
            }
            Ok(response)
        }
        Err(error @ (IdentityError::ProviderRefused(_) | IdentityError::Unconfirmed | IdentityError::Throttled(_))) => {
            lead("/sign-in", Some(&error.public_detail()), Some(&cookie::clear()))
        }
        Err(error) => Err(refuse(error)),
    }
}

/// The page that asks for the second factor. What it needs stands in the fragment, which no log sees.
fn second_step(return_to: &str, challenge: &str, expires_at: DateTime<Utc>) -> String {
    let pairs = |pairs: &[(&str, &str)]| form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let expires_at = expires_at.to_rfc3339();
    let fragment = pairs(&[("challenge", challenge), ("expires_at", &expires_at)]);
    format!("/sign-in?{}#{fragment}", pairs(&[("next", return_to)]))
}

/// An answer that leads elsewhere.
fn lead(to: &str, error: Option<&str>, cookie: Option<&str>) -> ApiResult<Response> {
    let to = match error {
        Some(error) => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("error", error).finish();
            format!("{to}?{query}")
        }
        None => to.to_owned(),
    };
    let headers = [(header::LOCATION, value(&to)?), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let mut response = (StatusCode::FOUND, headers).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, value(cookie)?);
    }
    Ok(response)
}

fn value(text: &str) -> ApiResult<HeaderValue> {
    HeaderValue::from_str(text).map_err(ApiError::internal)
}

/// An account at a provider that opens one's own here.
#[derive(Debug, Serialize, ToSchema)]
struct ExternalIdentity {
    #[schema(example = "https://accounts.google.com")]
    issuer: String,
    subject: String,
    email: String,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<system::ExternalIdentity> for ExternalIdentity {
    fn from(found: system::ExternalIdentity) -> Self {
        let system::ExternalIdentity { issuer, subject, email, created_at, last_used_at } = found;
        Self { issuer, subject, email, created_at, last_used_at }
    }
}

/// Which one.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    issuer: String,
    subject: String,
}

/// Lists the caller's own accounts at providers, oldest first.
#[utoipa::path(
    get,
    path = "/me/external-identities",
    operation_id = "listExternalIdentities",
    tag = "account",
    responses((status = 200, body = Page<ExternalIdentity>), ProblemResponses)
)]
async fn list_external_identities(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
) -> ApiResult<Json<Page<ExternalIdentity>>> {
    let found = identity.oidc().list(&access).await.map_err(refuse)?;
    Ok(Json(Page { items: found.into_iter().map(ExternalIdentity::from).collect(), next_cursor: None }))
}

/// Unties an account at a provider from one's own, unless it is the last way in. Needs a proof of who one is that is at
/// most ten minutes old.
#[utoipa::path(
    delete,
    path = "/me/external-identities",
    operation_id = "deleteExternalIdentity",
    tag = "account",
    params(Which),
    responses((status = 204, description = "Untied."), ProblemResponses)
)]
async fn unlink(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Query(which): Query<Which>,
) -> ApiResult<StatusCode> {
    identity.oidc().unlink(&access, &which.issuer, &which.subject).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}
