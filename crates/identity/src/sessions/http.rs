//! Signing in and out, and one's sessions.

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use rhiza_kernel::SessionId;
use rhiza_platform::authz::{AllowedOrg, SESSION_COOKIE, need};
use rhiza_web::{ApiError, ApiResult, ClientAddr, Json, Page, PageQuery, Path, ProblemResponses, RequestId, Transport};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Browser, Entrance, Opened, SessionToken, cookie};
use crate::errors::IdentityError;
use crate::people::http::{Me, me_of};
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(sign_in))
        .routes(routes!(sign_out))
        .routes(routes!(list_sessions))
        .routes(routes!(delete_session))
}

/// Someone at the door: a request for a session that passed the checks a session cookie depends on. It was made by
/// our own page (or by a program, which says nothing about pages), and over a connection where the cookie will be kept.
pub(crate) struct Visitor(pub(crate) Browser);

impl FromRequestParts<Identity> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, identity: &Identity) -> ApiResult<Self> {
        // Another site must not be able to sign a browser in under an account of its choice. Browsers send at least
        // one of these headers with every POST; what sends neither is no browser and carries nobody's cookies.
        if parts.headers.contains_key(header::ORIGIN) || parts.headers.contains_key("sec-fetch-site") {
            identity.origins().check(parts)?;
        }
        browser_of(parts, identity).map(Self)
    }
}

/// The browser behind a request, on a connection where it will keep the cookie.
pub(crate) fn browser_of(parts: &Parts, identity: &Identity) -> ApiResult<Browser> {
    let host = host(parts);
    let secure = Transport::of(parts).secure || identity.is_https_site(&host);
    if !secure && !cookie::kept_over_plain_http(&host) {
        return Err(IdentityError::PlainHttp { host }.into());
    }
    Ok(Browser {
        address: ClientAddr::of(parts)?.ip(),
        user_agent: text(parts, &header::USER_AGENT).map(str::to_owned),
        request_id: RequestId::of(&parts.extensions).map(|id| id.as_str().to_owned()),
        previous: previous(parts),
    })
}

fn text<'a>(parts: &'a Parts, name: &header::HeaderName) -> Option<&'a str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}

fn host(parts: &Parts) -> String {
    // HTTP/2 carries it in the URI.
    let host = text(parts, &header::HOST).or_else(|| parts.uri.authority().map(|a| a.as_str()));
    host.unwrap_or_default().to_owned()
}

/// The session the browser holds already.
fn previous(parts: &Parts) -> Option<SessionToken> {
    let lines = parts.headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .and_then(|(_, value)| SessionToken::parse(value))
}

/// The `Set-Cookie` value that hands `token` to the browser.
pub(crate) fn cookie_of(identity: &Identity, token: &SessionToken) -> ApiResult<HeaderValue> {
    header_value(&cookie::set(token, identity.sessions().life()))
}

/// The `Set-Cookie` value that takes the session's cookie away.
pub(crate) fn no_cookie() -> ApiResult<HeaderValue> {
    header_value(&cookie::clear())
}

/// The answer that hands out a session.
pub(crate) async fn welcome(identity: &Identity, opened: Opened) -> ApiResult<Response> {
    let principal = identity.principal_of(&opened).await?;
    let me: Me = me_of(identity, &principal).await?;
    let cookie = header_value(&cookie::set(&opened.token, opened.life))?;
    let headers = [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, Json(me)).into_response())
}

fn header_value(text: &str) -> ApiResult<HeaderValue> {
    HeaderValue::from_str(text).map_err(ApiError::internal)
}

/// E-mail address and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    #[schema(example = "ada@example.com")]
    email: String,
    #[schema(value_type = String, format = "password")]
    password: SecretString,
}

/// A second factor is due. The sign-in goes on with `POST /auth/second-factor`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Challenge {
    /// Names this sign-in.
    challenge: String,
    /// What may be shown: `totp`, `recovery_code`.
    methods: Vec<&'static str>,
    /// Until when.
    expires_at: DateTime<Utc>,
}

/// The answer to whoever may come in, or is asked for a second factor.
pub(crate) async fn admit(identity: &Identity, entrance: Entrance) -> ApiResult<Response> {
    match entrance {
        Entrance::Opened(opened) => welcome(identity, opened).await,
        Entrance::Challenged { secret, expires_at } => {
            let body =
                Challenge { challenge: secret.expose().to_owned(), methods: vec!["totp", "recovery_code"], expires_at };
            let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            Ok((StatusCode::ACCEPTED, headers, Json(body)).into_response())
        }
    }
}

/// Signs in with e-mail address and password, and sets the session cookie, unless a second factor is due.
#[utoipa::path(
    post,
    path = "/auth/sign-in",
    operation_id = "signIn",
    tag = "sessions",
    security(()),
    request_body = SignIn,
    responses(
        (status = 200, body = Me, description = "Signed in; `Set-Cookie` carries the session."),
        (status = 202, body = Challenge, description = "A second factor is due."),
        ProblemResponses
    )
)]
async fn sign_in(
    State(identity): State<Identity>,
    Visitor(browser): Visitor,
    Json(body): Json<SignIn>,
) -> ApiResult<impl IntoResponse> {
    let entrance = identity.sessions().sign_in(&body.email, body.password, &browser).await.map_err(refuse)?;
    admit(&identity, entrance).await
}

/// Ends the session of the request and takes its cookie away.
#[utoipa::path(
    post,
    path = "/auth/sign-out",
    operation_id = "signOut",
    tag = "sessions",
    responses((status = 204, description = "Signed out."), ProblemResponses)
)]
async fn sign_out(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
) -> ApiResult<impl IntoResponse> {
    identity.sessions().sign_out(&access).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, no_cookie()?)]))
}

/// A browser session.
#[derive(Debug, Serialize, ToSchema)]
struct Session {
    #[schema(value_type = String, example = "ses_01900000000070008000000000000001")]
    id: SessionId,
    created_at: DateTime<Utc>,
    /// The last request, to within about a minute.
    last_seen_at: DateTime<Utc>,
    /// When it ends if nothing more is heard from it.
    expires_at: DateTime<Utc>,
    /// Where the person signed in from.
    ip: Option<String>,
    user_agent: Option<String>,
    /// How the person signed in: `password`, `passkey` or `oidc`.
    #[schema(example = "password")]
    method: &'static str,
    /// Whether a second factor was shown.
    second_factor: bool,
    /// Whether this is the session that asks.
    current: bool,
}

/// Lists the caller's own sessions, newest first.
#[utoipa::path(
    get,
    path = "/sessions",
    operation_id = "listSessions",
    tag = "sessions",
    params(PageQuery),
    responses((status = 200, body = Page<Session>), ProblemResponses)
)]
async fn list_sessions(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    page: PageQuery,
) -> ApiResult<Json<Page<Session>>> {
    let current = super::service::session_of(&access.principal.actor);
    let found = identity.sessions().page(&access, page.cursor()?, page.fetch()).await?;
    Ok(Json(Page::from_overfetch(found, &page, |last| last.id).map(|session| Session {
        id: session.id,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
        ip: session.address,
        user_agent: session.user_agent,
        method: session.method.as_str(),
        second_factor: session.second_factor,
        current: current == Some(session.id),
    })))
}

/// Ends one of the caller's own sessions.
#[utoipa::path(
    delete,
    path = "/sessions/{session_id}",
    operation_id = "deleteSession",
    tag = "sessions",
    params(("session_id" = String, Path, description = "The session's id.")),
    responses((status = 204, description = "Ended."), ProblemResponses)
)]
async fn delete_session(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Path(id): Path<SessionId>,
) -> ApiResult<StatusCode> {
    identity.sessions().revoke(&access, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
