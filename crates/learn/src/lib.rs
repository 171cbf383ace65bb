//! From a table to an honest model. Values and a seed in, values out: the same input gives the same bits whatever the number
//! of threads; no I/O, no clock, no global randomness.

pub mod bins;
pub mod blend;
pub mod boost;
pub mod calibrate;
pub mod conformal;
pub mod ensemble;
pub mod evaluate;
pub mod forest;
pub mod format;
pub mod import;
pub mod kernel;
pub mod linear;
mod linear_algebra;
pub mod matrix;
pub mod metrics;
pub mod neighbours;
pub mod network;
pub mod onnx;
mod optimise;
pub mod prepare;
pub mod profile;
mod protobuf;
pub mod random;
pub mod rows;
pub mod search;
pub mod split;
pub mod stop;
pub mod table;
