//! Entity tags: `If-Match` keeps two people from overwriting each other, `If-None-Match` keeps unchanged answers off
//! the wire.

use std::fmt;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rhiza_kernel::ErrorCode;

use crate::error::{ApiError, ApiResult};

/// A strong entity tag. In a response tuple it becomes the `ETag` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etag(HeaderValue);

impl Etag {
    /// The tag of a document's revision number.
    #[must_use]
    pub fn revision(revision: i64) -> Self {
        Self::quoted(&format!("\"r{revision}\""))
    }

    /// The tag of a content hash, or of any other text that changes with the content. Signs that do not fit a tag are
    /// left out.
    #[must_use]
    pub fn hash(hash: &str) -> Self {
        let fits: String = hash.chars().filter(|c| c.is_ascii_graphic() && *c != '"').collect();
        Self::quoted(&format!("\"{fits}\""))
    }

    fn quoted(text: &str) -> Self {
        // Visible ASCII only: the conversion cannot fail.
        Self(HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("\"\"")))
    }

    /// The tag with its quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl IntoResponseParts for Etag {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        parts.headers_mut().insert(header::ETAG, self.0);
        Ok(parts)
    }
}

/// "You have it already": 304 with the tag.
#[must_use]
pub fn not_modified(etag: &Etag) -> Response {
    (StatusCode::NOT_MODIFIED, etag.clone(), ()).into_response()
}

/// The tags of an `If-…` header.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    Absent,
    Any,
    Listed(Vec<String>),
}

impl Tags {
    fn read(headers: &HeaderMap, name: HeaderName) -> ApiResult<Self> {
        let mut listed = Vec::new();
        let mut present = false;
        for line in headers.get_all(&name) {
            present = true;
            let text = line.to_str().map_err(|_| malformed(&name))?.trim();
            if text == "*" {
                return Ok(Self::Any);
            }
            read_list(text, &mut listed).ok_or_else(|| malformed(&name))?;
        }
        Ok(if present { Self::Listed(listed) } else { Self::Absent })
    }
}

fn malformed(name: &HeaderName) -> ApiError {
    ApiError::new(ErrorCode::Malformed, format!("{name} must be * or a list of quoted tags."))
}

/// Reads `"a", W/"b"` into `tags`; commas inside quotes belong to the tag.
fn read_list(mut text: &str, tags: &mut Vec<String>) -> Option<()> {
    loop {
        text = text.trim_start_matches([' ', '\t', ',']);
        if text.is_empty() {
            return Some(());
        }
        let weak = text.starts_with("W/");
        let opened = text[if weak { 2 } else { 0 }..].strip_prefix('"')?;
        let end = opened.find('"')?;
        tags.push(format!("{}\"{}\"", if weak { "W/" } else { "" }, &opened[..end]));
        text = &opened[end + 1..];
        if !text.is_empty() && !text.starts_with([' ', '\t', ',']) {
            return None;
        }
    }
}

/// The `If-Match` header: "only if it still is what I saw".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(Tags);

impl IfMatch {
    /// Passes when the header is absent or names `current`. Call it inside the transaction that writes.
    ///
    /// # Errors
    /// `precondition_failed` when the document has changed since the caller read it.
    pub fn require(&self, current: &Etag) -> ApiResult<()> {
        let holds = match &self.0 {
            Tags::Absent | Tags::Any => true,
            // Strong comparison: a weak tag never matches.
            Tags::Listed(tags) => tags.iter().any(|tag| tag == current.as_str()),
        };
        if holds {
            return Ok(());
        }
        let detail = "It has changed since you read it; read it again and repeat the change.";
        Err(ApiError::new(ErrorCode::PreconditionFailed, detail))
    }

    /// Whether the caller sent the header.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.0 != Tags::Absent
    }
}

/// The `If-None-Match` header: "only if it is not what I have".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfNoneMatch(Tags);

impl IfNoneMatch {
    /// Whether the caller has `current` already; answer a read with [`not_modified`] then.
    #[must_use]
    pub fn matches(&self, current: &Etag) -> bool {
        match &self.0 {
            Tags::Absent => false,
            Tags::Any => true,
            // Weak comparison: what differs in its encoding only is the same.
            Tags::Listed(tags) => tags.iter().any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == current.as_str()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        Tags::read(&parts.headers, header::IF_MATCH).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        Tags::read(&parts.headers, header::IF_NONE_MATCH).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(value: &'static str) -> ApiResult<Tags> {
        let headers = HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(value))]);
        Tags::read(&headers, header::IF_MATCH)
    }

    #[test]
    fn a_stale_tag_fails_the_precondition() {
        let current = Etag::revision(7);
        assert!(IfMatch(tags("\"r6\", \"r7\"").unwrap()).require(&current).is_ok());
        assert!(IfMatch(tags("*").unwrap()).require(&current).is_ok());
        assert!(IfMatch(Tags::Absent).require(&current).is_ok());
        for stale in ["\"r6\"", "W/\"r7\"", ""] {
            let error = IfMatch(tags(stale).unwrap()).require(&current).unwrap_err();
            assert_eq!(error.status(), StatusCode::PRECONDITION_FAILED, "{stale}");
        }
    }

    #[test]
    fn a_weak_tag_is_good_enough_to_skip_a_read() {
        let current = Etag::hash("abc,d");
        assert!(IfNoneMatch(tags("\"x\", W/\"abc,d\"").unwrap()).matches(&current));
        assert!(!IfNoneMatch(tags("\"abc\"").unwrap()).matches(&current));
        assert!(!IfNoneMatch(Tags::Absent).matches(&current));
    }

    #[test]
    fn what_is_no_list_of_tags_is_malformed() {
        for bad in ["r7", "\"r7", "\"a\"\"b\"", "W/r7"] {
            assert_eq!(tags(bad).unwrap_err().code(), ErrorCode::Malformed, "{bad}");
        }
    }
}
