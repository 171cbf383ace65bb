//! What the web console reads beside MLflow's own routes: tables of runs, summaries of experiments, curves that are
//! thinned for the screen, and a run's events as they happen.

mod follow;
mod http;
mod http_events;
mod model;
mod series;
mod service;
mod store;
mod store_events;
mod store_rows;
mod store_series;
pub mod wire;

pub use http::router;

#[cfg(test)]
mod tests;
