//! The server's end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, Command};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::sync::CancellationToken;

use super::model::{ChildError, ChildLimits, Order, Said};

/// One thing said may be this long: a profile of ten thousand columns fits, a child gone wild does not fill our memory.
const LONGEST_LINE: usize = 64 << 20;

/// How much of what a child complains of is kept: the end, where the reason stands.
const LONGEST_COMPLAINT: usize = 8 << 10;

/// Starts children. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Children {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Children {
    /// Children that are `program` with `arguments`, which end up in [`super::serve`].
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { program: program.into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// Children that are this program, started again as `rhiza job-child`.
    ///
    /// # Errors
    /// When the system does not say where this program is.
    pub fn of_this_program() -> std::io::Result<Self> {
        Ok(Self::new(std::env::current_exe()?, ["job-child"]))
    }

    /// Has `task` done in `folder`. Each thing the child says on the way goes to `heard`, in order, and the next is read
    /// when `heard` has dealt with it: a slow database slows the child, not our memory.
    ///
    /// # Errors
    /// [`ChildError`], or what `heard` fails with. Whatever it is, the child is gone when this returns.
    pub async fn run<M, E, F>(
        &self,
        task: &str,
        input: Value,
        folder: &Path,
        limits: ChildLimits,
        cancelled: &CancellationToken,
        mut heard: F,
    ) -> Result<Value, E>
    where
        M: DeserializeOwned,
        E: From<ChildError>,
        F: AsyncFnMut(M) -> Result<(), E>,
    {
        let mut child = self.start(folder).map_err(ChildError::Io)?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(ChildError::Failed("it has no pipes".to_owned()).into());
        };
        let order = Order { task: task.to_owned(), limits, input };
        let mut line = serde_json::to_vec(&order).map_err(|e| ChildError::Failed(e.to_string()))?;
        line.push(b'\n');
        let mut lines = FramedRead::new(stdout, LinesCodec::new_with_max_length(LONGEST_LINE));
        let talk = async {
            // A child that dies at once breaks the pipe; how it died says more than the pipe.
            let _how_it_ended_counts = stdin.write_all(&line).await;
            let mut last = None;
            while let Some(said) = lines.next().await {
                match read(said)? {
                    Said::News(news) => heard(understand(news)?).await?,
                    Said::Done(result) => last = Some(Ok(result)),
                    Said::Refused(why) => last = Some(Err(ChildError::Refused(why))),
                }
            }
            Ok::<_, E>(last)
        };
        // Whichever fails ends both; what is left unread then is of no use.
        let both = async { tokio::try_join!(talk, async { Ok(complaint(stderr).await) }) };
        let ended = tokio::select! {
            ended = both => ended,
            () = cancelled.cancelled() => Err(ChildError::Stopped.into()),
        };
        if ended.is_err() {
            child.kill().await.map_err(ChildError::Io)?;
        }
        let (last, complaint) = ended?;
        let status = child.wait().await.map_err(ChildError::Io)?;
        if !complaint.is_empty() {
            tracing::warn!(task, %status, complaint, "a child process complained");
        }
        match last {
            Some(result) => Ok(result?),
            None => Err(died(status, &complaint, &limits).into()),
        }
    }

    fn start(&self, folder: &Path) -> std::io::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

fn read(line: Result<String, LinesCodecError>) -> Result<Said, ChildError> {
    let line = line.map_err(|e| match e {
        LinesCodecError::MaxLineLengthExceeded => ChildError::Failed("it said too much at once".to_owned()),
        LinesCodecError::Io(e) => ChildError::Io(e),
    })?;
    serde_json::from_str(&line).map_err(|e| ChildError::Failed(format!("it said what cannot be read: {e}")))
}

fn understand<M: DeserializeOwned>(news: Value) -> Result<M, ChildError> {
    serde_json::from_value(news).map_err(|e| ChildError::Failed(format!("it said what cannot be read: {e}")))
}

/// The end of everything the child writes to standard error, which is read all along: a full pipe would stop the child.
async fn complaint(mut stderr: ChildStderr) -> String {
    let (mut kept, mut piece) = (Vec::new(), [0_u8; 4096]);
    while let Ok(length @ 1..) = stderr.read(&mut piece).await {
        kept.extend_from_slice(piece.get(..length).unwrap_or_default());
        let surplus = kept.len().saturating_sub(LONGEST_COMPLAINT);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// Why a child that gave no result ended.
fn died(status: ExitStatus, complaint: &str, limits: &ChildLimits) -> ChildError {
    use std::os::unix::process::ExitStatusExt as _;
    const SIGABRT: i32 = 6;
    const SIGKILL: i32 = 9;
    const SIGXCPU: i32 = 24;
    match status.signal() {
        Some(SIGABRT) if complaint.contains("memory allocation") => {
            ChildError::Exceeded(format!("it needs more than {} MiB of memory", limits.memory >> 20))
        }
        Some(SIGXCPU) => {
            ChildError::Exceeded(format!("it needs more than {} s of processor time", limits.processor.as_secs()))
        }
        Some(SIGKILL) => ChildError::Exceeded("the system stopped it, most likely for want of memory".to_owned()),
        _ => ChildError::Failed(format!("it ended with {status}")),
    }
}
