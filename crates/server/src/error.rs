//! What a command can fail with, and the exit code it ends with.

use std::process::ExitCode;

use rhiza_kernel::{Coded, ErrorCode};

/// A failed command: what to print, and with which code to exit.
#[derive(Debug)]
pub(crate) struct Failure {
    code: ErrorCode,
    message: String,
}

impl Failure {
    /// The command was called wrongly (exit code 2).
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: ErrorCode::InvalidArgument, message: message.into() }
    }

    /// The command could not do its work (exit code 1).
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { code: ErrorCode::Internal, message: message.into() }
    }

    /// As [`From`], with every fault of every field on a line of its own.
    pub(crate) fn listing<E: Coded + 'static>(error: E) -> Self {
        let faults = error.field_errors();
        let mut failure = Self::from(error);
        for fault in faults {
            failure.message.push_str(&format!("\n  {} {}", fault.pointer.trim_start_matches('/'), fault.detail));
        }
        failure
    }

    /// The exit code of the command line contract.
    pub(crate) fn exit(&self) -> ExitCode {
        ExitCode::from(self.code.exit_code())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// On the command line the reader is the operator: the whole chain of causes is shown.
impl<E: Coded + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            let text = inner.to_string();
            // Many errors already repeat their cause.
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = inner.source();
        }
        Self { code: error.code(), message }
    }
}
