//! The command line contract.

use serde_json::Value;

use crate::process::{init, run};

#[test]
fn the_first_owner_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let owner = init(folder.path(), None);
    for (field, prefix) in
        [("organization_id", "org_"), ("project_id", "prj_"), ("user_id", "usr_"), ("api_key", "rz_live_")]
    {
        assert!(owner[field].as_str().unwrap().starts_with(prefix), "{owner}");
    }
    let (code, _, error) = run(&[
        "admin",
        "init",
        "--email",
        "eve@example.org",
        "--organization",
        "Evil",
        "--password-stdin",
        "--data-dir",
        folder.path().to_str().unwrap(),
    ]);
    assert_ne!(code, 0, "{error}");
}

#[test]
fn wrong_usage_exits_with_two() {
    assert_eq!(run(&["serve", "--no-such-flag"]).0, 2);
    let (code, _, error) = run(&["config", "check", "--database-url", "mysql://x"]);
    assert_eq!(code, 2);
    assert!(
        error.contains("database.url must begin with sqlite:// or postgres://")
            || error.contains("the database address must begin with sqlite:// or postgres://"),
        "{error}"
    );
    assert_eq!(run(&["config", "check", "--config", "/no/such/file"]).0, 2);
}

#[test]
fn the_settings_can_be_checked_and_read() {
    assert_eq!(run(&["config", "check"]).0, 0);
    let (code, manual, _) = run(&["config", "reference"]);
    assert_eq!(code, 0);
    assert!(manual.contains("### `server.public_url`"));
}

#[test]
fn doctor_prints_one_document() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, error) = run(&["doctor", "--json", "--data-dir", folder.path().to_str().unwrap()]);
    assert_eq!(code, 0, "{error}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["ok"], true);
    assert!(report["checks"].as_array().unwrap().len() >= 5);
}

#[test]
fn migrations_can_be_looked_at_before_they_run() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let (_, planned, _) = run(&["migrate", "--dry-run", "--data-dir", place]);
    assert!(planned.contains("would apply platform/1 init"), "{planned}");
    let (_, done, _) = run(&["migrate", "--data-dir", place]);
    assert!(done.contains("applied tracking/1 init"), "{done}");
    let (_, again, _) = run(&["migrate", "--data-dir", place]);
    assert_eq!(again.trim(), "the schema is up to date");
}

#[test]
fn a_backup_restores_into_an_empty_folder() {
    let (from, to, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let owner = init(from.path(), None);
    let folder = out.path().join("backup");
    let folder = folder.to_str().unwrap();
    let (code, _, error) = run(&["backup", "create", folder, "--data-dir", from.path().to_str().unwrap()]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(run(&["backup", "verify", folder]).0, 0);
    let (code, _, error) = run(&["backup", "restore", folder, "--data-dir", to.path().to_str().unwrap()]);
    assert_eq!(code, 0, "{error}");
    let (code, chains, _) = run(&["audit", "verify", "--data-dir", to.path().to_str().unwrap()]);
    assert_eq!(code, 0);
    assert!(chains.contains(owner["organization_id"].as_str().unwrap()), "{chains}");
}
