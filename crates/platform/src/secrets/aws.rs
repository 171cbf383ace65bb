//! The master key out of AWS Secrets Manager: one call, signed with Signature Version 4.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rhiza_kernel::Env;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::SecretsError;
use super::provider::{Given, client};
use crate::config::Config;

const TARGET: &str = "secretsmanager.GetSecretValue";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

pub(super) async fn load(config: &Config, env: &Env) -> Result<Given, SecretsError> {
    let secrets = &config.secrets;
    let own = !secrets.aws_access_key_id.is_empty();
    let (id, key) = if own {
        (&secrets.aws_access_key_id, &secrets.aws_secret_access_key)
    } else {
        (&config.storage.s3_access_key_id, &config.storage.s3_secret_access_key)
    };
    let region = match secrets.aws_region.as_str() {
        "" => config.storage.s3_region.as_str(),
        region => region,
    };
    let endpoint = match secrets.aws_endpoint.trim_end_matches('/') {
        "" => format!("https://secretsmanager.{region}.amazonaws.com"),
        endpoint => endpoint.to_owned(),
    };
    let fault = |why: String| {
        SecretsError::Provider(format!("the master key cannot be read from AWS Secrets Manager ({endpoint}): {why}"))
    };
    let host = url::Url::parse(&endpoint).ok().and_then(|url| {
        let host = url.host_str()?.to_owned();
        Some(url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
    });
    let host = host.ok_or_else(|| fault("secrets.aws_endpoint is not an address".to_owned()))?;
    let body = json!({ "SecretId": secrets.aws_secret_id }).to_string();
    let signed = Signed {
        id,
        key: key.expose_secret(),
        session: secrets.aws_session_token.expose_secret(),
        region,
        host: &host,
    };
    let mut request = client("", "")?.post(format!("{endpoint}/"));
    for (name, value) in signed.headers(&body, env.now()) {
        request = request.header(name, value);
    }
    let response = request.body(body).send().await.map_err(|e| fault(e.to_string()))?;
    let status = response.status();
    let text = Zeroizing::new(response.text().await.map_err(|e| fault(e.to_string()))?);
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    if !status.is_success() {
        let kind = answer["__type"].as_str().unwrap_or_default();
        let said = answer["message"].as_str().or(answer["Message"].as_str()).unwrap_or_default();
        return Err(fault(format!("{} {kind} {said}", status.as_u16())));
    }
    let secret = answer["SecretString"]
        .as_str()
        .ok_or_else(|| fault(format!("the secret {} is not text", secrets.aws_secret_id)))?;
    Ok(given(secret, &secrets.aws_secret_id))
}

/// The key itself, or a JSON object that holds it.
fn given(secret: &str, id: &str) -> Given {
    let place = format!("AWS Secrets Manager, secret {id}");
    let own = |text: &str| Zeroizing::new(text.to_owned());
    match serde_json::from_str::<Value>(secret) {
        Ok(Value::Object(fields)) => {
            let current = fields.get("master_key").and_then(Value::as_str).unwrap_or_default();
            let previous = fields.get("previous_keys").and_then(Value::as_array).into_iter().flatten();
            Given { place, current: own(current), previous: previous.filter_map(Value::as_str).map(own).collect() }
        }
        _ => Given { place, current: own(secret), previous: Vec::new() },
    }
}

/// Who signs a request, and for where.
struct Signed<'a> {
    id: &'a str,
    key: &'a str,
    session: &'a str,
    region: &'a str,
    host: &'a str,
}

impl Signed<'_> {
    /// The headers that make the request ours (Signature Version 4, POST /).
    fn headers(&self, body: &str, now: DateTime<Utc>) -> Vec<(&'static str, String)> {
        let time = now.format("%Y%m%dT%H%M%SZ").to_string();
        let day = &time[..8];
        // In the order of their names, as the canonical request wants them.
        let mut headers = vec![
            ("content-type", CONTENT_TYPE.to_owned()),
            ("host", self.host.to_owned()),
            ("x-amz-date", time.clone()),
        ];
        if !self.session.is_empty() {
            headers.push(("x-amz-security-token", self.session.to_owned()));
        }
        headers.push(("x-amz-target", TARGET.to_owned()));
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{}", hex::encode(Sha256::digest(body)));
        let scope = format!("{day}/{}/secretsmanager/aws4_request", self.region);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
        let mut key = Zeroizing::new(format!("AWS4{}", self.key).into_bytes());
        for part in [day, self.region, "secretsmanager", "aws4_request"] {
            key = Zeroizing::new(hmac(&key, part));
        }
        let signature = hex::encode(hmac(&key, &to_sign));
        headers.push((
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", self.id),
        ));
        headers
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes keys of any length: this cannot fail.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with botocore's own signer for the same request.
    #[test]
    fn the_signature_is_the_one_that_the_official_client_makes() {
        let signed = Signed {
            id: "AKIDEXAMPLE",
            key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            session: "",
            region: "eu-central-1",
            host: "secretsmanager.eu-central-1.amazonaws.com",
        };
        let now = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        let headers = signed.headers("{\"SecretId\":\"rhiza\"}", now);
        let authorization = &headers.last().unwrap().1;
        assert!(
            authorization.ends_with("Signature=105d80bc7f74d59ec0e8e9e306accf1d6c7614a6a3c974c85d5ba207a2dfd9b9"),
            "{authorization}"
        );
    }

    #[test]
    fn a_secret_is_the_key_or_an_object_with_it() {
        assert_eq!(given("abc", "id").current.as_str(), "abc");
        let both = given(r#"{"master_key":"new","previous_keys":["old"]}"#, "id");
        assert_eq!((both.current.as_str(), both.previous[0].as_str()), ("new", "old"));
    }
}
