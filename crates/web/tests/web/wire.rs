//! What answers look like: headers, compression, ranges, forwarded addresses, other sites.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, Method, header};
use rhiza_web::{
    ApiResult, ByteRange, ClientAddr, Download, Etag, IfMatch, IfNoneMatch, Json, OriginPolicy, Page, PageQuery,
    ServeConfig, TrustedProxies, WebConfig, not_modified,
};

use crate::support::Server;

fn compressing() -> WebConfig {
    WebConfig { compress_local: true, ..WebConfig::default() }
}

fn texts() -> Router {
    let large = || async { Json(vec!["the same again and again"; 500]) };
    Router::new()
        .route("/large", get(large))
        .route("/small", get(|| async { Json("tiny") }))
        .route("/image", get(|| async { ([(header::CONTENT_TYPE, "image/png")], vec![7_u8; 5000]) }))
}

#[tokio::test]
async fn large_texts_are_compressed_as_the_client_likes() {
    let server = Server::with(texts(), compressing(), ServeConfig::default()).await;
    let plain = server.get("/large").await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("content-length").unwrap(), plain.body.len().to_string());
    for (accepted, encoding, magic) in [
        ("gzip", "gzip", &[0x1f, 0x8b][..]),
        ("zstd", "zstd", &[0x28, 0xb5, 0x2f, 0xfd]),
        ("br;q=1, gzip;q=0.5", "br", &[]),
    ] {
        let reply = server.get_with("/large", &[("accept-encoding", accepted)]).await;
        assert_eq!(reply.header("content-encoding"), Some(encoding));
        assert!(reply.body.starts_with(magic) && reply.body.len() * 10 < plain.body.len(), "{encoding}");
        assert!(reply.header("vary").unwrap().contains("accept-encoding"));
    }
}

#[tokio::test]
async fn what_gains_nothing_is_sent_as_it_is() {
    let server = Server::with(texts(), compressing(), ServeConfig::default()).await;
    for path in ["/small", "/image"] {
        assert_eq!(
            server.get_with(path, &[("accept-encoding", "gzip")]).await.header("content-encoding"),
            None,
            "{path}"
        );
    }
    let local = Server::start(texts()).await;
    assert_eq!(local.get_with("/large", &[("accept-encoding", "gzip")]).await.header("content-encoding"), None);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let own = || async { ([(header::CONTENT_SECURITY_POLICY, "sandbox")], "preview") };
    let server = Server::start(texts().route("/preview", get(own))).await;
    for path in ["/small", "/nowhere"] {
        let reply = server.get(path).await;
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert!(reply.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
        assert!(!reply.header("content-security-policy").unwrap().contains("unsafe"));
        assert_eq!(reply.header("cross-origin-opener-policy"), Some("same-origin"));
        assert_eq!(reply.header("strict-transport-security"), None, "plain HTTP must not promise TLS");
    }
    assert_eq!(server.get("/preview").await.header("content-security-policy"), Some("sandbox"));
}

async fn panics() {
    panic!("boom");
}

#[tokio::test]
async fn a_named_site_may_call_with_credentials_and_no_other() {
    let router = texts().route("/panics", get(panics));
    let web = WebConfig { cors: vec!["https://lab.example".parse().unwrap()], ..WebConfig::default() };
    let server = Server::with(router, web, ServeConfig::default()).await;
    let preflight = [
        ("origin", "https://lab.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-rhiza-project"),
    ];
    let reply = server.request("OPTIONS", "/small", &preflight, b"").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://lab.example"));
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(reply.header("access-control-allow-headers"), Some("content-type,x-rhiza-project"));
    for path in ["/small", "/nowhere", "/panics"] {
        let reply = server.get_with(path, &[("origin", "https://lab.example")]).await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://lab.example"), "{path}");
        let reply = server.get_with(path, &[("origin", "https://evil.example")]).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{path}");
    }
}

#[tokio::test]
async fn any_site_may_call_only_without_credentials() {
    let web = WebConfig { cors_any: true, ..WebConfig::default() };
    let server = Server::with(texts(), web, ServeConfig::default()).await;
    let reply = server.get_with("/small", &[("origin", "https://any.example")]).await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    let closed = Server::start(texts()).await;
    assert_eq!(
        closed.get_with("/small", &[("origin", "https://a.example")]).await.header("access-control-allow-origin"),
        None
    );
}

const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz";

async fn document(headers: HeaderMap) -> ApiResult<Response> {
    let etag = Etag::hash("v1");
    let range = ByteRange::of(&headers, 26, Some(&etag))?;
    let part = range.map_or(ALPHABET, |r| &ALPHABET[r.start as usize..r.end as usize]);
    let bytes =
        futures::stream::iter(part.as_bytes().chunks(4)).map(|c| Ok::<_, std::io::Error>(Bytes::from_static(c)));
    Ok(Download::new(26).range(range).etag(&etag).content_type("text/html").inline("a b.html").body(bytes))
}

#[tokio::test]
async fn a_document_is_sent_whole_or_in_parts() {
    let server = Server::with(Router::new().route("/doc", get(document)), compressing(), ServeConfig::default()).await;
    let whole = server.get_with("/doc", &[("accept-encoding", "gzip")]).await;
    assert_eq!((whole.status, whole.text().as_str(), whole.header("content-encoding")), (200, ALPHABET, None));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("content-length"), Some("26"));
    assert_eq!(whole.header("content-disposition"), Some("inline; filename=\"a b.html\""));
    assert!(
        whole.header("content-security-policy").unwrap().ends_with("sandbox"),
        "a guest on our origin runs no script"
    );

    let part = server.get_with("/doc", &[("range", "bytes=5-9")]).await;
    assert_eq!((part.status, part.text().as_str()), (206, "fghij"));
    assert_eq!(part.header("content-range"), Some("bytes 5-9/26"));
    let part = server.get_with("/doc", &[("range", "bytes=-3"), ("if-range", "\"v1\"")]).await;
    assert_eq!((part.status, part.text().as_str()), (206, "xyz"));

    let outside = server.get_with("/doc", &[("range", "bytes=26-")]).await;
    outside.problem(416, "invalid_argument");
    assert_eq!(outside.header("content-range"), Some("bytes */26"));
}

#[tokio::test]
async fn a_download_that_fails_midway_is_not_taken_for_whole() {
    let broken = || async {
        let half = futures::stream::iter([Ok(Bytes::from_static(b"half"))]);
        let end = futures::stream::once(async {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            Err(std::io::Error::other("disk gone"))
        });
        Download::new(26).body(half.chain(end))
    };
    let server = Server::start(Router::new().route("/doc", get(broken))).await;
    let reply = server.get("/doc").await;
    assert_eq!((reply.status, reply.text().as_str(), reply.whole), (200, "half", false));
}

#[tokio::test]
async fn only_a_trusted_proxy_may_name_the_client() {
    let router = || Router::new().route("/who", get(|client: ClientAddr| async move { client.to_string() }));
    let forwarded = [("x-forwarded-for", "198.51.100.7, 127.0.0.1")];
    let open = Server::start(router()).await;
    assert_eq!(open.get_with("/who", &forwarded).await.text(), "127.0.0.1");
    let web = WebConfig { trusted_proxies: TrustedProxies::parse(["127.0.0.0/8"]).unwrap(), ..WebConfig::default() };
    let behind = Server::with(router(), web, ServeConfig::default()).await;
    assert_eq!(behind.get_with("/who", &forwarded).await.text(), "198.51.100.7");
    let https = [("x-forwarded-proto", "https")];
    assert!(behind.get_with("/who", &https).await.header("strict-transport-security").is_some());
    assert!(open.get_with("/who", &https).await.header("strict-transport-security").is_none());
}

#[tokio::test]
async fn entity_tags_save_reads_and_guard_writes() {
    let current = Etag::revision(3);
    let tag = current.clone();
    let read = move |known: IfNoneMatch| {
        let tag = tag.clone();
        async move { if known.matches(&tag) { not_modified(&tag) } else { (tag, "content").into_response() } }
    };
    let write = move |seen: IfMatch| {
        let current = current.clone();
        async move { seen.require(&current).map(|()| "written") }
    };
    let server = Server::start(Router::new().route("/doc", get(read).put(write))).await;
    let first = server.get("/doc").await;
    let tag = first.header("etag").unwrap();
    let again = server.get_with("/doc", &[("if-none-match", tag)]).await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag)));
    assert_eq!(server.request("PUT", "/doc", &[("if-match", tag)], b"").await.text(), "written");
    server.request("PUT", "/doc", &[("if-match", "\"r2\"")], b"").await.problem(412, "precondition_failed");
    server.request("PUT", "/doc", &[("if-match", "r2")], b"").await.problem(400, "malformed");
}

async fn numbers(query: PageQuery) -> ApiResult<Json<Page<i64>>> {
    let after: i64 = query.cursor()?.unwrap_or(0);
    let rows = (after + 1..=7).take(query.fetch() as usize).collect();
    Ok(Json(Page::from_overfetch(rows, &query, |last| *last)))
}

#[tokio::test]
async fn a_list_is_walked_by_its_cursors() {
    let server = Server::start(Router::new().route("/numbers", get(numbers))).await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/numbers?limit=3&cursor={cursor}")).await.json();
        seen.push(page["items"].as_array().unwrap().len());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, [3, 3, 1]);
    for (query, pointer) in
        [("limit=0", "limit"), ("limit=201", "limit"), ("limit=x", "limit"), ("cursor=%21", "cursor")]
    {
        let problem = server.get(&format!("/numbers?{query}")).await.problem(422, "invalid_argument");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{query}");
    }
}

#[tokio::test]
async fn another_sites_page_cannot_ride_on_a_cookie() {
    let change = |request: axum::extract::Request| async move {
        OriginPolicy::default().check(&request.into_parts().0).map(|()| "changed")
    };
    let server = Server::start(Router::new().route("/", post(change)).route("/ws", any(change))).await;
    let ours = [("origin", "http://localhost")];
    assert_eq!(server.request("POST", "/", &ours, b"").await.text(), "changed");
    let theirs = [("origin", "https://evil.example")];
    server.request("POST", "/", &theirs, b"").await.problem(403, "permission_denied");
    let handshake = [("origin", "https://evil.example"), ("upgrade", "websocket")];
    server.request(Method::GET.as_str(), "/ws", &handshake, b"").await.problem(403, "permission_denied");
}
