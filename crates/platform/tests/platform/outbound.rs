//! Requests to the outside, against real servers on this machine: what is refused, where redirects and name servers
//! that lie lead, and answers that never end.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rhiza_kernel::{Coded as _, ErrorCode};
use rhiza_platform::config::OutboundConfig;
use rhiza_platform::outbound::{
    GuardedClient, Limits, Looking, Lookup, OperatorClient, Outbound, OutboundError, Purpose, operator_client,
};
use rhiza_platform::runtime::{Tasks, system_env};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A server that hands every connection's request, once its head is there, to `answer`, and keeps what it was asked.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: Tasks,
}

impl Server {
    async fn start<F, A>(answer: F) -> Self
    where
        F: Fn(TcpStream, String) -> A + Send + Sync + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        Self::start_at("127.0.0.1:0", answer).await
    }

    async fn start_at<F, A>(at: &str, answer: F) -> Self
    where
        F: Fn(TcpStream, String) -> A + Send + Sync + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let tasks = Tasks::new();
        let (seen, answer, inner) = (Arc::clone(&asked), Arc::new(answer), tasks.clone());
        tasks.spawn("server", async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                inner.spawn("connection", async move {
                    let mut head = Vec::new();
                    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
                        let mut piece = [0; 4096];
                        match stream.read(&mut piece).await {
                            Ok(0) | Err(_) => break,
                            Ok(n) => head.extend_from_slice(&piece[..n]),
                        }
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    seen.lock().unwrap().push(head.clone());
                    answer(stream, head).await;
                });
            }
        });
        Self { address, asked, _tasks: tasks }
    }

    /// A server that always says the same and closes.
    async fn saying(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::start(move |mut stream, _| {
            let text = text.clone();
            async move {
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        })
        .await
    }

    async fn redirecting(to: &str) -> Self {
        Self::saying(format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
            .await
    }

    async fn ok() -> Self {
        Self::saying("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").await
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn port(&self) -> u16 {
        self.address.port()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// A name server with a list of answers, the last of which is repeated.
struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().map(|all| all.iter().map(|text| text.parse().unwrap()).collect()).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }
}

impl Lookup for Names {
    fn lookup(&self, _: &str) -> Looking {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(std::future::ready(Ok(answer.unwrap_or_default())))
    }
}

fn outbound(allow: &[String]) -> Outbound {
    let config = OutboundConfig { allow: allow.to_vec(), blocked_ports: vec![25] };
    Outbound::new(&config, system_env()).unwrap()
}

fn quick() -> Limits {
    Limits {
        connect: Duration::from_secs(2),
        first_byte: Duration::from_millis(700),
        silence: Duration::from_millis(700),
        total: Some(Duration::from_secs(5)),
        body: 64 * 1024,
        redirects: 3,
    }
}

fn client(allow: &[String]) -> GuardedClient {
    outbound(allow).client(Purpose::Other(quick())).unwrap()
}

fn client_for(servers: &[&Server]) -> GuardedClient {
    client(&servers.iter().map(|server| server.address.to_string()).collect::<Vec<_>>())
}

fn is_refused(error: &OutboundError) -> bool {
    matches!(error, OutboundError::Refused { .. })
}

#[tokio::test]
async fn addresses_inside_are_refused_however_they_are_written() {
    let client = client(&[]);
    for url in [
        "http://127.0.0.1/",
        "http://127.0.0.1./",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7F000001/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://0/",
        "http://0.0.0.0:8080/",
        "http://①②⑦.⓪.⓪.①/",
        "http://127。0。0。1/",
        "http://%31%32%37.0.0.1/",
        "http://user:password@127.0.0.1/",
        "http://localhost/",
        "http://localhost./",
        "https://LOCALHOST:8443/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://169.254.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://0xA9FEA9FE/",
        "http://168.63.129.16/",
        "http://100.100.100.200/",
        "http://metadata.google.internal/",
        "http://METADATA.google.internal./computeMetadata/v1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://240.0.0.1/",
        "http://192.0.2.1/",
        "http://198.18.0.1/",
        "http://[::]/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::127.0.0.1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
        "http://[fc00::1]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://[ff02::1]/",
    ] {
        let error = client.get(url).send().await.unwrap_err();
        assert!(is_refused(&error), "{url}: {error:?}");
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{url}");
    }
}

#[tokio::test]
async fn what_is_no_web_address_is_refused_before_anything_is_asked() {
    let client = client(&[]);
    for url in [
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_INFO",
        "javascript:alert(1)",
        "//example.org/",
        "example.org",
        "",
        "http://",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%lo]/",
        "http://256.1.1.1/",
        "http://exa mple.org/",
        "http://1.1.1.1:0/",
        "http://1.1.1.1:99999/",
    ] {
        let error = client.get(url).send().await.unwrap_err();
        assert!(matches!(error, OutboundError::Address(_)), "{url}: {error:?}");
    }
    assert!(matches!(client.check("http://1.1.1.1:25/"), Err(OutboundError::Port(25))));
    client.check("https://1.1.1.1/").unwrap();
    client.check("https://[2606:4700:4700::1111]/").unwrap();
}

#[tokio::test]
async fn whoever_asks_does_not_learn_whether_a_name_or_address_exists_inside() {
    let inside = outbound(&[]).with_lookup(Names::new(&[&["10.1.2.3"]])).client(Purpose::OpenId).unwrap();
    let nowhere = outbound(&[]).with_lookup(Names::new(&[&[]])).client(Purpose::OpenId).unwrap();
    let inside = inside.get("http://db.internal/").send().await.unwrap_err();
    let nowhere = nowhere.get("http://db.internal/").send().await.unwrap_err();
    assert_eq!(inside.public_detail(), nowhere.public_detail());
    assert!(inside.public_detail().contains("[outbound] allow"));
    assert!(!inside.public_detail().contains("10.1.2.3"));
    assert!(inside.to_string().contains("10.1.2.3"), "the log says what was refused: {inside}");
}

#[tokio::test]
async fn the_list_opens_what_it_names_only() {
    let (open, shut) = (Server::ok().await, Server::ok().await);
    let client = client_for(&[&open]);
    assert_eq!(client.get(open.url()).send().await.unwrap().status(), 200);
    assert!(is_refused(&client.get(shut.url()).send().await.unwrap_err()));
    assert_eq!(shut.asked().len(), 0);
    let names = Names::new(&[&["127.0.0.1"]]);
    let by_name = outbound(&["inside.test".to_owned()]).with_lookup(names).client(Purpose::OpenId).unwrap();
    let port = shut.port();
    assert_eq!(by_name.get(format!("http://inside.test:{port}/")).send().await.unwrap().status(), 200);
    assert!(is_refused(&by_name.get(format!("http://other.test:{port}/")).send().await.unwrap_err()));
    assert!(is_refused(&by_name.get(shut.url()).send().await.unwrap_err()));
    assert!(shut.asked()[0].to_lowercase().contains(&format!("host: inside.test:{port}")));
}

#[tokio::test]
async fn a_name_that_answers_differently_the_second_time_leads_nowhere() {
    let good = Server::ok().await;
    // The same port on another address of this machine: what the second answer would reach.
    let trap = Server::start_at(&format!("127.0.0.2:{}", good.port()), |_, _| async {}).await;
    let names = Names::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let outbound = outbound(&[good.address.to_string()]).with_lookup(Arc::clone(&names) as Arc<dyn Lookup>);
    let client = outbound.client(Purpose::Other(quick())).unwrap();
    let url = format!("http://rebind.test:{}/", good.port());
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    assert_eq!(names.asked.load(Ordering::SeqCst), 1, "what was checked is what was used: nobody asked twice");
    assert!(is_refused(&client.get(&url).send().await.unwrap_err()));
    assert_eq!(trap.asked().len(), 0);
}

#[tokio::test]
async fn one_bad_address_among_good_ones_is_enough() {
    for answer in [["93.184.216.34", "10.0.0.1"], ["::ffff:127.0.0.1", "93.184.216.34"], ["2606:4700::1111", "::1"]] {
        let client = outbound(&[]).with_lookup(Names::new(&[&answer])).client(Purpose::OpenId).unwrap();
        let error = client.get("http://half.test/").send().await.unwrap_err();
        assert!(is_refused(&error), "{answer:?}: {error:?}");
    }
}

#[tokio::test]
async fn redirects_are_checked_at_every_hop() {
    let inside = Server::ok().await;
    for to in [
        inside.url(),
        format!("http://localhost:{}/", inside.port()),
        format!("http://2130706433:{}/", inside.port()),
        format!("http://[::ffff:127.0.0.1]:{}/", inside.port()),
        format!("//127.1:{}/", inside.port()),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let first = Server::redirecting(&to).await;
        let error = client_for(&[&first]).get(first.url()).send().await.unwrap_err();
        assert!(is_refused(&error), "{to}: {error:?}");
        let second = Server::redirecting(&first.url()).await;
        let error = client_for(&[&first, &second]).get(second.url()).send().await.unwrap_err();
        assert!(is_refused(&error), "two hops to {to}: {error:?}");
    }
    assert_eq!(inside.asked().len(), 0);
    for to in ["file:///etc/passwd", "ftp://127.0.0.1/", "http://u:p@example.org/", "http://[fe80::1%25e]/"] {
        let first = Server::redirecting(to).await;
        let error = client_for(&[&first]).get(first.url()).send().await.unwrap_err();
        assert!(matches!(error, OutboundError::Redirect(_)), "{to}: {error:?}");
    }
}

#[tokio::test]
async fn redirects_in_a_circle_end_and_none_are_followed_where_none_are_wanted() {
    let circle = Server::redirecting("/again").await;
    let client = client_for(&[&circle]);
    let error = client.get(circle.url()).send().await.unwrap_err();
    assert!(matches!(error, OutboundError::Redirect(_)), "{error:?}");
    assert_eq!(circle.asked().len(), 4, "the first request and three redirects");
    let none = outbound(&[circle.address.to_string()]).client(Purpose::OpenId).unwrap();
    assert_eq!(none.get(circle.url()).send().await.unwrap().status(), 302);
}

#[tokio::test]
async fn secrets_stay_with_the_host_they_were_meant_for() {
    let other = Server::ok().await;
    let first = Server::redirecting(&other.url()).await;
    let client = client_for(&[&first, &other]);
    let url = first.url().replace("http://", "http://user:pass@");
    client.get(url).header("x-api-key", "s3cret").header("cookie", "a=b").send().await.unwrap();
    let (sent, passed) = (first.asked()[0].to_lowercase(), other.asked()[0].to_lowercase());
    assert!(sent.contains("authorization: basic dxnlcjpwyxnz") && sent.contains("s3cret"), "{sent}");
    for word in ["authorization", "s3cret", "cookie", "pass", "referer"] {
        assert!(!passed.contains(word), "{word} in {passed}");
    }
    let moved =
        Server::saying(format!("HTTP/1.1 307 T\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", other.url())).await;
    let error =
        client_for(&[&moved, &other]).post(moved.url()).form(&[("client_secret", "s")]).send().await.unwrap_err();
    assert!(matches!(error, OutboundError::Redirect(_)), "{error:?}");
    assert_eq!(other.asked().len(), 1);
}

#[tokio::test]
async fn half_a_head_is_not_waited_for() {
    let half = Server::start(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
    })
    .await;
    let error = client_for(&[&half]).get(half.url()).send().await.unwrap_err();
    assert!(matches!(error, OutboundError::Timeout(_)), "{error:?}");
    assert_eq!(error.code(), ErrorCode::DeadlineExceeded);
    // Byte by byte is no better.
    let slow = Server::start(|mut stream, _| async move {
        for byte in b"HTTP/1.1 200 OK\r\nx-padding: ".iter().chain(std::iter::repeat_n(&b'a', 1000)) {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let error = client_for(&[&slow]).get(slow.url()).send().await.unwrap_err();
    assert!(matches!(error, OutboundError::Timeout(_)), "{error:?}");
    let gone = Server::saying("HTTP/1.1 200 OK\r\ncontent-le").await;
    let error = client_for(&[&gone]).get(gone.url()).send().await.unwrap_err();
    assert!(matches!(error, OutboundError::Connection(_)), "{error:?}");
    assert!(!format!("{error:?}").contains(&gone.url()), "addresses may hold secrets");
}

#[tokio::test]
async fn a_body_that_stalls_or_drips_is_given_up() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\nx";
    let stalls = Server::start(move |mut stream, _| async move {
        stream.write_all(head).await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
    })
    .await;
    let answer = client_for(&[&stalls]).get(stalls.url()).send().await.unwrap();
    assert!(matches!(answer.bytes().await, Err(OutboundError::Timeout(_))));
    let drips = Server::start(move |mut stream, _| async move {
        stream.write_all(head).await.unwrap();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let answer = client_for(&[&drips]).get(drips.url()).timeout(Duration::from_secs(1)).send().await.unwrap();
    assert!(matches!(answer.bytes().await, Err(OutboundError::Timeout(_))));
}

#[tokio::test]
async fn a_body_without_end_is_read_to_the_limit_only() {
    let endless = Server::start(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
    })
    .await;
    let client = client_for(&[&endless]);
    let error = client.get(endless.url()).send().await.unwrap().bytes().await.unwrap_err();
    assert!(matches!(error, OutboundError::TooLarge { limit: 65536 }), "{error:?}");
    let announced = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n").await;
    let answer = client_for(&[&announced]).get(announced.url()).send().await.unwrap();
    assert!(matches!(answer.bytes().await, Err(OutboundError::TooLarge { .. })));
}

#[tokio::test]
async fn a_packed_body_is_counted_unpacked() {
    let packed = |size: usize| async move {
        use std::io::Write as _;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![b' '; 1 << 20];
        for _ in 0..size >> 20 {
            gzip.write_all(&zeros).unwrap();
        }
        gzip.write_all(&zeros[..size % (1 << 20)]).unwrap();
        let body = gzip.finish().unwrap();
        Server::start(move |mut stream, _| {
            let body = body.clone();
            async move {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&body).await;
            }
        })
        .await
    };
    let small = packed(1000).await;
    assert_eq!(client_for(&[&small]).get(small.url()).send().await.unwrap().bytes().await.unwrap().len(), 1000);
    let bomb = packed(256 << 20).await;
    let error = client_for(&[&bomb]).get(bomb.url()).send().await.unwrap().bytes().await.unwrap_err();
    assert!(matches!(error, OutboundError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn requests_say_what_they_were_told_to_say() {
    let server = Server::ok().await;
    let client = client_for(&[&server]);
    let value: serde_json::Value = client
        .post(format!("{}a?x=1#part", server.url()))
        .query(&[("q", "ü&")])
        .bearer_auth("t0k")
        .json(&serde_json::json!({"a": 1}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(value, serde_json::json!({}));
    let asked = server.asked()[0].to_lowercase();
    assert!(asked.starts_with("post /a?x=1&q=%c3%bc%26 http/1.1\r\n"), "{asked}");
    assert!(asked.contains("authorization: bearer t0k") && asked.contains("user-agent: rhiza/"), "{asked}");
    assert!(matches!(client.get(server.url()).header("x", "a\r\nb: c").send().await, Err(OutboundError::Request(_))));
    assert!(matches!(client.get(server.url()).bearer_auth("a\nb").send().await, Err(OutboundError::Request(_))));
    let plain = http::Request::post(format!("{}token", server.url())).header("accept", "x/y").body(b"a=b".to_vec());
    let answer = client.execute(plain.unwrap()).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_slice()), (200, b"{}".as_slice()));
    assert!(server.asked().last().unwrap().contains("accept: x/y"));
}

/// A server with a certificate that nobody but its own authority knows, sending everybody to `to`.
async fn secure(to: String) -> (SocketAddr, String, Tasks) {
    let made = rcgen::generate_simple_self_signed(["secure.test".to_owned()]).unwrap();
    let key = rustls_key(&made);
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(Arc::new(
        tokio_rustls::rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![made.cert.der().clone()], key)
    .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = Tasks::new();
    tasks.spawn("secure", async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let text =
                format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (address, made.cert.pem(), tasks)
}

fn rustls_key(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> tokio_rustls::rustls::pki_types::PrivateKeyDer<'static> {
    tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into()
}

#[tokio::test]
async fn certificates_are_verified_and_https_does_not_fall_back_to_http() {
    let plain = Server::ok().await;
    let (address, pem, _tasks) = secure(plain.url()).await;
    let allow = [address.to_string(), plain.address.to_string()];
    let names = Names::new(&[&["127.0.0.1"]]);
    let strict = outbound(&allow).with_lookup(Arc::clone(&names) as Arc<dyn Lookup>);
    let url = format!("https://secure.test:{}/", address.port());
    let error = strict.client(Purpose::OpenId).unwrap().get(&url).send().await.unwrap_err();
    assert!(matches!(error, OutboundError::Connection(_)), "{error:?}");
    let trusting = strict.with_roots(&pem).unwrap();
    assert_eq!(trusting.client(Purpose::OpenId).unwrap().get(&url).send().await.unwrap().status(), 302);
    let error = trusting.client(Purpose::Other(quick())).unwrap().get(&url).send().await.unwrap_err();
    assert!(matches!(&error, OutboundError::Redirect(why) if why.contains("https to http")), "{error:?}");
    let wrong_name = format!("https://other.test:{}/", address.port());
    let error = trusting.client(Purpose::OpenId).unwrap().get(wrong_name).send().await.unwrap_err();
    assert!(matches!(error, OutboundError::Connection(_)), "{error:?}");
    assert_eq!(plain.asked().len(), 0);
}

#[tokio::test]
async fn the_operators_own_addresses_are_reached_as_they_are() {
    let server = Server::ok().await;
    let first = Server::redirecting(&server.url()).await;
    let client = operator_client(&OperatorClient::default()).unwrap();
    assert_eq!(client.get(server.url()).send().await.unwrap().status(), 200);
    assert_eq!(client.get(first.url()).send().await.unwrap().status(), 302);
    let following = operator_client(&OperatorClient { redirects: 1, ..OperatorClient::default() }).unwrap();
    assert_eq!(following.get(first.url()).send().await.unwrap().status(), 200);
    let nonsense = OperatorClient { roots: Some("no PEM".to_owned()), ..OperatorClient::default() };
    assert!(operator_client(&nonsense).is_err());
}
