//! Access tokens: what they open, everything that must not open anything, renewal, and the keys that sign them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use http::header;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use rhiza_identity::rotate_signing_key;
use rhiza_kernel::Role;
use rhiza_store::binds;
use serde_json::{Value, json};

use crate::site::{OURS, Reply, SETS, SITE, Site, bearer};

const MINUTES_15: Duration = Duration::from_secs(15 * 60);

fn text(reply: &Reply, pointer: &str) -> String {
    let found = reply.body.pointer(pointer).and_then(Value::as_str);
    assert!(found.is_some(), "no {pointer} in {}", reply.body);
    found.unwrap().to_owned()
}

/// Tokens made with `by`.
async fn tokens(site: &Site, by: &[(&str, &str)], body: Value) -> Reply {
    let made = site.send("POST", "/auth/tokens", by, body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.headers[header::CACHE_CONTROL], "no-store");
    made
}

async fn refresh(site: &Site, token: &str) -> Reply {
    site.send("POST", "/auth/tokens/refresh", &[], json!({ "refresh_token": token })).await
}

async fn status(site: &Site, token: &str) -> u16 {
    site.get("/me", &[("authorization", &bearer(token))]).await.status
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token of exactly these texts.
fn signed(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn private(seed: [u8; 32]) -> EncodingKey {
    EncodingKey::from_ed_der(SigningKey::from_bytes(&seed).to_pkcs8_der().unwrap().as_bytes())
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The server's own key, as nobody else can have it.
async fn own_key(site: &Site, kid: &str) -> EncodingKey {
    let tx = site.db.db.system_read().await.unwrap();
    let sql = "SELECT sealed_private_key FROM signing_keys WHERE kid = $1";
    let sealed: Vec<u8> = tx.fetch_scalar(sql, binds![kid]).await.unwrap().unwrap();
    tx.rollback().await.unwrap();
    EncodingKey::from_ed_der(&site.sealer.open(&format!("signing-key:{kid}"), &sealed).unwrap())
}

async fn public_keys(site: &Site) -> Vec<Value> {
    site.get("/.well-known/jwks.json", &[]).await.body["keys"].as_array().unwrap().clone()
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn a_token_opens_what_its_key_opens_for_fifteen_minutes(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let root = [("authorization", root.as_str())];
        let made = tokens(&site, &root, json!({ "name": "notebook" })).await;
        assert_eq!((&made.body["token_type"], &made.body["expires_in"]), (&json!("Bearer"), &json!(900)));
        let token = text(&made, "/access_token");
        let own = bearer(&token);
        let own = [("authorization", own.as_str())];
        let me = site.get("/me", &own).await;
        assert_eq!((me.status, me.body["user"]["email"].as_str()), (200, Some("ada@example.com")));
        assert!(!me.body["permissions"].as_array().unwrap().contains(&json!("keys:manage")), "made for work");
        assert_eq!(site.get("/me", &[("x-api-key", &token)]).await.status, 200);

        // Anybody can check it with what is published.
        let published = site.get("/.well-known/jwks.json", &[]).await;
        assert_eq!(published.headers[header::CACHE_CONTROL], "public, max-age=900");
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(published.body.clone()).unwrap();
        let head = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!((head.alg, head.typ.as_deref()), (Algorithm::EdDSA, Some("at+jwt")));
        let key = DecodingKey::from_jwk(set.find(&head.kid.unwrap()).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&["rhiza"]);
        validation.set_issuer(&[SITE]);
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap().claims;
        assert_eq!((&claims["org"], &claims["fam"]), (&json!(owner.organization_id), &made.body["family"]));
        assert!(claims.get("role").is_none() && claims.get("roles").is_none());
        assert!(!published.body.to_string().contains("\"d\""));

        site.db.clock.advance(MINUTES_15 + Duration::from_secs(6));
        let late = site.get("/me", &own).await;
        assert_eq!((late.status, late.body["detail"].as_str()), (401, Some("The credential has expired.")));
        let renewed = refresh(&site, &text(&made, "/refresh_token")).await;
        assert_eq!(renewed.status, 200, "{}", renewed.body);
        assert_eq!(status(&site, &text(&renewed, "/access_token")).await, 200);
        // The whole chain ends, however often it is renewed.
        let mut last = text(&renewed, "/refresh_token");
        for _ in 0..29 {
            site.db.clock.advance(Duration::from_secs(86_400));
            last = text(&refresh(&site, &last).await, "/refresh_token");
        }
        site.db.clock.advance(Duration::from_secs(86_400));
        assert_eq!(refresh(&site, &last).await.status, 401);
    }

    async fn what_we_did_not_sign_opens_nothing(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let made = tokens(&site, &[("authorization", &root)], json!({ "name": "n", "scopes": ["*"] })).await;
        let good = text(&made, "/access_token");
        let parts: Vec<&str> = good.split('.').collect();
        let (head, claims) = (decoded(parts[0]), decoded(parts[1]));
        let kid = head["kid"].as_str().unwrap().to_owned();
        let ours = own_key(&site, &kid).await;
        let public = public_keys(&site).await[0]["x"].as_str().unwrap().to_owned();
        let public_bytes = URL_SAFE_NO_PAD.decode(&public).unwrap();
        let theirs = private([7; 32]);
        let (h, c) = (head.to_string(), claims.to_string());
        let with = |base: &Value, field: &str, value: Value| {
            let mut changed = base.clone();
            changed[field] = value;
            changed.to_string()
        };
        let without = |field: &str| {
            let mut changed = claims.clone();
            changed.as_object_mut().unwrap().remove(field);
            changed.to_string()
        };
        let eddsa = |h: &str, c: &str| signed(h, c, &ours, Algorithm::EdDSA);
        assert_eq!(status(&site, &eddsa(&h, &c)).await, 200, "the forger works, so that the refusals below mean something");

        let exp = claims["exp"].as_i64().unwrap();
        let hmac = |secret: &[u8]| signed(&with(&head, "alg", json!("HS256")), &c, &EncodingKey::from_secret(secret), Algorithm::HS256);
        let none = format!("{}.{}.", part(&json!({ "typ": "at+jwt", "alg": "none", "kid": kid })), parts[1]);
        let mut flipped = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
        flipped[5] ^= 1;
        let mut bad = vec![
            ("alg none", none.clone()),
            ("alg none with our signature", format!("{none}{}", parts[2])),
            ("alg NONE", format!("{}.{}.", part(&json!({ "typ": "at+jwt", "alg": "NONE", "kid": kid })), parts[1])),
            ("HS256 with the public key", hmac(&public_bytes)),
            ("HS256 with the public key as text", hmac(public.as_bytes())),
            ("HS256 under the name of EdDSA", signed(&h, &c, &EncodingKey::from_secret(&public_bytes), Algorithm::HS256)),
            ("another key", signed(&h, &c, &theirs, Algorithm::EdDSA)),
            ("another key that the token brings", signed(&with(&head, "jwk", json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" })), &c, &theirs, Algorithm::EdDSA)),
            ("the address of a key", eddsa(&with(&head, "jku", json!("https://evil.example/jwks.json")), &c)),
            ("an extension that must be understood", eddsa(&with(&head, "crit", json!(["exp"])), &c)),
            ("another type", eddsa(&with(&head, "typ", json!("JWT")), &c)),
            ("a key id that is a path", eddsa(&with(&head, "kid", json!("../../../../dev/null")), &c)),
            ("a key id that is SQL", eddsa(&with(&head, "kid", json!("' OR '1'='1")), &c)),
            ("a key id that is a number", eddsa(&with(&head, "kid", json!(7)), &c)),
            ("no key id", eddsa(&json!({ "typ": "at+jwt", "alg": "EdDSA" }).to_string(), &c)),
            ("a key id twice", eddsa(&format!("{{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"x\",\"kid\":\"{kid}\"}}"), &c)),
            ("changed claims", format!("{}.{}.{}", parts[0], part(&json!({ "sub": "usr_1" })), parts[2])),
            ("a changed signature", format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode(flipped))),
            ("no signature", format!("{}.{}.", parts[0], parts[1])),
            ("half a signature", format!("{}.{}.{}", parts[0], parts[1], &parts[2][..40])),
            ("four parts", format!("{good}.{}", parts[2])),
            ("two parts", format!("{}.{}", parts[0], parts[1])),
            ("dots", "..".to_owned()),
            ("another issuer", eddsa(&h, &with(&claims, "iss", json!("https://evil.example")))),
            ("another audience", eddsa(&h, &with(&claims, "aud", json!("other")))),
            ("two audiences", eddsa(&h, &with(&claims, "aud", json!(["rhiza", "other"])))),
            ("not yet", eddsa(&h, &with(&claims, "nbf", json!(exp - 60)))),
            ("made in the future", eddsa(&h, &with(&claims, "iat", json!(exp - 60)))),
            ("over", eddsa(&h, &{ let mut c = claims.clone(); for (f, by) in [("iat", 3000), ("nbf", 3000), ("exp", 3000)] { c[f] = json!(c[f].as_i64().unwrap() - by); } c.to_string() })),
            ("good for too long", eddsa(&h, &with(&claims, "exp", json!(exp + 1)))),
            ("an end that is text", eddsa(&h, &with(&claims, "exp", json!(exp.to_string())))),
            ("an end that is no number", eddsa(&h, &with(&claims, "exp", json!(1e300)))),
            ("a claim twice", eddsa(&h, &c.replacen('{', "{\"sub\":\"usr_01900000000070008000000000000001\",", 1))),
            ("a claim more", eddsa(&h, &with(&claims, "role", json!("owner")))),
            ("another family", eddsa(&h, &with(&claims, "fam", json!("tfm_01900000000070008000000000000001")))),
            ("another organisation", eddsa(&h, &with(&claims, "org", json!("org_01900000000070008000000000000001")))),
            ("another person", eddsa(&h, &with(&claims, "sub", json!("usr_01900000000070008000000000000001")))),
            ("a service account", eddsa(&h, &with(&claims, "sub", json!("sva_01900000000070008000000000000001")))),
            ("a project of its own choice", eddsa(&h, &with(&claims, "prj", json!(owner.project_id)))),
            ("a huge one", eddsa(&h, &with(&claims, "jti", json!("x".repeat(6000))))),
            ("an id of another kind", eddsa(&h, &with(&claims, "fam", claims["org"].clone()))),
        ];
        for field in ["iss", "aud", "sub", "org", "fam", "scp", "iat", "nbf", "exp", "jti"] {
            bad.push(("a claim less", eddsa(&h, &without(field))));
        }
        for (what, token) in bad {
            let reply = site.get("/me", &[("authorization", &bearer(&token))]).await;
            assert_eq!(reply.status, 401, "{what}: {} {}", reply.body, token);
        }
        // More limits than the family has give nothing.
        let narrow = tokens(&site, &[("authorization", &root)], json!({ "name": "n", "scopes": ["organization:read"] })).await;
        let narrow_claims = decoded(text(&narrow, "/access_token").split('.').nth(1).unwrap());
        let wide = eddsa(&h, &with(&narrow_claims, "scp", json!(["organization:read", "keys:manage"])));
        assert_eq!(site.get("/me", &[("authorization", &bearer(&wide))]).await.body["permissions"], json!(["organization:read"]));
        assert_eq!(status(&site, &good).await, 200);
    }

    async fn a_revocation_counts_at_once_whatever_the_token_says(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let root = [("authorization", root.as_str())];
        site.add_member(Some(owner.organization_id), "eng@example.com", Role::Engineer).await;
        let engineer = site.sign_in("eng@example.com").await;
        let engineer = [("cookie", engineer.as_str()), OURS];
        let mine = tokens(&site, &engineer, json!({ "name": "cli", "scopes": ["*"] })).await;
        let token = text(&mine, "/access_token");
        let sql = async |statement: &str| {
            let tx = site.db.db.system_write().await.unwrap();
            assert_eq!(tx.execute(statement, binds![]).await.unwrap(), 1, "{statement}");
            tx.commit().await.unwrap();
            site.db.clock.advance(Duration::from_secs(1));
        };
        let of = "WHERE user_id = (SELECT user_id FROM users WHERE email = 'eng@example.com')";
        assert_eq!(site.get("/me", &[("authorization", &bearer(&token))]).await.body["role"], "engineer");
        sql(&format!("UPDATE memberships SET role = 'viewer' {of}")).await;
        let me = site.get("/me", &[("authorization", &bearer(&token))]).await;
        assert_eq!(me.body["role"], "viewer", "a token carries no role");
        assert!(!me.body["permissions"].as_array().unwrap().contains(&json!("experiments:write")));
        sql("UPDATE users SET disabled_at = created_at WHERE email = 'eng@example.com'").await;
        assert_eq!((status(&site, &token).await, refresh(&site, &text(&mine, "/refresh_token")).await.status), (401, 401));
        sql("UPDATE users SET disabled_at = NULL WHERE email = 'eng@example.com'").await;
        assert_eq!(status(&site, &token).await, 200);
        // Who does not manage members sees and ends their own only.
        let other = tokens(&site, &root, json!({ "name": "ada's", "scopes": ["*"] })).await;
        let listed = site.get("/tokens", &engineer).await.body;
        assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
        let path = format!("/tokens/{}", text(&other, "/family"));
        assert_eq!(site.send("DELETE", &path, &engineer, Value::Null).await.status, 404);
        assert_eq!(site.get("/tokens", &root).await.body["items"].as_array().unwrap().len(), 2);
        assert_eq!(site.send("DELETE", &format!("/tokens/{}", text(&mine, "/family")), &root, Value::Null).await.status, 204);
        assert_eq!(status(&site, &token).await, 401, "in this process at once");
        sql(&format!("DELETE FROM memberships {of}")).await;

        // A key's tokens end with the key, and go nowhere it does not.
        let body = json!({ "name": "k", "allowed_networks": ["10.0.0.0/8"] });
        let key = site.send("POST", "/keys", &root, body).await;
        let secret = bearer(&text(&key, "/secret"));
        let by = [("authorization", secret.as_str())];
        let of_key = site.send_from("10.0.0.1:5", "POST", "/auth/tokens", &by, json!({ "name": "job" })).await;
        assert_eq!(of_key.status, 201, "{}", of_key.body);
        let header = bearer(&text(&of_key, "/access_token"));
        let header = [("authorization", header.as_str())];
        assert_eq!(site.send_from("10.0.0.1:5", "GET", "/me", &header, Value::Null).await.status, 200);
        assert_eq!(site.send_from("11.0.0.1:5", "GET", "/me", &header, Value::Null).await.status, 403);
        assert_eq!(site.send("DELETE", &format!("/keys/{}", text(&key, "/key/id")), &root, Value::Null).await.status, 204);
        site.db.clock.advance(Duration::from_secs(1));
        assert_eq!(site.send_from("10.0.0.1:5", "GET", "/me", &header, Value::Null).await.status, 401);
        let again = json!({ "refresh_token": text(&of_key, "/refresh_token") });
        assert_eq!(site.send_from("10.0.0.1:5", "POST", "/auth/tokens/refresh", &[], again).await.status, 401);
    }

    async fn a_refresh_token_works_once(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let root = [("authorization", root.as_str())];
        let made = tokens(&site, &root, json!({ "name": "n" })).await;
        let first = text(&made, "/refresh_token");
        // Two at the same moment: one chain goes on, and only one.
        let (a, b) = tokio::join!(refresh(&site, &first), refresh(&site, &first));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", a.body, b.body);
        let (won, lost) = if a.status == 200 { (a, b) } else { (b, a) };
        assert!(lost.body.get("refresh_token").is_none() && !lost.body.to_string().contains("rz_refresh_"));
        let second = text(&won, "/refresh_token");
        let token = text(&won, "/access_token");
        // The same client again, its answer lost: nothing is given and nothing is taken.
        site.db.clock.advance(Duration::from_secs(10));
        assert_eq!((refresh(&site, &first).await.status, status(&site, &token).await), (409, 200));
        // Later it is theft, and whoever holds the chain is out: thief and owner.
        site.db.clock.advance(Duration::from_secs(1));
        assert_eq!(refresh(&site, &first).await.status, 401);
        assert_eq!((status(&site, &token).await, refresh(&site, &second).await.status), (401, 401));
        let family = site.get("/tokens", &root).await.body["items"][0].clone();
        assert_eq!(family["revoked_because"], "reuse");

        // From elsewhere it is theft at once.
        let made = tokens(&site, &root, json!({ "name": "n" })).await;
        let first = text(&made, "/refresh_token");
        let next = text(&refresh(&site, &first).await, "/refresh_token");
        let body = json!({ "refresh_token": first });
        assert_eq!(site.send_from("203.0.113.9:5", "POST", "/auth/tokens/refresh", &[], body).await.status, 401);
        assert_eq!(refresh(&site, &next).await.status, 401);
        for bad in ["", "rz_refresh_", "nonsense", &owner.api_key, &text(&made, "/access_token")] {
            assert_eq!(refresh(&site, bad).await.status, 401, "{bad}");
        }
        assert_eq!(status(&site, &next).await, 401, "a refresh token opens nothing itself");
    }

    async fn tokens_cannot_do_more_than_who_asks_for_them(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let root = [("authorization", root.as_str())];
        site.db.clock.advance(Duration::from_secs(1));
        site.send("POST", "/projects", &root, json!({ "name": "Fraud" })).await;
        let ends = site.db.env.now() + Duration::from_secs(86_400);
        let body = json!({ "name": "k", "scopes": ["models:read", "organization:read"], "expires_at": ends });
        let key = bearer(&text(&site.send("POST", "/keys", &root, body).await, "/secret"));
        let key = [("authorization", key.as_str())];
        for (body, status) in [
            (json!({ "name": "n", "scopes": ["models:write"] }), 422),
            (json!({ "name": "n", "scopes": ["no:such"] }), 422),
            (json!({ "name": "n", "scopes": [] }), 422),
            (json!({ "name": "n", "project": "fraud" }), 422),
            (json!({ "name": "n", "expires_in_days": 31 }), 422),
            (json!({ "name": "n", "expires_in_days": 0 }), 422),
            (json!({ "name": "" }), 422),
            (json!({ "name": "n", "role": "owner" }), 422),
            (json!({ "name": "n", "project": "default" }), 201),
        ] {
            let reply = site.send("POST", "/auth/tokens", &key, body.clone()).await;
            assert_eq!(reply.status, status, "{body} {}", reply.body);
        }
        let made = tokens(&site, &key, json!({ "name": "n", "scopes": ["*"] })).await;
        assert!(made.body["family_expires_at"].as_str().unwrap() <= serde_json::to_value(ends).unwrap().as_str().unwrap());
        let token = bearer(&text(&made, "/access_token"));
        let token = [("authorization", token.as_str())];
        let me = site.get("/me", &token).await.body;
        assert_eq!(me["permissions"], json!(["models:read", "organization:read"]));
        assert_eq!(me["projects"].as_array().unwrap().len(), 1, "the key belongs to one project");
        assert_eq!(site.get("/me", &[token[0], ("x-rhiza-project", "fraud")]).await.body["projects"].as_array().unwrap().len(), 1);
        assert_eq!(site.send("POST", "/auth/tokens", &token, json!({ "name": "n" })).await.status, 403);

        // What a token makes ends with it.
        let made = tokens(&site, &root, json!({ "name": "n", "scopes": ["*"], "expires_in_days": 1 })).await;
        let token = bearer(&text(&made, "/access_token"));
        let child = site.send("POST", "/keys", &[("authorization", &token)], json!({ "name": "child" })).await;
        assert_eq!((child.status, &child.body["key"]["expires_at"]), (201, &made.body["family_expires_at"]), "{}", child.body);
        // A token may always end itself.
        let made = tokens(&site, &root, json!({ "name": "n" })).await;
        let (token, path) = (bearer(&text(&made, "/access_token")), format!("/tokens/{}", text(&made, "/family")));
        assert_eq!(site.send("DELETE", &path, &[("authorization", &token)], Value::Null).await.status, 204);
        assert_eq!(site.get("/me", &[("authorization", &token)]).await.status, 401);
    }

    async fn a_rotation_of_keys_signs_nobody_out(db: TestDb) {
        let site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let root = [("authorization", root.as_str())];
        assert!(public_keys(&site).await.is_empty());
        let kid = |token: &str| decoded(token.split('.').next().unwrap())["kid"].as_str().unwrap().to_owned();
        // The first is made when it is needed, and once, by however many.
        let beside = site.beside();
        let (a, b) = tokio::join!(
            tokens(&site, &root, json!({ "name": "n" })),
            beside.send("POST", "/auth/tokens", &root, json!({ "name": "n" })),
        );
        let old = text(&a, "/access_token");
        assert_eq!(kid(&old), kid(&text(&b, "/access_token")));
        assert_eq!(public_keys(&site).await.len(), 1);

        let made = rotate_signing_key(&site.db.db, &site.db.env, &site.sealer).await.unwrap();
        site.db.clock.advance(Duration::from_secs(2));
        let published = public_keys(&site).await;
        assert!(published.len() == 2 && published.iter().any(|key| key["kid"] == made.kid), "published before it signs");
        assert_eq!(kid(&text(&tokens(&site, &root, json!({ "name": "n" })).await, "/access_token")), kid(&old));
        assert_eq!(status(&site, &old).await, 200);
        site.db.clock.advance(Duration::from_secs(3590));
        let last = text(&tokens(&site, &root, json!({ "name": "n" })).await, "/access_token");
        assert_eq!(kid(&last), kid(&old));
        site.db.clock.advance(Duration::from_secs(10));
        let new = text(&tokens(&site, &root, json!({ "name": "n" })).await, "/access_token");
        assert_eq!(kid(&new), made.kid);
        assert_eq!((status(&site, &last).await, status(&site, &new).await), (200, 200));
        site.db.clock.advance(MINUTES_15 + Duration::from_secs(120));
        assert_eq!(public_keys(&site).await.len(), 1, "the old one verifies nothing any more");

        // By itself after thirty days, of which the next key is known a day ahead.
        site.db.clock.advance(Duration::from_secs(29 * 86_400));
        site.identity.look_after_keys().await.unwrap();
        assert_eq!(public_keys(&site).await.len(), 2);
        site.identity.look_after_keys().await.unwrap();
        assert_eq!(public_keys(&site).await.len(), 2);
        site.db.clock.advance(Duration::from_secs(3601));
        assert_ne!(kid(&text(&tokens(&site, &root, json!({ "name": "n" })).await, "/access_token")), made.kid);
    }

    async fn a_lost_master_key_costs_no_service(db: TestDb) {
        let mut site = Site::new(db);
        let owner = site.owner().await;
        let root = bearer(&owner.api_key);
        let root = [("authorization", root.as_str())];
        let old = text(&tokens(&site, &root, json!({ "name": "n" })).await, "/access_token");
        site.sealer = rhiza_platform::secrets::Sealer::ephemeral(&site.db.env);
        let after = site.beside();
        let new = text(&after.send("POST", "/auth/tokens", &root, json!({ "name": "n" })).await, "/access_token");
        assert_ne!(old.split('.').next(), new.split('.').next());
        for token in [old, new] {
            let me = after.send("GET", "/me", &[("authorization", &bearer(&token))], Value::Null).await;
            assert_eq!(me.status, 200, "{}", me.body);
        }
    }
}
