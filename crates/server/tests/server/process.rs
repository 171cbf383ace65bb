//! A running `rhiza`, and the calls tests make to it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_rhiza");

/// A command with nothing inherited from the developer's own settings.
pub(crate) fn rhiza(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RHIZA_") || name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end: exit code, standard output, standard error.
pub(crate) fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = rhiza(arguments).output().unwrap();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Makes the first owner and returns what the command printed.
pub(crate) fn init(folder: &Path, database: Option<&str>) -> Value {
    let folder = folder.to_str().unwrap();
    let mut arguments = vec!["admin", "init", "--email", "ada@example.org", "--organization", "Acme", "--password-stdin"];
    arguments.extend(["--data-dir", folder]);
    arguments.extend(database.iter().flat_map(|url| ["--database-url", url]));
    let mut child = rhiza(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"correct horse battery staple\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A started server. Killed when dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) child: Child,
}

impl Server {
    /// Starts a server on `folder` and waits until it would serve.
    pub(crate) fn start(folder: &Path, more: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let mut arguments = vec!["serve", "--data-dir", folder.to_str().unwrap(), "--listen", &listen];
        arguments.extend(more);
        let mut child = rhiza(&arguments).spawn().unwrap();
        let errors = child.stderr.take().unwrap();
        // Somebody must read the log, or a full pipe would stop the server.
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if std::env::var_os("RHIZA_TEST_LOG").is_some() {
                    eprintln!("{line}");
                }
            }
        });
        let mut server = Self { url: format!("http://{listen}"), child };
        let deadline = Instant::now() + Duration::from_secs(30);
        while server.try_ready() != Some(200) {
            assert!(Instant::now() < deadline, "the server did not become ready");
            assert!(server.child.try_wait().unwrap().is_none(), "the server ended while starting");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn try_ready(&self) -> Option<u16> {
        block(async { Some(reqwest_get(&format!("{}/readyz", self.url), None).await.ok()?.0) })
    }

    /// Calls with a key: status and body.
    pub(crate) fn get(&self, path: &str, key: Option<&str>) -> (u16, String) {
        block(async { reqwest_get(&format!("{}{path}", self.url), key).await.unwrap() })
    }

    /// Calls with a key and a JSON body: status and body.
    pub(crate) fn send(&self, method: &str, path: &str, key: Option<&str>, body: Option<&Value>) -> (u16, String) {
        block(async {
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let mut request = client().request(method, format!("{}{path}", self.url));
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        })
    }

    /// Calls with a key and a JSON body, and reads the JSON answer, which must be a success.
    pub(crate) fn call(&self, method: &str, path: &str, key: &str, body: Value) -> Value {
        let (status, text) = self.send(method, path, Some(key), Some(&body));
        assert!((200..300).contains(&status), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Asks the server to stop and tells its exit code and how long it took.
    pub(crate) fn stop(mut self) -> (Option<i32>, Duration) {
        let start = Instant::now();
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
        let code = self.child.wait().unwrap().code();
        (code, start.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn reqwest_get(url: &str, key: Option<&str>) -> Result<(u16, String), reqwest::Error> {
    let mut request = client().get(url);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let response = request.send().await?;
    let status = response.status().as_u16();
    // An event stream never ends; the head is all that such a call is about.
    let streams = response.headers().get("content-type").is_some_and(|t| t == "text/event-stream");
    let body = if streams { String::new() } else { response.text().await? };
    Ok((status, body))
}

fn block<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
