//! Extractors whose rejections are problems: what is wrong with a request is said in the caller's terms, with a
//! pointer to the place.

pub mod json;
mod path;
mod query;
mod valid;

pub use json::Json;
pub use path::Path;
pub use query::Query;
pub use valid::{Valid, Validated};

/// Appends `token` to an RFC 6901 JSON pointer.
pub(crate) fn push_pointer(pointer: &mut String, token: &str) {
    pointer.push('/');
    for c in token.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// The JSON pointer of where deserialisation stopped. A missing or unknown field is part of the pointer too, so that
/// the caller sees the field and not only its parent.
pub(crate) fn pointer_of(path: &serde_path_to_error::Path, message: &str) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push_pointer(&mut pointer, &index.to_string()),
            Segment::Map { key } => push_pointer(&mut pointer, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    if let Some(field) = quoted_after(message, "missing field `") {
        push_pointer(&mut pointer, field);
    }
    pointer
}

fn quoted_after<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    message.strip_prefix(start)?.split_once('`').map(|(field, _)| field)
}
