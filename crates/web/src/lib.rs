//! The HTTP kit: everything about HTTP that is not about any one feature. Problem errors, extractors, paging, entity
//! tags, the layers every request passes, event streams and WebSockets, uploads and downloads, TLS and the server loop.
//!
//! Handlers return [`ApiResult`]; [`stack`] names, guards, measures and logs each request; [`serve`] speaks HTTP/1.1 and
//! HTTP/2 on the sockets it is given.

mod client;
mod download;
mod error;
mod etag;
mod extract;
mod limit;
pub mod openapi;
mod origin;
mod page;
mod problem;
mod request;
mod serve;
mod shape;
pub mod sse;
mod stack;
mod tls;
mod upload;
pub mod ws;

pub use client::{ClientAddr, NetworkError, TrustedProxies};
pub use download::{ByteRange, Download};
pub use error::{ApiError, ApiResult, Faults, reported};
pub use etag::{Etag, IfMatch, IfNoneMatch, not_modified};
pub use extract::{Json, Path, Query, Valid, Validated, json};
pub use limit::{DEFAULT_BODY_LIMIT, RawBody, RouteLimits, body_limit, no_timeout, timeout};
pub use origin::{Origin, OriginError, OriginPolicy};
pub use page::{DEFAULT_LIMIT, MAX_LIMIT, Page, PageQuery, cursor};
pub use problem::{PROBLEM_JSON, Problem, ProblemField, ProblemQuota, ProblemResponses};
pub use request::{RequestId, TraceParent, Transport, X_REQUEST_ID};
pub use serve::{ServeConfig, serve};
pub use shape::{ErrorContext, ErrorShape, ErrorShapes};
pub use sse::LastEventId;
pub use stack::{NoCompression, WebConfig, stack};
pub use tls::{Tls, TlsError, TlsFiles};
pub use upload::{Upload, UploadError, UploadStream};
pub use ws::Lifecycle;
