//! The body of a request: read to a limit, and parsed as Python's JSON reader parses it.

use std::error::Error as _;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use serde_json::Value;

use super::fields::Fields;
use crate::error::{Code, TrackingError};

/// Largest request body: a batch of the permitted 1,000 entries with the longest values stays below it.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Most values in a body: a parsed value takes up to a hundred times the bytes it has in the text, so the limit of
/// bytes alone would not bound the memory. The fullest batch has some 6,000.
const MAX_VALUES: usize = 400_000;

/// The whole body.
pub(super) async fn read(body: Body) -> Result<Bytes, TrackingError> {
    to_bytes(body, MAX_BODY).await.map_err(|error| {
        if error.source().is_some_and(|source| source.is::<LengthLimitError>()) {
            return too_large(format!("The request body must not exceed {MAX_BODY} bytes."));
        }
        TrackingError::new(Code::BadRequest, "The request body could not be read to its end.")
    })
}

fn too_large(message: String) -> TrackingError {
    TrackingError::new(Code::TooLarge, message)
}

/// A body that is no JSON counts as empty: the checks of required fields then say what is missing. A JSON text is
/// decoded once more, for clients that encode twice.
pub(super) fn parse(body: &[u8]) -> Result<Fields, TrackingError> {
    if values(body) > MAX_VALUES {
        return Err(too_large(format!("The request body must not hold more than {MAX_VALUES} values.")));
    }
    let value = match json(body) {
        Value::String(inner) if values(inner.as_bytes()) <= MAX_VALUES => json(inner.as_bytes()),
        other => other,
    };
    match value {
        Value::Object(map) => Ok(Fields::Json(map)),
        Value::Null => Ok(Fields::none()),
        _ => Err(TrackingError::invalid("Bad Request. The body must be a JSON object.")),
    }
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text)
        .or_else(|_| match with_named_doubles(text) {
            Some(text) => serde_json::from_slice(&text),
            None => Ok(Value::Null),
        })
        .unwrap_or(Value::Null)
}

/// At least how many values a JSON text has: what its commas and brackets outside of strings say.
fn values(text: &[u8]) -> usize {
    // Too short to hold too many: no need to look.
    if text.len() <= MAX_VALUES {
        return 0;
    }
    let mut count = 0;
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'"' => after.get(string_len(after)..).unwrap_or_default(),
            b',' | b'[' | b'{' => {
                count += 1;
                after
            }
            _ => after,
        };
    }
    count
}

/// The length of a string with its closing quote; `text` begins after the opening one.
fn string_len(text: &[u8]) -> usize {
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    });
    end.map_or(text.len(), |end| end + 1)
}

/// Python writes and reads `NaN` and `Infinity` as bare words, and numbers beyond a double's range as infinities.
/// The text with those as strings, which the fields of doubles take; `None` when there are none.
fn with_named_doubles(text: &[u8]) -> Option<Vec<u8>> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut found = false;
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let len = match first {
            b'"' => 1 + string_len(after),
            first if is_word(first) => rest.iter().position(|byte| !is_word(byte)).unwrap_or(rest.len()),
            _ => 1,
        };
        let (token, after) = rest.split_at(len.min(rest.len()));
        rest = after;
        match name_of_double(token) {
            Some(name) => {
                found = true;
                out.extend_from_slice(name);
            }
            None => out.extend_from_slice(token),
        }
    }
    found.then_some(out)
}

fn name_of_double(token: &[u8]) -> Option<&'static [u8]> {
    match token {
        b"NaN" => return Some(br#""NaN""#),
        b"Infinity" => return Some(br#""Infinity""#),
        b"-Infinity" => return Some(br#""-Infinity""#),
        _ => {}
    }
    let digits = token.strip_prefix(b"-").unwrap_or(token);
    if !digits.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    match std::str::from_utf8(token).ok()?.parse::<f64>() {
        Ok(f64::INFINITY) => Some(br#""Infinity""#),
        Ok(f64::NEG_INFINITY) => Some(br#""-Infinity""#),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(body: &str) -> Option<Value> {
        parse(body.as_bytes()).unwrap().value("x").unwrap()
    }

    #[test]
    fn a_body_that_is_no_json_is_an_empty_request() {
        assert!(!parse(b"nonsense").unwrap().given("x"));
        assert!(!parse(b"").unwrap().given("x"));
        assert!(parse(b"\"{\\\"x\\\": 1}\"").unwrap().given("x"));
        assert!(parse(b"[1]").is_err());
        // As deep as a stack is not.
        assert_eq!(field(&format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000))), None);
    }

    #[test]
    fn doubles_that_json_cannot_write_are_read_as_python_writes_them() {
        assert_eq!(field(r#"{"x": NaN}"#), Some(json!("NaN")));
        assert_eq!(field(r#"{"x":[Infinity,-Infinity,1e999,-1E400,1.5]}"#).unwrap()[3], json!("-Infinity"));
        assert_eq!(field(r#"{"y":NaN,"x":"NaN, \"Infinity\" and 1e999"}"#), Some(json!("NaN, \"Infinity\" and 1e999")));
        assert_eq!(field(r#"{"x": nan}"#), None);
        assert_eq!(field(r#"{"x": NaNs}"#), None);
    }

    #[test]
    fn values_beyond_number_are_refused_unparsed() {
        let many = |n: usize| format!("{{\"x\":[{}0]}}", "[],".repeat(n));
        assert!(parse(many(MAX_VALUES).as_bytes()).is_err());
        assert!(parse(many(1000).as_bytes()).is_ok());
        // What stands in a string counts for nothing.
        let text = format!("{{\"x\":\"\\\"{}\"}}", "[,{".repeat(MAX_VALUES));
        assert!(parse(text.as_bytes()).unwrap().given("x"));
    }
}
