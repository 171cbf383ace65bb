//! The worked example: a real training history that a new project can be filled with.

mod http;
mod service;

pub use http::router;
