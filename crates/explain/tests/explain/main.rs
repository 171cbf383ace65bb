//! Tests of what the crate offers, against definitions and against what other programs say.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod blackbox;
mod definition;
mod foreign;
mod forest;
mod lightgbm;
mod sampled;
mod tree;
