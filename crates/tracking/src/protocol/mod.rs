//! MLflow's manners: how its requests are read, its messages worded, its numbers, tokens and errors written.
//! Nothing here knows an endpoint; every folder of the slice builds its endpoints from these pieces.

mod fields;
pub mod http;
mod http_body;
mod http_twin;
mod number;
mod python;
mod token;
mod validate;

pub use fields::{Fields, wrong_type};
pub use http::{Caller, CanReadExperiments, CanReadModels, CanWriteExperiments, CanWriteModels};
pub use http::{Empty, KeyValue, MlflowErrorBody, MlflowErrors, MlflowShape, Reply, Request, reply_json};
pub use http_twin::{renamed, twins};
pub use number::{MetricValue, parse_metric, read_metric_bits, write_metric};
pub use python::{int as python_int, json as python_json, json_str, normpath, repr_float, repr_str};
pub use token::{decode as decode_token, encode as encode_token};
pub use validate::{
    experiment_id, is_word, key_name, length, param_key, resource_id, storable, tag_key, timestamp, truncated,
    user_text, without_nul,
};
