//! The command line contract.

use serde_json::Value;

use crate::process::{on_both, run};

on_both! {
    fn the_first_owner_is_made_once(place) {
        let owner = place.init();
        for (field, prefix) in
            [("organization_id", "org_"), ("project_id", "prj_"), ("user_id", "usr_"), ("api_key", "rz_live_")]
        {
            assert!(owner[field].as_str().unwrap().starts_with(prefix), "{owner}");
        }
        let (code, _, error) = place.try_init("eve@example.org");
        assert_eq!(code, 1, "{error}");
        assert!(!error.contains("password"), "{error}");
    }

    fn doctor_prints_one_document(place) {
        let (code, out, error) = place.run(&["doctor", "--json"]);
        assert_eq!(code, 0, "{error}");
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["ok"], true);
        assert!(report["checks"].as_array().unwrap().len() >= 5);
    }

    fn migrations_can_be_looked_at_before_they_run(place) {
        let (_, planned, _) = place.run(&["migrate", "--dry-run"]);
        assert!(planned.contains("would apply platform/1 init"), "{planned}");
        let (_, done, _) = place.run(&["migrate"]);
        assert!(done.contains("applied tracking/1 init"), "{done}");
        let (_, again, _) = place.run(&["migrate"]);
        assert_eq!(again.trim(), "the schema is up to date");
    }
}

#[test]
fn wrong_usage_exits_with_two() {
    assert_eq!(run(&["serve", "--no-such-flag"]).0, 2);
    let (code, _, error) = run(&["config", "check", "--database-url", "mysql://x"]);
    assert_eq!(code, 2);
    assert!(error.contains("must begin with sqlite:// or postgres://"), "{error}");
    assert_eq!(run(&["config", "check", "--config", "/no/such/file"]).0, 2);
}

#[test]
fn the_settings_can_be_checked_and_read() {
    assert_eq!(run(&["config", "check"]).0, 0);
    let (code, manual, _) = run(&["config", "reference"]);
    assert_eq!(code, 0);
    assert!(manual.contains("### `server.public_url`"));
}
