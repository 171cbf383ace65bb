//! The child's end.

use std::io::{self, BufRead as _, Read as _, Write as _};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::Serialize;
use serde_json::Value;

use super::model::{ChildLimits, Order, Said};

/// Work that a child does. It has the input and the files that the input names; no database, no credentials.
pub trait Task: Sync {
    /// Its name: `slice.verb_thing`.
    fn name(&self) -> &'static str;

    /// Does it. `say` tells the server what was found on the way.
    ///
    /// # Errors
    /// [`TaskError`].
    fn run(&self, input: Value, limits: &ChildLimits, say: &mut Speak<'_>) -> Result<Value, TaskError>;
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

impl Speak<'_> {
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

/// Does the one task that standard input names, and ends.
#[must_use]
pub fn serve(tasks: &[&dyn Task]) -> ExitCode {
    match obey(tasks) {
        Ok(code) => code,
        Err(fault) => {
            let _nobody_is_left = writeln!(io::stderr(), "{fault}");
            ExitCode::FAILURE
        }
    }
}

fn obey(tasks: &[&dyn Task]) -> Result<ExitCode, String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|e| format!("no order: {e}"))?;
    let order: Order = serde_json::from_str(&line).map_err(|e| format!("the order cannot be read: {e}"))?;
    let task = tasks.iter().find(|task| task.name() == order.task);
    let task = task.ok_or_else(|| format!("no task is called {}", order.task))?;
    bind(&order.limits).map_err(|e| format!("the limits cannot be set: {e}"))?;
    end_with_the_server();
    let mut out = io::stdout();
    let last = match task.run(order.input, &order.limits, &mut Speak(&mut out)) {
        Ok(result) => Said::Done(result),
        Err(TaskError::Refused(why)) => Said::Refused(why),
        Err(TaskError::Failed(why)) => return Err(why),
    };
    write(&mut out, &last).map_err(|e| format!("nobody listens: {e}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Takes the limits on. They hold for this process until it ends.
fn bind(limits: &ChildLimits) -> rustix::io::Result<()> {
    let most = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    // Private memory rather than addresses: allocators and thread stacks reserve far more than they use.
    setrlimit(Resource::Data, most(limits.memory))?;
    let seconds = limits.processor.as_secs().max(1);
    // The signal at the first limit ends the process; the second is for who would ignore it.
    setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: Some(seconds + 5) })?;
    setrlimit(Resource::Fsize, most(limits.file))?;
    setrlimit(Resource::Nofile, most(limits.open_files))?;
    setrlimit(Resource::Core, most(0))
}

/// Standard input closes when the server has died, or no longer wants the result.
#[expect(
    clippy::disallowed_methods,
    reason = "the child is no server: it has no tasks to drain and ends with this thread"
)]
fn end_with_the_server() {
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        let _the_end_is_what_counts = io::stdin().lock().read_to_end(&mut rest);
        std::process::exit(3)
    });
}
