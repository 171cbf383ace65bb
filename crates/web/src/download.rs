//! Downloads: byte ranges, names, and headers that keep what people uploaded from acting as a page of ours.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::ops::Range;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rhiza_kernel::ErrorCode;

use crate::error::{ApiError, ApiResult};
use crate::etag::Etag;
use crate::stack::NoCompression;

/// The part of a document that was asked for; `end` is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl ByteRange {
    /// The range `headers` ask for, of a document of `size` bytes; `None` means all of it. Several ranges, other units
    /// and unreadable headers count as none, as the standard allows (RFC 9110, 14.2); so does a range that holds only
    /// for another version of the document (`If-Range`).
    ///
    /// # Errors
    /// 416 with the document's size when the range lies outside of it.
    pub fn of(headers: &HeaderMap, size: u64, etag: Option<&Etag>) -> ApiResult<Option<Self>> {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let Some(spec) = text(header::RANGE).and_then(|range| range.strip_prefix("bytes=")) else { return Ok(None) };
        if headers.contains_key(header::IF_RANGE) && text(header::IF_RANGE) != etag.map(Etag::as_str) {
            return Ok(None);
        }
        match parse(spec.trim(), size) {
            Parsed::Range(range) => Ok(Some(range)),
            Parsed::Unreadable => Ok(None),
            Parsed::Outside => Err(outside(size)),
        }
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Never: an empty range cannot be asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

impl From<ByteRange> for Range<u64> {
    fn from(range: ByteRange) -> Self {
        range.start..range.end
    }
}

enum Parsed {
    Range(ByteRange),
    Unreadable,
    Outside,
}

fn parse(spec: &str, size: u64) -> Parsed {
    let Some((first, last)) = spec.split_once('-') else { return Parsed::Unreadable };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(first) || !digits(last) || first.len().max(last.len()) > 19 {
        return Parsed::Unreadable;
    }
    match (first.parse::<u64>().ok(), last.parse::<u64>().ok()) {
        (Some(first), Some(last)) if last < first => Parsed::Unreadable,
        (Some(first), _) if first >= size => Parsed::Outside,
        (Some(first), last) => {
            Parsed::Range(ByteRange { start: first, end: last.map_or(size, |last| last.saturating_add(1).min(size)) })
        }
        (None, Some(0)) => Parsed::Outside,
        (None, Some(_)) if size == 0 => Parsed::Outside,
        (None, Some(suffix)) => Parsed::Range(ByteRange { start: size.saturating_sub(suffix), end: size }),
        (None, None) => Parsed::Unreadable,
    }
}

fn outside(size: u64) -> ApiError {
    let error = ApiError::new(ErrorCode::InvalidArgument, format!("The document has {size} bytes."))
        .with_status(StatusCode::RANGE_NOT_SATISFIABLE);
    match HeaderValue::from_str(&format!("bytes */{size}")) {
        Ok(value) => error.with_header(header::CONTENT_RANGE, value),
        Err(_) => error,
    }
}

/// Whatever was uploaded, it runs no script and loads nothing from us: it is a guest on our origin.
const SANDBOX: &str = "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'; sandbox";

/// A response that streams a stored document.
#[derive(Debug)]
pub struct Download {
    size: u64,
    range: Option<ByteRange>,
    headers: HeaderMap,
}

impl Download {
    /// A document of `size` bytes, offered under no name.
    #[must_use]
    pub fn new(size: u64) -> Self {
        let headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
            (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX)),
            (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        ]);
        Self { size, range: None, headers }
    }

    /// Sends only `range` of it (206), when there is one.
    #[must_use]
    pub fn range(mut self, range: Option<ByteRange>) -> Self {
        self.range = range;
        self
    }

    /// The content's media type.
    #[must_use]
    pub fn content_type(mut self, content_type: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(content_type) {
            self.headers.insert(header::CONTENT_TYPE, value);
        }
        self
    }

    /// The content's tag.
    #[must_use]
    pub fn etag(mut self, etag: &Etag) -> Self {
        if let Ok(value) = HeaderValue::from_str(etag.as_str()) {
            self.headers.insert(header::ETAG, value);
        }
        self
    }

    /// To be saved as `name`.
    #[must_use]
    pub fn attachment(self, name: &str) -> Self {
        self.disposition("attachment", name)
    }

    /// To be shown in place; saved as `name`.
    #[must_use]
    pub fn inline(self, name: &str) -> Self {
        self.disposition("inline", name)
    }

    fn disposition(mut self, kind: &str, name: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(&disposition(kind, name)) {
            self.headers.insert(header::CONTENT_DISPOSITION, value);
        }
        self
    }

    /// The response, with `bytes` (of the range, when there is one) as its body. A failure in the middle is logged and
    /// breaks the connection off, so that the caller cannot take the half for the whole.
    pub fn body<S, E>(mut self, bytes: S) -> Response
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        let length = self.range.map_or(self.size, |range| range.len());
        self.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        let mut status = StatusCode::OK;
        if let Some(range) = self.range {
            status = StatusCode::PARTIAL_CONTENT;
            let text = format!("bytes {}-{}/{}", range.start, range.end - 1, self.size);
            if let Ok(value) = HeaderValue::from_str(&text) {
                self.headers.insert(header::CONTENT_RANGE, value);
            }
        }
        let span = tracing::Span::current();
        let bytes = bytes.map(move |chunk| {
            chunk.map_err(|error| {
                let error = error.into();
                span.in_scope(|| tracing::error!(cause = %error, "a download broke off"));
                error
            })
        });
        let mut response = (status, self.headers, Body::from_stream(bytes)).into_response();
        // Stored content has its own size and ranges, and is mostly compressed already.
        response.extensions_mut().insert(NoCompression);
        response
    }
}

/// What RFC 8187 lets stand as it is.
const NAME: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'!').remove(b'#').remove(b'$');

/// `Content-Disposition` (RFC 6266): an ASCII name for old clients, and the exact one where they differ.
fn disposition(kind: &str, name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' { c } else { '_' })
        .collect();
    let mut text = format!("{kind}; filename=\"{plain}\"");
    if plain != name {
        // Writing to a String cannot fail.
        let _ = write!(text, "; filename*=UTF-8''{}", utf8_percent_encode(name, NAME));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(value: &str, size: u64) -> Result<Option<(u64, u64)>, u16> {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_str(value).unwrap())]);
        ByteRange::of(&headers, size, None)
            .map(|range| range.map(|r| (r.start, r.end)))
            .map_err(|error| error.status().as_u16())
    }

    #[test]
    fn one_range_is_read_in_its_three_forms() {
        assert_eq!(range("bytes=0-499", 1000), Ok(Some((0, 500))));
        assert_eq!(range("bytes=500-", 1000), Ok(Some((500, 1000))));
        assert_eq!(range("bytes=-300", 1000), Ok(Some((700, 1000))));
        assert_eq!(range("bytes=-3000", 1000), Ok(Some((0, 1000))));
        assert_eq!(range("bytes=900-2000", 1000), Ok(Some((900, 1000))));
        assert_eq!(range("bytes=999-999", 1000), Ok(Some((999, 1000))));
    }

    #[test]
    fn a_range_outside_the_document_is_refused() {
        assert_eq!(range("bytes=1000-", 1000), Err(416));
        assert_eq!(range("bytes=-0", 1000), Err(416));
        assert_eq!(range("bytes=0-", 0), Err(416));
        assert_eq!(range("bytes=-5", 0), Err(416));
    }

    #[test]
    fn what_is_no_single_range_means_the_whole() {
        for odd in [
            "bytes=5-1",
            "bytes=0-1,4-5",
            "bytes=a-b",
            "bytes=-",
            "bytes=",
            "rows=0-1",
            "bytes=+1-2",
            "bytes=1-99999999999999999999",
        ] {
            assert_eq!(range(odd, 1000), Ok(None), "{odd}");
        }
    }

    #[test]
    fn a_range_of_another_version_means_the_whole() {
        let of = |if_range: &'static str| {
            let headers = HeaderMap::from_iter([
                (header::RANGE, HeaderValue::from_static("bytes=0-1")),
                (header::IF_RANGE, HeaderValue::from_static(if_range)),
            ]);
            ByteRange::of(&headers, 10, Some(&Etag::revision(1))).unwrap()
        };
        assert!(of("\"r1\"").is_some());
        assert!(of("\"r0\"").is_none());
        assert!(of("Sat, 21 Nov 2026 12:00:00 GMT").is_none());
    }

    #[test]
    fn names_survive_whatever_they_contain() {
        assert_eq!(disposition("attachment", "model.pkl"), "attachment; filename=\"model.pkl\"");
        assert_eq!(
            disposition("inline", "Größe \"1\".csv"),
            "inline; filename=\"Gr__e _1_.csv\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22.csv"
        );
        assert!(!disposition("inline", "a\r\nSet-Cookie: x").contains(['\r', '\n']));
    }
}
