//! `rhiza job-child`: the bounded process in which a server has one piece of work done.

use std::process::ExitCode;

use rhiza_mlops::automl::Search;
use rhiza_mlops::explanations::ExplainModel;
use rhiza_platform::child::{self, Task};
use rhiza_tracking::datasets::ReadTable;

/// Everything that is done in a process of its own.
const TASKS: &[&dyn Task] = &[&ReadTable, &Search, &ExplainModel];

pub(crate) fn run() -> ExitCode {
    child::serve(TASKS)
}
