//! The surfaces as one: joins the routers of all slices into a single router together with the OpenAPI 3.1 document
//! that describes it. The document is not written beside the code but gathered from it, so a route cannot exist
//! without being described, and whatever walks the document walks every route.

mod document;
mod http;
mod pages;

pub use document::{Route, document_json, routes};
pub use http::assemble;
