//! Master keys: those in use are checked, rotation reaches every value, and vaults give what they hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use rhiza_kernel::MailId;
use rhiza_platform::config::{self, Config};
use rhiza_platform::mail;
use rhiza_platform::outbound::{OperatorClient, operator_client};
use rhiza_platform::runtime::{Tasks, system_env};
use rhiza_platform::secrets::{self, KeyRing, MasterKey, Sealer, SecretsError};
use rhiza_store::binds;
use rhiza_testkit::TestDb;
use serde_json::{Value, json};

use super::SETS;

fn key(db: &TestDb) -> MasterKey {
    MasterKey::from_bytes(&db.env.random_bytes())
}

/// Letters with sealed contents: the column that rotation is tried on.
async fn keep(db: &TestDb, sealer: &Sealer, count: usize) -> Vec<MailId> {
    let tx = db.db.system_write().await.unwrap();
    let mut ids = Vec::new();
    for i in 0..count {
        let id: MailId = db.env.new_id();
        let sealed = sealer.seal(&format!("mail:{id}"), format!("content {i}").as_bytes());
        tx.execute(
            "INSERT INTO mails (mail_id, recipient, recipient_key, template, state, sealed, created_at)
             VALUES ($1, 'a', 'a', 't', 'shown', $2, $3)",
            binds![id.uuid(), sealed, db.env.now()],
        )
        .await
        .unwrap();
        ids.push(id);
    }
    tx.commit().await.unwrap();
    ids
}

async fn content(db: &TestDb, sealer: &Sealer, id: MailId) -> Result<String, SecretsError> {
    let tx = db.db.system_read().await.unwrap();
    let sealed: Option<Vec<u8>> =
        tx.fetch_scalar("SELECT sealed FROM mails WHERE mail_id = $1", binds![id.uuid()]).await.unwrap();
    tx.rollback().await.unwrap();
    let plain = sealer.open(&format!("mail:{id}"), &sealed.unwrap())?;
    Ok(String::from_utf8(plain.to_vec()).unwrap())
}

const COLUMNS: &[secrets::SealedColumn] = &[mail::SEALED];

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn rotation_reaches_every_value_and_retires_the_old_key(db: TestDb) {
        let (old, new) = (key(&db), key(&db));
        let before = Sealer::new(KeyRing::new(old.clone(), []), db.env.clone());
        secrets::check_keys(&db.db, &before, &db.env).await.unwrap();
        // More than two batches, and some without content.
        let ids = keep(&db, &before, 250).await;
        let tx = db.db.system_write().await.unwrap();
        tx.execute("UPDATE mails SET sealed = NULL WHERE mail_id = $1", binds![ids[3].uuid()]).await.unwrap();
        tx.commit().await.unwrap();

        let both = Sealer::new(KeyRing::new(new.clone(), [old.clone()]), db.env.clone());
        let rotation = secrets::rotate(&db.db, &both, COLUMNS, &db.env).await.unwrap();
        assert_eq!((rotation.resealed, rotation.unreadable.len()), (249, 0));
        assert_eq!(rotation.retired, [old.id().to_string()]);
        let after = Sealer::new(KeyRing::new(new.clone(), []), db.env.clone());
        for (i, id) in ids.iter().enumerate().filter(|(i, _)| *i != 3) {
            assert_eq!(content(&db, &after, *id).await.unwrap(), format!("content {i}"));
        }
        assert!(matches!(content(&db, &before, ids[0]).await, Err(SecretsError::UnknownKey(_))));
        secrets::check_keys(&db.db, &after, &db.env).await.unwrap();
        // Again: nothing is left to do.
        let again = secrets::rotate(&db.db, &after, COLUMNS, &db.env).await.unwrap();
        assert_eq!(again, secrets::Rotation::default());
    }

    async fn a_value_nobody_can_open_is_told_and_kept_and_so_is_its_key(db: TestDb) {
        let (old, new, lost) = (key(&db), key(&db), key(&db));
        let before = Sealer::new(KeyRing::new(old.clone(), []), db.env.clone());
        secrets::check_keys(&db.db, &before, &db.env).await.unwrap();
        let ids = keep(&db, &before, 120).await;
        let other = Sealer::new(KeyRing::new(lost, []), db.env.clone());
        let unreadable = keep(&db, &other, 1).await;
        let both = Sealer::new(KeyRing::new(new, [old.clone()]), db.env.clone());
        let rotation = secrets::rotate(&db.db, &both, COLUMNS, &db.env).await.unwrap();
        assert_eq!(rotation.resealed, 120);
        assert_eq!(rotation.unreadable, ["mails.sealed: 1"]);
        assert!(rotation.retired.is_empty());
        assert_eq!(content(&db, &other, unreadable[0]).await.unwrap(), "content 0");
        assert_eq!(content(&db, &both, ids[119]).await.unwrap(), "content 119");
        assert!(secrets::keys_in_use(&db.db).await.unwrap().contains(&old.id()));
    }

    async fn the_wrong_key_is_told_before_anything_is_served(db: TestDb) {
        let (right, wrong) = (key(&db), key(&db));
        let good = Sealer::new(KeyRing::new(right.clone(), []), db.env.clone());
        secrets::check_keys(&db.db, &good, &db.env).await.unwrap();
        secrets::check_keys(&db.db, &good, &db.env).await.unwrap();
        let bad = Sealer::new(KeyRing::new(wrong.clone(), []), db.env.clone());
        let error = secrets::check_keys(&db.db, &bad, &db.env).await.unwrap_err().to_string();
        assert!(error.contains(&right.id().to_string()) && error.contains("previous_keys"), "{error}");
        // A refused key leaves no trace.
        assert_eq!(secrets::keys_in_use(&db.db).await.unwrap(), [right.id()]);
        let both = Sealer::new(KeyRing::new(wrong, [right]), db.env.clone());
        secrets::check_keys(&db.db, &both, &db.env).await.unwrap();
        assert_eq!(secrets::keys_in_use(&db.db).await.unwrap().len(), 2);
    }
}

/// A vault as HashiCorp documents its interface: key-value version 2 under `secret`, sign-in by AppRole.
#[derive(Default)]
struct Vault {
    /// Answers 503 so many times, as a sealed vault does.
    sealed: AtomicU32,
    secret: Value,
}

type Answer = (StatusCode, Json<Value>);

fn vault_error(status: StatusCode, text: &[&str]) -> Answer {
    (status, Json(json!({ "errors": text })))
}

async fn vault_read(State(vault): State<Arc<Vault>>, headers: HeaderMap) -> Answer {
    if vault.sealed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
        return vault_error(StatusCode::SERVICE_UNAVAILABLE, &["Vault is sealed"]);
    }
    let token = headers.get("x-vault-token").and_then(|t| t.to_str().ok());
    if !matches!(token, Some("root-token" | "role-token"))
        || headers.get("x-vault-namespace").is_some_and(|n| n != "team")
    {
        return vault_error(StatusCode::FORBIDDEN, &["permission denied"]);
    }
    if vault.secret.is_null() {
        return vault_error(StatusCode::NOT_FOUND, &[]);
    }
    (StatusCode::OK, Json(json!({ "request_id": "r", "data": { "data": vault.secret, "metadata": { "version": 3 } } })))
}

async fn vault_login(Json(body): Json<Value>) -> Answer {
    if body == json!({ "role_id": "role", "secret_id": "role-secret" }) {
        (StatusCode::OK, Json(json!({ "auth": { "client_token": "role-token", "lease_duration": 60 } })))
    } else {
        vault_error(StatusCode::BAD_REQUEST, &["invalid role or secret ID"])
    }
}

/// Loads keys with a vault that holds `secret` and the given settings.
async fn from_vault(sealed: u32, secret: Value, settings: &[(&str, &str)]) -> Result<KeyRing, SecretsError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let vault = Arc::new(Vault { sealed: AtomicU32::new(sealed), secret });
    let router = Router::new()
        .route("/v1/secret/data/apps/rhiza", get(vault_read))
        .route("/v1/auth/approle/login", post(vault_login))
        .with_state(vault);
    let tasks = Tasks::new();
    let server = tasks.spawn("vault", async move { axum::serve(listener, router).await.unwrap() });
    let mut all = vec![("RHIZA_SECRETS__VAULT_ADDRESS", address.as_str()), ("RHIZA_SECRETS__VAULT_PATH", "apps/rhiza")];
    all.extend_from_slice(settings);
    let outcome = secrets::load(&settings_of(&all), &system_env()).await;
    server.abort();
    outcome
}

fn settings_of(pairs: &[(&str, &str)]) -> Config {
    let all: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    config::load(None, &all, &[]).unwrap()
}

const TOKEN: (&str, &str) = ("RHIZA_SECRETS__VAULT_TOKEN", "root-token");

#[tokio::test]
async fn vault_gives_the_key_for_a_token_or_a_role() {
    let env = system_env();
    let (now, earlier) = (MasterKey::generate(&env), MasterKey::generate(&env));
    let id = MasterKey::parse(&now, "").unwrap().id();
    let secret = json!({ "master_key": *now, "master_key_previous": *earlier });
    let ring = from_vault(0, secret.clone(), &[TOKEN, ("RHIZA_SECRETS__VAULT_NAMESPACE", "team")]).await.unwrap();
    assert_eq!((ring.current().id(), ring.iter().count()), (id, 2));
    let role = [("RHIZA_SECRETS__VAULT_ROLE_ID", "role"), ("RHIZA_SECRETS__VAULT_SECRET_ID", "role-secret")];
    assert_eq!(from_vault(0, secret, &role).await.unwrap().current().id(), id);
    let field = json!({ "sealing": *now });
    let named = from_vault(0, field, &[TOKEN, ("RHIZA_SECRETS__VAULT_FIELD", "sealing")]).await.unwrap();
    assert_eq!(named.current().id(), id);
}

#[tokio::test]
async fn a_vault_that_is_still_sealed_is_waited_for() {
    let key = MasterKey::generate(&system_env());
    assert!(from_vault(1, json!({ "master_key": *key }), &[TOKEN]).await.is_ok());
}

#[tokio::test]
async fn what_is_wrong_with_a_vault_is_told_without_its_secrets() {
    let key = MasterKey::generate(&system_env());
    let wrong_role = [("RHIZA_SECRETS__VAULT_ROLE_ID", "role"), ("RHIZA_SECRETS__VAULT_SECRET_ID", "stolen-secret")];
    for (secret, settings, reason) in [
        (json!({ "master_key": *key }), &[("RHIZA_SECRETS__VAULT_TOKEN", "bad-token")][..], "permission denied (403)"),
        (json!({ "master_key": *key }), &wrong_role[..], "invalid role or secret ID"),
        (Value::Null, &[TOKEN][..], "no such secret"),
        (json!({ "other": *key }), &[TOKEN][..], "has no text field master_key"),
        (json!({ "master_key": &key[..20] }), &[TOKEN][..], "the master key in Vault at"),
    ] {
        let error = from_vault(0, secret, settings).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        for hidden in ["bad-token", "stolen-secret", "root-token", &key[..20]] {
            assert!(!error.contains(hidden), "{error}");
        }
    }
}

/// Against moto, which speaks AWS's protocols.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the environment says where the services of the tests are")]
async fn aws_secrets_manager_gives_the_key() {
    let endpoint = std::env::var("RHIZA_TEST_S3_ENDPOINT")
        .unwrap_or_else(|_| panic!("RHIZA_TEST_S3_ENDPOINT is not set: run the tests through `make test`"));
    let env = system_env();
    let key = MasterKey::generate(&env);
    let name = format!("rhiza-{}", hex(&env.random_bytes::<6>()));
    let made = operator_client(&OperatorClient::default())
        .unwrap()
        .post(format!("{endpoint}/"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "secretsmanager.CreateSecret")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=rhiza-test/20260101/us-east-1/secretsmanager/aws4_request, \
             SignedHeaders=host, Signature=0",
        )
        .body(json!({ "Name": name, "SecretString": json!({ "master_key": *key }).to_string() }).to_string())
        .send()
        .await
        .unwrap();
    assert!(made.status().is_success(), "{}", made.text().await.unwrap());
    let settings = |name: &str| {
        settings_of(&[
            ("RHIZA_SECRETS__AWS_SECRET_ID", name),
            ("RHIZA_SECRETS__AWS_ENDPOINT", &endpoint),
            ("RHIZA_SECRETS__AWS_REGION", "us-east-1"),
            ("RHIZA_SECRETS__AWS_ACCESS_KEY_ID", "rhiza-test"),
            ("RHIZA_SECRETS__AWS_SECRET_ACCESS_KEY", "rhiza-test-secret"),
        ])
    };
    let ring = secrets::load(&settings(&name), &env).await.unwrap();
    assert_eq!(ring.current().id(), MasterKey::parse(&key, "").unwrap().id());
    let error = secrets::load(&settings("no-such-secret"), &env).await.unwrap_err().to_string();
    assert!(error.contains("ResourceNotFound"), "{error}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
