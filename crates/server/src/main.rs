//! The `rhiza` binary: reads the command line, and hands over to one file per command.

mod cli;
mod commands;
mod error;
mod http_console;
mod installation;
mod router;
mod serve;
mod settings;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::error::Failure;

/// Many small allocations on several threads: the system allocator keeps far more memory for the same load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Its limits hold for the threads that are started after them, so there must be none yet.
    if matches!(cli.command, Command::JobChild) {
        return commands::job_child::run();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::failed(format!("cannot start the runtime: {error}"))),
    };
    let outcome = runtime.block_on(run(cli.command));
    // A blocking call that hangs (a dead disk) must not keep the process from ending.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

#[expect(clippy::print_stderr, reason = "the command line speaks to its user here")]
fn report(failure: &Failure) -> ExitCode {
    eprintln!("rhiza: {failure}");
    failure.exit()
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(settings) => serve::serve(&settings, serve::Role::Server).await,
        Command::Worker(settings) => serve::serve(&settings, serve::Role::Worker).await,
        Command::Admin { command, settings } => commands::admin::run(command, &settings).await,
        Command::Config { command, settings } => commands::config::run(&command, &settings),
        Command::Doctor { settings, json } => commands::doctor::run(&settings, json).await,
        Command::Migrate { settings, dry_run } => commands::migrate::run(&settings, dry_run).await,
        Command::Audit { command, settings } => commands::audit::run(command, &settings).await,
        Command::Tokens { command, settings } => commands::tokens::run(command, &settings).await,
        Command::Backup { command, settings } => commands::backup::run(command, &settings).await,
        Command::Import { command, settings } => commands::import::run(command, &settings).await,
        Command::Secrets { command, settings } => commands::secrets::run(command, &settings).await,
        Command::Openapi => commands::openapi::run().await,
        Command::Automl(options) => commands::automl::run(options).await,
        Command::Predict(options) => commands::predict::run(options).await,
        Command::Explain(options) => commands::explain::run(options).await,
        Command::JobChild => Err(Failure::failed("a child does its work before the runtime starts")),
    }
}
