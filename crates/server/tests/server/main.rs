//! The binary as its users meet it: started as a process, called over HTTP, stopped and killed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests fail by panicking, wait in real time, start real processes and show their log when asked"
)]

mod audit;
mod backup;
mod command_line;
mod datasets;
mod lifecycle;
mod models;
mod process;
mod production;
mod schema;
mod walk;
