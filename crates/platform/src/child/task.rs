//! The child's end.

use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use super::confine;
use super::model::{ChildLimits, Order, Said};

/// Work that a child does. It has the input and the files of its folder; no database, no credentials, no network.
pub trait Task: Sync {
    /// Its name: `slice.verb_thing`.
    fn name(&self) -> &'static str;

    /// Does it. `say` tells the server what was found on the way.
    ///
    /// # Errors
    /// [`TaskError`].
    fn run(&self, input: Value, place: &Workplace, say: &mut Speak<'_>) -> Result<Value, TaskError>;
}

/// Where a task works, and with what.
#[derive(Debug, Clone)]
pub struct Workplace {
    /// The folder of its files. It reaches no others.
    pub folder: PathBuf,
    /// What it may use.
    pub limits: ChildLimits,
}

/// Why a task has no result.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The input cannot be worked on; the text is for the person whose input it is.
    #[error("{0}")]
    Refused(String),
    /// It cannot be told to the server, or is a fault of ours.
    #[error("{0}")]
    Failed(String),
}

/// Where a task says what it found.
pub struct Speak<'a>(&'a mut dyn io::Write);

impl<'a> Speak<'a> {
    pub(super) fn new(out: &'a mut dyn io::Write) -> Self {
        Self(out)
    }

    /// Tells one thing; it has arrived in the pipe when this returns.
    ///
    /// # Errors
    /// When nobody listens any more.
    pub fn say(&mut self, news: &impl Serialize) -> Result<(), TaskError> {
        let news = serde_json::to_value(news).map_err(|e| TaskError::Failed(e.to_string()))?;
        write(self.0, &Said::News(news)).map_err(|e| TaskError::Failed(format!("nobody listens: {e}")))
    }
}

/// The line that could not be said means that nobody listens; then there is nobody to tell either.
fn write(out: &mut dyn io::Write, said: &Said) -> io::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

/// Does the one task that standard input names, and ends. To be called before the process has a second thread.
#[must_use]
pub fn serve(tasks: &[&dyn Task]) -> ExitCode {
    match obey(tasks) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let _nobody_is_left = writeln!(io::stderr(), "{fault}");
            ExitCode::FAILURE
        }
    }
}

fn obey(tasks: &[&dyn Task]) -> Result<(), String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|e| format!("no order: {e}"))?;
    let order: Order = serde_json::from_str(&line).map_err(|e| format!("the order cannot be read: {e}"))?;
    drop(line);
    confine::bind(&order.limits).map_err(|e| format!("the limits cannot be set: {e}"))?;
    confine::wall_in().map_err(|e| format!("the walls cannot be put up: {e}"))?;
    end_with_the_server();
    carry_out(tasks, order, PathBuf::from("."), &mut io::stdout())
}

/// Does what was ordered and says its last word to `out`.
pub(super) fn carry_out(
    tasks: &[&dyn Task],
    order: Order,
    folder: PathBuf,
    out: &mut dyn io::Write,
) -> Result<(), String> {
    let task = tasks.iter().find(|task| task.name() == order.task);
    let task = task.ok_or_else(|| format!("no task is called {}", order.task))?;
    let place = Workplace { folder, limits: order.limits };
    let last = match task.run(order.input, &place, &mut Speak::new(out)) {
        Ok(result) => Said::Done(result),
        Err(TaskError::Refused(why)) => Said::Refused(why),
        Err(TaskError::Failed(why)) => return Err(why),
    };
    write(out, &last).map_err(|e| format!("nobody listens: {e}"))
}

/// Standard input closes when the server has died, or no longer wants the result.
#[expect(
    clippy::disallowed_methods,
    reason = "the child is no server: it has no tasks to drain and ends with this thread"
)]
fn end_with_the_server() {
    std::thread::spawn(|| {
        let _the_end_is_what_counts = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(3)
    });
}
