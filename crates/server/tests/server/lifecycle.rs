//! Starting and stopping.

use std::time::Duration;

use crate::process::{Server, init, run};

#[test]
fn a_server_stops_cleanly_and_starts_again_on_what_it_left() {
    let folder = tempfile::tempdir().unwrap();
    let owner = init(folder.path(), None);
    let key = owner["api_key"].as_str().unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.get("/api/v1/me", Some(key)).0, 200);
    let (code, took) = server.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(30), "{took:?}");
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.get("/api/v1/me", Some(key)).0, 200);
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start(folder.path(), &[]);
    let (code, _, error) = run(&["serve", "--data-dir", folder.path().to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 1);
    assert!(error.contains("another Rhiza is using"), "{error}");
}

#[test]
fn production_refuses_to_start_with_laptop_settings() {
    let folder = tempfile::tempdir().unwrap();
    let output = crate::process::rhiza(&["serve", "--data-dir", folder.path().to_str().unwrap()])
        .env("RHIZA_ENV", "production")
        .env("RHIZA_SERVER__CORS_ORIGINS", "*")
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("server.cors_origins") && error.contains("server.public_url"), "{error}");
}
