//! What production refuses, and that it starts with what `rhiza secrets generate` writes.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Place, on_both, rhiza, run};

/// Variables with which production starts.
const GOOD: [(&str, &str); 7] = [
    ("RHIZA_ENV", "production"),
    ("RHIZA_SERVER__PUBLIC_URL", "https://rhiza.example.org"),
    ("RHIZA_SERVER__TRUSTED_PROXIES", "127.0.0.1/32"),
    ("RHIZA_SECRETS__MASTER_KEY", KEY),
    ("RHIZA_MAIL__SMTP_URL", "smtp://mail.example.org"),
    ("RHIZA_MAIL__FROM", "rhiza@example.org"),
    ("RHIZA_LISTEN", "127.0.0.1:0"),
];
const KEY: &str = "7tHUrCk3WQpzl0cY5vTfNHJ8dYxkPzq3mB1sRw9aUeo=";
const OTHER_KEY: &str = "nGm2Zt0bqXv5rJwPz7yKcQ4sVd8fLh1uTeAo3iRk6Mg=";

/// Starts a server; it must end by itself within seconds. Exit code and standard error.
fn refused(place: &Place, variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = rhiza(&place.command(&["serve"]));
    command.envs(variables.iter().copied());
    let mut child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the server started with {variables:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!out.contains("Rhiza is running"), "{out}");
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Starts a server and waits until it says that it runs; then stops it.
fn starts(place: &Place, variables: &[(&str, &str)]) {
    use std::io::{BufRead as _, BufReader};
    let mut command = rhiza(&place.command(&["serve"]));
    command.envs(variables.iter().copied()).stderr(std::process::Stdio::inherit());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let running = lines.map_while(Result::ok).any(|line| line.contains("Rhiza is running at https://"));
    assert!(running, "the server did not start with {variables:?}: {:?}", child.wait());
    let stopped = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    GOOD.iter().chain(changes).copied().collect()
}

on_both! {
    fn the_right_master_key_or_none(place) {
        starts(place, &GOOD);
        let (code, error) = refused(place, &with(&[("RHIZA_SECRETS__MASTER_KEY", OTHER_KEY)]));
        assert_eq!(code, 2, "{error}");
        assert!(error.contains("the master key is not the one") && error.contains("secrets.previous_keys"), "{error}");
        assert!(!error.contains(KEY) && !error.contains(OTHER_KEY), "{error}");

        // A change of keys: both, then rotate, then the new one alone; the old one alone opens nothing any more.
        let both = with(&[("RHIZA_SECRETS__MASTER_KEY", OTHER_KEY), ("RHIZA_SECRETS__PREVIOUS_KEYS", KEY)]);
        starts(place, &both);
        let output = rhiza(&place.command(&["secrets", "rotate"])).envs(both.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("may be removed from the settings"), "{output:?}");
        starts(place, &with(&[("RHIZA_SECRETS__MASTER_KEY", OTHER_KEY)]));
        assert_eq!(refused(place, &GOOD).0, 2);
    }

    fn what_generate_writes_starts_a_production_server(place) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        let path = file.to_str().unwrap();
        let command = place.command(&[
            "secrets", "generate", "--public-url", "https://rhiza.example.org", "--smtp-url", "smtp://mail.example.org",
            "--mail-from", "Rhiza <rhiza@example.org>", "--listen", "127.0.0.1:0", "--output", path,
        ]);
        let (code, out, error) = run(&command);
        assert_eq!(code, 0, "{error}");
        assert!(out.contains("wrote"), "{out}");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&file).unwrap();
        let (code, _, error) = run(&command);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains("is not overwritten"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

        // As a shell reads it, with nothing else given: everything is in the file.
        let script = format!("set -a; . {path}; exec {} serve", crate::process::BINARY);
        let mut shell = Command::new("sh");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RHIZA_") || name.starts_with("AWS_")) {
            shell.env_remove(name);
        }
        let mut child = shell.args(["-c", &script]).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        assert!(lines.map_while(Result::ok).any(|line| line.contains("Rhiza is running at https://rhiza.example.org")));
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn production_refuses_each_unsafe_setting() {
    rhiza_testkit::start(rhiza_testkit::Engine::Sqlite, &[], |test| async move {
        let place = Place {
            folder: test.folder.path().join("data"),
            url: format!("sqlite://{}", test.folder.path().join("p.db").display()),
        };
        for (setting, changes) in [
            ("server.cors_origins", ("RHIZA_SERVER__CORS_ORIGINS", "*")),
            ("server.public_url", ("RHIZA_SERVER__PUBLIC_URL", "http://rhiza.example.org")),
            ("server.public_url", ("RHIZA_SERVER__PUBLIC_URL", "")),
            ("server.trusted_proxies", ("RHIZA_SERVER__TRUSTED_PROXIES", "")),
            ("server.trusted_proxies", ("RHIZA_SERVER__TRUSTED_PROXIES", "0.0.0.0/0")),
            ("secrets.master_key", ("RHIZA_SECRETS__MASTER_KEY", "")),
            ("secrets.master_key", ("RHIZA_SECRETS__MASTER_KEY", "c2hvcnQ=")),
            ("secrets.master_key", ("RHIZA_SECRETS__MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
            ("mail.smtp_url", ("RHIZA_MAIL__SMTP_URL", "")),
            ("mail.smtp_url", ("RHIZA_MAIL__SMTP_URL", "smtp+plain://mail.example.org")),
            ("mail.from", ("RHIZA_MAIL__FROM", "")),
            ("limits.redis_url", ("RHIZA_LIMITS__REDIS_URL", "redis://:redis@redis.example.org")),
            ("telemetry.metrics_listen", ("RHIZA_TELEMETRY__METRICS_LISTEN", "0.0.0.0:9090")),
        ] {
            let (code, error) = refused(&place, &with(&[changes]));
            assert_eq!(code, 2, "{changes:?}: {error}");
            assert!(error.contains(&format!("\n  {setting} ")), "{changes:?}: {error}");
            assert!(!place.folder.exists(), "{changes:?}: something was begun before the settings were judged");
        }
        let nothing = [("RHIZA_ENV", "production"), ("RHIZA_SERVER__CORS_ORIGINS", "*")];
        let (_, error) = refused(&place, &nothing);
        assert!(error.lines().count() >= 6, "every fault is listed at once: {error}");
    });
}

#[test]
fn generate_says_what_it_needs() {
    let (code, _, error) = run(&["secrets", "generate", "--public-url", "https://rhiza.example.org"]);
    assert_eq!(code, 2);
    assert!(error.contains("mail.smtp_url") && error.contains("--without-mail"), "{error}");
    let (code, out, error) =
        run(&["secrets", "generate", "--public-url", "https://rhiza.example.org", "--without-mail"]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("\nRHIZA_SECRETS__MASTER_KEY=") && out.contains("\nRHIZA_MAIL__ENABLED=false\n"), "{out}");
    let again = run(&["secrets", "generate", "--public-url", "https://rhiza.example.org", "--without-mail"]).1;
    assert_ne!(out, again, "each key is a new one");
    assert_eq!(run(&["secrets", "generate", "--public-url", "http://rhiza.example.org", "--without-mail"]).0, 2);
}
