//! One's own account: name, address, password, and leaving everywhere.

use std::time::Duration;

use rhiza_kernel::Role;
use rhiza_store::binds;
use serde_json::{Value, json};

use crate::site::{OURS, PASSWORD, SETS, Site, bearer, session};

const ADA: &str = "ada@example.com";

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn a_new_password_ends_the_other_sessions(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let (mine, other) = (site.sign_in(ADA).await, site.sign_in(ADA).await);
        let me = [("cookie", mine.as_str())];
        for (body, status) in [
            (json!({ "password": "another kettle 7" }), 422),
            (json!({ "current_password": "wrong", "password": "another kettle 7" }), 422),
            (json!({ "current_password": PASSWORD, "password": "short" }), 422),
            (json!({ "current_password": PASSWORD, "password": "another kettle 7" }), 204),
        ] {
            assert_eq!(site.get("/me", &[("cookie", &other)]).await.status, 200);
            let reply = site.post("/me/password", &me, body.clone()).await;
            assert_eq!(reply.status, status, "{body} {}", reply.body);
        }
        assert_eq!(site.get("/me", &me).await.status, 200);
        assert_eq!(site.get("/me", &[("cookie", &other)]).await.status, 401);
        let safety = site.get("/me/security", &me).await.body;
        assert!(safety["password_changed_at"].is_string() && safety["email_verified"] == true, "{safety}");
        let actions = site.actions(owner.organization_id).await;
        for action in ["identity.password.change", "identity.password.refuse_change"] {
            assert!(actions.contains(&action.to_owned()), "{action} in {actions:?}");
        }
        assert_eq!(site.letters(ADA).await[0].0, "password_changed");
    }

    async fn a_new_address_counts_once_it_is_proved(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        site.add_member(Some(owner.organization_id), "eve@example.com", Role::Viewer).await;
        site.work();
        let cookie = site.sign_in(ADA).await;
        let me = [("cookie", cookie.as_str())];
        assert_eq!(site.post("/me/email", &me, json!({ "email": "no address" })).await.status, 422);
        // Whether an address is taken is not told to who asks, only to whose it is.
        let taken = site.post("/me/email", &me, json!({ "email": "eve@example.com" })).await;
        let free = site.post("/me/email", &me, json!({ "email": "Ada@new.example" })).await;
        assert_eq!((taken.status, &taken.body), (free.status, &free.body));
        assert_eq!(free.status, 202, "{}", free.body);
        assert_eq!(site.letters("eve@example.com").await[0].0, "account_exists");
        let token = site.letter_token("Ada@new.example", "verify_email").await;
        assert_eq!(site.get("/me", &me).await.body["user"]["email"], ADA);
        // The secret for one thing opens nothing else.
        for path in ["/auth/verify-email", "/auth/reset-password"] {
            let body = match path {
                "/auth/verify-email" => json!({ "token": token }),
                _ => json!({ "token": token, "password": "another kettle 7" }),
            };
            assert_eq!(site.post(path, &[], body).await.status, 401, "{path}");
        }
        let (a, b) = tokio::join!(
            site.post("/auth/confirm-email", &[], json!({ "token": token })),
            site.post("/auth/confirm-email", &[], json!({ "token": token })),
        );
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 401]);
        site.db.clock.advance(Duration::from_secs(1));
        assert_eq!(site.get("/me", &me).await.body["user"]["email"], "Ada@new.example");
        assert_eq!(site.letters(ADA).await[0].0, "email_changed");
        site.sign_in("ada@NEW.example").await;
        let old = site.post("/auth/sign-in", &[], json!({ "email": ADA, "password": PASSWORD })).await;
        assert_eq!(old.status, 401);
        site.db.clock.advance(Duration::from_secs(600));
        let stale = site.post("/me/email", &me, json!({ "email": "ada@third.example" })).await;
        assert_eq!((stale.status, stale.body["permission"].as_str()), (403, Some("confirmation")));
    }

    async fn an_address_taken_meanwhile_is_not_taken_away(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        site.work();
        let cookie = site.sign_in(ADA).await;
        let asked = site.post("/me/email", &[("cookie", &cookie)], json!({ "email": "eve@example.com" })).await;
        assert_eq!(asked.status, 202);
        let token = site.letter_token("eve@example.com", "verify_email").await;
        site.add_member(Some(owner.organization_id), "eve@example.com", Role::Viewer).await;
        assert_eq!(site.post("/auth/confirm-email", &[], json!({ "token": token })).await.status, 401);
        site.sign_in(ADA).await;
        site.sign_in("eve@example.com").await;
    }

    async fn signing_out_everywhere_ends_every_session(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        site.add_member(Some(owner.organization_id), "eve@example.com", Role::Viewer).await;
        let eve = site.sign_in("eve@example.com").await;
        let (one, two) = (site.sign_in(ADA).await, site.sign_in(ADA).await);
        let out = site.post("/auth/sign-out-everywhere", &[("cookie", &one)], Value::Null).await;
        assert_eq!((out.status, out.cookie.unwrap().contains("Max-Age=0")), (204, true));
        for cookie in [one, two] {
            assert_eq!(site.get("/me", &[("cookie", &cookie)]).await.status, 401);
        }
        assert_eq!(site.get("/me", &[("cookie", &eve)]).await.status, 200);
        let key = bearer(&owner.api_key);
        assert_eq!(site.get("/me", &[("authorization", &key)]).await.status, 200, "keys go on");
        let refused = site.post("/auth/sign-out-everywhere", &[("authorization", &key)], Value::Null).await;
        assert_eq!(refused.status, 403);
    }

    async fn a_name_is_changed_and_stays_one_line(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let cookie = site.sign_in(ADA).await;
        let mine = [OURS, ("cookie", cookie.as_str())];
        for bad in ["", "a\r\nb", "x\u{202E}y"] {
            assert_eq!(site.send("PATCH", "/me", &mine, json!({ "name": bad })).await.status, 422, "{bad:?}");
        }
        let renamed = site.send("PATCH", "/me", &mine, json!({ "name": " Ada Lovelace " })).await;
        assert_eq!((renamed.status, renamed.body["user"]["name"].as_str()), (200, Some("Ada Lovelace")));
        let actions = site.actions(owner.organization_id).await;
        assert!(actions.contains(&"identity.person.update".to_owned()), "{actions:?}");
    }

    async fn what_was_refused_is_in_every_organisation_of_the_person(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let (other, _) = site.add_member(None, "eve@example.com", Role::Owner).await;
        let sql = "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ($1, $2, 'viewer', $3)";
        let (org, user) = (other.uuid(), owner.user_id.uuid());
        site.execute(sql, binds![org, user, site.db.env.now() + Duration::from_secs(1)]).await;
        site.post("/auth/sign-in", &[], json!({ "email": ADA, "password": "something else" })).await;
        for org in [owner.organization_id, other] {
            let actions = site.actions(org).await;
            assert!(actions.contains(&"identity.session.refuse".to_owned()), "{actions:?}");
        }
        let reply = site.post("/auth/sign-in", &[], json!({ "email": ADA, "password": PASSWORD })).await;
        let cookie = session(&reply);
        site.send("PATCH", "/me", &[OURS, ("cookie", &cookie)], json!({ "name": "Ada L" })).await;
        assert!(site.actions(other).await.contains(&"identity.person.update".to_owned()));
    }
}
