//! Letters: written with the change they tell of, sent by a job to a real mail server, repeated while it is away.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use rhiza_kernel::{Env, MailId, OrgScope};
use rhiza_platform::events::Hub;
use rhiza_platform::jobs::{RetryPolicy, Worker, WorkerOptions};
use rhiza_platform::mail::{Delivery, Letter, Post, PostOptions, Purge, SendMail, SmtpAddress, SmtpOptions, Template};
use rhiza_platform::runtime::Tasks;
use rhiza_platform::secrets::Sealer;
use rhiza_store::{FromQueryResult, Tx, binds, sea_orm};
use rhiza_testkit::TestDb;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::SETS;

/// The mail server that `scripts/services.sh` starts, and what arrived there.
struct Server {
    folder: PathBuf,
    ports: HashMap<String, u16>,
}

#[expect(clippy::disallowed_methods, reason = "the environment says where the services of the tests are")]
fn server() -> Server {
    let folder = std::env::var("RHIZA_TEST_SMTP_DIR")
        .unwrap_or_else(|_| panic!("RHIZA_TEST_SMTP_DIR is not set: run the tests through `make test`"));
    let folder = PathBuf::from(folder);
    let ports = serde_json::from_slice(&std::fs::read(folder.join("ports.json")).unwrap()).unwrap();
    Server { folder, ports }
}

impl Server {
    fn options(&self, kind: &str) -> SmtpOptions {
        let scheme = HashMap::from([("starttls", "smtp"), ("tls", "smtps"), ("plain", "smtp+plain")])[kind];
        let mut options = at(&format!("{scheme}://localhost:{}", self.ports[kind]));
        options.authority = Some(std::fs::read(self.folder.join("ca.pem")).unwrap());
        if kind != "plain" {
            options.credentials = Some(("rhiza".to_owned(), "correct-horse-battery".into()));
        }
        options
    }

    /// The letters that arrived for an address.
    fn received(&self, to: &str) -> Vec<Value> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.join("letters"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .collect();
        files.sort();
        let letters = files.iter().map(|path| serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap());
        letters.filter(|letter| letter["to"].as_array().unwrap().contains(&json!(to))).collect()
    }
}

fn at(url: &str) -> SmtpOptions {
    SmtpOptions {
        address: SmtpAddress::parse(url).unwrap(),
        credentials: None,
        from: "Rhiza <rhiza@rhiza.example.org>".to_owned(),
        authority: None,
        timeout: Duration::from_secs(10),
    }
}

/// A post office of a test, on real time: letters are sent by a worker.
struct Office {
    db: rhiza_store::Db,
    env: Env,
    post: Post,
    tasks: Tasks,
}

impl Office {
    fn new(db: &TestDb) -> Self {
        let env = rhiza_platform::runtime::system_env();
        let sealer = Sealer::ephemeral(&env);
        let options = PostOptions { public_url: Url::parse("https://rhiza.example.org").unwrap(), available: true };
        Self { db: db.db.clone(), post: Post::new(env.clone(), sealer, options), env, tasks: Tasks::new() }
    }

    fn work(&self, delivery: Delivery) {
        let options = WorkerOptions {
            poll: Duration::from_millis(10),
            retry: RetryPolicy { base: Duration::from_millis(200), cap: Duration::from_millis(400) },
            ..WorkerOptions::default()
        };
        let worker = Worker::new(self.db.clone(), self.env.clone(), Hub::new(), options)
            .register(Arc::new(SendMail::new(self.db.clone(), &self.post, delivery)));
        self.tasks.spawn("worker", worker.run(self.tasks.clone()));
    }

    async fn send(&self, scope: Option<&OrgScope>, to: &str, template: Template) -> MailId {
        let tx = match scope {
            Some(scope) => self.db.write(scope).await.unwrap(),
            None => self.db.system_write().await.unwrap(),
        };
        let id = self.post.send(&tx, letter(to, template)).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn row(&self, id: MailId) -> Row {
        let tx = self.db.system_read().await.unwrap();
        read(&tx, id).await
    }

    /// Waits until the letter is in a state.
    async fn until(&self, id: MailId, state: &str) -> Row {
        for _ in 0..1500 {
            let row = self.row(id).await;
            if row.state == state {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let row = self.row(id).await;
        panic!("the letter is {} ({:?}) and not {state}", row.state, row.error);
    }

    async fn close(self) {
        assert!(self.tasks.shutdown(Duration::from_secs(10)).await);
    }
}

#[derive(Debug, FromQueryResult)]
struct Row {
    state: String,
    sealed: Option<Vec<u8>>,
    error: Option<String>,
    attempts: Option<i32>,
    job_error: Option<String>,
    input: Option<Value>,
}

/// The letter with its job; the job's input holds the letter's id.
async fn read(tx: &Tx, id: MailId) -> Row {
    #[derive(FromQueryResult)]
    struct Job {
        attempts: i32,
        error: Option<String>,
        input: Value,
    }
    #[derive(FromQueryResult)]
    struct Mail {
        state: String,
        sealed: Option<Vec<u8>>,
        error: Option<String>,
    }
    let mail: Mail =
        tx.fetch_one("SELECT state, sealed, error FROM mails WHERE mail_id = $1", binds![id.uuid()]).await.unwrap();
    let jobs: Vec<Job> = tx
        .fetch_all("SELECT attempts, error, input FROM jobs WHERE kind = 'platform.send_mail'", binds![])
        .await
        .unwrap();
    let job = jobs.into_iter().find(|job| job.input["mail"] == json!(id));
    Row {
        state: mail.state,
        sealed: mail.sealed,
        error: mail.error,
        attempts: job.as_ref().map(|job| job.attempts),
        job_error: job.as_ref().and_then(|job| job.error.clone()),
        input: job.map(|job| job.input),
    }
}

const LINK: &str = "https://rhiza.example.org/reset?token=very-secret-token";

fn letter(to: &str, template: Template) -> Letter {
    let values = json!({
        "name": "Ada", "link": LINK, "hours": 24, "minutes": 30, "days": 7, "organization": "Acme", "inviter": "Bob",
        "role": "viewer", "address": "203.0.113.7", "at": "2026-11-21T18:24:05Z", "old": "a@b.org", "new": "c@d.org",
        "what": "A passkey was added.", "agent": "Firefox",
    });
    Letter { to: to.to_owned(), name: Some("Ada Lovelace".to_owned()), template, values }
}

/// An address that no other test writes to.
fn unique(name: &str, db: &TestDb) -> String {
    let engine = db.db.dialect().name();
    format!("{name}-{engine}-{}@example.org", std::process::id())
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn a_letter_is_sent_if_and_only_if_its_transaction_commits(db: TestDb) {
        let (server, office) = (server(), Office::new(&db));
        office.work(Delivery::smtp(&server.options("plain")).unwrap());
        let scope = db.tenant().org_scope();
        let (sent, not) = (unique("commit", &db), unique("rollback", &db));
        let tx = db.write(&scope).await;
        office.post.send(&tx, letter(&not, Template::VerifyEmail)).await.unwrap();
        tx.rollback().await.unwrap();
        let id = office.send(Some(&scope), &sent, Template::VerifyEmail).await;
        let row = office.until(id, "sent").await;
        assert_eq!(row.sealed, None, "what was sent is kept nowhere");
        let letters = server.received(&sent);
        assert_eq!(letters.len(), 1);
        let text = letters[0]["text"].as_str().unwrap();
        assert!(text.contains(&format!("Message-ID: <{id}@rhiza.example.org>")), "{text}");
        assert!(text.contains("From: Rhiza <rhiza@rhiza.example.org>") || text.contains("From: \"Rhiza\""), "{text}");
        assert!(text.contains("Subject: Confirm your e-mail address"), "{text}");
        assert!(text.contains("multipart/alternative") && text.contains("text/plain") && text.contains("text/html"));
        assert_eq!(server.received(&not), Vec::<Value>::new());
        office.close().await;
    }

    async fn starttls_and_tls_with_a_user(db: TestDb) {
        let (server, office) = (server(), Office::new(&db));
        for kind in ["starttls", "tls"] {
            let to = unique(kind, &db);
            let office = Office { tasks: Tasks::new(), db: office.db.clone(), env: office.env.clone(), post: office.post.clone() };
            office.work(Delivery::smtp(&server.options(kind)).unwrap());
            let id = office.send(None, &to, Template::PasswordChanged).await;
            office.until(id, "sent").await;
            let letters = server.received(&to);
            assert_eq!(letters[0]["tls"], true);
            assert_eq!(letters[0]["user"], "rhiza");
            office.close().await;
        }
    }

    async fn a_server_that_cannot_be_trusted_gets_nothing(db: TestDb) {
        let (server, office) = (server(), Office::new(&db));
        // Its authority is not known, its password is wrong, it offers no STARTTLS: each is mended by the operator, so
        // the letter waits.
        let mut unknown = server.options("starttls");
        unknown.authority = None;
        let mut wrong = server.options("starttls");
        wrong.credentials = Some(("rhiza".to_owned(), "wrong".into()));
        let mut bare = server.options("plain");
        bare.address.security = rhiza_platform::mail::Security::StartTls;
        for (name, options) in [("unknown", unknown), ("wrong", wrong), ("bare", bare)] {
            let to = unique(name, &db);
            let office = Office { tasks: Tasks::new(), db: office.db.clone(), env: office.env.clone(), post: office.post.clone() };
            office.work(Delivery::smtp(&options).unwrap());
            let id = office.send(None, &to, Template::VerifyEmail).await;
            let mut row = office.row(id).await;
            for _ in 0..500 {
                if row.job_error.is_some() { break }
                tokio::time::sleep(Duration::from_millis(20)).await;
                row = office.row(id).await;
            }
            assert!(row.job_error.is_some() && row.state == "queued" && row.sealed.is_some(), "{name}: {row:?}");
            assert!(server.received(&to).is_empty());
            office.close().await;
        }
    }

    async fn a_refusal_is_final_and_a_delay_is_not(db: TestDb) {
        let (server, office) = (server(), Office::new(&db));
        office.work(Delivery::smtp(&server.options("plain")).unwrap());
        let scope = db.tenant().org_scope();
        let refused = office.send(Some(&scope), &unique("reject", &db), Template::Invitation).await;
        let row = office.until(refused, "failed").await;
        assert_eq!((row.attempts, row.sealed), (Some(1), None));
        assert!(row.error.unwrap().contains("no such user here"));

        let delayed = office.send(Some(&scope), &unique("defer", &db), Template::Invitation).await;
        let mut row = office.row(delayed).await;
        for _ in 0..500 {
            if row.attempts >= Some(3) { break }
            tokio::time::sleep(Duration::from_millis(20)).await;
            row = office.row(delayed).await;
        }
        assert!(row.attempts >= Some(3) && row.state == "queued" && row.sealed.is_some(), "{row:?}");
        // What members of the organisation see of it names neither the address nor the server's words.
        assert_eq!(row.job_error.as_deref(), Some("the mail server put the letter off (451)"));
        let input = row.input.unwrap().to_string();
        assert!(!input.contains("example.org") && !input.contains("token"), "{input}");
        office.close().await;
    }

    async fn a_server_that_was_down_gets_the_letter_when_it_is_up(db: TestDb) {
        let (server, office) = (server(), Office::new(&db));
        // A port that is refused until the real server is put behind it.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        office.work(Delivery::smtp(&at(&format!("smtp+plain://127.0.0.1:{port}"))).unwrap());
        let to = unique("later", &db);
        let id = office.send(None, &to, Template::VerifyEmail).await;
        tokio::time::sleep(Duration::from_millis(800)).await;
        assert_eq!(office.row(id).await.state, "queued");
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let behind = server.ports["plain"];
        let proxy = office.tasks.spawn("proxy", async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut upstream = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                tokio::io::copy_bidirectional(&mut client, &mut upstream).await.ok();
            }
        });
        office.until(id, "sent").await;
        assert_eq!(server.received(&to).len(), 1);
        proxy.abort();
        office.close().await;
    }

    async fn a_server_that_hangs_takes_nothing_with_it(db: TestDb) {
        let (server, office) = (server(), Office::new(&db));
        let mut options = server.options("plain");
        options.timeout = Duration::from_millis(300);
        office.work(Delivery::smtp(&options).unwrap());
        let id = office.send(None, &unique("hang", &db), Template::VerifyEmail).await;
        let mut row = office.row(id).await;
        for _ in 0..500 {
            if row.job_error.is_some() { break }
            tokio::time::sleep(Duration::from_millis(20)).await;
            row = office.row(id).await;
        }
        assert_eq!(row.job_error.as_deref(), Some("the mail server took too long"));
        assert_eq!(row.state, "queued");
        office.close().await;
    }

    async fn a_letter_whose_end_was_not_heard_comes_again_under_the_same_id(db: TestDb) {
        let office = Office::new(&db);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
        // A server that takes the whole letter and is gone before it says so, once; then a good one.
        let double = office.tasks.spawn("double", async move {
            let mut first = true;
            while let Ok((stream, _)) = listener.accept().await {
                let (read, mut write) = stream.into_split();
                write.write_all(b"220 double\r\n").await.unwrap();
                let mut lines = BufReader::new(read).lines();
                let (mut data, mut text) = (false, String::new());
                while let Ok(Some(line)) = lines.next_line().await {
                    let answer = match line.as_str() {
                        "." if data => {
                            sender.send(std::mem::take(&mut text)).unwrap();
                            data = false;
                            if std::mem::take(&mut first) { break }
                            "250 kept\r\n"
                        }
                        _ if data => { text.push_str(&line); text.push('\n'); continue }
                        "DATA" => { data = true; "354 go on\r\n" }
                        _ => "250 fine\r\n",
                    };
                    if write.write_all(answer.as_bytes()).await.is_err() { break }
                }
            }
        });
        office.work(Delivery::smtp(&at(&format!("smtp+plain://127.0.0.1:{port}"))).unwrap());
        let id = office.send(None, "ada@example.org", Template::VerifyEmail).await;
        office.until(id, "sent").await;
        let (one, two) = (heard.recv().await.unwrap(), heard.recv().await.unwrap());
        let ids = |text: &str| text.lines().filter(|l| l.starts_with("Message-ID:") || l.starts_with("Date:")).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(ids(&one), ids(&two));
        assert_eq!(ids(&one).len(), 2);
        double.abort();
        office.close().await;
    }

    async fn hostile_names_and_addresses_reach_nobody_else(db: TestDb) {
        let (server, office) = (server(), Office::new(&db));
        office.work(Delivery::smtp(&server.options("plain")).unwrap());
        let (to, victim) = (unique("target", &db), unique("victim", &db));
        let mut hostile = letter(&to, Template::Invitation);
        hostile.name = Some(format!("Ada\r\nBcc: {victim}\r\nX: \"<{victim}>"));
        hostile.values["organization"] = json!(format!("Acme\r\nBcc: {victim}\r\n\r\n<b>{}", "x".repeat(100_000)));
        hostile.values["inviter"] = json!("\r\n.\r\nMAIL FROM:<evil@example.org>\r\n");
        let tx = db.write(&db.tenant().org_scope()).await;
        let id = office.post.send(&tx, hostile).await.unwrap();
        tx.commit().await.unwrap();
        office.until(id, "sent").await;
        let letters = server.received(&to);
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0]["to"], json!([to]));
        let head = letters[0]["text"].as_str().unwrap().split("\r\n\r\n").next().unwrap().to_owned();
        assert!(!head.to_lowercase().lines().any(|line| line.starts_with("bcc") || line.starts_with("x:")), "{head}");
        assert!(server.received(&victim).is_empty());

        for bad in [format!("a@example.org>\r\nRCPT TO:<{victim}"), format!("{victim}, a@example.org"), "nobody".into()] {
            let id = office.send(None, &bad, Template::VerifyEmail).await;
            let row = office.row(id).await;
            assert_eq!((row.state.as_str(), row.sealed, row.input), ("failed", None, None), "{bad:?}");
        }
        assert!(server.received(&victim).is_empty());
        office.close().await;
    }

    async fn the_database_shows_no_link(db: TestDb) {
        let office = Office::new(&db);
        let scope = db.tenant().org_scope();
        let id = office.send(Some(&scope), "ada@example.org", Template::ResetPassword).await;
        let row = office.row(id).await;
        let sealed = row.sealed.unwrap();
        let secret = b"very-secret-token";
        assert!(!sealed.windows(secret.len()).any(|w| w == secret));
        assert!(!row.input.unwrap().to_string().contains("secret"));
    }

    async fn without_a_server_letters_are_kept_for_the_developer(db: TestDb) {
        let office = Office::new(&db);
        office.work(Delivery::show());
        let id = office.send(None, "ada@example.org", Template::VerifyEmail).await;
        assert!(office.until(id, "shown").await.sealed.is_some());
        office.close().await;
    }

    async fn when_mail_is_off_nothing_waits(db: TestDb) {
        let options = PostOptions { public_url: Url::parse("https://rhiza.example.org").unwrap(), available: false };
        let post = Post::new(db.env.clone(), Sealer::ephemeral(&db.env), options);
        assert!(!post.is_available());
        let tx = db.db.system_write().await.unwrap();
        let id = post.send(&tx, letter("ada@example.org", Template::VerifyEmail)).await.unwrap();
        let row = read(&tx, id).await;
        assert_eq!((row.state.as_str(), row.input), ("failed", None));
        assert_eq!(row.error.as_deref(), Some("mail is switched off"));
    }

    async fn a_letter_without_its_values_fails_where_it_is_written(db: TestDb) {
        let office = Office::new(&db);
        let tx = db.db.system_write().await.unwrap();
        let mut bad = letter("ada@example.org", Template::VerifyEmail);
        bad.values = json!({ "name": "Ada" });
        assert!(office.post.send(&tx, bad).await.unwrap_err().to_string().contains("verify_email"));
        let mut foreign = letter("ada@example.org", Template::VerifyEmail);
        foreign.values["link"] = json!("https://elsewhere.example/");
        assert!(office.post.send(&tx, foreign).await.is_err());
    }

    async fn another_organisation_sees_no_letters(db: TestDb) {
        let office = Office::new(&db);
        let (mine, theirs) = (db.tenant().org_scope(), db.tenant().org_scope());
        office.send(Some(&mine), "ada@example.org", Template::Invitation).await;
        office.send(None, "ada@example.org", Template::VerifyEmail).await;
        // On PostgreSQL the wall itself is asked; SQLite has none and its statements name the organisation.
        if db.db.dialect() == rhiza_store::Dialect::Postgres {
            for (scope, seen) in [(&mine, 1), (&theirs, 0)] {
                let tx = db.read(scope).await;
                let count: Option<i64> = tx.fetch_scalar("SELECT COUNT(*) FROM mails", binds![]).await.unwrap();
                assert_eq!(count, Some(seen));
            }
        }
    }

    async fn old_letters_are_forgotten(db: TestDb) {
        let office = Office::new(&db);
        let id = office.send(None, "ada@example.org", Template::VerifyEmail).await;
        let tx = db.db.system_write().await.unwrap();
        let long_ago = DateTime::from_timestamp(1_600_000_000, 0).unwrap();
        tx.execute("UPDATE mails SET created_at = $1 WHERE mail_id = $2", binds![long_ago, id.uuid()]).await.unwrap();
        tx.commit().await.unwrap();
        let kept = office.send(None, "bob@example.org", Template::VerifyEmail).await;
        let worker = Worker::new(db.db.clone(), office.env.clone(), Hub::new(), WorkerOptions { poll: Duration::from_millis(10), ..WorkerOptions::default() })
            .register(Arc::new(Purge(db.db.clone())))
            .schedule(rhiza_platform::mail::PURGE_SCHEDULE);
        office.tasks.spawn("worker", worker.run(office.tasks.clone()));
        let mut left = 2;
        for _ in 0..500 {
            let tx = db.db.system_read().await.unwrap();
            left = tx.fetch_scalar("SELECT COUNT(*) FROM mails", binds![]).await.unwrap().unwrap_or(0_i64);
            tx.rollback().await.unwrap();
            if left == 1 { break }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(left, 1);
        assert_eq!(office.row(kept).await.state, "queued");
        office.close().await;
    }
}
