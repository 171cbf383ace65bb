//! Sign-in at OpenID providers: at one that lies, and at a real one.

use std::collections::HashMap;
use std::time::Duration;

use rhiza_identity::OidcProvider;
use rhiza_platform::config::OutboundConfig;
use rhiza_platform::outbound::{Outbound, Purpose};
use rhiza_store::binds;
use rhiza_testkit::{Engine, TestDb};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::provider::{Double, SECRET, Signed};
use crate::site::{OURS, Reply, SETS, Site, session};

/// A browser on the way.
struct Trip {
    url: Url,
    cookie: String,
}

fn location(reply: &Reply) -> String {
    reply.headers[http::header::LOCATION].to_str().unwrap().to_owned()
}

/// What the sign-in page is told.
fn error(reply: &Reply) -> String {
    let url = Url::parse("http://localhost:8080").unwrap().join(&location(reply)).unwrap();
    assert_eq!((reply.status, url.path()), (302, "/sign-in"), "{url}");
    url.query_pairs().find(|(name, _)| name == "error").unwrap().1.into_owned()
}

async fn start(site: &Site, name: &str, query: &str, headers: &[(&str, &str)]) -> Trip {
    let reply = site.get(&format!("/auth/oidc/{name}/start{query}"), headers).await;
    assert_eq!(reply.status, 302, "{}", reply.body);
    let cookie = reply.cookie.as_ref().unwrap_or_else(|| panic!("{}", location(&reply)));
    assert!(
        cookie.starts_with("__Host-rhiza-oidc=") && cookie.ends_with("; Secure; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    Trip { url: location(&reply).parse().unwrap(), cookie: session(&reply) }
}

async fn back(site: &Site, name: &str, query: &HashMap<String, String>, cookie: &str) -> Reply {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    site.get(&format!("/auth/oidc/{name}/callback?{query}"), &[("cookie", cookie)]).await
}

async fn sign_in(site: &Site, double: &Double) -> Reply {
    let trip = start(site, "test", "?return_to=/p/fraud", &[]).await;
    back(site, "test", &double.authorize(&trip.url), &trip.cookie).await
}

/// The session that a reply hands out.
fn opened(reply: &Reply) -> Option<String> {
    let cookies = reply.headers.get_all(http::header::SET_COOKIE).iter().map(|v| v.to_str().unwrap());
    cookies.filter(|c| c.starts_with("__Host-rhiza=")).map(|c| c.split(';').next().unwrap().to_owned()).next()
}

async fn count(site: &Site, sql: &str) -> i64 {
    let tx = site.db.db.system_read().await.unwrap();
    let found: Option<i64> = tx.fetch_scalar(sql, binds![]).await.unwrap();
    tx.rollback().await.unwrap();
    found.unwrap()
}

async fn change(site: &Site, sql: &str) {
    let tx = site.db.db.system_write().await.unwrap();
    tx.execute(sql, binds![]).await.unwrap();
    tx.commit().await.unwrap();
}

const VERIFY: &str = "UPDATE users SET email_verified_at = created_at";

async fn trusting(db: TestDb) -> (Site, Double) {
    let double = Double::start().await;
    let provider = OidcProvider { trusted_emails: true, ..double.settings("test") };
    let site = Site::with_providers(db, vec![provider]);
    site.owner().await;
    change(&site, VERIFY).await;
    (site, double)
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn a_trusted_provider_opens_the_account_of_a_verified_address(db: TestDb) {
        let (site, double) = trusting(db).await;
        let reply = sign_in(&site, &double).await;
        assert_eq!((reply.status, location(&reply).as_str()), (302, "/p/fraud"));
        let cookie = opened(&reply).unwrap();
        let me = site.get("/me", &[("cookie", &cookie)]).await;
        assert_eq!(me.body["user"]["email"], "ada@example.com");
        assert_eq!(count(&site, "SELECT COUNT(*) FROM sessions WHERE method = 'oidc' AND second_factor_at IS NULL").await, 1);
        // From now on the subject counts, whatever becomes of the address.
        double.says(json!({ "email": "other@example.com", "amr": ["pwd", "mfa"] }));
        assert!(opened(&sign_in(&site, &double).await).is_some());
        let strong = "SELECT COUNT(*) FROM sessions WHERE method = 'oidc' AND second_factor_at IS NOT NULL";
        assert_eq!(count(&site, strong).await, 1, "mfa at the provider is a second factor");
        let list = site.get("/me/external-identities", &[("cookie", &cookie)]).await;
        assert_eq!(list.body["items"][0]["subject"], "ada", "{}", list.body);
        change(&site, "UPDATE users SET disabled_at = created_at").await;
        assert!(opened(&sign_in(&site, &double).await).is_none());
    }

    async fn who_has_an_authenticator_app_is_asked_for_it_here(db: TestDb) {
        let (site, double) = trusting(db).await;
        let tx = site.db.db.system_write().await.unwrap();
        let sql = "INSERT INTO totp_factors (user_id, sealed_secret, created_at, confirmed_at, last_step)
                   SELECT user_id, $1, created_at, created_at, 0 FROM users";
        tx.execute(sql, binds![vec![0_u8; 40]]).await.unwrap();
        tx.commit().await.unwrap();
        let reply = sign_in(&site, &double).await;
        assert_eq!(opened(&reply), None);
        assert!(location(&reply).starts_with("/sign-in?next=%2Fp%2Ffraud#challenge="), "{}", location(&reply));
        double.says(json!({ "amr": ["mfa"] }));
        assert!(opened(&sign_in(&site, &double).await).is_some(), "two factors were shown there");
    }

    async fn nobody_is_let_into_an_account_by_claiming_its_address(db: TestDb) {
        let double = Double::start().await;
        let trusted = OidcProvider { trusted_emails: true, ..double.settings("trusted") };
        let site = Site::with_providers(db, vec![double.settings("test"), trusted]);
        site.owner().await;
        change(&site, VERIFY).await;
        let reply = sign_in(&site, &double).await;
        assert!(error(&reply).contains("Sign in to it"), "{}", error(&reply));
        assert_eq!(opened(&reply), None);
        // Trusted, and yet: the provider has not verified it, or we have not.
        let by_trusted = async || {
            let trip = start(&site, "trusted", "", &[]).await;
            back(&site, "trusted", &double.authorize(&trip.url), &trip.cookie).await
        };
        for unsure in [json!({ "email_verified": false }), json!({ "email_verified": null }), json!({ "email": null })] {
            double.says(unsure.clone());
            assert_eq!(opened(&by_trusted().await), None, "{unsure}");
        }
        double.says(json!({}));
        change(&site, "UPDATE users SET email_verified_at = NULL").await;
        assert_eq!(opened(&by_trusted().await), None, "somebody else may have registered the address first");
        assert_eq!(count(&site, "SELECT COUNT(*) FROM external_identities").await, 0);
    }

    async fn tokens_that_are_not_the_providers_word_to_us_are_refused(db: TestDb) {
        let (site, double) = trusting(db).await;
        let lies = [
            json!({ "iss": "https://evil.example" }),
            json!({ "aud": "another" }),
            json!({ "aud": ["rhiza", "another"], "azp": "another" }),
            json!({ "azp": "another" }),
            json!({ "exp": 1_779_999_999 }),
            json!({ "nonce": "another" }),
            json!({ "nonce": null }),
        ];
        for lie in lies {
            double.says(lie.clone());
            let reply = sign_in(&site, &double).await;
            assert_eq!(opened(&reply), None, "{lie}");
            assert!(error(&reply).contains("could not be verified"), "{lie}: {}", error(&reply));
            site.db.clock.advance(Duration::from_secs(15));
        }
        double.says(json!({ "exp": 1_780_100_000 }));
        for signed in [Signed::ByAnother, Signed::Not, Signed::WithOurSecret, Signed::WithThePublicKey] {
            double.signs(signed);
            let reply = sign_in(&site, &double).await;
            assert_eq!((reply.status, opened(&reply)), (302, None));
            assert!(error(&reply).contains("could not be verified"), "{}", error(&reply));
            site.db.clock.advance(Duration::from_secs(30));
        }
        double.signs(Signed::Well);
        double.says_at_hash(Some("another access token"));
        assert_eq!(opened(&sign_in(&site, &double).await), None);
        double.says_at_hash(None);
        assert!(opened(&sign_in(&site, &double).await).is_some());
    }

    async fn only_the_browser_that_began_can_finish_and_once(db: TestDb) {
        let (site, double) = trusting(db).await;
        let trip = start(&site, "test", "", &[]).await;
        let answer = double.authorize(&trip.url);
        let other = start(&site, "test", "", &[]).await;
        assert!(error(&back(&site, "test", &answer, &other.cookie).await).contains("this browser"));
        assert!(error(&back(&site, "test", &answer, &trip.cookie).await).contains("begin again"), "taken is taken");
        let answer = double.authorize(&other.url);
        assert_eq!(opened(&back(&site, "test", &answer, "").await), None, "no cookie at all");
        let trip = start(&site, "test", "", &[]).await;
        let mut mixed = double.authorize(&trip.url);
        mixed.insert("iss".to_owned(), "https://evil.example".to_owned());
        assert!(error(&back(&site, "test", &mixed, &trip.cookie).await).contains("Another provider"));
        // A code that was given to one browser does not work with the verifier of another.
        let victim = start(&site, "test", "", &[]).await;
        let attacker = start(&site, "test", "", &[]).await;
        let mut injected = double.authorize(&attacker.url);
        injected.insert("state".to_owned(), double.authorize(&victim.url)["state"].clone());
        assert_eq!(opened(&back(&site, "test", &injected, &victim.cookie).await), None);
        let trip = start(&site, "test", "", &[]).await;
        let answer = double.authorize(&trip.url);
        site.db.clock.advance(Duration::from_secs(299));
        assert!(opened(&back(&site, "test", &answer, &trip.cookie).await).is_some());
        assert_eq!(opened(&back(&site, "test", &answer, &trip.cookie).await), None);
        let trip = start(&site, "test", "?return_to=//evil.example", &[]).await;
        let reply = back(&site, "test", &double.authorize(&trip.url), &trip.cookie).await;
        assert_eq!((opened(&reply).is_some(), location(&reply).as_str()), (true, "/"));
    }

    async fn a_new_key_of_the_provider_is_fetched(db: TestDb) {
        let (site, double) = trusting(db).await;
        assert!(opened(&sign_in(&site, &double).await).is_some());
        double.rotate(8, "two");
        assert_eq!(opened(&sign_in(&site, &double).await), None, "not asked again at once");
        site.db.clock.advance(Duration::from_secs(31));
        assert!(opened(&sign_in(&site, &double).await).is_some());
    }

    async fn new_people_join_where_the_operator_said_so(db: TestDb) {
        let double = Double::start().await;
        let ours = OidcProvider {
            allowed_domains: vec!["example.org".into()],
            organization: "engines".into(),
            ..double.settings("test")
        };
        let site = Site::with_providers(db, vec![ours, double.settings("open")]);
        site.owner().await;
        double.says(json!({ "sub": "eve", "email": "eve@evil.example" }));
        assert!(error(&sign_in(&site, &double).await).contains("domain"));
        double.says(json!({ "sub": "eve", "email": "eve@example.org", "email_verified": false }));
        assert!(error(&sign_in(&site, &double).await).contains("verified"));
        double.says(json!({ "sub": "bob", "email": "bob@example.org", "name": "Bob" }));
        let trip = start(&site, "open", "", &[]).await;
        let reply = back(&site, "open", &double.authorize(&trip.url), &trip.cookie).await;
        assert!(error(&reply).contains("invitation"));
        let cookie = opened(&sign_in(&site, &double).await).unwrap();
        let me = site.get("/me", &[("cookie", &cookie)]).await;
        assert_eq!((me.body["user"]["name"].as_str(), me.body["role"].as_str()), (Some("Bob"), Some("viewer")));
        // The only way in cannot be removed.
        let path = format!("/me/external-identities?issuer={}&subject=bob", double.settings("x").issuer);
        let reply = site.send("DELETE", &path, &[OURS, ("cookie", &cookie)], Value::Null).await;
        assert_eq!(reply.status, 409, "{}", reply.body);
    }

    async fn who_was_invited_comes_by_way_of_a_provider(db: TestDb) {
        let double = Double::start().await;
        let site = Site::with_providers(db, vec![double.settings("test")]);
        site.owner().await;
        let ada = site.sign_in("ada@example.com").await;
        let body = json!({ "email": "bob@example.org", "role": "engineer" });
        let sent = site.send("POST", "/invitations", &[OURS, ("cookie", &ada)], body).await;
        assert_eq!(sent.status, 201, "{}", sent.body);
        site.work();
        let secret = site.letter_token("bob@example.org", "invitation").await;
        let follow = async |says: Value, secret: &str| {
            double.says(says);
            let trip = start(&site, "test", &format!("?invitation={secret}"), &[]).await;
            back(&site, "test", &double.authorize(&trip.url), &trip.cookie).await
        };
        let bob = json!({ "sub": "bob", "email": "bob@example.org", "name": "Bob" });
        // Neither somebody else with the link, nor an address the provider does not vouch for, nor a made-up secret.
        let eve = json!({ "sub": "eve", "email": "eve@example.org" });
        assert!(error(&follow(eve, &secret).await).contains("another address"));
        let unproved = json!({ "sub": "bob", "email": "bob@example.org", "email_verified": false });
        assert!(error(&follow(unproved, &secret).await).contains("verified"));
        assert!(error(&follow(bob.clone(), &"A".repeat(43)).await).contains("over"));
        assert_eq!(count(&site, "SELECT COUNT(*) FROM users").await, 1);

        let cookie = opened(&follow(bob, &secret).await).unwrap();
        let me = site.get("/me", &[("cookie", &cookie)]).await;
        assert_eq!((me.body["user"]["name"].as_str(), me.body["role"].as_str()), (Some("Bob"), Some("engineer")));
        let waiting = site.get("/invitations", &[("cookie", &ada)]).await;
        assert_eq!(waiting.body["items"], json!([]));
        let carl = json!({ "sub": "carl", "email": "carl@example.org" });
        assert!(error(&follow(carl, &secret).await).contains("over"));
    }

    async fn an_account_is_linked_by_who_is_signed_in(db: TestDb) {
        let double = Double::start().await;
        let site = Site::with_providers(db, vec![double.settings("test")]);
        site.owner().await;
        double.says(json!({ "email": null, "email_verified": null }));
        let foreign = site.get("/auth/oidc/test/start?link=true", &[("sec-fetch-site", "cross-site")]).await;
        assert!(error(&foreign).contains("your account"));
        let nobody = site.get("/auth/oidc/test/start?link=true", &[]).await;
        assert!(error(&nobody).contains("Sign in"));
        let cookie = site.sign_in("ada@example.com").await;
        let trip = start(&site, "test", "?link=true&return_to=/account", &[("cookie", &cookie)]).await;
        let both = format!("{cookie}; {}", trip.cookie);
        let reply = back(&site, "test", &double.authorize(&trip.url), &both).await;
        assert_eq!((location(&reply).as_str(), opened(&reply)), ("/account", None));
        let fresh = opened(&sign_in(&site, &double).await).unwrap();
        let me = site.get("/me", &[("cookie", &fresh)]).await;
        assert_eq!(me.body["user"]["email"], "ada@example.com");
        let path = format!("/me/external-identities?issuer={}&subject=ada", double.settings("x").issuer);
        assert_eq!(site.send("DELETE", &path, &[OURS, ("cookie", &fresh)], Value::Null).await.status, 204);
        assert_eq!(site.send("DELETE", &path, &[OURS, ("cookie", &fresh)], Value::Null).await.status, 404);
        assert_eq!(opened(&sign_in(&site, &double).await), None);
        site.db.clock.advance(Duration::from_secs(601));
        let stale = site.get("/auth/oidc/test/start?link=true", &[("cookie", &fresh)]).await;
        assert!(error(&stale).contains("Prove again"), "{}", error(&stale));
        assert_eq!(site.get("/auth/oidc/nobody/start", &[]).await.status, 404);
    }
}

/// A browser that keeps cookies and follows the real provider's pages until they lead back to us.
async fn at_the_real_one(url: &Url, login: &str) -> HashMap<String, String> {
    let reach = OutboundConfig { allow: vec!["127.0.0.1".into()], blocked_ports: Vec::new() };
    let outbound = Outbound::new(&reach, rhiza_kernel::Env::fixed(chrono::DateTime::UNIX_EPOCH, 1).0).unwrap();
    let client = outbound.client(Purpose::OpenId).unwrap();
    let (mut jar, mut url): (HashMap<String, String>, Url) = (HashMap::new(), url.clone());
    let mut answers = ["login", "consent"].into_iter();
    for _ in 0..20 {
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if url.path().starts_with("/interaction/") {
            let form = [("prompt", answers.next().unwrap()), ("login", login), ("password", "any")];
            client.post(url.clone()).form(&form)
        } else {
            client.get(url.clone())
        };
        let reply = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for line in reply.headers().get_all("set-cookie") {
            let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            jar.insert(name.to_owned(), value.to_owned());
        }
        let to = reply.headers().get("location").unwrap_or_else(|| panic!("{} at {url}", reply.status()));
        url = url.join(to.to_str().unwrap()).unwrap();
        if url.host_str() == Some("localhost") {
            return url.query_pairs().into_owned().collect();
        }
    }
    panic!("the provider leads in circles");
}

#[expect(clippy::disallowed_methods, reason = "where the services run is told by the environment")]
async fn with_a_real_provider(db: TestDb) {
    let issuer = std::env::var("RHIZA_TEST_OIDC_ISSUER")
        .unwrap_or_else(|_| panic!("RHIZA_TEST_OIDC_ISSUER is not set: run the tests through `make test`"));
    let provider = OidcProvider {
        name: "real".into(),
        label: "Real".into(),
        issuer: issuer.clone(),
        client_id: "rhiza".into(),
        client_secret: SECRET.into(),
        scopes: vec!["openid".into(), "email".into(), "profile".into()],
        allowed_domains: vec!["example.org".into()],
        organization: "engines".into(),
        trusted_emails: false,
        trusted_second_factor: true,
    };
    let site = Site::with_providers(db, vec![provider]);
    site.owner().await;
    let sign_in = async |login: &str| {
        let trip = start(&site, "real", "?return_to=/p/fraud", &[]).await;
        let answer = at_the_real_one(&trip.url, login).await;
        assert_eq!(answer["iss"], issuer);
        back(&site, "real", &answer, &trip.cookie).await
    };
    let reply = sign_in("grace").await;
    assert_eq!(location(&reply), "/p/fraud");
    let me = site.get("/me", &[("cookie", &opened(&reply).unwrap())]).await;
    assert_eq!(me.body["user"]["name"], "Person grace");
    assert!(error(&sign_in("unverified-eve").await).contains("verified"));
    // The provider gets a new key: known only after it is asked again.
    site.db.clock.advance(Duration::from_secs(31));
    let reach = OutboundConfig { allow: vec!["127.0.0.1".into()], blocked_ports: Vec::new() };
    let client = Outbound::new(&reach, site.db.env.clone()).unwrap().client(Purpose::OpenId).unwrap();
    assert_eq!(client.post(format!("{issuer}/test/rotate")).send().await.unwrap().status(), 204);
    assert!(opened(&sign_in("grace").await).is_some());
}

#[test]
fn a_real_provider_signs_people_in() {
    rhiza_testkit::start(Engine::Sqlite, SETS, with_a_real_provider);
}
