//! The page token of the search of logged models: it carries the question, so that it cannot continue another one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::error::{TrackingError, TrackingResult};
use crate::protocol::repr_str;

/// What is asked: a token is only good for the same question.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    /// The experiments, as asked for.
    pub(super) experiments: Vec<String>,
    /// The filter; the empty one is none.
    pub(super) filter: Option<String>,
    /// The order as MLflow's clients state it.
    pub(super) order_by: Option<Value>,
}

/// A value as Python prints it.
fn python(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "None".to_owned(),
        Some(Value::Bool(true)) => "True".to_owned(),
        Some(Value::Bool(false)) => "False".to_owned(),
        Some(Value::String(text)) => repr_str(text),
        Some(Value::Array(items)) => {
            format!("[{}]", items.iter().map(|i| python(Some(i))).collect::<Vec<_>>().join(", "))
        }
        Some(Value::Object(map)) => {
            let pairs = map.iter().map(|(k, v)| format!("{}: {}", repr_str(k), python(Some(v))));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Some(number) => number.to_string(),
    }
}

impl Question {
    /// The token that continues this question at `offset`.
    pub(super) fn token(&self, offset: u64) -> String {
        let token = json!({
            "experiment_ids": self.experiments,
            "filter_string": self.filter,
            "order_by": self.order_by,
            "offset": offset,
        });
        STANDARD.encode(token.to_string())
    }

    /// The row at which a token continues this question.
    ///
    /// # Errors
    /// When it is no token, or one of another question.
    pub(super) fn offset(&self, token: Option<&str>) -> TrackingResult<u64> {
        let Some(token) = token.filter(|t| !t.is_empty()) else { return Ok(0) };
        let read: Option<Value> = STANDARD.decode(token).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(read) = read.filter(Value::is_object) else {
            return Err(TrackingError::invalid(format!("Invalid page token: {token}.")));
        };
        let experiments = json!(self.experiments);
        if read.get("experiment_ids") != Some(&experiments) {
            return Err(TrackingError::invalid(format!(
                "Experiment IDs in the page token do not match the requested experiment IDs. Expected: {}. Found: {}",
                python(Some(&experiments)),
                python(read.get("experiment_ids"))
            )));
        }
        let filter = read.get("filter_string").and_then(Value::as_str).filter(|f| !f.is_empty());
        if filter != self.filter.as_deref() {
            return Err(TrackingError::invalid(format!(
                "Filter string in the page token does not match the requested filter string. Expected: {}. Found: {}",
                self.filter.as_deref().unwrap_or("None"),
                filter.unwrap_or("None")
            )));
        }
        let order_by = read.get("order_by").filter(|o| !o.is_null());
        if order_by != self.order_by.as_ref() {
            return Err(TrackingError::invalid(format!(
                "Order by in the page token does not match the requested order by. Expected: {}. Found: {}",
                python(self.order_by.as_ref()),
                python(order_by)
            )));
        }
        Ok(read.get("offset").and_then(Value::as_u64).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_continues_only_its_own_question() {
        let question = Question { experiments: vec!["1".into()], filter: None, order_by: None };
        let token = question.token(50);
        assert_eq!(question.offset(Some(&token)).unwrap(), 50);
        assert_eq!(question.offset(None).unwrap(), 0);
        let other = Question { filter: Some("name = 'x'".into()), ..question.clone() };
        assert!(other.offset(Some(&token)).is_err());
        let other = Question { experiments: vec!["2".into()], ..question.clone() };
        let message = other.offset(Some(&token)).unwrap_err().to_string();
        assert!(message.ends_with("Expected: ['2']. Found: ['1']"), "{message}");
        assert!(question.offset(Some("garbage")).is_err());
    }
}
