//! One file per command of the binary.

pub(crate) mod admin;
pub(crate) mod audit;
pub(crate) mod automl;
mod automl_remote;
pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod import;
mod import_client;
mod import_copy;
mod import_files;
mod import_registry;
mod import_wire;
pub(crate) mod job_child;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod predict;
mod remote;
pub(crate) mod secrets;
mod tables;
pub(crate) mod tokens;

use crate::error::Failure;

/// Prints a command's one answer to standard output.
pub(crate) fn print(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    // A reader that closed the pipe (`| head`) has what it wanted; there is nobody left to tell.
    writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()).ok();
}

/// Prints one JSON document to standard output.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Failure::failed(e.to_string()))?;
    print(&text);
    Ok(())
}
