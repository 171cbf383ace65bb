//! Registering, proving an address, and what a stranger cannot learn from it.

use rhiza_identity::{RegistrationMode, RegistrationRules};
use rhiza_kernel::{InvitationId, OrgId, Role};
use rhiza_store::binds;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::site::{OURS, PASSWORD, SETS, Site, session};

fn open() -> RegistrationRules {
    RegistrationRules { mode: RegistrationMode::Open, ..RegistrationRules::default() }
}

fn domain() -> RegistrationRules {
    RegistrationRules { mode: RegistrationMode::Domain, domains: vec!["example.com".into()], role: Role::Scientist }
}

fn person(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "name": "Grace Hopper" })
}

async fn invite(site: &Site, org: OrgId, inviter: rhiza_kernel::UserId, email: &str) -> String {
    let id: InvitationId = site.db.env.new_id();
    let token = "i".repeat(43);
    let hash = Sha256::digest(token.as_bytes()).to_vec();
    let now = site.db.env.now();
    site.execute(
        "INSERT INTO invitations (invitation_id, org_id, email, email_key, role, teams, token_hash, invited_by,
                                  created_at, expires_at)
         VALUES ($1, $2, $3, $3, 'analyst', $4, $5, $6, $7, $8)",
        binds![
            id.uuid(),
            org.uuid(),
            email,
            json!([]),
            hash,
            inviter.uuid(),
            now,
            now + std::time::Duration::from_secs(3600)
        ],
    )
    .await;
    token
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn who_registers_proves_the_address_and_founds_an_organisation(db: TestDb) {
        let site = Site::with(db, open());
        site.owner().await;
        site.work();
        let mut grace = person("Grace@example.com");
        grace["organization"] = json!("Engines");
        let reply = site.post("/auth/register", &[], grace).await;
        assert_eq!((reply.status, reply.cookie.is_none(), reply.body), (202, true, json!({ "next": "verify_email" })));

        // Not before the address is proved: who knows the password is told, who does not is told nothing.
        let sign_in = json!({ "email": "grace@example.com", "password": PASSWORD });
        let early = site.post("/auth/sign-in", &[], sign_in.clone()).await;
        assert_eq!((early.status, early.body["code"].as_str()), (403, Some("permission_denied")), "{}", early.body);
        let wrong = json!({ "email": "grace@example.com", "password": "something else" });
        assert_eq!(site.post("/auth/sign-in", &[], wrong).await.status, 401);

        let token = site.letter_token("Grace@example.com", "verify_email").await;
        let verified = site.post("/auth/verify-email", &[], json!({ "token": token })).await;
        assert_eq!(verified.status, 200, "{}", verified.body);
        assert_eq!(verified.body["role"], "owner");
        assert_eq!(verified.body["organization"]["name"], "Engines");
        assert_ne!(verified.body["organization"]["slug"], "engines", "that is another's");
        assert_eq!(verified.body["projects"].as_array().unwrap().len(), 1);
        let cookie = session(&verified);
        assert_eq!(site.get("/projects", &[("cookie", &cookie)]).await.body["items"].as_array().unwrap().len(), 1);
        assert_eq!(site.post("/auth/verify-email", &[], json!({ "token": token })).await.status, 401);
        assert_eq!(site.post("/auth/sign-in", &[], sign_in).await.status, 200);
        let org: OrgId = verified.body["organization"]["id"].as_str().unwrap().parse().unwrap();
        let actions = site.actions(org).await;
        assert_eq!(
            actions,
            ["identity.person.register", "identity.session.create", "identity.session.create"]
        );
    }

    async fn an_address_that_is_taken_is_told_apart_by_nothing(db: TestDb) {
        let site = Site::with(db, open());
        let owner = site.owner().await;
        site.work();
        let mut seen = Vec::new();
        for email in ["ada@example.com", "nobody@example.com"] {
            for path in ["/auth/register", "/auth/verify-email/resend", "/auth/forgot-password"] {
                let before = site.identity.passwords().computed();
                let body = if path == "/auth/register" { person(email) } else { json!({ "email": email }) };
                let reply = site.post(path, &[], body).await;
                assert!(reply.cookie.is_none());
                seen.push((path, reply.status, reply.body, site.identity.passwords().computed() - before));
            }
            let before = site.identity.passwords().computed();
            let reply = site.post("/auth/sign-in", &[], json!({ "email": email, "password": "a wrong one" })).await;
            let hashes = site.identity.passwords().computed() - before;
            seen.push(("/auth/sign-in", reply.status, reply.body["detail"].clone(), hashes));
        }
        let (taken, free) = seen.split_at(4);
        assert_eq!(taken, free);
        // What they were told apart by went to the owner's mailbox, and to the chain of their organisation.
        let kinds = |letters: Vec<(String, String)>| -> Vec<String> {
            letters.into_iter().map(|(kind, _)| kind).collect()
        };
        let mut ada = kinds(site.letters("ada@example.com").await);
        ada.sort();
        assert_eq!(ada, ["account_exists", "reset_password"]);
        let nobody = kinds(site.letters("nobody@example.com").await);
        assert!(nobody.iter().all(|kind| kind == "verify_email"), "{nobody:?}");
        let actions = site.actions(owner.organization_id).await;
        assert!(actions.contains(&"identity.password.ask_reset".to_owned()), "{actions:?}");
        // Whoever registered an address that is taken cannot get in with what they chose.
        let sneaky = json!({ "email": "ada@example.com", "password": "not ada's own 1" });
        assert_eq!(site.post("/auth/sign-in", &[], sneaky).await.status, 401);
    }

    async fn the_password_that_counts_came_with_the_link_that_was_followed(db: TestDb) {
        let site = Site::with(db, open());
        site.owner().await;
        site.work();
        // Eve registers an address that is not hers; then its owner does.
        let mut eve = person("grace@example.com");
        eve["password"] = json!("eve waits patiently");
        assert_eq!(site.post("/auth/register", &[], eve).await.status, 202);
        site.letter_token("grace@example.com", "verify_email").await;
        site.db.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(site.post("/auth/register", &[], person("grace@example.com")).await.status, 202);
        let token = site.letter_token("grace@example.com", "verify_email").await;
        assert_eq!(site.post("/auth/verify-email", &[], json!({ "token": token })).await.status, 200);
        let attempt = json!({ "email": "grace@example.com", "password": "eve waits patiently" });
        assert_eq!(site.post("/auth/sign-in", &[], attempt).await.status, 401);
        let left: i64 = {
            let tx = site.db.db.system_read().await.unwrap();
            tx.fetch_scalar("SELECT COUNT(*) FROM registrations", binds![]).await.unwrap().unwrap()
        };
        assert_eq!(left, 0, "what Eve left behind is gone");
    }

    async fn two_who_prove_one_address_make_one_account(db: TestDb) {
        let site = Site::with(db, open());
        site.owner().await;
        site.work();
        let (a, b) = tokio::join!(
            site.post("/auth/register", &[], person("grace@example.com")),
            site.post("/auth/register", &[], person("GRACE@example.com")),
        );
        assert_eq!((a.status, b.status), (202, 202));
        let first = site.letter_token("grace@example.com", "verify_email").await;
        let second = site.letter_token("GRACE@example.com", "verify_email").await;
        let (a, b, again) = tokio::join!(
            site.post("/auth/verify-email", &[], json!({ "token": first })),
            site.post("/auth/verify-email", &[], json!({ "token": second })),
            site.post("/auth/verify-email", &[], json!({ "token": first })),
        );
        let mut statuses = [a.status, b.status, again.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401, 401]);
        let tx = site.db.db.system_read().await.unwrap();
        let sql = "SELECT COUNT(*) FROM users WHERE email_key = 'grace@example.com'";
        assert_eq!(tx.fetch_scalar::<i64>(sql, binds![]).await.unwrap(), Some(1));
        let sql = "SELECT COUNT(*) FROM organizations";
        assert_eq!(tx.fetch_scalar::<i64>(sql, binds![]).await.unwrap(), Some(2));
    }

    async fn a_letter_can_be_asked_for_again_and_ends_by_itself(db: TestDb) {
        let site = Site::with(db, open());
        site.owner().await;
        site.work();
        site.post("/auth/register", &[], person("grace@example.com")).await;
        let first = site.letter_token("grace@example.com", "verify_email").await;
        site.db.clock.advance(std::time::Duration::from_secs(1));
        let again = site.post("/auth/verify-email/resend", &[], json!({ "email": " GRACE@example.com" })).await;
        assert_eq!((again.status, again.body), (202, Value::Null));
        let second = site.letter_token("grace@example.com", "verify_email").await;
        assert_ne!(first, second);
        assert_eq!(site.post("/auth/verify-email", &[], json!({ "token": first })).await.status, 401);
        site.db.clock.advance(std::time::Duration::from_secs(48 * 3600));
        assert_eq!(site.post("/auth/verify-email", &[], json!({ "token": second })).await.status, 401);
        for bad in ["", "x", &"a".repeat(43), &"a".repeat(100_000), "' OR 1=1 --"] {
            assert_eq!(site.post("/auth/verify-email", &[], json!({ "token": bad })).await.status, 401);
        }
    }

    async fn who_has_an_address_in_a_domain_joins_the_first_organisation(db: TestDb) {
        let site = Site::with(db, domain());
        let owner = site.owner().await;
        site.db.clock.advance(std::time::Duration::from_secs(1));
        site.add_member(None, "eve@example.org", Role::Owner).await;
        site.work();
        let options = site.get("/auth/options", &[]).await.body;
        assert_eq!((&options["registration"], &options["registration_domains"]), (&json!("domain"), &json!(["example.com"])));
        for foreign in ["x@example.org", "x@sub.example.com", "x@example.com.evil.org", "x@ex\u{430}mple.com"] {
            let refused = site.post("/auth/register", &[], person(foreign)).await;
            assert_eq!(refused.status, 403, "{foreign} {}", refused.body);
        }
        assert_eq!(site.post("/auth/register", &[], person("grace@example.com")).await.status, 202);
        let token = site.letter_token("grace@example.com", "verify_email").await;
        let verified = site.post("/auth/verify-email", &[], json!({ "token": token })).await;
        assert_eq!((verified.status, verified.body["role"].as_str()), (200, Some("scientist")), "{}", verified.body);
        assert_eq!(verified.body["organization"]["id"], owner.organization_id.to_string());
    }

    async fn by_invitation_only_who_was_invited_comes(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        site.work();
        let refused = site.post("/auth/register", &[], person("grace@example.com")).await;
        assert_eq!(refused.status, 403, "{}", refused.body);
        let token = invite(&site, owner.organization_id, owner.user_id, "grace@example.com").await;
        let with = |email: &str, token: &str| {
            let mut body = person(email);
            body["invitation"] = json!(token);
            body
        };
        assert_eq!(site.post("/auth/register", &[], with("eve@example.com", &token)).await.status, 401);
        assert_eq!(site.post("/auth/register", &[], with("grace@example.com", &"x".repeat(43))).await.status, 401);
        // As often as this one may not be tried at once.
        site.db.clock.advance(std::time::Duration::from_secs(900));
        let (a, b) = tokio::join!(
            site.post("/auth/register", &[], with("grace@example.com", &token)),
            site.post("/auth/register", &[], with("grace@example.com", &token)),
        );
        let won = if a.status == 200 { &a } else { &b };
        let lost = if a.status == 200 { &b } else { &a };
        assert_eq!((won.status, won.body["role"].as_str()), (200, Some("analyst")), "{} {}", a.body, b.body);
        assert!(matches!(lost.status, 401 | 409), "{}", lost.status);
        assert_eq!(site.get("/me", &[("cookie", &session(won))]).await.body["user"]["email"], "grace@example.com");
        assert!(site.letters("grace@example.com").await.is_empty(), "the invitation has proved the address");
        // An owner's address cannot be taken over by inviting it.
        site.execute("DELETE FROM invitations", binds![]).await;
        let token = invite(&site, owner.organization_id, owner.user_id, "ada@example.com").await;
        assert_eq!(site.post("/auth/register", &[], with("ada@example.com", &token)).await.status, 409);
        site.sign_in("ada@example.com").await;
    }

    async fn nonsense_is_refused_and_changes_nothing(db: TestDb) {
        let site = Site::with(db, open());
        site.owner().await;
        let long = "a".repeat(200_000);
        for (field, value) in [
            ("email", json!("x@example.com\r\nBcc: eve@example.com")),
            ("email", json!("\"x y\"@example.com")),
            ("email", json!(format!("{long}@example.com"))),
            ("email", json!("x\u{0}@example.com")),
            ("name", json!("Ada\r\nBcc: eve@example.com")),
            ("name", json!("Ada \u{202E}tpircs")),
            ("name", json!(long)),
            ("password", json!("short")),
            ("password", json!(long)),
            ("organization", json!("two\nlines")),
        ] {
            let mut body = person("grace@example.com");
            body[field] = value;
            let before = site.identity.passwords().computed();
            let reply = site.post("/auth/register", &[], body).await;
            assert_eq!(reply.status, 422, "{field} {}", reply.body);
            assert_eq!(site.identity.passwords().computed(), before);
        }
        for path in ["/auth/forgot-password", "/auth/verify-email/resend"] {
            for email in ["", "\u{0}", &long, "x\r\ny", "ada@example.com\u{0}"] {
                let status = site.send_from("127.0.0.7:1", "POST", path, &[OURS], json!({ "email": email })).await.status;
                assert!(matches!(status, 202 | 429), "{path} {status}");
            }
        }
        let evil = [("origin", "https://evil.example")];
        let forged = site.send("POST", "/auth/register", &evil, person("grace@example.com")).await;
        assert_eq!(forged.status, 403);
    }
}
