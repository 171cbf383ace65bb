//! Child processes: real ones, most of them scripts that speak the protocol, well or badly.

#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

use std::future::ready;
use std::path::Path;
use std::time::{Duration, Instant};

use rhiza_platform::child::{ChildError, ChildLimits, Children, Speak, Task, TaskError, Work, Workplace};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const LIMITS: ChildLimits =
    ChildLimits { memory: 256 << 20, processor: Duration::from_secs(20), file: 1 << 20, open_files: 64, threads: 1 };

fn shell(script: &str) -> Children {
    Children::new("/bin/sh", ["-c", script])
}

fn work(folder: &Path) -> Work<'_> {
    Work { task: "tests.count", input: json!({"to": 3}), folder, limits: LIMITS }
}

/// What became of the work, and what was heard on the way.
async fn outcome(children: &Children, cancelled: &CancellationToken) -> (Result<Value, ChildError>, Vec<i64>) {
    let folder = tempfile::tempdir().unwrap();
    let mut heard = Vec::new();
    let result = children
        .run(work(folder.path()), cancelled, |news: i64| {
            heard.push(news);
            ready(Ok(()))
        })
        .await;
    (result, heard)
}

async fn failure(script: &str) -> ChildError {
    outcome(&shell(script), &CancellationToken::new()).await.0.unwrap_err()
}

/// Whether a process of this number is there and not merely waiting to be buried.
fn lives(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    state.is_ok_and(|state| !state.contains(") Z "))
}

#[tokio::test]
async fn what_a_child_says_on_the_way_is_heard_in_order_before_its_result() {
    let script = r#"read order; echo '{"news":1}'; echo '{"news":2}'; echo "{\"done\":$order}"; exit 0"#;
    let (result, heard) = outcome(&shell(script), &CancellationToken::new()).await;
    assert_eq!(heard, [1, 2]);
    let order = result.unwrap();
    assert_eq!((&order["task"], &order["input"]), (&json!("tests.count"), &json!({"to": 3})));
    assert_eq!(order["limits"]["memory"], 256 << 20);
}

#[tokio::test]
async fn a_child_has_nothing_of_ours_but_its_folder() {
    let script =
        r#"read order; : > made.txt; printf '{"done":["%s","%s"]}\n' "$(env | cut -d= -f1 | tr '\n' ' ')" "$HOME""#;
    let folder = tempfile::tempdir().unwrap();
    let result = shell(script)
        .run(work(folder.path()), &CancellationToken::new(), |_: Value| ready(Ok::<_, ChildError>(())))
        .await
        .unwrap();
    // The shell itself adds PWD and its like.
    let names = result[0].as_str().unwrap();
    assert!(!names.contains("CARGO") && !names.contains("PATH") && !names.contains("RHIZA"), "{names}");
    assert_eq!(result[1], "");
    assert!(folder.path().join("made.txt").exists());
}

#[tokio::test]
async fn a_refusal_is_told_in_the_words_of_the_task() {
    let why = failure(r#"read order; echo '{"refused":"line 3: no"}'"#).await;
    assert!(matches!(&why, ChildError::Refused(why) if why == "line 3: no"), "{why:?}");
}

#[tokio::test]
async fn a_child_that_speaks_otherwise_is_given_up() {
    for script in [
        "echo hello; sleep 60",
        r#"echo '{"news":"no number"}'; sleep 60"#,
        r#"echo '{"shouted":1}'; sleep 60"#,
        r"printf '\377\376\n'; sleep 60",
    ] {
        let began = Instant::now();
        let why = failure(script).await;
        assert!(matches!(&why, ChildError::Failed(why) if why.contains("cannot be read")), "{script}: {why:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{script}");
    }
}

#[tokio::test]
async fn an_endless_line_does_not_fill_the_memory() {
    let why = failure("tr '\\0' x < /dev/zero").await;
    assert!(matches!(&why, ChildError::Failed(why) if why.contains("too much at once")), "{why:?}");
}

#[tokio::test]
async fn a_child_that_goes_without_a_word_is_a_failure_with_its_ending() {
    let why = failure("exit 7").await;
    assert!(matches!(&why, ChildError::Failed(why) if why.contains("exit status: 7")), "{why:?}");
    let why = failure("kill -SEGV $$").await;
    assert!(matches!(&why, ChildError::Failed(why) if why.contains("signal: 11")), "{why:?}");
    let why = failure("exec 1>&-; sleep 1; exit 4").await;
    assert!(matches!(&why, ChildError::Failed(why) if why.contains("exit status: 4")), "{why:?}");
}

#[tokio::test]
async fn limits_that_were_passed_are_named() {
    for (script, says) in [
        ("kill -XCPU $$", "20 s of processor time"),
        ("kill -XFSZ $$", "1 MiB in one file"),
        ("kill -KILL $$", "want of memory"),
        ("echo 'memory allocation of 123 bytes failed' >&2; kill -ABRT $$", "256 MiB of memory"),
        ("echo 'failed to spawn thread: Cannot allocate memory (os error 12)' >&2; exit 101", "256 MiB of memory"),
    ] {
        let why = failure(script).await;
        assert!(matches!(&why, ChildError::Exceeded(why) if why.contains(says)), "{script}: {why:?}");
    }
}

#[tokio::test]
async fn a_child_that_complains_at_length_goes_on() {
    let script = r#"read order; i=0; while [ $i -lt 3000 ]; do
        echo "complaint $i: 0123456789012345678901234567890123456789012345678901234567890123456789" >&2; i=$((i+1)); done
        echo '{"done":7}'"#;
    assert_eq!(outcome(&shell(script), &CancellationToken::new()).await.0.unwrap(), 7);
}

#[tokio::test]
async fn an_order_longer_than_a_pipe_reaches_a_child_that_speaks_first() {
    let text = "x".repeat(3 << 20);
    let script = r#"i=0; while [ $i -lt 3000 ]; do echo '{"news":0123456789012345678901234567890123456789}' |
        sed s/0123456789/1/g; i=$((i+1)); done; echo "{\"done\":$(wc -c)}""#;
    let script = script.replace("$(wc -c)", "$(head -n 1 | wc -c)");
    let folder = tempfile::tempdir().unwrap();
    let long = Work { input: json!(text), ..work(folder.path()) };
    let result = shell(&script).run(long, &CancellationToken::new(), |_: i64| ready(Ok::<_, ChildError>(()))).await;
    assert!(result.unwrap().as_i64().unwrap() > 3 << 20);
}

#[tokio::test]
async fn cancelling_ends_the_child_and_what_it_started() {
    let cancelled = CancellationToken::new();
    let folder = tempfile::tempdir().unwrap();
    let children = shell("sleep 300 & echo $! > inner; echo $$ > outer; echo '{\"news\":1}'; wait");
    let stop = cancelled.clone();
    let began = Instant::now();
    let result = children
        .run(work(folder.path()), &cancelled, |_: i64| {
            stop.cancel();
            ready(Ok::<_, ChildError>(()))
        })
        .await;
    assert!(matches!(result, Err(ChildError::Stopped)), "{result:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
    for name in ["outer", "inner"] {
        let pid = std::fs::read_to_string(folder.path().join(name)).unwrap();
        // Who started it is gone; whoever buries it may take a moment.
        while lives(&pid) {
            assert!(began.elapsed() < Duration::from_secs(20), "{name} lives on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_listener_that_fails_ends_the_child() {
    let folder = tempfile::tempdir().unwrap();
    let children = shell(r#"echo $$ > outer; echo '{"news":1}'; sleep 300"#);
    let result = children
        .run(work(folder.path()), &CancellationToken::new(), |_: i64| {
            ready(Err(ChildError::Failed("the database is gone".to_owned())))
        })
        .await;
    assert!(matches!(&result, Err(ChildError::Failed(why)) if why == "the database is gone"), "{result:?}");
    assert!(!lives(&std::fs::read_to_string(folder.path().join("outer")).unwrap()));
}

#[tokio::test]
async fn standard_input_closes_after_the_last_word_and_a_child_that_stays_is_ended() {
    let began = Instant::now();
    let polite = r#"read order; echo '{"done":1}'; cat > rest; exit 3"#;
    assert_eq!(outcome(&shell(polite), &CancellationToken::new()).await.0.unwrap(), 1);
    assert!(began.elapsed() < Duration::from_secs(4), "the child ends as soon as nobody wants more");
    let rude = r#"read order; echo '{"done":2}'; sleep 300"#;
    assert_eq!(outcome(&shell(rude), &CancellationToken::new()).await.0.unwrap(), 2);
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_program_that_is_not_there_cannot_be_used() {
    let nothing = Children::new("/no/such/program", ["x"]);
    let (result, _) = outcome(&nothing, &CancellationToken::new()).await;
    assert!(matches!(result, Err(ChildError::Io(_))), "{result:?}");
}

/// Counts.
struct Count;

impl Task for Count {
    fn name(&self) -> &'static str {
        "tests.count"
    }

    fn run(&self, input: Value, place: &Workplace, say: &mut Speak<'_>) -> Result<Value, TaskError> {
        assert!(place.folder.is_dir());
        let to = input["to"].as_i64().ok_or_else(|| TaskError::Refused("to where?".to_owned()))?;
        (1..=to).try_for_each(|number| say.say(&number))?;
        if to == 3 { Ok(json!(to)) } else { Err(TaskError::Failed("only three".to_owned())) }
    }
}

#[tokio::test]
async fn a_task_on_a_thread_speaks_as_one_in_a_process() {
    let threads = Children::threads(&[&Count]);
    let (result, heard) = outcome(&threads, &CancellationToken::new()).await;
    assert_eq!((result.unwrap(), heard), (json!(3), vec![1, 2, 3]));
    let folder = tempfile::tempdir().unwrap();
    for (input, says) in [(json!({}), "to where?"), (json!({"to": 2}), "the child process failed: only three")] {
        let work = Work { input, ..work(folder.path()) };
        let ignored = |_: i64| ready(Ok::<_, ChildError>(()));
        let why = threads.run(work, &CancellationToken::new(), ignored).await.expect_err("no result");
        assert_eq!(why.to_string(), says);
    }
}
