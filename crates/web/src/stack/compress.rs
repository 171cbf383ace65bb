//! What is worth compressing: text, in answers that are neither tiny nor a stream of events.

use http::{Response, header};
use http_body::Body;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::Predicate;

/// In a response's extensions: send the body as it is.
#[derive(Debug, Clone, Copy)]
pub struct NoCompression;

/// Below one packet's worth, compression saves nothing on the wire.
const WORTH_IT: u64 = 1024;

/// Compresses by what the client accepts (zstd, br, gzip). Fast levels: answers are made on request, and the bigger
/// part of the gain comes with the first level.
pub(super) fn layer() -> CompressionLayer<Worthwhile> {
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(Worthwhile)
}

/// Chooses the responses to compress.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worthwhile;

impl Predicate for Worthwhile {
    fn should_compress<B: Body>(&self, response: &Response<B>) -> bool {
        let small = response.body().size_hint().exact().is_some_and(|size| size < WORTH_IT);
        if small || response.extensions().get::<NoCompression>().is_some() {
            return false;
        }
        let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        content_type.is_some_and(is_text)
    }
}

fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if let Some(subtype) = essence.strip_prefix("text/") {
        // Compressors hold data back; events must go out when they happen.
        return subtype != "event-stream";
    }
    matches!(
        essence,
        "application/json"
            | "application/javascript"
            | "application/x-ndjson"
            | "application/jsonl"
            | "application/xml"
            | "application/yaml"
            | "application/wasm"
            | "image/svg+xml"
    ) || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_compressed_and_event_streams_are_not() {
        for yes in ["application/json", "text/html; charset=utf-8", "application/problem+json", "image/svg+xml"] {
            assert!(is_text(yes), "{yes}");
        }
        for no in ["text/event-stream", "image/png", "application/octet-stream", "application/zip", "application/grpc"]
        {
            assert!(!is_text(no), "{no}");
        }
    }
}
