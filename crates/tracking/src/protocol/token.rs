//! Page tokens: MLflow's `{"offset": n}` in base64, with its exact complaints about bad ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::python;
use crate::error::{TrackingError, TrackingResult};

/// The token that continues at `offset`.
#[must_use]
pub fn encode(offset: u64) -> String {
    STANDARD.encode(format!("{{\"offset\": {offset}}}"))
}

/// The offset a token continues at; nothing or the empty text begins at 0.
///
/// # Errors
/// `INVALID_PARAMETER_VALUE` with MLflow's message for each way a token can be broken.
pub fn decode(token: Option<&str>) -> TrackingResult<u64> {
    let Some(token) = token.filter(|t| !t.is_empty()) else { return Ok(0) };
    let bytes =
        STANDARD.decode(token).map_err(|_| TrackingError::invalid("Invalid page token, could not base64-decode"))?;
    let parsed: Value = serde_json::from_slice(&bytes).map_err(|_| {
        TrackingError::invalid(format!("Invalid page token, decoded value=b{}", python::repr_str(&lossy(&bytes))))
    })?;
    match parsed.get("offset") {
        None | Some(Value::Null) => Err(unusable(&parsed)),
        Some(Value::Number(n)) => match n.as_u64() {
            Some(0) | None => Err(unusable(&parsed)),
            Some(offset) => Ok(offset),
        },
        Some(Value::String(text)) => match text.parse::<u64>() {
            Ok(offset) if offset > 0 => Ok(offset),
            _ => Err(TrackingError::invalid(format!("Invalid page token, not stringable {text}"))),
        },
        Some(other) => {
            Err(TrackingError::invalid(format!("Invalid page token, not stringable {}", python::json(other))))
        }
    }
}

fn unusable(parsed: &Value) -> TrackingError {
    let text = match parsed.as_object() {
        Some(map) => {
            let pairs: Vec<_> = map
                .iter()
                .map(|(k, v)| {
                    let value = if v.is_null() { "None".to_owned() } else { python::json(v) };
                    format!("{}: {value}", python::repr_str(k))
                })
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        None => python::json(parsed),
    };
    TrackingError::invalid(format!("Invalid page token, parsed value={text}"))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_mlflows_own() {
        assert_eq!(encode(100), "eyJvZmZzZXQiOiAxMDB9");
        assert_eq!(decode(Some("eyJvZmZzZXQiOiAxMDB9")).unwrap(), 100);
        assert_eq!(decode(None).unwrap(), 0);
        assert_eq!(decode(Some("")).unwrap(), 0);
    }

    #[test]
    fn broken_tokens_are_told_apart() {
        let message = |token: &str| match decode(Some(token)) {
            Err(TrackingError::Refused { message, .. }) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(message("###"), "Invalid page token, could not base64-decode");
        assert_eq!(message("aGVsbG8="), "Invalid page token, decoded value=b'hello'");
        assert_eq!(message("eyJvZmZzZXQiOiAwfQ=="), "Invalid page token, parsed value={'offset': 0}");
    }
}
