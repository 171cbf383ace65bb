//! A running `rhiza`, and the calls tests make to it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rhiza_store::{Db, DbUrl, MigrationSet};
use rhiza_testkit::Engine;
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
    ended(rhiza(arguments).output().unwrap())
}

fn ended(output: Output) -> (i32, String, String) {
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Where an installation is: a data folder and a database that nobody else uses.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) url: String,
}

/// Runs `body` on a fresh place, empty but for the tables of `sets`.
pub(crate) fn on(engine: Engine, sets: &[MigrationSet], body: impl FnOnce(&Place, &Db) + Send) {
    rhiza_testkit::start(engine, sets, |test| async move {
        let url = match &test.url {
            DbUrl::Sqlite(path) => format!("sqlite://{}", path.display()),
            DbUrl::Postgres(url) => url.clone(),
        };
        let place = Place { folder: test.folder.path().join("data"), url };
        std::thread::scope(|threads| {
            let body = threads.spawn(|| body(&place, &test.db));
            body.join().unwrap_or_else(|e| std::panic::resume_unwind(e));
        });
    });
}

/// Makes a test of each function: one on SQLite and one on PostgreSQL.
macro_rules! on_both {
    ($(fn $name:ident($place:ident) $body:block)+) => {$(
        fn $name($place: &crate::process::Place, _: &rhiza_store::Db) $body

        mod $name {
            #[test]
            fn on_sqlite() {
                crate::process::on(rhiza_testkit::Engine::Sqlite, &[], super::$name);
            }

            #[test]
            fn on_postgres() {
                crate::process::on(rhiza_testkit::Engine::Postgres, &[], super::$name);
            }
        }
    )+};
}
pub(crate) use on_both;

impl Place {
    /// The command line of `command` here.
    pub(crate) fn command<'a>(&'a self, command: &[&'a str]) -> Vec<&'a str> {
        let here = ["--data-dir", self.folder.to_str().unwrap(), "--database-url", &self.url];
        command.iter().copied().chain(here).collect()
    }

    /// Runs a command here: exit code, standard output, standard error.
    pub(crate) fn run(&self, command: &[&str]) -> (i32, String, String) {
        run(&self.command(command))
    }

    /// Asks for a first owner: exit code, standard output, standard error.
    pub(crate) fn try_init(&self, email: &str) -> (i32, String, String) {
        let init = ["admin", "init", "--email", email, "--organization", "Acme", "--password-stdin"];
        let mut child = rhiza(&self.command(&init)).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"a rather long passphrase 9\n").unwrap();
        ended(child.wait_with_output().unwrap())
    }

    /// Makes the first owner and returns what the command printed.
    pub(crate) fn init(&self) -> Value {
        let (code, out, error) = self.try_init("ada@example.org");
        assert_eq!(code, 0, "{error}");
        serde_json::from_str(&out).unwrap()
    }
}

/// A started server. Killed when dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) child: Child,
}

impl Server {
    /// Starts a server and waits until it would serve.
    pub(crate) fn start(place: &Place) -> Self {
        Self::start_with(place, &[])
    }

    /// As [`Server::start`], with these variables over the settings.
    pub(crate) fn start_with(place: &Place, variables: &[(&str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let mut command = rhiza(&place.command(&["serve", "--listen", &listen]));
        let mut child = command.envs(variables.iter().copied()).spawn().unwrap();
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
        let ask = async { Some(CLIENT.get(format!("{}/readyz", self.url)).send().await.ok()?.status().as_u16()) };
        RUNTIME.block_on(ask)
    }

    /// Calls with exactly these headers and this body: the status.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> u16 {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = CLIENT.request(method, format!("{}{path}", self.url)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        RUNTIME.block_on(async { request.send().await.unwrap().status().as_u16() })
    }

    /// Calls with a key, or with the cookie of a session as a browser would.
    pub(crate) fn ask(&self, method: &str, path: &str, key: Option<&str>, payload: &Payload) -> Reply {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = CLIENT.request(method, format!("{}{path}", self.url));
        request = match key {
            Some(cookie) if cookie.starts_with("__Host-") => {
                request.header("cookie", cookie).header("origin", &self.url)
            }
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        request = match payload {
            Payload::None => request,
            Payload::Json(value) => request.json(value),
            Payload::Bytes(bytes) => request.header("content-type", "application/octet-stream").body(bytes.clone()),
        };
        RUNTIME.block_on(async {
            let mut response = request.send().await.unwrap();
            let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
            let kind = kind.to_owned();
            let status = response.status().as_u16();
            // An event stream never ends; its first event is all that a call is about.
            let body = if kind.starts_with("text/event-stream") {
                let first = tokio::time::timeout(Duration::from_secs(10), response.chunk()).await;
                first.expect("an event within ten seconds").unwrap().unwrap_or_default().to_vec()
            } else {
                response.bytes().await.unwrap().to_vec()
            };
            Reply { status, kind, body: String::from_utf8_lossy(&body).into_owned() }
        })
    }

    /// Calls with a key: status and body.
    pub(crate) fn get(&self, path: &str, key: Option<&str>) -> (u16, String) {
        let reply = self.ask("GET", path, key, &Payload::None);
        (reply.status, reply.body)
    }

    /// Calls with a key and perhaps a body, and reads the JSON answer, which must be a success.
    pub(crate) fn call(&self, method: &str, path: &str, key: &str, payload: &Payload) -> Value {
        let reply = self.ask(method, path, Some(key), payload);
        assert!((200..300).contains(&reply.status), "{method} {path} {payload:?}: {} {}", reply.status, reply.body);
        serde_json::from_str(&reply.body).unwrap_or(Value::Null)
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

/// What a request carries.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    None,
    Json(Value),
    Bytes(Vec<u8>),
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) body: String,
}

pub(crate) static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().build().unwrap()
});
