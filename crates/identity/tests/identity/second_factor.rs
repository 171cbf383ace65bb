//! The second factor: switching it on, showing it, and every way around it that should not be one.

use std::time::Duration;

use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::site::{OURS, PASSWORD, SETS, Site, session};

const ADA: &str = "ada@example.com";

/// The code that the app shows at the test's time.
fn code(site: &Site, secret: &str) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let seconds = u64::try_from(site.db.env.now().timestamp()).unwrap();
    Builder::new().with_secret(secret).build().unwrap().generate(seconds).to_string()
}

/// The next code is another one.
fn later(site: &Site) {
    site.db.clock.advance(Duration::from_secs(30));
}

/// Switches the second factor on: the secret, the recovery codes and the session's new cookie.
async fn enrol(site: &Site, cookie: &str) -> (String, Vec<String>, String) {
    let mine = [("cookie", cookie)];
    let proposal = site.post("/me/totp", &mine, Value::Null).await;
    assert_eq!(proposal.status, 201, "{}", proposal.body);
    let secret = proposal.body["secret"].as_str().unwrap().to_owned();
    assert!(proposal.body["uri"].as_str().unwrap().contains(&secret), "{}", proposal.body);
    assert!(proposal.body["qr_svg"].as_str().unwrap().contains("<svg"));
    let wrong = site.post("/me/totp/confirm", &mine, json!({ "code": "not it" })).await;
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    let confirmed = site.post("/me/totp/confirm", &mine, json!({ "code": code(site, &secret) })).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    let codes = confirmed.body["recovery_codes"].as_array().unwrap();
    let codes: Vec<String> = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 10);
    (secret, codes, session(&confirmed))
}

async fn challenge(site: &Site) -> String {
    let reply = site.post("/auth/sign-in", &[], json!({ "email": ADA, "password": PASSWORD })).await;
    assert_eq!((reply.status, reply.cookie.is_none()), (202, true), "{}", reply.body);
    assert_eq!(reply.body["methods"], json!(["totp", "recovery_code"]));
    reply.body["challenge"].as_str().unwrap().to_owned()
}

async fn show(site: &Site, challenge: &str, code: &str) -> crate::site::Reply {
    site.post("/auth/second-factor", &[], json!({ "challenge": challenge, "code": code })).await
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn a_password_alone_no_longer_opens(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let before = site.sign_in(ADA).await;
        let (secret, _, cookie) = enrol(&site, &before).await;
        // The session goes on under a new token.
        assert_ne!(before, cookie);
        assert_eq!(site.get("/me", &[("cookie", &before)]).await.status, 401);
        let listed = site.get("/sessions", &[("cookie", &cookie)]).await.body;
        assert_eq!(listed["items"][0]["second_factor"], true, "{listed}");

        let challenge = challenge(&site).await;
        assert_eq!(site.get("/me", &[("cookie", &format!("__Host-rhiza={challenge}"))]).await.status, 401);
        // The code that switched it on was used by that.
        assert_eq!(show(&site, &challenge, &code(&site, &secret)).await.status, 401);
        later(&site);
        let done = show(&site, &challenge, &code(&site, &secret)).await;
        assert_eq!(done.status, 200, "{}", done.body);
        let cookie = session(&done);
        assert_eq!(site.get("/me", &[("cookie", &cookie)]).await.status, 200);
        later(&site);
        assert_eq!(show(&site, &challenge, &code(&site, &secret)).await.status, 401, "a challenge works once");
        let actions = site.actions(owner.organization_id).await;
        for action in ["identity.totp.enable", "identity.second_factor.refuse"] {
            assert!(actions.contains(&action.to_owned()), "{action} in {actions:?}");
        }
        let letters = site.letters(ADA).await;
        assert!(letters.iter().any(|(kind, text)| kind == "mfa_changed" && text.contains("switched on")));
    }

    async fn a_code_works_once_even_when_shown_many_times_at_once(db: TestDb) {
        let site = Site::new(db);
        site.owner().await;
        let cookie = site.sign_in(ADA).await;
        let (secret, codes, _) = enrol(&site, &cookie).await;
        later(&site);
        let (a, b, c) = (challenge(&site).await, challenge(&site).await, challenge(&site).await);
        let now = code(&site, &secret);
        let (x, y, z, again) =
            tokio::join!(show(&site, &a, &now), show(&site, &b, &now), show(&site, &c, &now), show(&site, &a, &now));
        let opened = [&x, &y, &z, &again].into_iter().filter(|reply| reply.status == 200).count();
        assert_eq!(opened, 1, "{} {} {} {}", x.status, y.status, z.status, again.status);

        site.db.clock.advance(Duration::from_secs(60));
        let (a, b) = (challenge(&site).await, challenge(&site).await);
        let shouted = codes[0].to_uppercase();
        let (x, y) = tokio::join!(show(&site, &a, &codes[0]), show(&site, &b, &shouted));
        let mut statuses = [x.status, y.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401], "{} {}", x.body, y.body);
        let cookie = session(if x.status == 200 { &x } else { &y });
        let safety = site.get("/me/security", &[("cookie", &cookie)]).await.body;
        assert_eq!((&safety["totp"], &safety["recovery_codes_left"]), (&json!(true), &json!(9)), "{safety}");
    }

    async fn a_challenge_takes_five_attempts_and_ten_minutes(db: TestDb) {
        let site = Site::new(db);
        site.owner().await;
        let cookie = site.sign_in(ADA).await;
        let (secret, _, _) = enrol(&site, &cookie).await;
        later(&site);
        let tried = challenge(&site).await;
        let right = code(&site, &secret);
        let wrong = if right == "000000" { "000001" } else { "000000" };
        for _ in 0..5 {
            assert_eq!(show(&site, &tried, wrong).await.status, 401);
        }
        let over = show(&site, &tried, &right).await;
        assert!(over.status == 401 && over.body["detail"].as_str().unwrap().contains("begin again"), "{}", over.body);

        site.db.clock.advance(Duration::from_secs(120));
        let old = challenge(&site).await;
        site.db.clock.advance(Duration::from_secs(600));
        assert_eq!(show(&site, &old, &code(&site, &secret)).await.status, 401);
        for bad in ["", "x", &"a".repeat(43), &"a".repeat(100_000)] {
            assert_eq!(show(&site, bad, &code(&site, &secret)).await.status, 401);
        }
        let fresh = challenge(&site).await;
        for bad in ["", &"1".repeat(100_000), "١٢٣٤٥٦", "12345\u{0}"] {
            assert!(matches!(show(&site, &fresh, bad).await.status, 401 | 429));
        }
    }

    async fn it_is_switched_off_by_its_owner_only(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let cookie = site.sign_in(ADA).await;
        let (secret, codes, cookie) = enrol(&site, &cookie).await;
        let mine = [("cookie", cookie.as_str())];
        assert_eq!(site.post("/me/totp", &mine, Value::Null).await.status, 409, "it is on");

        // A session that somebody left open is not enough.
        site.db.clock.advance(Duration::from_secs(601));
        for (method, path) in [("POST", "/me/totp"), ("DELETE", "/me/totp"), ("POST", "/me/recovery-codes")] {
            let refused = site.send(method, path, &[OURS, mine[0]], Value::Null).await;
            assert_eq!(refused.status, 403, "{method} {path}");
            assert_eq!(refused.body["permission"], "confirmation", "{}", refused.body);
        }
        let wrong = site.post("/me/confirm", &mine, json!({ "password": "something else" })).await;
        assert_eq!(wrong.status, 422, "{}", wrong.body);
        assert_eq!(site.post("/me/confirm", &mine, json!({})).await.status, 422);
        assert_eq!(site.post("/me/confirm", &mine, json!({ "code": codes[1] })).await.status, 204);
        let renewed = site.post("/me/recovery-codes", &mine, Value::Null).await;
        assert_eq!(renewed.status, 200, "{}", renewed.body);
        assert_eq!(site.post("/me/confirm", &mine, json!({ "code": codes[2] })).await.status, 422, "an old code");
        let confirmed = site.post("/me/confirm", &mine, json!({ "code": code(&site, &secret) })).await;
        assert_eq!(confirmed.status, 204, "{}", confirmed.body);
        let replayed = site.post("/me/confirm", &mine, json!({ "code": code(&site, &secret) })).await;
        assert_eq!(replayed.status, 422, "a code works once here, too");

        let off = site.send("DELETE", "/me/totp", &[OURS, mine[0]], Value::Null).await;
        assert_eq!(off.status, 204, "{}", off.body);
        site.sign_in(ADA).await;
        assert_eq!(site.post("/me/recovery-codes", &mine, Value::Null).await.status, 409);
        let actions = site.actions(owner.organization_id).await;
        for action in ["identity.totp.disable", "identity.recovery_codes.renew", "identity.session.confirm"] {
            assert!(actions.contains(&action.to_owned()), "{action} in {actions:?}");
        }
    }

    async fn keys_have_no_second_factor_and_a_new_password_ends_what_is_under_way(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let key = crate::site::bearer(&owner.api_key);
        let key = [("authorization", key.as_str())];
        for (method, path) in [("POST", "/me/totp"), ("DELETE", "/me/totp"), ("POST", "/me/recovery-codes")] {
            assert_eq!(site.send(method, path, &key, Value::Null).await.status, 403, "{method} {path}");
        }
        let cookie = site.sign_in(ADA).await;
        let (secret, _, cookie) = enrol(&site, &cookie).await;
        let waiting = challenge(&site).await;
        let change = json!({ "current_password": PASSWORD, "password": "another kettle 7" });
        assert_eq!(site.post("/me/password", &[("cookie", &cookie)], change).await.status, 204);
        later(&site);
        assert_eq!(show(&site, &waiting, &code(&site, &secret)).await.status, 401);
    }
}
