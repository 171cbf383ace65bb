//! Searches for a model that run as jobs: a dataset and a target go in, a leaderboard grows while it is watched, and one model
//! comes out that can be explained, registered and asked.
//!
//! The search itself is [`rhiza_learn::automl`]; it runs in a child process, which tells each trial as it ends. The job in the
//! server writes each trial once, together with its MLflow run, so that a search which was interrupted goes on where it was.

mod events;
mod http;
mod http_job;
mod jobs;
mod model;
mod results;
mod service;
mod service_job;
mod store;
mod summary;
mod task;
mod wire;

pub use http::router;
pub(crate) use jobs::Fault;
pub use jobs::SearchModels;
pub use model::{AutomlJob, JobSettings, State};
pub use results::{MLMODEL_FILE, MODEL_FILE, ONNX_FILE};
pub use service::Searches;
pub(crate) use service::made_by;
pub use summary::{Line, Summary, Winner};
pub use task::Search;
pub(crate) use wire::WorkState;
