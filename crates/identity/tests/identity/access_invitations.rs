//! Invitations.

use std::time::Duration;

use rhiza_kernel::Role;
use rhiza_store::binds;
use serde_json::{Value, json};

use crate::access_support::{Engines, Person};
use crate::site::{OURS, SETS, bearer, session};

const GRACE: &str = "grace@example.com";

/// The secret in the newest letter to `to`.
async fn secret(engines: &Engines, to: &str) -> String {
    engines.site.letter_token(to, "invitation").await
}

/// Grace, who owns another organisation and has proved her address.
async fn grace(engines: &Engines) -> Person {
    engines.site.add_member(None, GRACE, Role::Owner).await;
    engines.site.execute("UPDATE users SET email_verified_at = created_at", binds![]).await;
    crate::access_support::sign_in(&engines.site, GRACE).await
}

async fn invite(engines: &Engines, by: &Person, role: &str) -> Value {
    engines.done(by, "POST", "/invitations", json!({ "email": GRACE, "role": role })).await
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn an_invitation_brings_its_address_in_once(db: TestDb) {
        let engines = Engines::new(db).await;
        let eve = engines.join("eve@example.com", Role::Viewer).await;
        let grace = grace(&engines).await;
        let team = engines.done(&engines.ada, "POST", "/teams", json!({ "name": "Fraud" })).await["id"].clone();
        let made = engines
            .done(&engines.ada, "POST", "/invitations", json!({ "email": "Grace@Example.com", "role": "reviewer", "teams": [team] }))
            .await;
        let token = secret(&engines, "Grace@Example.com").await;
        assert_eq!(token.len(), 43);
        assert!(!made.to_string().contains(&token));
        let listed = engines.get(&engines.ada, "/invitations").await.body;
        assert_eq!((listed["items"].as_array().unwrap().len(), listed.to_string().contains(&token)), (1, false));
        let tx = engines.site.db.db.system_read().await.unwrap();
        let hash: Vec<u8> = tx.fetch_scalar("SELECT token_hash FROM invitations", binds![]).await.unwrap().unwrap();
        tx.rollback().await.unwrap();
        assert_ne!(hash, token.as_bytes());

        let body = json!({ "token": token });
        let offer = engines.site.send("POST", "/auth/invitation", &[], body.clone()).await;
        assert_eq!((offer.status, offer.body["organization"].as_str(), offer.body["account_exists"].as_bool()),
            (200, Some("Engines"), Some(true)), "{}", offer.body);
        assert_eq!((offer.body["role"].as_str(), offer.body["email"].as_str()), (Some("reviewer"), Some("Grace@Example.com")));
        for bad in ["", "x", &"a".repeat(43)] {
            assert_eq!(engines.site.send("POST", "/auth/invitation", &[], json!({ "token": bad })).await.status, 404);
        }
        // It is for its address only, and for people.
        engines.refused(&eve, "POST", "/invitations/accept", body.clone(), 404).await;
        let key = bearer(&engines.key);
        assert_eq!(engines.site.send("POST", "/invitations/accept", &[("authorization", &key)], body.clone()).await.status, 403);

        let came = engines.by(&grace, "POST", "/invitations/accept", body.clone()).await;
        assert_eq!((came.status, came.body["organization"]["name"].as_str(), came.body["role"].as_str()),
            (200, Some("Engines"), Some("reviewer")), "{}", came.body);
        let inside = Person { cookie: session(&came), id: grace.id.clone() };
        assert_eq!(engines.get(&inside, &format!("/members/{}", grace.id)).await.body["teams"][0]["name"], "Fraud");
        engines.refused(&inside, "POST", "/roles", json!({ "name": "x", "permissions": [] }), 403).await;
        engines.refused(&inside, "POST", "/invitations/accept", body.clone(), 404).await;
        assert_eq!(engines.site.send("POST", "/auth/invitation", &[], body).await.status, 404);
        assert_eq!(engines.get(&engines.ada, "/invitations").await.body["items"], json!([]));
        engines.refused(&engines.ada, "POST", "/invitations", json!({ "email": GRACE, "role": "viewer" }), 409).await;
        let actions = engines.actions().await;
        for action in ["invitation.create", "invitation.accept", "member.join"] {
            assert!(actions.contains(&format!("identity.{action}")), "{action}: {actions:?}");
        }
    }

    async fn of_two_who_follow_one_link_one_comes(db: TestDb) {
        let engines = Engines::new(db).await;
        let grace = grace(&engines).await;
        let again = crate::access_support::sign_in(&engines.site, GRACE).await;
        invite(&engines, &engines.ada, "viewer").await;
        let body = json!({ "token": secret(&engines, GRACE).await });
        let (a, b) = tokio::join!(
            engines.by(&grace, "POST", "/invitations/accept", body.clone()),
            engines.by(&again, "POST", "/invitations/accept", body.clone()),
        );
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert!(matches!(statuses, [200, 404 | 409]), "{} {}", a.body, b.body);
        let count = engines.actions().await.iter().filter(|action| *action == "identity.member.join").count();
        assert_eq!(count, 1);
    }

    async fn a_link_is_over_when_it_is_sent_again_withdrawn_or_old(db: TestDb) {
        let engines = Engines::new(db).await;
        let stranger = engines.stranger().await;
        let made = invite(&engines, &engines.ada, "viewer").await;
        let path = format!("/invitations/{}", made["id"].as_str().unwrap());
        let first = json!({ "token": secret(&engines, GRACE).await });
        let offer = |body: &Value| engines.site.send("POST", "/auth/invitation", &[], body.clone());
        assert_eq!(offer(&first).await.body["account_exists"], false);
        engines.refused(&engines.ada, "POST", "/invitations", json!({ "email": "GRACE@example.com", "role": "viewer" }), 409).await;
        engines.refused(&stranger, "DELETE", &path, Value::Null, 404).await;
        engines.refused(&stranger, "POST", &format!("{path}/resend"), Value::Null, 404).await;
        // Letters of one moment have no order.
        engines.site.db.clock.advance(Duration::from_secs(60));
        engines.done(&engines.ada, "POST", &format!("{path}/resend"), Value::Null).await;
        let second = json!({ "token": secret(&engines, GRACE).await });
        assert_ne!(first, second);
        assert_eq!((offer(&first).await.status, offer(&second).await.status), (404, 200));
        engines.site.db.clock.advance(Duration::from_secs(7 * 86_400));
        assert_eq!(offer(&second).await.status, 404);
        let ada = crate::access_support::sign_in(&engines.site, "ada@example.com").await;
        engines.done(&ada, "POST", &format!("{path}/resend"), Value::Null).await;
        let third = json!({ "token": secret(&engines, GRACE).await });
        assert_eq!(offer(&third).await.status, 200);
        engines.done(&ada, "DELETE", &path, Value::Null).await;
        assert_eq!(offer(&third).await.status, 404);
        engines.refused(&ada, "DELETE", &path, Value::Null, 404).await;
        engines.refused(&ada, "POST", &format!("{path}/resend"), Value::Null, 404).await;
    }

    async fn an_invitation_gives_no_more_than_its_sender_has(db: TestDb) {
        let engines = Engines::new(db).await;
        let admin = engines.join("adm@example.com", Role::Admin).await;
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        let grace = grace(&engines).await;
        let asks = |role: &str| json!({ "email": GRACE, "role": role });
        engines.refused(&admin, "POST", "/invitations", asks("owner"), 403).await;
        engines.refused(&vic, "POST", "/invitations", asks("viewer"), 403).await;
        engines.refused(&vic, "GET", "/invitations", Value::Null, 403).await;
        engines.refused(&admin, "POST", "/invitations", asks("rol_00000000000000000000000000000001"), 422).await;
        engines.refused(&admin, "POST", "/invitations", json!({ "email": "x\r\nBcc: y@example.com", "role": "viewer" }), 422).await;
        // A team whose roles the sender lacks is no way round.
        let secret_project = json!({ "name": "Secret", "slug": "secret", "private": true });
        let project = engines.done(&engines.ada, "POST", "/projects", secret_project).await["id"].as_str().unwrap().to_owned();
        let team = engines.done(&engines.ada, "POST", "/teams", json!({ "name": "Owners" })).await["id"].as_str().unwrap().to_owned();
        engines.done(&engines.ada, "PUT", &format!("/projects/{project}/members/{team}"), json!({ "role": "owner" })).await;
        let with_team = json!({ "email": GRACE, "role": "viewer", "teams": [team] });
        engines.refused(&admin, "POST", "/invitations", with_team, 403).await;
        let foreign = json!({ "email": GRACE, "role": "viewer", "teams": ["team_00000000000000000000000000000001"] });
        engines.refused(&admin, "POST", "/invitations", foreign, 422).await;
        let owners = engines.done(&engines.ada, "POST", "/invitations", json!({ "email": "o@example.com", "role": "owner" })).await;
        engines.refused(&admin, "DELETE", &format!("/invitations/{}", owners["id"].as_str().unwrap()), Value::Null, 403).await;

        // What was sent with rights that are gone meanwhile gives nothing.
        invite(&engines, &admin, "admin").await;
        let body = json!({ "token": secret(&engines, GRACE).await });
        engines.done(&engines.ada, "PATCH", &format!("/members/{}", admin.id), json!({ "role": "engineer" })).await;
        assert_eq!(engines.site.send("POST", "/auth/invitation", &[OURS], body.clone()).await.status, 404);
        engines.refused(&grace, "POST", "/invitations/accept", body.clone(), 404).await;
        engines.set_role(&admin, "admin").await;
        engines.done(&engines.ada, "DELETE", &format!("/members/{}", admin.id), Value::Null).await;
        engines.refused(&grace, "POST", "/invitations/accept", body, 404).await;
        assert_eq!(engines.get(&engines.ada, "/invitations").await.body["items"].as_array().unwrap().len(), 1);
    }

    async fn an_address_that_is_not_proved_accepts_nothing(db: TestDb) {
        let engines = Engines::new(db).await;
        let grace = grace(&engines).await;
        invite(&engines, &engines.ada, "viewer").await;
        let body = json!({ "token": secret(&engines, GRACE).await });
        engines.site.execute("UPDATE users SET email_verified_at = NULL", binds![]).await;
        engines.refused(&grace, "POST", "/invitations/accept", body.clone(), 403).await;
        engines.site.execute("UPDATE users SET email_verified_at = created_at", binds![]).await;
        assert_eq!(engines.by(&grace, "POST", "/invitations/accept", body).await.status, 200);
    }
}
