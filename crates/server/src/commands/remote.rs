//! Calls to a running Rhiza, for commands that have their work done there: `--server URL`, with the key in `RHIZA_API_KEY`.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, header};
use rhiza_platform::outbound::{OperatorClient, operator_client};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use url::Url;

use crate::error::Failure;
use crate::settings;

/// A server that does not take the connection in this time is not there.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest silence within an answer.
const SILENCE: Duration = Duration::from_secs(120);
/// How often work that goes on is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// A running Rhiza.
pub(super) struct Remote {
    client: Client,
    base: Url,
    key: SecretString,
}

impl Remote {
    /// The server at `address`.
    pub(super) fn new(address: &str) -> Result<Self, Failure> {
        let base = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(|| Failure::usage(format!("--server: {address} is no http or https address")))?;
        let key = settings::api_key()
            .ok_or_else(|| Failure::usage("--server needs an API key in the variable RHIZA_API_KEY"))?;
        let options = OperatorClient { connect: CONNECT, silence: SILENCE, total: None, ..OperatorClient::default() };
        let client =
            operator_client(&options).map_err(|e| Failure::failed(format!("no connections can be made: {e}")))?;
        Ok(Self { client, base, key })
    }

    /// The address of one of its pages.
    pub(super) fn page(&self, path: &str) -> String {
        format!("{}{path}", self.base.as_str().trim_end_matches('/'))
    }

    fn call(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> Result<RequestBuilder, Failure> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::usage("--server: no paths can follow it"))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(self.client.request(method, url).bearer_auth(self.key.expose_secret()))
    }

    /// The answer's JSON, or what the server says is wrong.
    async fn answered(&self, call: RequestBuilder) -> Result<Value, Failure> {
        let bytes = self.bytes(call).await?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Failure::failed(format!("{} answers what cannot be read: {e}", self.base)))
    }

    async fn bytes(&self, call: RequestBuilder) -> Result<Vec<u8>, Failure> {
        let broken = |e: reqwest::Error| Failure::failed(format!("{} does not answer: {}", self.base, causes(&e)));
        let answer = call.send().await.map_err(broken)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(broken)?;
        if status.is_success() { Ok(bytes.to_vec()) } else { Err(Failure::failed(refusal(status.as_u16(), &bytes))) }
    }

    pub(super) async fn get(&self, path: &[&str]) -> Result<Value, Failure> {
        self.answered(self.call(Method::GET, path, &[])?).await
    }

    pub(super) async fn post(&self, path: &[&str], query: &[(&str, &str)], body: &Value) -> Result<Value, Failure> {
        self.answered(self.call(Method::POST, path, query)?.json(body)).await
    }

    pub(super) async fn download(&self, path: &[&str]) -> Result<Vec<u8>, Failure> {
        self.bytes(self.call(Method::GET, path, &[])?).await
    }

    /// Brings a table there and waits until it has been read, with columns of the types given: the dataset's id and version.
    pub(super) async fn dataset(
        &self,
        file: &Path,
        content: Vec<u8>,
        types: &[(String, String)],
    ) -> Result<(String, i64), Failure> {
        let name = file.file_stem().filter(|_| file != Path::new("-")).unwrap_or_else(|| "data".as_ref());
        let name = name.to_string_lossy();
        let full = file.file_name().unwrap_or_default().to_string_lossy();
        let query = [("name", name.as_ref()), ("file", full.as_ref())];
        let call = self.call(Method::POST, &["api", "v1", "datasets"], &query)?;
        let call = call.header(header::CONTENT_TYPE, "application/octet-stream").body(content);
        let mut made = self.answered(call).await?;
        let id = text(&made, "/id")?;
        made = self.read(&id, version(&made)?).await?;
        if !types.is_empty() {
            let number = version(&made)?.to_string();
            let path = ["api", "v1", "datasets", &id, "versions", &number, "types"];
            let types: Map<String, Value> = types.iter().map(|(name, kind)| (name.clone(), json!(kind))).collect();
            let call = self.call(Method::PUT, &path, &[])?.json(&json!({ "types": types }));
            made = self.answered(call).await?;
            made = self.read(&id, version(&made)?).await?;
        }
        Ok((id, version(&made)?))
    }

    async fn read(&self, id: &str, number: i64) -> Result<Value, Failure> {
        let number = number.to_string();
        loop {
            let found = self.get(&["api", "v1", "datasets", id, "versions", &number]).await?;
            match found.pointer("/state").and_then(Value::as_str) {
                Some("reading") => tokio::time::sleep(LOOK_EVERY).await,
                Some("ready") => return Ok(json!({ "id": id, "latest": found })),
                _ => return Err(Failure::failed(reason(&found, "the table cannot be read"))),
            }
        }
    }

    /// Looks at a piece of work until it has ended; `seen` is told each time. A failure carries its reason.
    pub(super) async fn wait(&self, path: &[&str], mut seen: impl FnMut(&Value)) -> Result<Value, Failure> {
        loop {
            let found = self.get(path).await?;
            seen(&found);
            match found.pointer("/state").and_then(Value::as_str) {
                Some("queued" | "running") => tokio::time::sleep(LOOK_EVERY).await,
                Some("succeeded") => return Ok(found),
                Some("cancelled") => return Err(Failure::failed("the work was cancelled")),
                _ => return Err(Failure::failed(reason(&found, "the work failed"))),
            }
        }
    }
}

fn reason(found: &Value, otherwise: &str) -> String {
    found.pointer("/error").and_then(Value::as_str).unwrap_or(otherwise).to_owned()
}

fn version(made: &Value) -> Result<i64, Failure> {
    let number = made.pointer("/latest/version").and_then(Value::as_i64);
    number.ok_or_else(|| Failure::failed("the server names no version of the dataset"))
}

/// A version of a registered model: `version` or `alias`, and which.
pub(super) type Which = Option<(&'static str, String)>;

/// A registered model as the command line names it: NAME, NAME/VERSION or NAME@ALIAS.
pub(super) fn registered(model: &Path) -> Result<(String, Which), Failure> {
    let model = model.to_str().filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| Failure::usage("MODEL must be the name of a registered model"))?;
    if let Some((name, alias)) = model.rsplit_once('@') {
        return Ok((name.to_owned(), Some(("alias", alias.to_owned()))));
    }
    match model.rsplit_once('/') {
        Some((name, version)) => Ok((name.to_owned(), Some(("version", version.to_owned())))),
        None => Ok((model.to_owned(), None)),
    }
}

/// A text that an answer must have.
pub(super) fn text(found: &Value, pointer: &str) -> Result<String, Failure> {
    let text = found.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| Failure::failed(format!("the server's answer has no {pointer}")))
}

/// What the server says is wrong, with the members it names.
fn refusal(status: u16, bytes: &[u8]) -> String {
    let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let said = |name: &str| body.get(name).and_then(Value::as_str);
    let detail = said("detail").or(said("message")).unwrap_or("no reason is given");
    let fields = body.get("errors").and_then(Value::as_array).into_iter().flatten();
    let fields = fields.filter_map(|field| Some((field.get("pointer")?.as_str()?, field.get("detail")?.as_str()?)));
    let fields: Vec<String> = fields.map(|(pointer, detail)| format!("{pointer} {detail}")).collect();
    let told = if fields.is_empty() { detail.to_owned() } else { fields.join("; ") };
    format!("the server refuses ({status}): {told}")
}

fn causes(error: &reqwest::Error) -> String {
    use std::error::Error as _;
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_members() {
        let body = json!({"detail": "not acceptable", "errors": [{"pointer": "/target", "detail": "is not there"}]});
        assert_eq!(refusal(422, body.to_string().as_bytes()), "the server refuses (422): /target is not there");
        assert_eq!(refusal(401, br#"{"detail":"sign in"}"#), "the server refuses (401): sign in");
        assert_eq!(refusal(400, br#"{"message":"no row"}"#), "the server refuses (400): no row");
        assert_eq!(refusal(502, b"<html>"), "the server refuses (502): no reason is given");
    }
}
