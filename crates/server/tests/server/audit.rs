//! The audit chain as an operator meets it: what was denied is in it, also when the server stops at once, and
//! `rhiza audit verify` finds every kind of tampering.

use rhiza_kernel::{OrgId, OrgScope};
use rhiza_store::{Db, binds};
use rhiza_testkit::Engine;
use serde_json::{Value, json};

use crate::process::{self, Payload, Place, RUNTIME, Server};
use crate::schema::ALL;

#[test]
fn on_sqlite() {
    process::on(Engine::Sqlite, ALL, body);
}

#[test]
fn on_postgres() {
    process::on(Engine::Postgres, ALL, body);
}

fn body(place: &Place, db: &Db) {
    let owner = place.init();
    let key = owner["api_key"].as_str().unwrap();
    denials_outlive_the_server(place, key);
    tampering_is_found(place, db, owner["organization_id"].as_str().unwrap());
}

fn denials_outlive_the_server(place: &Place, key: &str) {
    let server = Server::start(place);
    let narrow = Payload::Json(json!({"name": "narrow", "scopes": ["experiments:read"]}));
    let narrow = server.call("POST", "/api/v1/keys", key, &narrow);
    let (id, narrow) = (narrow["key"]["id"].as_str().unwrap(), narrow["secret"].as_str().unwrap());
    for n in 0..20 {
        let reply = server.ask("GET", &format!("/api/v1/audit?limit=20&text={n}"), Some(narrow), &Payload::None);
        assert_eq!(reply.status, 403, "{}", reply.body);
    }
    // The protocol's own shape of errors hides nothing either.
    let body = Payload::Json(json!({"name": "x"}));
    let reply = server.ask("POST", "/api/2.0/mlflow/registered-models/create", Some(narrow), &body);
    assert_eq!(reply.status, 403, "{}", reply.body);
    server.call("DELETE", &format!("/api/v1/keys/{id}"), key, &Payload::None);
    assert_eq!(server.get("/api/v1/me", Some(narrow)).0, 401);
    assert_eq!(server.get("/api/v1/me", Some("rz_live_nonsense")).0, 401);
    assert_eq!(server.stop().0, Some(0));

    let server = Server::start(place);
    let refused = server.call("GET", "/api/v1/audit?action=identity.key.refuse", key, &Payload::None);
    assert_eq!(refused["items"].as_array().unwrap().len(), 1, "{refused}");
    assert_eq!(
        (&refused["items"][0]["subject"], &refused["items"][0]["after"]["reason"]),
        (&json!(id), &json!("revoked"))
    );
    let found = server.call("GET", &format!("/api/v1/audit?action=authz&actor={id}"), key, &Payload::None);
    let mut told: Vec<(String, String, u64)> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            assert!(entry["request_id"].is_string() && entry["address"] == "127.0.0.1", "{entry}");
            (text(&entry["subject"]), text(&entry["after"]["reason"]), entry["after"]["count"].as_u64().unwrap())
        })
        .collect();
    told.sort();
    let expected = [
        ("GET /api/v1/audit".to_owned(), "audit:read".to_owned(), 20),
        ("POST /api/2.0/mlflow/registered-models/create".to_owned(), "models:write".to_owned(), 1),
    ];
    // Twenty requests may lie on both sides of a batch.
    let sum: u64 = told.iter().filter(|(subject, ..)| *subject == expected[0].0).map(|(.., count)| count).sum();
    assert_eq!(sum, 20, "{told:?}");
    assert!(told.len() <= 3 && told.contains(&expected[1]), "{told:?}");
    assert_eq!(server.stop().0, Some(0));
}

fn tampering_is_found(place: &Place, db: &Db, org: &str) {
    let scope = OrgScope::new(org.parse::<OrgId>().unwrap());
    let change = |sql: &str| {
        RUNTIME.block_on(async {
            let tx = db.write(&scope).await.unwrap();
            assert_eq!(tx.execute(sql, binds![scope.org.uuid()]).await.unwrap(), 1, "{sql}");
            tx.commit().await.unwrap();
        });
    };
    let verify = || {
        let (code, out, error) = place.run(&["audit", "verify", "--json"]);
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out} {error}"));
        assert_eq!(report["intact"], code == 0, "{report} {error}");
        report["chains"][0]["faults"].clone()
    };
    assert_eq!(verify(), json!([]));

    // One altered: as it was, but for one letter.
    change("UPDATE audit_entries SET subject = subject || 'x' WHERE org_id = $1 AND seq = 2");
    assert_eq!(verify(), json!([{"fault": "altered", "seq": 2}]));
    let (code, out, error) = place.run(&["audit", "verify"]);
    assert_eq!(code, 1);
    assert!(out.contains("entry 2 was altered") && error.contains("1 of 1 audit chains are broken"), "{out} {error}");
    change("UPDATE audit_entries SET subject = SUBSTR(subject, 1, LENGTH(subject) - 1) WHERE org_id = $1 AND seq = 2");
    assert_eq!(verify(), json!([]));

    // One inserted, at the end and with the head moved on: its maker cannot know what its hash must be made of.
    change(
        "INSERT INTO audit_entries (org_id, seq, audit_id, at, actor_kind, actor_id, actor_label, action, subject, before_text,
           after_text, address, request_id, prev_hash, hash)
         SELECT e.org_id, e.seq + 1, e.audit_id, e.at, e.actor_kind, e.actor_id, e.actor_label, e.action, e.subject,
           e.before_text, e.after_text, e.address, e.request_id, e.hash, e.hash
         FROM audit_entries e JOIN audit_heads h ON h.org_id = e.org_id AND h.seq = e.seq WHERE e.org_id = $1",
    );
    let last = verify()[0]["seq"].as_i64().unwrap();
    assert!(verify().as_array().unwrap().len() == 1 && last > 3);
    change("UPDATE audit_heads SET seq = seq + 1 WHERE org_id = $1");
    assert_eq!(verify(), json!([{"fault": "altered", "seq": last}]));
    change("DELETE FROM audit_entries WHERE org_id = $1 AND seq = (SELECT seq FROM audit_heads WHERE org_id = $1)");
    change("UPDATE audit_heads SET seq = seq - 1 WHERE org_id = $1");
    assert_eq!(verify(), json!([]));

    // One deleted.
    change("DELETE FROM audit_entries WHERE org_id = $1 AND seq = 3");
    assert_eq!(verify(), json!([{"fault": "deleted", "seq": 3}]));
}
