//! Calls to the MLflow server that is copied from: credentials, patience, pages and downloads.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use rhiza_platform::outbound::{OperatorClient, operator_client};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::commands::import_wire::Paged;
use crate::error::Failure;
use crate::settings::SourceCredentials;

/// A server that does not take the connection in this time is not there.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest silence within an answer: MLflow computes long histories before it sends the first byte.
const SILENCE: Duration = Duration::from_secs(120);
/// How often a call may be sent elsewhere; servers behind proxies do it once or twice. Passwords do not go along to
/// another host.
const REDIRECTS: usize = 5;
/// How often a call is made before its failure counts.
const ATTEMPTS: u32 = 6;
/// The wait before the second attempt; it doubles from one to the next.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// No wait is longer, whatever the server asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How much of an answer that is no MLflow error is shown.
const SHOWN: usize = 300;

/// Why a call failed for good.
#[derive(Debug)]
pub(crate) struct CallError {
    /// The status of the answer, if there was one.
    pub(crate) status: Option<StatusCode>,
    /// The call, and what came of it.
    pub(crate) message: String,
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl CallError {
    /// Whether the server does not have what was asked for, or never heard of such a call.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(
            self.status,
            Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED)
        )
    }
}

/// Why a copy ended early.
impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::failed(error.message)
    }
}

/// The result of a call.
pub(crate) type Called<T> = Result<T, CallError>;

/// The server that is copied from.
#[derive(Clone)]
pub(crate) struct Source {
    client: Client,
    base: Url,
    credentials: SourceCredentials,
}

impl Source {
    /// A source at that address. What stands before an `@` in it is taken as user name and password.
    pub(crate) fn new(uri: &str, mut credentials: SourceCredentials) -> Result<Self, String> {
        let mut base = Url::parse(uri).map_err(|e| format!("--uri {uri:?} is not an address: {e}"))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(format!("--uri {uri:?} must begin with http:// or https://: it names a running MLflow server"));
        }
        if !base.username().is_empty() {
            credentials = SourceCredentials::in_address(&base);
        }
        // Neither call can fail: the scheme has an authority.
        base.set_username("").and_then(|()| base.set_password(None)).ok();
        base.set_query(None);
        base.set_fragment(None);
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        // The operator types this one address; there is nothing to guard it from.
        let options = OperatorClient {
            connect: CONNECT,
            silence: SILENCE,
            total: None,
            redirects: REDIRECTS,
            ..OperatorClient::default()
        };
        let client = operator_client(&options).map_err(|e| format!("cannot make connections: {}", chain(&e)))?;
        Ok(Self { client, base, credentials })
    }

    /// The address, without credentials.
    pub(crate) fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.client.request(method, url);
        match &self.credentials {
            SourceCredentials::None => request,
            SourceCredentials::Bearer(token) => request.bearer_auth(token.expose_secret()),
            SourceCredentials::Basic(user, password) => request.basic_auth(user, Some(password.expose_secret())),
        }
    }

    /// `GET /api/2.0/…`
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Called<T> {
        let url = self.url(&[&["api", "2.0"], path].concat(), query);
        let response = self.send(Method::GET, &url, None).await?;
        read(&url, response).await
    }

    /// `POST /api/2.0/…`
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Called<T> {
        let url = self.url(&[&["api", "2.0"], path].concat(), &[]);
        let response = self.send(Method::POST, &url, Some(body)).await?;
        read(&url, response).await
    }

    /// The next part of a list that is asked for with `POST`; `token` is where to go on, and is moved forward. `None`
    /// after the last part.
    pub(crate) async fn post_page<P>(&self, path: &[&str], body: &Value, token: &mut PageToken) -> Called<Option<P>>
    where
        P: DeserializeOwned + Paged,
    {
        let Some(at) = token.0.take() else { return Ok(None) };
        let mut body = body.clone();
        if !at.is_empty() {
            body["page_token"] = Value::from(at.clone());
        }
        let mut page: P = self.post(path, &body).await?;
        token.advance(&at, page.next(), path)?;
        Ok(Some(page))
    }

    /// As [`Self::post_page`], with `GET`.
    pub(crate) async fn get_page<P>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        token: &mut PageToken,
    ) -> Called<Option<P>>
    where
        P: DeserializeOwned + Paged,
    {
        let Some(at) = token.0.take() else { return Ok(None) };
        let mut query = query.to_vec();
        if !at.is_empty() {
            query.push(("page_token", &at));
        }
        let mut page: P = self.get(path, &query).await?;
        token.advance(&at, page.next(), path)?;
        Ok(Some(page))
    }

    /// The bytes that `GET` of a path gives, as they come. Nothing is put before the path.
    pub(crate) async fn download(&self, path: &[&str], query: &[(&str, &str)]) -> Called<Response> {
        self.send(Method::GET, &self.url(path, query), None).await
    }

    /// Makes a call, again and again while there is hope; the answer is a good one.
    async fn send(&self, method: Method, url: &Url, body: Option<&Value>) -> Called<Response> {
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let mut request = self.request(method.clone(), url.clone());
            if let Some(body) = body {
                request = request.json(body);
            }
            let last = attempt >= ATTEMPTS;
            match request.send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) if last || !is_passing(response.status()) => return Err(refusal(url, response).await),
                Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    let asked = asked_wait(response.headers());
                    let refusal = refusal(url, response).await;
                    // Some servers say with 503 that they will never do this.
                    if refusal.message.contains("no-serve-artifacts") {
                        return Err(CallError { status: Some(StatusCode::NOT_IMPLEMENTED), ..refusal });
                    }
                    tokio::time::sleep(asked.unwrap_or(wait).min(LONGEST_WAIT)).await;
                }
                Ok(response) => {
                    let asked = asked_wait(response.headers());
                    tracing::debug!(%url, status = %response.status(), "the source asks for patience");
                    tokio::time::sleep(asked.unwrap_or(wait).min(LONGEST_WAIT)).await;
                }
                Err(error) if last || error.is_builder() => return Err(broken(url, &error)),
                Err(error) => {
                    tracing::debug!(%url, error = chain(&error), "a call failed and is made again");
                    tokio::time::sleep(wait).await;
                }
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Err(CallError { status: None, message: format!("{url}: no attempt was made") })
    }
}

/// Where a list goes on: an empty text is its beginning, `None` its end.
pub(crate) struct PageToken(Option<String>);

impl PageToken {
    /// The beginning of a list.
    pub(crate) const fn first() -> Self {
        Self(Some(String::new()))
    }

    fn advance(&mut self, at: &str, next: Option<String>, path: &[&str]) -> Called<()> {
        if next.as_deref() == Some(at) {
            let message = format!("{}: the server's pages lead back to the same page", path.join("/"));
            return Err(CallError { status: None, message });
        }
        self.0 = next;
        Ok(())
    }
}

/// Whether the same call may well succeed later. 501 never does: the server does not know the call.
fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
        || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

async fn read<T: DeserializeOwned>(url: &Url, response: Response) -> Called<T> {
    let bytes = response.bytes().await.map_err(|e| broken(url, &e))?;
    serde_json::from_slice(&bytes).map_err(|e| {
        let message = format!("{url}: the answer is not MLflow's: {e}: {}", shown(&bytes));
        CallError { status: None, message }
    })
}

async fn refusal(url: &Url, response: Response) -> CallError {
    let status = response.status();
    let bytes = response.bytes().await.unwrap_or_default();
    let told = serde_json::from_slice::<Value>(&bytes).ok();
    let told = told.and_then(|v| v.get("message").and_then(Value::as_str).map(str::to_owned));
    let told = told.unwrap_or_else(|| shown(&bytes));
    let advice = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            " (set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD)"
        }
        _ => "",
    };
    CallError { status: Some(status), message: format!("{url}: {status}: {told}{advice}") }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(SHOWN).collect()
}

fn broken(url: &Url, error: &reqwest::Error) -> CallError {
    CallError { status: error.status(), message: format!("{url}: {}", chain(error)) }
}

/// An error with its causes; reqwest's own text names only the first.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
