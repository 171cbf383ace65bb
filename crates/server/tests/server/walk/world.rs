//! Two organisations on one server, and one of everything that can be made.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use rhiza_identity::KeyText;
use rhiza_kernel::{AutomlId, DatasetId, Env, ExplanationId, KeyId, OrgId, ProjectId, ProjectScope, RoleId, UserId};
use rhiza_platform::authz::SESSION_COOKIE;
use rhiza_platform::jobs::{self, NewJob};
use rhiza_store::{Db, Tx, Value as Bind, binds};
use rhiza_testkit::Engine;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::process::{self, Payload, Place, RUNTIME, Server};
use crate::schema::ALL;

/// The words with which `init` makes the first owner.
pub(crate) const FIRST_EMAIL: &str = "ada@example.org";

/// A server and who may call it.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) document: Value,
    /// The key of the first organisation's owner.
    pub(crate) first: String,
    /// The key of someone in the first organisation who may only look.
    pub(crate) viewer: String,
    /// The key of the second organisation's owner.
    pub(crate) second: String,
    /// A key of the first organisation whose time is over.
    pub(crate) expired: String,
    first_scope: ProjectScope,
    second_scope: ProjectScope,
    db: Db,
    env: Env,
}

/// Builds a world on a fresh database and lets `body` live in it.
pub(crate) fn on(engine: Engine, body: impl FnOnce(World, &Place) + Send) {
    process::on(engine, ALL, |place, db| body(World::build(place, db), place));
}

impl World {
    fn build(place: &Place, db: &Db) -> Self {
        let owner = place.init();
        let id = |field: &str| owner[field].as_str().unwrap().to_owned();
        let (org, project): (OrgId, ProjectId) =
            (id("organization_id").parse().unwrap(), id("project_id").parse().unwrap());
        let env = rhiza_platform::runtime::system_env();
        let (db, first_scope) = (db.clone(), ProjectScope::new(org, project));
        let (second_scope, viewer, second, expired) = RUNTIME.block_on(async {
            let tx = db.system_write().await.unwrap();
            let other = ProjectScope::new(env.new_id(), env.new_id());
            organization(&tx, &env, &other).await;
            let second = member(&tx, &env, &other, "eve@example.net", "owner").await;
            let viewer = member(&tx, &env, &first_scope, "vic@example.org", "viewer").await;
            let expired = member(&tx, &env, &first_scope, "eli@example.org", "owner").await;
            let past = env.now() - std::time::Duration::from_secs(60);
            let ended = KeyText::parse(&expired).unwrap().hash().0.to_vec();
            let sql = "UPDATE api_keys SET expires_at = $1 WHERE secret_hash = $2";
            assert_eq!(tx.execute(sql, binds![past, ended]).await.unwrap(), 1);
            tx.commit().await.unwrap();
            (other, viewer, second, expired)
        });
        let server = Server::start(place);
        let document = serde_json::from_str(&server.get("/api/openapi.json", None).1).unwrap();
        let first = id("api_key");
        Self { server, document, first, viewer, second, expired, first_scope, second_scope, db, env }
    }

    /// Makes one of everything in the organisation of `key`. Every name is new and can be recognised.
    pub(crate) fn things(&self, key: &str) -> Things {
        let call = |method: &str, path: &str, body: Value| self.server.call(method, path, key, &Payload::Json(body));
        let post = |path: &str, body: Value| call("POST", &format!("/api/2.0/mlflow/{path}"), body);
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned();
        let mark = unique("mark");
        let dataset_name = unique("data");
        let name = |what: &str| format!("{what}-{mark}");

        let new_experiment = |name: &str| {
            let tags = json!([{"key": "colour", "value": format!("colour of {name}")}]);
            text(&post("experiments/create", json!({"name": name, "tags": tags}))["experiment_id"])
        };
        let experiment = new_experiment(&name("experiment"));
        let deleted_experiment = new_experiment(&name("deleted"));
        post("experiments/delete", json!({"experiment_id": deleted_experiment}));
        let new_run = |name: &str| {
            let body = json!({"experiment_id": experiment, "run_name": name, "user_id": "someone", "start_time": 1_700_000_000_000_i64});
            post("runs/create", body)["run"]["info"].clone()
        };
        let info = new_run(&name("run"));
        let run = text(&info["run_id"]);
        let deleted_run = text(&new_run(&name("gone"))["run_id"]);
        post("runs/delete", json!({"run_id": deleted_run}));
        post(
            "runs/log-batch",
            json!({"run_id": run,
            "metrics": [{"key": "loss", "value": 0.5, "timestamp": 1_700_000_000_001_i64, "step": 1}],
            "params": [{"key": "depth", "value": name("depth")}],
            "tags": [{"key": "colour", "value": name("tag")}]}),
        );
        let dataset =
            json!({"name": name("dataset"), "digest": "d1", "source_type": "local", "source": name("source")});
        post(
            "runs/log-inputs",
            json!({"run_id": run,
            "datasets": [{"dataset": dataset, "tags": [{"key": "mlflow.data.context", "value": "training"}]}]}),
        );

        let model = post(
            "logged-models",
            json!({"experiment_id": experiment, "name": name("logged"), "source_run_id": run,
            "params": [{"key": "width", "value": name("width")}], "tags": [{"key": "colour", "value": name("hue")}]}),
        );
        let model = model["model"]["info"].clone();
        let model_id = text(&model["model_id"]);
        call(
            "PATCH",
            &format!("/api/2.0/mlflow/logged-models/{model_id}"),
            json!({"model_id": model_id, "status": "LOGGED_MODEL_READY"}),
        );
        let output = post("logged-models", json!({"experiment_id": experiment, "name": name("output")}));
        let output = text(&output["model"]["info"]["model_id"]);
        post("runs/outputs", json!({"run_id": run, "models": [{"model_id": output, "step": 1}]}));

        let place = |uri: &Value| {
            let uri = text(uri);
            uri.strip_prefix("mlflow-artifacts:/").unwrap_or_else(|| panic!("{uri}")).trim_start_matches('/').to_owned()
        };
        let (folder, model_folder) = (place(&info["artifact_uri"]), place(&model["artifact_uri"]));
        for folder in [&folder, &model_folder, &format!("{folder}/model")] {
            let path = format!("/api/2.0/mlflow-artifacts/artifacts/{folder}/note.txt");
            self.server.call("PUT", &path, key, &Payload::Bytes(name("note").into_bytes()));
        }

        let note_folder = folder.clone();

        let registered = name("registered");
        post(
            "registered-models/create",
            json!({"name": registered, "description": name("description"),
            "tags": [{"key": "colour", "value": name("shade")}]}),
        );
        let source = format!("{}/model", text(&info["artifact_uri"]));
        let version = json!({"name": registered, "source": source, "run_id": run,
            "tags": [{"key": "colour", "value": name("tint")}]});
        let version = text(&post("model-versions/create", version)["model_version"]["version"]);
        post("registered-models/alias", json!({"name": registered, "alias": "champion", "version": version}));
        post(
            "model-versions/create",
            json!({"name": registered, "source": format!("models:/{model_id}"), "model_id": model_id}),
        );

        let slug = name("project");
        let project = text(&call("POST", "/api/v1/projects", json!({"name": slug, "slug": slug}))["id"]);
        let made = call("POST", "/api/v1/keys", json!({"name": name("key")}));
        let account = json!({"name": name("account"), "role": "viewer"});
        let service_account = text(&call("POST", "/api/v1/service-accounts", account)["id"]);
        self.make_room(key);
        let role = json!({"name": name("role"), "permissions": ["experiments:read"]});
        let role = text(&call("POST", "/api/v1/roles", role)["id"]);
        let guest = json!({"email": format!("{}@example.org", name("guest")), "role": "viewer"});
        let invitation = text(&call("POST", "/api/v1/invitations", guest)["id"]);
        let team = text(&call("POST", "/api/v1/teams", json!({"name": name("team")}))["id"]);
        let team_member = self.colleague(key, &name("teammate"));
        call("PUT", &format!("/api/v1/teams/{team}/members/{team_member}"), Value::Null);
        let in_project = format!("/api/v1/projects/{project}/members/{team_member}");
        call("PUT", &in_project, json!({"role": "engineer"}));
        let note = format!("{note_folder}/note.txt");
        let dataset = self.dataset(key, &dataset_name, &note);
        let (automl, explanation) = self.search(key, &name("search"), (&dataset, &run, &experiment), &note);
        Things {
            names: vec![name("experiment"), name("run")],
            source,
            experiment,
            deleted_experiment,
            run,
            deleted_run,
            model: model_id,
            folder,
            model_folder,
            registered,
            version,
            slug,
            project,
            key: text(&made["key"]["id"]),
            service_account,
            role,
            invitation,
            team,
            team_member,
            member: self.colleague(key, &name("member")),
            family: text(&call("POST", "/api/v1/auth/tokens", json!({"name": name("client")}))["family"]),
            session: self.sign_in(key).0,
            job: self.job(key),
            dataset,
            dataset_name,
            automl,
            explanation,
            passkey: self.passkey(key),
            mark,
        }
    }

    /// The cookie of a session of the person behind `key`.
    pub(crate) fn cookie(&self, key: &str) -> String {
        format!("{SESSION_COOKIE}={}", self.sign_in(key).1)
    }

    /// A session of the person behind `key`, as signing in would leave it: its id and its token.
    fn sign_in(&self, key: &str) -> (String, String) {
        let me = self.server.call("GET", "/api/v1/me", key, &Payload::None);
        self.session_of(me["user"]["id"].as_str().unwrap().parse().unwrap(), self.scope(key))
    }

    fn session_of(&self, user: UserId, scope: ProjectScope) -> (String, String) {
        let id: rhiza_kernel::SessionId = self.env.new_id();
        let (db, env) = (self.db.clone(), self.env.clone());
        let token = unique(&"t".repeat(39));
        let hash = Sha256::digest(token.as_bytes()).to_vec();
        RUNTIME.block_on(async {
            let (now, later) = (env.now(), env.now() + std::time::Duration::from_secs(3600));
            let tx = db.write(&scope.org_scope()).await.unwrap();
            let row = binds![id.uuid(), scope.org.uuid(), user.uuid(), hash, now, later];
            tx.execute(
                "INSERT INTO sessions (session_id, org_id, user_id, token_hash, created_at, last_seen_at, idle_expires_at,
                                       expires_at, confirmed_at)
                 VALUES ($1, $2, $3, $4, $5, $5, $6, $6, $5)",
                row,
            )
            .await
            .unwrap();
            tx.commit().await.unwrap();
        });
        (id.to_string(), token)
    }

    /// Somebody new in the first organisation, with this role: a fixed one, or `nothing`, a role that includes nothing.
    pub(crate) fn person(&self, role: &str) -> Person {
        let (db, env, scope) = (self.db.clone(), self.env.clone(), self.first_scope);
        let (user, key) = RUNTIME.block_on(async {
            let tx = db.system_write().await.unwrap();
            let role = if role == "nothing" { empty_role(&tx, &env, &scope).await } else { role.to_owned() };
            let made = person(&tx, &env, &scope, &format!("{}@example.org", unique("person")), &role).await;
            tx.commit().await.unwrap();
            made
        });
        let cookie = format!("{SESSION_COOKIE}={}", self.session_of(user, scope).1);
        Person { key, cookie }
    }

    /// A passkey of the person behind `key`. What an authenticator would have told of it matters to nobody here.
    fn passkey(&self, key: &str) -> String {
        let id: rhiza_kernel::PasskeyId = self.env.new_id();
        let me = self.server.call("GET", "/api/v1/me", key, &Payload::None);
        let user: UserId = me["user"]["id"].as_str().unwrap().parse().unwrap();
        let name = unique("passkey");
        RUNTIME.block_on(async {
            let tx = self.db.system_write().await.unwrap();
            let row = binds![id.uuid(), user.uuid(), name.as_bytes().to_vec(), name.clone(), json!({}), self.env.now()];
            let sql = "INSERT INTO passkeys (passkey_id, user_id, credential_id, name, credential, created_at)
                       VALUES ($1, $2, $3, $4, $5, $6)";
            tx.execute(sql, row).await.unwrap();
            // A person has so many at most, and here everybody gets one for every operation.
            let sql = "DELETE FROM passkeys WHERE user_id = $1 AND passkey_id NOT IN
                       (SELECT passkey_id FROM passkeys WHERE user_id = $1 ORDER BY passkey_id DESC LIMIT 10)";
            tx.execute(sql, binds![user.uuid()]).await.unwrap();
            tx.commit().await.unwrap();
        });
        id.to_string()
    }

    /// Removes all but the newest roles: an organisation has so many at most, and here it gets one for every operation.
    fn make_room(&self, key: &str) {
        let scope = self.scope(key).org_scope();
        RUNTIME.block_on(async {
            let tx = self.db.write(&scope).await.unwrap();
            let sql = "DELETE FROM roles WHERE org_id = $1 AND name LIKE 'role-%' AND role_id NOT IN
                       (SELECT role_id FROM roles WHERE org_id = $1 ORDER BY role_id DESC LIMIT 20)";
            tx.execute(sql, binds![scope.org.uuid()]).await.unwrap();
            tx.commit().await.unwrap();
        });
    }

    /// A further viewer in the organisation of `key`; their id.
    fn colleague(&self, key: &str, name: &str) -> String {
        let (scope, email) = (self.scope(key), format!("{name}@example.org"));
        RUNTIME.block_on(async {
            let tx = self.db.system_write().await.unwrap();
            let (user, _) = person(&tx, &self.env, &scope, &email, "viewer").await;
            tx.commit().await.unwrap();
            user.to_string()
        })
    }

    /// A job that nobody works on.
    fn job(&self, key: &str) -> String {
        let (db, env, scope) = (self.db.clone(), self.env.clone(), self.scope(key));
        RUNTIME.block_on(async {
            let tx = db.write(&scope.org_scope()).await.unwrap();
            let later = env.now() + std::time::Duration::from_secs(3600);
            let job = NewJob::new("tests.nothing", json!({})).scope(scope).run_at(later);
            let job = jobs::enqueue(&tx, job, &env).await.unwrap();
            tx.commit().await.unwrap();
            job.id.to_string()
        })
    }

    /// A dataset of two versions that have been read, as the job would leave them. Their bytes are the file at `path`.
    fn dataset(&self, key: &str, name: &str, path: &str) -> String {
        let (scope, id): (_, DatasetId) = (self.scope(key), self.env.new_id());
        let (org, project, now) = (scope.org.uuid(), scope.project.uuid(), self.env.now());
        let columns = ["a", "b"].map(|column| json!({"name": column, "type": "numeric", "chosen": false}));
        let schema = json!({"columns": columns, "dialect": null, "notes": [name]});
        RUNTIME.block_on(async {
            let tx = self.db.write(&scope.org_scope()).await.unwrap();
            tx.execute(
                "INSERT INTO stored_datasets (dataset_id, org_id, project_id, name, description, latest, revision, created_by,
                                              created_at, updated_at)
                 VALUES ($1, $2, $3, $4, $4, 2, 1, 'somebody', $5, $5)",
                binds![id.uuid(), org, project, name, now],
            )
            .await
            .unwrap();
            for version in [1_i64, 2] {
                tx.execute(
                    "INSERT INTO dataset_versions (dataset_id, version, org_id, project_id, state, source, types, format, digest,
                                                   path, size_bytes, row_count, column_count, quality, schema_json, profile,
                                                   preview, created_by, created_at, read_at)
                     VALUES ($1, $2, $3, $4, 'ready', $5, $6, 'csv', $7, $8, 1, 1, 2, 100, $9, $10, $11, 'somebody', $12, $12)",
                    binds![
                        id.uuid(),
                        version,
                        org,
                        project,
                        json!({"kind": "upload", "file": name}),
                        json!({}),
                        format!("digest of {name}"),
                        path,
                        schema.clone(),
                        json!({"rows": 1, "note": name}),
                        json!({"columns": ["a", "b"], "rows": [[name, null]]}),
                        now
                    ],
                )
                .await
                .unwrap();
            }
            tx.execute(
                "INSERT INTO dataset_profiles (dataset_id, version, target, org_id, profile, created_at)
                 VALUES ($1, 1, 'a', $2, $3, $4)",
                binds![id.uuid(), org, json!({"rows": 1, "note": name}), now],
            )
            .await
            .unwrap();
            tx.commit().await.unwrap();
        });
        id.to_string()
    }

    /// A search that has succeeded, as its job would leave it, and an explanation of its model. The model's file is the one at
    /// `path`, which is none.
    fn search(&self, key: &str, name: &str, things: (&str, &str, &str), path: &str) -> (String, String) {
        let (dataset, run, experiment) = things;
        let (scope, id): (_, AutomlId) = (self.scope(key), self.env.new_id());
        let explanation: ExplanationId = self.env.new_id();
        let dataset: DatasetId = dataset.parse().unwrap();
        let (org, project, now) = (scope.org.uuid(), scope.project.uuid(), self.env.now());
        let settings = json!({"task": null, "metric": null, "seconds": 1.0, "trials": 1, "seed": 0, "folds": null, "hold_out": 0.2,
            "time_column": null, "group_column": null, "ignore": [], "families": null, "blend": true});
        let results = json!({"task": "regression", "classes": [], "metric": "rmse", "greater_is_better": false, "score": 1.0,
            "best": {"number": 0, "name": name, "family": "baseline", "score": 1.0}, "rows": 1, "stopped": false, "members": [],
            "hold_out": null, "columns": [], "importance": null, "no_onnx": null, "sample": [], "sample_truth": []});
        let line = json!({"number": 0, "name": name, "family": "baseline", "score": 1.0, "deviation": null, "fold_scores": [1.0],
            "seconds": 1.0, "learning_rows": 1, "params": {}, "detail": null, "error": null});
        let request = json!({"model": {"automl": id}, "label": name, "background": null,
            "rows": {"dataset": {"dataset": dataset, "version": 1, "first": 0, "count": 1}},
            "wish": {"kind": "shap", "method": "auto", "columns": [], "target": null, "output": null, "wanted": null, "seed": 0}});
        RUNTIME.block_on(async {
            let tx = self.db.write(&scope.org_scope()).await.unwrap();
            tx.execute(
                "INSERT INTO automl_jobs (automl_id, org_id, project_id, name, dataset_id, dataset_name, dataset_version, target,
                                          settings, state, experiment_id, experiment_row, run_id, trials, seconds_used, score,
                                          results, model_path, model_bytes, created_by, created_at, finished_at)
                 VALUES ($1, $2, $3, $4, $5, $4, 1, 'a', $6, 'succeeded', $7, 0, $8, 1, 1, 1, $9, $10, 9, 'somebody', $11, $11)",
                binds![id.uuid(), org, project, name, dataset.uuid(), settings, experiment, run, results, path, now],
            )
            .await
            .unwrap();
            tx.execute(
                "INSERT INTO automl_trials (automl_id, trial, org_id, project_id, run_id, line, ended_at)
                 VALUES ($1, 0, $2, $3, $4, $5, $6)",
                binds![id.uuid(), org, project, run, line, now],
            )
            .await
            .unwrap();
            tx.execute(
                "INSERT INTO explanations (explanation_id, org_id, project_id, name, automl_id, request, state, error, created_by,
                                           created_at, finished_at)
                 VALUES ($1, $2, $3, $4, $5, $6, 'failed', $4, 'somebody', $7, $7)",
                binds![explanation.uuid(), org, project, name, id.uuid(), request, now],
            )
            .await
            .unwrap();
            tx.commit().await.unwrap();
        });
        (id.to_string(), explanation.to_string())
    }

    /// A key of the first organisation's owner that belongs to another project.
    pub(crate) fn key_of(&self, project: &str) -> String {
        let payload = Payload::Json(json!({"name": "elsewhere", "scopes": ["*"]}));
        let made = self.server.call("POST", "/api/v1/keys", &self.first, &payload);
        let key: KeyId = made["key"]["id"].as_str().unwrap().parse().unwrap();
        let project: ProjectId = project.parse().unwrap();
        RUNTIME.block_on(async {
            let tx = self.db.write(&self.first_scope.org_scope()).await.unwrap();
            let sql = "UPDATE api_keys SET project_id = $1 WHERE key_id = $2";
            assert_eq!(tx.execute(sql, binds![project.uuid(), key.uuid()]).await.unwrap(), 1);
            tx.commit().await.unwrap();
        });
        made["secret"].as_str().unwrap().to_owned()
    }

    /// The same world in another database.
    pub(crate) fn move_to(&mut self, db: &Db) {
        self.db = db.clone();
    }

    /// The first organisation's id.
    pub(crate) fn first_organization(&self) -> String {
        self.first_scope.org.to_string()
    }

    fn scope(&self, key: &str) -> ProjectScope {
        if key == self.second { self.second_scope } else { self.first_scope }
    }
}

/// The credentials of somebody.
pub(crate) struct Person {
    pub(crate) key: String,
    pub(crate) cookie: String,
}

/// A text that occurs nowhere else.
pub(crate) fn unique(word: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    format!("{word}{:04}", COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// One of everything that an organisation can have.
#[derive(Debug, Clone)]
pub(crate) struct Things {
    /// Part of every name.
    pub(crate) mark: String,
    /// A passkey of the organisation's owner.
    pub(crate) passkey: String,
    /// Names of the experiment and of the run.
    pub(crate) names: Vec<String>,
    pub(crate) experiment: String,
    pub(crate) deleted_experiment: String,
    pub(crate) run: String,
    pub(crate) deleted_run: String,
    pub(crate) model: String,
    /// Where the run's artifacts are, for the proxy.
    pub(crate) folder: String,
    pub(crate) model_folder: String,
    pub(crate) registered: String,
    pub(crate) version: String,
    pub(crate) source: String,
    pub(crate) project: String,
    pub(crate) slug: String,
    pub(crate) key: String,
    pub(crate) service_account: String,
    /// A role that the organisation made.
    pub(crate) role: String,
    pub(crate) invitation: String,
    pub(crate) team: String,
    /// Somebody in the team, with a role in the project.
    pub(crate) team_member: String,
    /// A member, by id.
    pub(crate) member: String,
    pub(crate) family: String,
    pub(crate) session: String,
    pub(crate) job: String,
    /// A dataset of two versions.
    pub(crate) dataset: String,
    /// A search that has succeeded, and an explanation of its model that has failed.
    pub(crate) automl: String,
    pub(crate) explanation: String,
    /// The dataset's name, without the mark: others may say it as well.
    pub(crate) dataset_name: String,
}

impl Things {
    /// Texts by which these things would be recognised in an answer.
    pub(crate) fn traces(&self) -> BTreeSet<String> {
        let all = [
            &self.mark,
            &self.run,
            &self.deleted_run,
            &self.model,
            &self.project,
            &self.key,
            &self.session,
            &self.job,
            &self.dataset,
            &self.automl,
            &self.explanation,
            &self.role,
            &self.member,
            &self.service_account,
            &self.family,
        ];
        all.into_iter().cloned().collect()
    }
}

async fn organization(tx: &Tx, env: &Env, scope: &ProjectScope) {
    let insert = "INSERT INTO organizations (org_id, name, slug, created_at) VALUES ($1, $2, $3, $4)";
    tx.execute(insert, binds![scope.org.uuid(), "Other", "other", env.now()]).await.unwrap();
    tx.execute(
        "INSERT INTO projects (project_id, org_id, name, slug, revision, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        // Named as the first organisation's: a name alone must not lead there.
        binds![scope.project.uuid(), scope.org.uuid(), "Default", "default", 1_i64, env.now()],
    )
    .await
    .unwrap();
}

/// A role of the organisation that includes nothing.
async fn empty_role(tx: &Tx, env: &Env, scope: &ProjectScope) -> String {
    let role: RoleId = env.new_id();
    tx.execute(
        "INSERT INTO roles (role_id, org_id, name, name_key, description, permissions, revision, created_at)
         VALUES ($1, $2, $3, $3, '', $4, 1, $5)",
        binds![role.uuid(), scope.org.uuid(), unique("nothing"), json!([]), env.now()],
    )
    .await
    .unwrap();
    role.to_string()
}

/// A person with a role, and the text of their key.
async fn member(tx: &Tx, env: &Env, scope: &ProjectScope, email: &str, role: &str) -> String {
    person(tx, env, scope, email, role).await.1
}

async fn person(tx: &Tx, env: &Env, scope: &ProjectScope, email: &str, role: &str) -> (UserId, String) {
    let (user, key, text): (UserId, KeyId, _) = (env.new_id(), env.new_id(), KeyText::generate(env));
    tx.execute(
        "INSERT INTO users (user_id, email, email_key, name, created_at, email_verified_at)
         VALUES ($1, $2, $2, $2, $3, $3)",
        binds![user.uuid(), email, env.now()],
    )
    .await
    .unwrap();
    tx.execute(
        "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
        binds![scope.org.uuid(), user.uuid(), role, env.now()],
    )
    .await
    .unwrap();
    let row: Vec<Bind> = binds![
        key.uuid(),
        scope.org.uuid(),
        "everyday",
        text.shown(),
        text.hash().0.to_vec(),
        json!(["*"]),
        role,
        user.uuid(),
        env.now(),
    ];
    tx.execute(
        "INSERT INTO api_keys (key_id, org_id, name, prefix, secret_hash, scopes, role, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        row,
    )
    .await
    .unwrap();
    (user, text.expose().to_owned())
}
