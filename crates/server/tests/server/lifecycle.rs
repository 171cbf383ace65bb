//! Starting and stopping.

use std::time::Duration;

use rhiza_testkit::Engine;

use crate::process::{self, Server, on_both, rhiza};

on_both! {
    fn a_server_stops_cleanly_and_starts_again_on_what_it_left(place) {
        let owner = place.init();
        let key = owner["api_key"].as_str().unwrap();
        let server = Server::start(place);
        assert_eq!(server.get("/api/v1/me", Some(key)).0, 200);
        let (code, took) = server.stop();
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(30), "{took:?}");
        let server = Server::start(place);
        assert_eq!(server.get("/api/v1/me", Some(key)).0, 200);
    }

    fn production_refuses_to_start_with_laptop_settings(place) {
        let output = rhiza(&place.command(&["serve"]))
            .env("RHIZA_ENV", "production")
            .env("RHIZA_SERVER__CORS_ORIGINS", "*")
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("server.cors_origins") && error.contains("server.public_url"), "{error}");
    }
}

/// PostgreSQL serves many; a SQLite file has one server.
#[test]
fn a_second_server_on_the_same_sqlite_file_is_refused() {
    process::on(Engine::Sqlite, &[], |place, _| {
        let _server = Server::start(place);
        let (code, _, error) = place.run(&["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(code, 1);
        assert!(error.contains("another Rhiza is using"), "{error}");
    });
}
