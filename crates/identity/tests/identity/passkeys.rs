//! Passkeys: registered, used, and every way of using them wrongly.

use std::time::Duration;

use rhiza_kernel::{OrgScope, Role};
use rhiza_platform::audit;
use rhiza_store::binds;
use rhiza_store::sea_orm::{self, FromQueryResult};
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::site::{OURS, Reply, SETS, Site, bearer, session};

async fn begin(site: &Site) -> (String, Value) {
    let reply = site.send("POST", "/auth/passkey/begin", &[OURS], Value::Null).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    (reply.body["challenge"].as_str().unwrap().to_owned(), reply.body["options"].clone())
}

async fn finish(site: &Site, challenge: &str, credential: &Value) -> Reply {
    let body = json!({ "challenge": challenge, "credential": credential });
    site.send("POST", "/auth/passkey/finish", &[OURS], body).await
}

async fn sign_in(site: &Site, passkey: &mut Authenticator) -> Reply {
    let (challenge, options) = begin(site).await;
    finish(site, &challenge, &passkey.sign_in(&options)).await
}

async fn begin_registration(site: &Site, cookie: &str) -> (String, Value) {
    let reply = site.send("POST", "/me/passkeys/begin", &[OURS, ("cookie", cookie)], Value::Null).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    (reply.body["challenge"].as_str().unwrap().to_owned(), reply.body["options"].clone())
}

async fn try_register(site: &Site, cookie: &str, passkey: &mut Authenticator, name: &str) -> Reply {
    let (challenge, options) = begin_registration(site, cookie).await;
    let body = json!({ "challenge": challenge, "name": name, "credential": passkey.register(&options) });
    site.send("POST", "/me/passkeys", &[OURS, ("cookie", cookie)], body).await
}

async fn register(site: &Site, cookie: &str, passkey: &mut Authenticator, name: &str) -> String {
    let reply = try_register(site, cookie, passkey, name).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body["id"].as_str().unwrap().to_owned()
}

#[derive(Debug, FromQueryResult)]
struct Row {
    action: String,
}

/// What the audit chain tells, which must hold together.
async fn actions(site: &Site, org: rhiza_kernel::OrgId) -> Vec<String> {
    let scope = OrgScope::new(org);
    let tx = site.db.db.read(&scope).await.unwrap();
    audit::verify(&tx, &scope).await.unwrap();
    let sql = "SELECT action FROM audit_entries WHERE org_id = $1 ORDER BY seq";
    let rows: Vec<Row> = tx.fetch_all(sql, binds![org.uuid()]).await.unwrap();
    rows.into_iter().map(|row| row.action).collect()
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn a_passkey_signs_in_without_an_address_and_counts_as_two_factors(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let cookie = site.sign_in("ada@example.com").await;
        let mut passkey = Authenticator::new(7, 5);
        let (_, options) = begin_registration(&site, &cookie).await;
        assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(options["rp"]["id"], "localhost");
        assert_eq!(options["user"]["name"], "ada@example.com");
        let id = register(&site, &cookie, &mut passkey, " Ada's laptop ").await;
        assert!(id.starts_with("pky_"), "{id}");

        let (challenge, options) = begin(&site).await;
        assert_eq!(options["userVerification"], "required");
        assert_eq!(options["allowCredentials"], json!([]), "nobody's passkeys are given away");
        let reply = finish(&site, &challenge, &passkey.sign_in(&options)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body["user"]["id"], owner.user_id.to_string());
        let fresh = session(&reply);
        assert_ne!(fresh, cookie);
        let list = site.get("/me/passkeys", &[("cookie", &fresh)]).await;
        assert_eq!(list.body["items"][0]["name"], "Ada's laptop");
        assert!(list.body["items"][0]["last_used_at"].is_string(), "{}", list.body);

        let tx = site.db.db.system_read().await.unwrap();
        let sql = "SELECT COUNT(*) FROM sessions WHERE method = 'passkey' AND second_factor_at IS NOT NULL
                   AND confirmed_at IS NOT NULL";
        assert_eq!(tx.fetch_scalar::<i64>(sql, binds![]).await.unwrap(), Some(1));
        tx.rollback().await.unwrap();
        let actions = actions(&site, owner.organization_id).await;
        assert!(actions.contains(&"identity.passkey.create".to_owned()), "{actions:?}");
    }

    async fn a_person_has_several_passkeys_with_names_and_keeps_a_way_in(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let cookie = site.sign_in("ada@example.com").await;
        let (mut phone, mut key) = (Authenticator::new(1, 0), Authenticator::new(2, 9));
        let first = register(&site, &cookie, &mut phone, "Phone").await;
        let second = register(&site, &cookie, &mut key, "Key").await;
        let (_, options) = begin_registration(&site, &cookie).await;
        assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 2);
        let again = try_register(&site, &cookie, &mut phone, "Phone again").await;
        assert!(matches!(again.status, 409 | 422 | 400), "{}", again.body);

        let headers = [OURS, ("cookie", cookie.as_str())];
        let renamed = site.send("PATCH", &format!("/me/passkeys/{first}"), &headers, json!({ "name": "Ada's phone" })).await;
        assert_eq!((renamed.status, renamed.body["name"].as_str()), (200, Some("Ada's phone")));
        let unnamed = site.send("PATCH", &format!("/me/passkeys/{first}"), &headers, json!({ "name": " " })).await;
        assert_eq!(unnamed.status, 422, "{}", unnamed.body);
        for passkey in [&mut phone, &mut key] {
            // A counter that stays at zero is one of a passkey that is synchronised.
            for _ in 0..2 {
                assert_eq!(sign_in(&site, passkey).await.status, 200);
            }
        }

        let tx = site.db.db.system_write().await.unwrap();
        tx.execute("UPDATE users SET password_hash = NULL", binds![]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(site.send("DELETE", &format!("/me/passkeys/{first}"), &headers, Value::Null).await.status, 204);
        assert_eq!(site.send("DELETE", &format!("/me/passkeys/{first}"), &headers, Value::Null).await.status, 404);
        let last = site.send("DELETE", &format!("/me/passkeys/{second}"), &headers, Value::Null).await;
        assert_eq!(last.status, 409, "{}", last.body);
        assert_eq!(sign_in(&site, &mut phone).await.status, 401, "a removed passkey opens nothing");
        assert_eq!(sign_in(&site, &mut key).await.status, 200);
        let actions = actions(&site, owner.organization_id).await;
        for action in ["identity.passkey.rename", "identity.passkey.delete"] {
            assert!(actions.contains(&action.to_owned()), "{action}: {actions:?}");
        }
    }

    async fn what_is_not_the_answer_to_the_challenge_is_refused(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        site.add_member(Some(owner.organization_id), "bob@example.com", Role::Viewer).await;
        let cookie = site.sign_in("ada@example.com").await;
        let mut passkey = Authenticator::new(3, 1);
        register(&site, &cookie, &mut passkey, "Key").await;
        let mut of_bob = Authenticator::new(4, 1);
        let bob = site.sign_in("bob@example.com").await;
        register(&site, &bob, &mut of_bob, "Key").await;

        type Lie = (&'static str, fn(&mut Authenticator));
        let lies: [Lie; 4] = [
            ("another origin", |p| p.origin = "https://rhiza.evil.example".into()),
            ("another site", |p| p.rp_id = "evil.example".into()),
            ("another port", |p| p.origin = "http://localhost:9090".into()),
            ("nobody was asked", |p| p.verifies = false),
        ];
        for (what, lie) in lies {
            let mut liar = Authenticator { counter: passkey.counter + 10, ..passkey.clone() };
            lie(&mut liar);
            let reply = sign_in(&site, &mut liar).await;
            assert_eq!((reply.status, reply.cookie), (401, None), "{what}");
            let mut liar = Authenticator::new(9, 1);
            lie(&mut liar);
            let reply = try_register(&site, &cookie, &mut liar, "Key").await;
            assert_eq!(reply.status, 422, "{what}: {}", reply.body);
        }
        // One's own signature under another's name, and another's passkey under one's own.
        let mut foreign = Authenticator { user_handle: of_bob.user_handle.clone(), ..passkey.clone() };
        foreign.counter += 20;
        assert_eq!(sign_in(&site, &mut foreign).await.status, 401);
        let mut nameless = Authenticator { user_handle: Vec::new(), ..passkey.clone() };
        nameless.counter += 30;
        assert_eq!(sign_in(&site, &mut nameless).await.status, 401);
        assert_eq!(sign_in(&site, &mut Authenticator::new(8, 1)).await.status, 401, "an unknown passkey");
        // A signature over another challenge.
        let (challenge, _) = begin(&site).await;
        let (_, other) = begin(&site).await;
        assert_eq!(finish(&site, &challenge, &passkey.sign_in(&other)).await.status, 401);
        // An altered one.
        let (challenge, options) = begin(&site).await;
        let mut altered = passkey.sign_in(&options);
        altered["response"]["signature"] = json!("MEQCIAAA");
        assert_eq!(finish(&site, &challenge, &altered).await.status, 401);
        for nonsense in [json!(null), json!({}), json!("x"), json!({ "id": 1 })] {
            assert_eq!(finish(&site, &challenge, &nonsense).await.status, 422, "{nonsense}");
        }
        assert_eq!(sign_in(&site, &mut passkey).await.status, 429, "attempts with one passkey from one place are limited");
        site.db.clock.advance(Duration::from_secs(60));
        assert_eq!(sign_in(&site, &mut passkey).await.status, 200, "the owner is not locked out by any of this");
        let actions = actions(&site, owner.organization_id).await;
        assert!(actions.iter().filter(|a| *a == "identity.passkey.refuse").count() >= 4, "{actions:?}");
    }

    async fn an_answer_is_taken_once_in_time_and_by_whom_it_was_asked(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        site.add_member(Some(owner.organization_id), "bob@example.com", Role::Viewer).await;
        let ada = site.sign_in("ada@example.com").await;
        let bob = site.sign_in("bob@example.com").await;
        let mut passkey = Authenticator::new(5, 1);
        register(&site, &ada, &mut passkey, "Key").await;

        // Of many who show the same answer at the same moment, one gets in.
        let (challenge, options) = begin(&site).await;
        let answer = passkey.sign_in(&options);
        let [a, b, c, d, e, f] = [(); 6].map(|()| finish(&site, &challenge, &answer));
        let (a, b, c, d, e, f) = tokio::join!(a, b, c, d, e, f);
        let mut statuses = [a.status, b.status, c.status, d.status, e.status, f.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401, 401, 401, 401, 401]);
        assert_eq!(finish(&site, &challenge, &answer).await.status, 401, "replayed");

        // A challenge for Ada's new passkey is nothing to Bob.
        let (challenge, options) = begin_registration(&site, &ada).await;
        let mut new = Authenticator::new(6, 1);
        let body = json!({ "challenge": challenge, "name": "Mine", "credential": new.register(&options) });
        let reply = site.send("POST", "/me/passkeys", &[OURS, ("cookie", &bob)], body).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
        // A challenge of one ceremony does not finish the other.
        let (challenge, options) = begin_registration(&site, &ada).await;
        assert_eq!(finish(&site, &challenge, &passkey.sign_in(&options)).await.status, 401);

        let (challenge, options) = begin(&site).await;
        site.db.clock.advance(Duration::from_secs(301));
        assert_eq!(finish(&site, &challenge, &passkey.sign_in(&options)).await.status, 401, "too late");
        site.identity.flush().await.unwrap();
        let tx = site.db.db.system_read().await.unwrap();
        let left: Option<i64> = tx.fetch_scalar("SELECT COUNT(*) FROM sign_in_challenges", binds![]).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(left, Some(0), "what nobody came back for is removed");
    }

    async fn a_copied_passkey_is_noticed_by_its_counter(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let cookie = site.sign_in("ada@example.com").await;
        let mut original = Authenticator::new(5, 1);
        register(&site, &cookie, &mut original, "Key").await;
        let mut copy = original.clone();
        assert_eq!(sign_in(&site, &mut original).await.status, 200);
        assert_eq!(sign_in(&site, &mut original).await.status, 200);
        let reply = sign_in(&site, &mut copy).await;
        assert_eq!((reply.status, reply.cookie), (401, None));
        assert_eq!(sign_in(&site, &mut original).await.status, 200);
        assert!(actions(&site, owner.organization_id).await.contains(&"identity.passkey.refuse".to_owned()));
        let tx = site.db.db.system_read().await.unwrap();
        let letters = "SELECT COUNT(*) FROM mails WHERE template = 'mfa_changed' AND recipient = 'ada@example.com'";
        let letters: Option<i64> = tx.fetch_scalar(letters, binds![]).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(letters, Some(2), "one for the new passkey, one for the copy");
    }

    async fn passkeys_are_changed_by_people_who_proved_themselves_lately(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let cookie = site.sign_in("ada@example.com").await;
        let mut passkey = Authenticator::new(5, 1);
        let id = register(&site, &cookie, &mut passkey, "Key").await;
        site.db.clock.advance(Duration::from_secs(601));
        let headers = [OURS, ("cookie", cookie.as_str())];
        for (method, path) in [("POST", "/me/passkeys/begin".to_owned()), ("DELETE", format!("/me/passkeys/{id}"))] {
            let reply = site.send(method, &path, &headers, Value::Null).await;
            assert_eq!((reply.status, reply.body["permission"].as_str()), (403, Some("confirmation")), "{path}");
        }
        let by_key = [("authorization", &*bearer(&owner.api_key))];
        assert_eq!(site.send("POST", "/me/passkeys/begin", &by_key, Value::Null).await.status, 403, "keys have none");
        assert_eq!(site.get("/me/passkeys", &by_key).await.status, 403);
        let mut other = Authenticator::new(6, 1);
        let fresh = session(&sign_in(&site, &mut passkey).await);
        register(&site, &fresh, &mut other, "Other").await;
    }

    async fn a_shut_account_and_another_members_passkeys_stay_shut(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        site.add_member(Some(owner.organization_id), "bob@example.com", Role::Owner).await;
        let cookie = site.sign_in("ada@example.com").await;
        let bob = site.sign_in("bob@example.com").await;
        let mut passkey = Authenticator::new(5, 1);
        let id = register(&site, &cookie, &mut passkey, "Key").await;
        let headers = [OURS, ("cookie", bob.as_str())];
        assert_eq!(site.send("DELETE", &format!("/me/passkeys/{id}"), &headers, Value::Null).await.status, 404);
        let rename = site.send("PATCH", &format!("/me/passkeys/{id}"), &headers, json!({ "name": "x" })).await;
        assert_eq!(rename.status, 404);
        let tx = site.db.db.system_write().await.unwrap();
        let sql = "UPDATE users SET disabled_at = created_at WHERE email_key = 'ada@example.com'";
        tx.execute(sql, binds![]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(sign_in(&site, &mut passkey).await.status, 401);
    }

    async fn what_one_process_began_another_finishes(db: TestDb) {
        let mut site = Site::new(db);
        site.owner().await;
        let cookie = site.sign_in("ada@example.com").await;
        let mut passkey = Authenticator::new(5, 1);
        register(&site, &cookie, &mut passkey, "Key").await;
        let (challenge, options) = begin(&site).await;
        site.change_process();
        assert_eq!(finish(&site, &challenge, &passkey.sign_in(&options)).await.status, 200);
        assert!(site.identity.offers_passkeys());
    }
}
