//! The rules that names, keys and values obey, in MLflow's words.

use super::python;
use crate::error::{TrackingError, TrackingResult};

/// Longest key of a metric, parameter or tag, in characters.
const MAX_KEY: usize = 250;

/// Whether Python's `\w` matches the character.
#[must_use]
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The name rule of keys: words, `/ . - :` and blanks, and a path that is its own normal form.
///
/// # Errors
/// With MLflow's message, naming `path`.
pub fn key_name(name: &str, path: &str) -> TrackingResult<()> {
    if !name.chars().all(|c| is_word(c) || matches!(c, '/' | '.' | '-' | ' ' | ':')) {
        return Err(TrackingError::invalid(format!(
            "Invalid value {} for parameter '{path}' supplied: Names may only contain alphanumerics, underscores (_), \
             dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).",
            python::json_str(name)
        )));
    }
    let norm = python::normpath(name);
    if norm != name || norm == "." || norm.starts_with("..") || norm.starts_with('/') {
        return Err(TrackingError::invalid(format!(
            "Invalid value {} for parameter '{path}' supplied: Names may be treated as files in certain cases, and must \
             not resolve to other names when treated as such. This name would resolve to {}",
            python::json_str(name),
            python::repr_str(&norm)
        )));
    }
    Ok(())
}

/// At most `max` characters.
///
/// # Errors
/// With MLflow's message, naming `what`.
pub fn length(what: &str, max: usize, text: &str) -> TrackingResult<()> {
    // Bytes first: counting characters of every short text is work for nothing.
    if text.len() > max && text.chars().count() > max {
        return Err(TrackingError::invalid(format!("'{what}' exceeds the maximum length of {max} characters")));
    }
    Ok(())
}

/// A tag's key.
///
/// # Errors
/// When it breaks the name rule or is too long.
pub fn tag_key(key: &str, path: &str) -> TrackingResult<()> {
    key_name(key, path)?;
    length(path, MAX_KEY, key)
}

/// A parameter's key.
///
/// # Errors
/// As [`tag_key`].
pub fn param_key(key: &str, path: &str) -> TrackingResult<()> {
    key_name(key, path)?;
    length("Param key", MAX_KEY, key)
}

/// The text cut to `max` characters, as MLflow cuts long parameter and tag values.
#[must_use]
pub fn truncated(mut text: String, max: usize) -> String {
    if text.len() > max
        && let Some((end, _)) = text.char_indices().nth(max)
    {
        text.truncate(end);
    }
    text
}

/// A metric's timestamp and, after it, the length of its key, in MLflow's order.
///
/// # Errors
/// When the timestamp is negative or the key too long.
pub fn timestamp(timestamp: i64, key: &str, value: f64, path: &str) -> TrackingResult<()> {
    if timestamp < 0 {
        return Err(TrackingError::invalid(format!(
            "Invalid value {timestamp} for parameter '{path}' supplied: metric '{key}' (value={}). Timestamp must be a \
             nonnegative long (64-bit integer) ",
            python::repr_float(value)
        )));
    }
    length("Metric name", MAX_KEY, key)
}

/// An experiment id as a client writes it.
///
/// # Errors
/// When it is no integer.
pub fn experiment_id(text: &str) -> TrackingResult<i128> {
    python::int(text).ok_or_else(|| {
        TrackingError::invalid(format!("Invalid experiment ID '{text}'. Experiment ID must be a valid integer."))
    })
}

/// The shape of a run's id, where MLflow checks it before looking.
///
/// # Errors
/// When it could not be an id.
pub fn resource_id(id: &str, path: &str) -> TrackingResult<()> {
    let mut chars = id.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
    if first && id.chars().count() <= 256 && chars.all(|c| is_word(c) || c == '-') {
        return Ok(());
    }
    Err(TrackingError::invalid(format!("Invalid value {} for parameter '{path}' supplied.", python::json_str(id))))
}

/// Text that both databases can keep: PostgreSQL has no NUL character.
#[must_use]
pub fn storable(text: &str) -> bool {
    !text.contains('\0')
}

/// A value given by a user; refuses what cannot be stored.
///
/// # Errors
/// When it holds a NUL character.
pub fn user_text(text: &str, path: &str) -> TrackingResult<()> {
    if storable(text) {
        return Ok(());
    }
    Err(TrackingError::invalid(format!("Invalid value for parameter '{path}' supplied: it holds a NUL character.")))
}

/// A text that is looked for, as it could be stored: nothing stored has a NUL character, so one with it finds nothing.
#[must_use]
pub fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: TrackingResult<()>) -> String {
        match result {
            Err(TrackingError::Refused { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn good_keys_pass() {
        for key in ["a", "a/b", ".a", "a..b", "größe", "a b:c-d_e", "名前"] {
            key_name(key, "key").unwrap();
        }
    }

    #[test]
    fn keys_that_would_be_other_paths_do_not() {
        for (key, norm) in [("a//b", "a/b"), ("a/", "a"), ("./a", "a"), ("/a", "/a"), ("..a", "..a"), ("", ".")] {
            assert!(message(key_name(key, "key")).ends_with(&format!("would resolve to '{norm}'")), "{key}");
        }
        assert!(
            message(key_name("a\"b", "key")).starts_with("Invalid value \"a\\\"b\" for parameter 'key' supplied: N")
        );
    }

    #[test]
    fn values_are_cut_at_characters() {
        assert_eq!(truncated("äöü".to_owned(), 2), "äö");
        assert_eq!(truncated("abc".to_owned(), 3), "abc");
    }

    #[test]
    fn a_negative_time_is_named_with_its_metric() {
        assert_eq!(
            message(timestamp(-1, "m", 1.5, "timestamp")),
            "Invalid value -1 for parameter 'timestamp' supplied: metric 'm' (value=1.5). Timestamp must be a \
             nonnegative long (64-bit integer) "
        );
    }
}
