//! The server's end.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::mpsc;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::sync::CancellationToken;

use super::model::{ChildError, ChildLimits, Order, Said};
use super::task::{Task, carry_out};

/// One thing said may be this long: a profile of ten thousand columns fits, a child gone wild does not fill our memory.
const LONGEST_LINE: usize = 64 << 20;

/// How much of what a child complains of is kept: the end, where the reason stands.
const LONGEST_COMPLAINT: usize = 8 << 10;

/// How long a child may take to end after its last word, and how long its last complaint may be on the way.
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// Starts children. Cheap to clone.
#[derive(Clone)]
pub struct Children(Kind);

#[derive(Clone)]
enum Kind {
    Program { path: PathBuf, arguments: Vec<OsString> },
    Thread(&'static [&'static dyn Task]),
}

/// One piece of work for a child.
#[derive(Debug)]
pub struct Work<'a> {
    /// Which task.
    pub task: &'a str,
    /// What it is given.
    pub input: Value,
    /// Where its files are.
    pub folder: &'a Path,
    /// What it may use.
    pub limits: ChildLimits,
}

/// The last word of a child: a result, or why there is none; nothing if it went without.
type Last = Option<Result<Value, ChildError>>;

impl Children {
    /// Children that are `program` with `arguments`, which end up in [`super::serve`].
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self(Kind::Program { path: program.into(), arguments: arguments.into_iter().map(Into::into).collect() })
    }

    /// Children that are this program, started again as `rhiza job-child`.
    ///
    /// # Errors
    /// When the system does not say where this program is.
    pub fn of_this_program() -> io::Result<Self> {
        // The name leads to the very file that runs here, even when an upgrade has put another one in its place.
        let running = Path::new("/proc/self/exe");
        let program = if running.exists() { running.to_path_buf() } else { std::env::current_exe()? };
        Ok(Self::new(program, ["job-child"]))
    }

    /// No processes at all but threads of this one, without limits and walls: for tests, whose program is no `rhiza`.
    #[must_use]
    pub const fn threads(tasks: &'static [&'static dyn Task]) -> Self {
        Self(Kind::Thread(tasks))
    }

    /// Has the work done. Each thing the child says on the way goes to `heard`, in order, and the next is read when `heard`
    /// has dealt with it: a slow database slows the child, not our memory.
    ///
    /// # Errors
    /// [`ChildError`], or what `heard` fails with. Whatever it is, the child is gone when this returns.
    pub async fn run<M, E, F, G>(&self, work: Work<'_>, cancelled: &CancellationToken, heard: F) -> Result<Value, E>
    where
        M: DeserializeOwned,
        E: From<ChildError>,
        F: FnMut(M) -> G + Send,
        G: Future<Output = Result<(), E>> + Send,
    {
        let order = Order { task: work.task.to_owned(), limits: work.limits, input: work.input };
        match &self.0 {
            Kind::Thread(tasks) => run_here(tasks, order, work.folder, cancelled, heard).await,
            Kind::Program { path, arguments } => {
                let child = start(path, arguments, work.folder, order.limits.threads).map_err(ChildError::Io)?;
                run_there(child, &order, cancelled, heard).await
            }
        }
    }
}

impl std::fmt::Debug for Children {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Kind::Program { path, .. } => f.debug_tuple("Children").field(path).finish(),
            Kind::Thread(_) => f.write_str("Children(threads)"),
        }
    }
}

fn start(program: &Path, arguments: &[OsString], folder: &Path, threads: usize) -> io::Result<Child> {
    Command::new(program)
        .arg0("rhiza")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        // What the allocator sets aside would count as used, and what it sets aside before the limit would be free.
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .env("RAYON_NUM_THREADS", threads.to_string())
        // A group of its own: Ctrl-C in a terminal is for the server, which ends its children in good order.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

async fn run_there<M, E, F, G>(
    mut child: Child,
    order: &Order,
    cancelled: &CancellationToken,
    heard: F,
) -> Result<Value, E>
where
    M: DeserializeOwned,
    E: From<ChildError>,
    F: FnMut(M) -> G + Send,
    G: Future<Output = Result<(), E>> + Send,
{
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(ChildError::Failed("it has no pipes".to_owned()).into());
    };
    let mut line = serde_json::to_vec(order).map_err(|e| ChildError::Failed(e.to_string()))?;
    line.push(b'\n');
    let gone = CancellationToken::new();
    let life = async {
        let lines = FramedRead::new(stdout, LinesCodec::new_with_max_length(LONGEST_LINE));
        let talk = async {
            // A child that dies at once breaks the pipe; how it died says more than the pipe.
            let (_how_it_ended_counts, last) = tokio::join!(stdin.write_all(&line), listen(lines, heard));
            last
        };
        let last = tokio::select! {
            last = talk => last,
            () = cancelled.cancelled() => Err(ChildError::Stopped.into()),
        };
        drop(stdin);
        let status = end(&mut child, if last.is_ok() { LAST_MOMENTS } else { Duration::ZERO }).await;
        gone.cancel();
        Ok::<_, E>((last?, status.map_err(ChildError::Io)?))
    };
    let (ended, complaint) = tokio::join!(life, complaint(stderr, &gone));
    let (last, status) = ended?;
    if !complaint.is_empty() {
        tracing::warn!(task = order.task, %status, complaint, "a child process complained");
    }
    match last {
        Some(result) => Ok(result?),
        None => Err(died(status, &complaint, &order.limits).into()),
    }
}

/// Passes on what is said until the last word or the end.
async fn listen<M, E, F, G>(lines: impl Stream<Item = Result<String, LinesCodecError>>, mut heard: F) -> Result<Last, E>
where
    M: DeserializeOwned,
    E: From<ChildError>,
    F: FnMut(M) -> G + Send,
    G: Future<Output = Result<(), E>> + Send,
{
    let mut lines = std::pin::pin!(lines);
    while let Some(line) = lines.next().await {
        match read(line)? {
            Said::News(news) => heard(serde_json::from_value(news).map_err(unreadable)?).await?,
            Said::Done(result) => return Ok(Some(Ok(result))),
            Said::Refused(why) => return Ok(Some(Err(ChildError::Refused(why)))),
        }
    }
    Ok(None)
}

fn read(line: Result<String, LinesCodecError>) -> Result<Said, ChildError> {
    let line = line.map_err(|e| match e {
        LinesCodecError::MaxLineLengthExceeded => ChildError::Failed("it said too much at once".to_owned()),
        LinesCodecError::Io(e) if e.kind() == io::ErrorKind::InvalidData => unreadable(e),
        LinesCodecError::Io(e) => ChildError::Io(e),
    })?;
    serde_json::from_str(&line).map_err(unreadable)
}

fn unreadable(fault: impl std::fmt::Display) -> ChildError {
    ChildError::Failed(format!("it said what cannot be read: {fault}"))
}

/// Waits until the child has ended by itself, and after `grace` ends it and whatever it started.
async fn end(child: &mut Child, grace: Duration) -> io::Result<ExitStatus> {
    if let Ok(ended) = tokio::time::timeout(grace, child.wait()).await {
        return ended;
    }
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    // One that has just ended by itself cannot be killed, and need not.
    group.and_then(|group| kill_process_group(group, Signal::KILL).ok());
    child.kill().await.ok();
    child.wait().await
}

/// The end of everything the child writes to standard error, which is read all along: a full pipe would stop the child.
async fn complaint(mut stderr: ChildStderr, gone: &CancellationToken) -> String {
    let (mut kept, mut piece) = (Vec::new(), [0_u8; 4096]);
    let read_all = async {
        while let Ok(length @ 1..) = stderr.read(&mut piece).await {
            kept.extend_from_slice(piece.get(..length).unwrap_or_default());
            let surplus = kept.len().saturating_sub(LONGEST_COMPLAINT);
            kept.drain(..surplus);
        }
    };
    let too_late = async {
        gone.cancelled().await;
        // The pipe closes with the child, unless something else holds it.
        tokio::time::sleep(LAST_MOMENTS).await;
    };
    tokio::select! {
        () = read_all => {}
        () = too_late => {}
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// Why a child that gave no result ended.
fn died(status: ExitStatus, complaint: &str, limits: &ChildLimits) -> ChildError {
    use std::os::unix::process::ExitStatusExt as _;
    /// What Rust's runtime and the system's errors say when there is no memory left for values and for threads.
    const NO_MEMORY: [&str; 2] = ["memory allocation of", "Cannot allocate memory"];
    let too_much = |what: String| ChildError::Exceeded(format!("it needs more than {what}"));
    match status.signal().and_then(Signal::from_named_raw) {
        Some(Signal::XCPU) => too_much(format!("{} s of processor time", limits.processor.as_secs().max(1))),
        Some(Signal::XFSZ) => too_much(format!("{} MiB in one file", limits.file >> 20)),
        Some(Signal::KILL) => ChildError::Exceeded("the system stopped it, most likely for want of memory".to_owned()),
        _ if NO_MEMORY.iter().any(|words| complaint.contains(words)) => {
            too_much(format!("{} MiB of memory", limits.memory >> 20))
        }
        _ => ChildError::Failed(format!("it ended with {status}")),
    }
}

/// As [`run_there`], on a thread. One that nobody listens to any more goes on until it says something.
async fn run_here<M, E, F, G>(
    tasks: &'static [&'static dyn Task],
    order: Order,
    folder: &Path,
    cancelled: &CancellationToken,
    heard: F,
) -> Result<Value, E>
where
    M: DeserializeOwned,
    E: From<ChildError>,
    F: FnMut(M) -> G + Send,
    G: Future<Output = Result<(), E>> + Send,
{
    let (sender, lines) = mpsc::channel::<Bytes>(1);
    let folder = folder.to_path_buf();
    let work = tokio::task::spawn_blocking(move || carry_out(tasks, order, folder, &mut Lines(sender)));
    let lines = futures::stream::unfold(lines, |mut lines| async { Some((lines.recv().await?, lines)) });
    let lines = lines.map(|line| String::from_utf8(line.into()).map_err(|e| io::Error::other(e).into()));
    let last = tokio::select! {
        last = listen(lines, heard) => last?,
        () = cancelled.cancelled() => return Err(ChildError::Stopped.into()),
    };
    match (last, work.await) {
        (Some(result), _) => Ok(result?),
        (None, Ok(Err(why))) => Err(ChildError::Failed(why).into()),
        (None, _) => Err(ChildError::Failed("it ended without a word".to_owned()).into()),
    }
}

/// Takes whole lines, as [`carry_out`] writes them.
struct Lines(mpsc::Sender<Bytes>);

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Bytes::copy_from_slice(line));
        sent.map(|()| line.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
