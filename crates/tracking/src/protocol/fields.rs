//! The fields of a request, read as MLflow's server reads its protocol messages: leniently, from a JSON body or a
//! query string, with the same complaints in the same order.

use serde_json::{Map, Value};

use super::python;
use crate::error::{TrackingError, TrackingResult};

const DOCS: &str = "See the API docs for more information about request parameters.";

/// The fields of one request, or of one object nested in it.
#[derive(Debug, Clone)]
pub enum Fields {
    /// A JSON object.
    Json(Map<String, Value>),
    /// A query string, in order.
    Query(Vec<(String, String)>),
}

/// `lower_snake` as protobuf's JSON mapping spells it.
fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            out.extend(c.to_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

/// The complaint about a value of the wrong type.
#[must_use]
pub fn wrong_type(value: &Value, path: &str) -> TrackingError {
    TrackingError::invalid(format!(
        "Invalid value {} for parameter '{path}' supplied:  Hint: Value was of type '{}'. {DOCS}",
        python::json(value),
        python::type_name(value)
    ))
}

fn missing(path: &str) -> TrackingError {
    TrackingError::invalid(format!("Missing value for required parameter '{path}'. {DOCS}"))
}

impl Fields {
    /// No fields at all.
    #[must_use]
    pub fn none() -> Self {
        Self::Json(Map::new())
    }

    /// The value of a field: `null` and absence are the same.
    ///
    /// # Errors
    /// When the body spells the field both ways.
    pub fn value(&self, name: &str) -> TrackingResult<Option<Value>> {
        match self {
            Self::Json(map) => {
                let snake = map.get(name);
                let other = if name.contains('_') { camel(name) } else { String::new() };
                let camel = if other.is_empty() { None } else { map.get(&other) };
                if snake.is_some() && camel.is_some() {
                    return Err(TrackingError::invalid(format!(
                        "Request specifies both '{name}' and '{other}'; provide only one of them."
                    )));
                }
                Ok(snake.or(camel).filter(|v| !v.is_null()).cloned())
            }
            Self::Query(pairs) => {
                Ok(pairs.iter().find(|(key, _)| key == name).map(|(_, value)| Value::String(value.clone())))
            }
        }
    }

    /// Whether the field was given at all, even if empty.
    #[must_use]
    pub fn given(&self, name: &str) -> bool {
        matches!(self.value(name), Ok(Some(_)))
    }

    /// A text.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn text(&self, name: &str) -> TrackingResult<Option<String>> {
        match self.value(name)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(&other, name)),
        }
    }

    /// A text that must be there and not empty.
    ///
    /// # Errors
    /// When it is missing, empty or of another type.
    pub fn required(&self, name: &str) -> TrackingResult<String> {
        self.text(name)?.filter(|t| !t.is_empty()).ok_or_else(|| missing(name))
    }

    /// As [`Fields::required`], named in the message by its place in the request (`params[3].key`).
    ///
    /// # Errors
    /// As [`Fields::required`].
    pub fn required_at(&self, name: &str, path: &str) -> TrackingResult<String> {
        match self.value(name)? {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            None | Some(Value::String(_)) => Err(missing(path)),
            Some(other) => Err(wrong_type(&other, path)),
        }
    }

    /// The run a request is about: `run_id`, or `run_uuid` of older clients.
    ///
    /// # Errors
    /// When neither is given.
    pub fn run_id(&self) -> TrackingResult<String> {
        match self.text("run_id")?.filter(|t| !t.is_empty()) {
            Some(id) => Ok(id),
            None => self.text("run_uuid")?.filter(|t| !t.is_empty()).ok_or_else(|| missing("run_id")),
        }
    }

    /// Complains unless the field is there and not the empty text.
    ///
    /// # Errors
    /// When it is missing.
    pub fn demand(&self, name: &str) -> TrackingResult<()> {
        self.demand_at(name, name)
    }

    /// As [`Fields::demand`], named by its place.
    ///
    /// # Errors
    /// As [`Fields::demand`].
    pub fn demand_at(&self, name: &str, path: &str) -> TrackingResult<()> {
        match self.value(name)? {
            None => Err(missing(path)),
            Some(Value::String(text)) if text.is_empty() => Err(missing(path)),
            Some(_) => Ok(()),
        }
    }

    /// A 64-bit integer: a number, its decimal digits, or an integral float.
    ///
    /// # Errors
    /// When it is of another type or out of range.
    pub fn integer(&self, name: &str) -> TrackingResult<Option<i64>> {
        self.integer_at(name, name)
    }

    /// As [`Fields::integer`], named by its place.
    ///
    /// # Errors
    /// As [`Fields::integer`].
    pub fn integer_at(&self, name: &str, path: &str) -> TrackingResult<Option<i64>> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        parse_integer(&value).map(Some).ok_or_else(|| wrong_type(&value, path))
    }

    /// A truth value.
    ///
    /// # Errors
    /// When it is of another type; in a query string, when it is neither `true` nor `false`.
    pub fn boolean(&self, name: &str) -> TrackingResult<Option<bool>> {
        match (self, self.value(name)?) {
            (_, None) => Ok(None),
            (Self::Json(_), Some(Value::Bool(b))) => Ok(Some(b)),
            (Self::Query(_), Some(Value::String(text))) => match text.to_ascii_lowercase().as_str() {
                "true" => Ok(Some(true)),
                "false" => Ok(Some(false)),
                _ => Err(TrackingError::invalid(format!("Invalid boolean value: {text}, must be 'true' or 'false'."))),
            },
            (_, Some(other)) => Err(wrong_type(&other, name)),
        }
    }

    /// A list of texts; nothing is the empty list.
    ///
    /// # Errors
    /// When it is no list of texts.
    pub fn texts(&self, name: &str) -> TrackingResult<Vec<String>> {
        if let Self::Query(pairs) = self {
            return Ok(pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect());
        }
        match self.value(name)? {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or_else(|| wrong_type(&Value::Array(items.clone()), name)),
            Some(other) => Err(wrong_type(&other, name)),
        }
    }

    /// A list of objects; nothing is the empty list.
    ///
    /// # Errors
    /// When it is no list of objects.
    pub fn objects(&self, name: &str) -> TrackingResult<Vec<Self>> {
        match self.value(name)? {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                if let Some(bad) = items.iter().find(|item| !item.is_object()) {
                    return Err(wrong_type(bad, name));
                }
                Ok(items
                    .into_iter()
                    .filter_map(|item| if let Value::Object(map) = item { Some(Self::Json(map)) } else { None })
                    .collect())
            }
            Some(other) => Err(wrong_type(&other, name)),
        }
    }

    /// A nested object.
    ///
    /// # Errors
    /// When it is no object.
    pub fn object(&self, name: &str) -> TrackingResult<Option<Self>> {
        match self.value(name)? {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self::Json(map))),
            Some(other) => Err(wrong_type(&other, name)),
        }
    }

    /// A list of `{key, value}` objects in order; a missing part is the empty text.
    ///
    /// # Errors
    /// When it is no such list.
    pub fn pairs(&self, name: &str) -> TrackingResult<Vec<(String, String)>> {
        self.objects(name)?
            .iter()
            .map(|pair| Ok((pair.text("key")?.unwrap_or_default(), pair.text("value")?.unwrap_or_default())))
            .collect()
    }

    /// One of an enumeration's names (or its number).
    ///
    /// # Errors
    /// When it names nothing of the enumeration.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, i64, T)]) -> TrackingResult<Option<T>> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        let found = match &value {
            Value::String(text) => choices
                .iter()
                .find(|(label, number, _)| label == text || text.parse::<i64>().is_ok_and(|n| n == *number)),
            Value::Number(n) => choices.iter().find(|(_, number, _)| n.as_i64() == Some(*number)),
            _ => None,
        };
        found.map(|(_, _, choice)| Some(*choice)).ok_or_else(|| wrong_type(&value, name))
    }

    /// `max_results`: absent is `default`; beyond 1 to `cap` is refused with the words of the search endpoints.
    ///
    /// # Errors
    /// When it is out of range.
    pub fn max_results(&self, default: i64, cap: i64) -> TrackingResult<u64> {
        let value = self.integer("max_results")?.unwrap_or(default);
        if value > cap {
            return Err(TrackingError::invalid(format!(
                "Invalid value {value} for parameter 'max_results' supplied. It must be at most {cap}"
            )));
        }
        u64::try_from(value).ok().filter(|v| *v > 0).ok_or_else(|| {
            TrackingError::invalid(format!(
                "Invalid value {value} for parameter 'max_results' supplied. It must be a positive integer"
            ))
        })
    }
}

fn parse_integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64().or_else(|| {
            let float = n.as_f64()?;
            // The range check keeps the cast exact.
            #[expect(clippy::cast_possible_truncation, reason = "integral and within i64, checked here")]
            let integral = (float.fract() == 0.0 && float.abs() < 9.2e18).then_some(float as i64);
            integral
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(value: Value) -> Fields {
        let Value::Object(map) = value else { panic!("an object") };
        Fields::Json(map)
    }

    fn message<T: std::fmt::Debug>(result: TrackingResult<T>) -> String {
        match result {
            Err(TrackingError::Refused { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn absence_null_and_empty_are_missing() {
        for value in [json!({}), json!({"key": null}), json!({"key": ""})] {
            assert_eq!(
                message(body(value).required("key")),
                "Missing value for required parameter 'key'. See the API docs for more information about request \
                 parameters."
            );
        }
    }

    #[test]
    fn a_wrong_type_is_named_as_python_names_it() {
        assert_eq!(
            message(body(json!({"key": [1, "ü"]})).text("key")),
            "Invalid value [1,\"\\u00fc\"] for parameter 'key' supplied:  Hint: Value was of type 'list'. See the API \
             docs for more information about request parameters."
        );
    }

    #[test]
    fn both_spellings_are_read_but_not_at_once() {
        assert_eq!(body(json!({"runId": "a"})).text("run_id").unwrap().as_deref(), Some("a"));
        assert_eq!(
            message(body(json!({"runId": "a", "run_id": "b"})).text("run_id")),
            "Request specifies both 'run_id' and 'runId'; provide only one of them."
        );
    }

    #[test]
    fn integers_come_as_numbers_digits_and_integral_floats() {
        let fields = body(json!({"a": 1, "b": "2", "c": 3.0, "d": 1.5, "e": true}));
        assert_eq!(fields.integer("a").unwrap(), Some(1));
        assert_eq!(fields.integer("b").unwrap(), Some(2));
        assert_eq!(fields.integer("c").unwrap(), Some(3));
        assert!(fields.integer("d").is_err());
        assert!(fields.integer("e").is_err());
    }

    #[test]
    fn a_query_repeats_its_lists() {
        let fields = Fields::Query(vec![("id".into(), "1".into()), ("id".into(), "2".into())]);
        assert_eq!(fields.texts("id").unwrap(), ["1", "2"]);
        assert_eq!(fields.text("id").unwrap().as_deref(), Some("1"));
    }
}
