//! Limits shared through a real Redis: agreement between processes, and what happens when it dies, hangs, forgets the
//! script, wants another password, and comes back.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "Redis has a clock of its own, so these tests measure real time; a server that does not start fails them"
)]

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rhiza_kernel::Env;
use rhiza_platform::limits::{Limiter, Rate, RedisOptions, Subject};
use rhiza_platform::runtime::{Tasks, system_env};

/// The server that the whole test run shares.
fn shared_url() -> String {
    std::env::var("RHIZA_TEST_REDIS_URL").expect("RHIZA_TEST_REDIS_URL is not set: run the tests through `make test`")
}

/// A subject that nobody counted before.
fn fresh() -> Subject {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed).to_string();
    let nonce = format!("{:?}", system_env().random_bytes::<16>());
    Subject::of_text(&[&nonce, &number])
}

const TIMEOUT: Duration = Duration::from_millis(300);

/// One process's limiter, connected unless Redis is away.
fn process(url: &str) -> (Limiter, Tasks) {
    process_with(url, TIMEOUT)
}

fn process_with(url: &str, timeout: Duration) -> (Limiter, Tasks) {
    let limiter = Limiter::shared(system_env(), &RedisOptions { url: url.to_owned().into(), timeout }).unwrap();
    let tasks = Tasks::new();
    tasks.spawn("limits", limiter.clone().run(tasks.token()));
    (limiter, tasks)
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(20), "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn connected(url: &str) -> (Limiter, Tasks) {
    let (limiter, tasks) = process(url);
    until("the connection", || limiter.is_shared()).await;
    (limiter, tasks)
}

/// A Redis of the test's own, to be treated badly.
struct Server {
    child: Option<Child>,
    port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { child: None, port, folder: tempfile::tempdir().unwrap() };
        server.boot(arguments);
        server
    }

    fn boot(&mut self, arguments: &[&str]) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--dir", self.folder.path().to_str().unwrap()])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed by scripts/services.sh");
        self.child = Some(child);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "redis-server did not start");
            std::thread::yield_now();
        }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    async fn command(&self, words: &[&str]) {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let _: redis::Value = command.query_async(&mut connection).await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test]
async fn two_processes_share_every_bucket() {
    let (one, _tasks) = connected(&shared_url()).await;
    let (two, _others) = connected(&shared_url()).await;
    let subject = fresh();
    let rate = Rate::per_minute(10);
    let mut allowed = 0;
    for _ in 0..10 {
        allowed += u32::from(one.take("test", subject, rate, 1).await.allowed);
        allowed += u32::from(two.take("test", subject, rate, 1).await.allowed);
    }
    assert_eq!(allowed, 10);
    let refused = one.take("test", subject, rate, 1).await;
    assert_eq!((refused.limit, refused.remaining), (10, 0));
    let wait = refused.retry_after.unwrap();
    assert!(wait > Duration::from_secs(4) && wait <= Duration::from_secs(6), "{wait:?}");
    assert!(refused.reset > Duration::from_secs(58), "{:?}", refused.reset);
    assert!(one.take("other", subject, rate, 1).await.allowed, "another bucket");
}

#[tokio::test]
async fn many_at_once_get_no_more_than_the_limit() {
    let (one, _tasks) = connected(&shared_url()).await;
    let (two, _others) = connected(&shared_url()).await;
    let subject = fresh();
    let calls = (0..200).map(|n| {
        let limiter = if n % 2 == 0 { one.clone() } else { two.clone() };
        async move { limiter.take("test", subject, Rate::per_minute(30), 1).await.allowed }
    });
    let allowed = futures::future::join_all(calls).await.into_iter().filter(|allowed| *allowed).count();
    assert!(one.is_shared() && two.is_shared());
    assert_eq!(allowed, 30);
}

#[tokio::test]
async fn redis_decides_as_this_process_would() {
    let (shared, _tasks) = connected(&shared_url()).await;
    // Windows so long that nothing comes back while the test runs.
    for (limit, costs) in [
        (1, vec![0, 1, 1, 0, 2]),
        (10, vec![3, 0, 4, 4, 3, 1, 11, u32::MAX]),
        (7, vec![7, 0, 1]),
        (1_000_000, vec![999_999, 1, 1]),
        (3, vec![4, 3]),
    ] {
        let (env, _) = Env::fixed(chrono::DateTime::from_timestamp(0, 0).unwrap(), 1);
        let local = Limiter::local(env);
        let (subject, rate) = (fresh(), Rate::new(limit, Duration::from_secs(20 * 86_400)));
        for cost in costs {
            let here = local.take("test", subject, rate, cost).await;
            let there = shared.take("test", subject, rate, cost).await;
            assert!(shared.is_shared());
            assert_eq!((here.allowed, here.limit), (there.allowed, there.limit), "{limit} {cost}");
            // What came back in the milliseconds between the calls may round up to one unit of a very large limit.
            assert!(there.remaining.abs_diff(here.remaining) <= 1, "{limit} {cost}: {here:?} {there:?}");
            assert_eq!(here.retry_after.is_some(), there.retry_after.is_some(), "{limit} {cost}");
        }
    }
}

#[tokio::test]
async fn a_bucket_leaves_redis_once_it_is_full_again() {
    let server = Server::start(&[]);
    let (limiter, _tasks) = connected(&server.url()).await;
    assert!(limiter.take("test", fresh(), Rate::new(10, Duration::from_millis(200)), 10).await.allowed);
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let started = Instant::now();
    loop {
        let keys: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await.unwrap();
        if keys == 0 {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(5), "the key stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_dead_redis_is_replaced_by_local_limits_and_taken_back_when_it_returns() {
    let mut server = Server::start(&[]);
    let (limiter, _tasks) = connected(&server.url()).await;
    let (subject, rate) = (fresh(), Rate::per_minute(5));
    for _ in 0..5 {
        assert!(limiter.take("test", subject, rate, 1).await.allowed);
    }
    server.kill();
    let mut allowed = 0;
    for _ in 0..20 {
        allowed += u32::from(limiter.take("test", subject, rate, 1).await.allowed);
    }
    assert!(!limiter.is_shared());
    assert_eq!(allowed, 5, "this process limits by itself, with a bucket of its own");
    server.boot(&[]);
    until("the return", || limiter.is_shared()).await;
    assert!(limiter.take("test", subject, rate, 5).await.allowed, "the new Redis knows nothing yet");
    assert!(!limiter.take("test", subject, rate, 1).await.allowed);
}

#[tokio::test]
async fn a_hanging_redis_costs_one_time_out_and_not_one_a_request() {
    let server = Server::start(&[]);
    let (limiter, _tasks) = connected(&server.url()).await;
    let (subject, rate) = (fresh(), Rate::per_minute(1_000_000));
    assert!(limiter.take("test", subject, rate, 1).await.allowed);
    server.signal("-STOP");
    let started = Instant::now();
    for _ in 0..1000 {
        assert!(limiter.take("test", subject, rate, 1).await.allowed);
    }
    let took = started.elapsed();
    assert!(!limiter.is_shared());
    assert!(took >= TIMEOUT && took < TIMEOUT * 4, "{took:?} for a thousand calls");
    // It stays local, at no cost, as long as Redis hangs: the kernel still accepts connections for it.
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(!limiter.is_shared());
    let started = Instant::now();
    limiter.take("test", subject, rate, 1).await;
    assert!(started.elapsed() < TIMEOUT / 3, "{:?}", started.elapsed());
    server.signal("-CONT");
    until("the return", || limiter.is_shared()).await;
}

#[tokio::test]
async fn a_forgotten_script_is_sent_again() {
    let server = Server::start(&[]);
    let (limiter, _tasks) = connected(&server.url()).await;
    let (subject, rate) = (fresh(), Rate::per_minute(3));
    assert!(limiter.take("test", subject, rate, 2).await.allowed);
    server.command(&["SCRIPT", "FLUSH"]).await;
    assert!(limiter.take("test", subject, rate, 1).await.allowed);
    assert!(!limiter.take("test", subject, rate, 1).await.allowed);
    assert!(limiter.is_shared());
}

#[tokio::test]
async fn a_wrong_password_means_local_limits_and_the_right_one_works() {
    let server = Server::start(&["--requirepass", "correct-horse"]);
    let wrong = format!("redis://:wrong@127.0.0.1:{}", server.port);
    let (limiter, _tasks) = process(&wrong);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(!limiter.is_shared());
    let subject = fresh();
    assert!(limiter.take("test", subject, Rate::per_minute(1), 1).await.allowed);
    assert!(!limiter.take("test", subject, Rate::per_minute(1), 1).await.allowed, "limits hold all the same");
    let right = format!("redis://:correct-horse@127.0.0.1:{}", server.port);
    connected(&right).await;
}

#[tokio::test]
async fn what_somebody_else_wrote_under_our_name_locks_nobody_out() {
    let server = Server::start(&[]);
    let (limiter, _tasks) = connected(&server.url()).await;
    let (subject, rate) = (fresh(), Rate::per_minute(60));
    assert!(limiter.take("test", subject, rate, 1).await.allowed);
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("rhiza:limit:*").query_async(&mut connection).await.unwrap();
    assert_eq!(keys.len(), 1);
    // A clock that was a year ahead; then no number at all.
    server.command(&["SET", &keys[0], "99999999999999"]).await;
    let refused = limiter.take("test", subject, rate, 1).await;
    assert!(!refused.allowed);
    assert!(refused.retry_after.unwrap() <= Duration::from_secs(1), "{refused:?}");
    server.command(&["SET", &keys[0], "rubbish"]).await;
    assert!(limiter.take("test", subject, rate, 1).await.allowed);
    // A key of another type is an error of Redis: local limits answer.
    server.command(&["DEL", &keys[0]]).await;
    server.command(&["LPUSH", &keys[0], "x"]).await;
    assert!(limiter.take("test", subject, rate, 1).await.allowed);
}

#[tokio::test]
async fn a_server_starts_without_redis_and_finds_it_later() {
    let mut server = Server::start(&[]);
    let url = server.url();
    server.kill();
    let (limiter, _tasks) = process(&url);
    assert!(limiter.take("test", fresh(), Rate::per_minute(1), 1).await.allowed);
    server.boot(&[]);
    until("the connection", || limiter.is_shared()).await;
}
