//! Files on their way out: ranges, tags, and headers that keep them from acting as pages of ours.

use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use rhiza_web::{ByteRange, Download, Etag, IfNoneMatch, not_modified};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::model::{Artifact, inline_type, media_type};
use super::path::file_name;
use super::service::blob_error;
use crate::error::TrackingResult;
use crate::state::TrackingState;

/// The bytes of a file.
pub struct FileContent;

impl PartialSchema for FileContent {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .into()
    }
}

impl ToSchema for FileContent {
    fn name() -> std::borrow::Cow<'static, str> {
        "FileContent".into()
    }
}

/// How a file is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// To be saved.
    Attachment,
    /// To be looked at.
    Inline,
}

/// The file, or the part of it that was asked for.
///
/// # Errors
/// When its bytes cannot be read.
pub async fn send(
    state: &TrackingState,
    artifact: &Artifact,
    headers: &HeaderMap,
    unchanged: &IfNoneMatch,
    offer: Offer,
) -> TrackingResult<Response> {
    let tag = if artifact.checksum.is_empty() { artifact.blob.to_string() } else { artifact.checksum.clone() };
    let etag = Etag::hash(&tag);
    if unchanged.matches(&etag) {
        return Ok(not_modified(&etag));
    }
    let range = match ByteRange::of(headers, artifact.size, Some(&etag)) {
        Ok(range) => range,
        Err(error) => return Ok(error.into_response()),
    };
    let bytes = state.blobs.get(artifact.blob, range.map(Into::into)).await.map_err(blob_error)?;
    let name = file_name(&artifact.path);
    let download = Download::new(artifact.size).range(range).etag(&etag);
    let download = match offer {
        Offer::Attachment => download.content_type(media_type(name)).attachment(name),
        Offer::Inline => download.content_type(inline_type(name)).inline(name),
    };
    Ok(download.body(bytes.stream))
}
