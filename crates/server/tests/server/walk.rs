//! A walk over every route of the OpenAPI document: nobody gets in without a credential, nobody reaches another
//! organisation's things, and who may only look changes nothing. A route that the table does not know fails the walk.

mod browser;
mod cursors;
mod roles;
mod table;
mod table_access;
mod table_account;
mod table_datasets;
mod table_mlflow;
mod table_mlops;
pub(crate) mod world;

use std::collections::{BTreeMap, BTreeSet};

use rhiza_platform::authz::PUBLIC_ROUTES;
use rhiza_testkit::Engine;
use serde_json::Value;

use crate::process::{Payload, Reply};
use table::{Call, Effect, Stranger, calls};
use world::{Things, World};

/// Public routes that the document leaves out: the document itself and the console's files.
const NOT_DESCRIBED: [&str; 9] = [
    "/api/openapi.json",
    "/docs",
    "/docs/{*path}",
    "/",
    "/index.html",
    "/theme.js",
    "/favicon.svg",
    "/favicon.ico",
    "/assets/{*path}",
];
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

#[test]
fn on_sqlite() {
    world::on(Engine::Sqlite, |world, _| walk(&world));
}

#[test]
fn on_postgres() {
    world::on(Engine::Postgres, |world, _| walk(&world));
}

/// An operation of the document.
struct Operation {
    id: String,
    method: String,
    path: String,
    public: bool,
}

impl World {
    fn operations(&self) -> Vec<Operation> {
        let mut all = Vec::new();
        for (path, item) in self.document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap().iter().filter(|(m, _)| METHODS.contains(&m.as_str())) {
                let method = method.to_uppercase();
                let public = PUBLIC_ROUTES.contains(&(method.as_str(), path.as_str()));
                let says = operation["security"].as_array().is_some_and(|all| all.contains(&serde_json::json!({})));
                assert_eq!(says, public, "what the document says about credentials for {method} {path}");
                let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no id"));
                all.push(Operation { id: id.to_owned(), method, path: path.clone(), public });
            }
        }
        all
    }

    fn ask(&self, operation: &Operation, call: &Call, key: &str) -> Reply {
        let cookie = if call.person { Some(self.cookie(key)) } else { None };
        let credential = cookie.as_deref().unwrap_or(key);
        self.server.ask(&operation.method, &call.path(&operation.path), Some(credential), &call.payload)
    }
}

fn walk(world: &World) {
    let operations = world.operations();
    assert!(operations.len() > 60, "the document is nearly empty");
    only_the_listed_routes_are_public(world, &operations);
    bad_keys_open_nothing(world, &operations);
    every_operation_works_for_its_own(world, &operations);

    let first = world.things(&world.first);
    browser::walk(world, &operations, &first);
    let before = snapshot(world, &first);
    let tied = strangers_find_nothing(world, &operations, &first);
    assert_same(&before, &snapshot(world, &first), "another organisation");
    tied.iter().for_each(|second| nothing_leaked_into(world, &operations, &first, second));
    cursors::walk(world, &operations, &first, tied.last().unwrap());
    viewers_change_nothing(world, &operations, &first);
    assert_same(&before, &snapshot(world, &first), "a viewer");
    roles::walk(world, &operations, &first);
    other_projects_see_nothing(world, &operations, &first);
    names_are_free_in_every_organisation(world, &first);
}

fn only_the_listed_routes_are_public(world: &World, operations: &[Operation]) {
    let described: BTreeSet<&str> = operations.iter().map(|o| o.path.as_str()).collect();
    for (method, path) in PUBLIC_ROUTES {
        let found = operations.iter().any(|o| o.method == *method && o.path == *path);
        assert!(found || NOT_DESCRIBED.contains(path), "{method} {path} is public, but no such route is described");
        let reply = world.server.ask(method, &sample(path), None, &Payload::None);
        assert_ne!(reply.status, 401, "{method} {path}: {}", reply.body);
    }
    for path in described {
        for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"] {
            let asked = if method == "HEAD" { "GET" } else { method };
            if !PUBLIC_ROUTES.contains(&(asked, path)) {
                let reply = world.server.ask(method, &sample(path), None, &Payload::None);
                assert_unauthenticated(method, path, &reply);
            }
        }
    }
}

fn bad_keys_open_nothing(world: &World, operations: &[Operation]) {
    let made = Payload::Json(serde_json::json!({"name": "to be withdrawn"}));
    let made = world.server.call("POST", "/api/v1/keys", &world.first, &made);
    let revoked = made["secret"].as_str().unwrap();
    assert_eq!(world.server.get("/api/v1/me", Some(revoked)).0, 200);
    let path = format!("/api/v1/keys/{}", made["key"]["id"].as_str().unwrap());
    world.server.call("DELETE", &path, &world.first, &Payload::None);
    let unknown = rhiza_identity::KeyText::generate(&rhiza_platform::runtime::system_env());
    for operation in operations.iter().filter(|o| !o.public) {
        for key in [&world.expired, revoked, unknown.expose(), "rz_live_nonsense", "nonsense"] {
            let reply = world.server.ask(&operation.method, &sample(&operation.path), Some(key), &Payload::None);
            assert_unauthenticated(&operation.method, &operation.path, &reply);
        }
    }
}

/// The table's requests are right: without this, a refusal of theirs would prove nothing.
fn every_operation_works_for_its_own(world: &World, operations: &[Operation]) {
    let mut unknown = Vec::new();
    let mut wrong = Vec::new();
    let mut fresh = world.things(&world.first);
    for operation in operations.iter().filter(|o| !o.public) {
        let Some(all) = calls(&operation.id, &fresh, &fresh) else {
            unknown.push(format!("{} ({} {})", operation.id, operation.method, operation.path));
            continue;
        };
        for number in 0..all.len() {
            let call = &calls(&operation.id, &fresh, &fresh).unwrap()[number];
            let reply = world.ask(operation, call, &world.first);
            let right = call.own.map_or((200..300).contains(&reply.status), |status| status == reply.status);
            if !right {
                wrong.push(told(operation, call, &reply));
            }
            if call.effect == Effect::Write {
                fresh = world.things(&world.first);
            }
        }
    }
    assert!(
        unknown.is_empty(),
        "new routes must be added to the table of the walk (tests/server/walk/table*.rs), so that it proves that \
         they are closed to strangers:\n{}",
        unknown.join("\n")
    );
    assert!(wrong.is_empty(), "requests of the table that their own organisation cannot make:\n{}", wrong.join("\n"));
}

/// Returns what the second organisation's requests were tied to.
fn strangers_find_nothing(world: &World, operations: &[Operation], first: &Things) -> Vec<Things> {
    let mut wrong = Vec::new();
    let mut tied = vec![world.things(&world.second)];
    // First what reads: later the audit log rightly tells the second organisation what it asked for.
    for (effect, operation) in
        [Effect::Read, Effect::Write].into_iter().flat_map(|e| operations.iter().map(move |o| (e, o)))
    {
        if operation.public {
            continue;
        }
        let requests = |second: &Things| -> Vec<Call> {
            calls(&operation.id, first, second).unwrap().into_iter().filter(|c| c.effect == effect).collect()
        };
        if effect == Effect::Write && requests(&tied[0]).iter().any(|call| call.stranger == Stranger::Nothing) {
            tied.push(world.things(&world.second));
        }
        for call in requests(&tied[tied.len() - 1]) {
            let reply = world.ask(operation, &call, &world.second);
            let right = match call.stranger {
                Stranger::Missing => {
                    reply.status == 404
                        && (reply.body.contains("\"RESOURCE_DOES_NOT_EXIST\"") || reply.body.contains("\"not_found\""))
                }
                Stranger::Nothing => (200..300).contains(&reply.status),
                Stranger::Refused(status) => reply.status == status,
            };
            // A refusal may repeat what the request said, a success may not.
            let silent = effect == Effect::Read && call.stranger == Stranger::Nothing;
            let said = if silent { String::new() } else { call.said() };
            let leak = first.traces().into_iter().find(|t| !said.contains(t) && reply.body.contains(t));
            if !right || leak.is_some() {
                wrong.push(format!("{} leak: {leak:?}", told(operation, &call, &reply)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    tied
}

/// What the second organisation tied to its own things by foreign ids shows no more than those ids.
fn nothing_leaked_into(world: &World, operations: &[Operation], first: &Things, second: &Things) {
    let known = [&first.model, &first.run];
    let traces: Vec<String> = first.traces().into_iter().filter(|t| !known.contains(&t)).collect();
    for operation in operations.iter().filter(|o| !o.public) {
        for call in calls(&operation.id, second, second).unwrap().iter().filter(|c| c.effect == Effect::Read) {
            let reply = world.ask(operation, call, &world.second);
            for trace in &traces {
                assert!(!reply.body.contains(trace), "{trace} in {}", told(operation, call, &reply));
            }
        }
    }
}

/// Inside an organisation, too, what is tracked in one project is not there for another's keys. Here no row-level
/// security of the database helps.
fn other_projects_see_nothing(world: &World, operations: &[Operation], first: &Things) {
    let other = world.things(&world.first);
    let key = world.key_of(&other.project);
    let tracked = |o: &&Operation| {
        ["mlflow", "/tracking/", "/datasets", "/jobs", "get-artifact"].iter().any(|part| o.path.contains(part))
    };
    let mut wrong = Vec::new();
    for operation in operations.iter().filter(|o| !o.public).filter(tracked) {
        for call in calls(&operation.id, first, &other).unwrap().iter().filter(|c| c.effect == Effect::Read) {
            let reply = world.ask(operation, call, &key);
            let seen = call.stranger == Stranger::Missing && reply.status != 404;
            let said = if reply.status == 200 { String::new() } else { call.said() };
            let leak = first.traces().into_iter().find(|t| !said.contains(t) && reply.body.contains(t));
            if seen || leak.is_some() {
                wrong.push(format!("{} leak: {leak:?}", told(operation, call, &reply)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn viewers_change_nothing(world: &World, operations: &[Operation], first: &Things) {
    let mut wrong = Vec::new();
    for operation in operations.iter().filter(|o| !o.public) {
        for call in calls(&operation.id, first, first).unwrap() {
            let reply = world.ask(operation, &call, &world.viewer);
            let right = match (call.viewer, call.effect, call.own) {
                (Some(status), _, _) => reply.status == status,
                (None, Effect::Write, _) => reply.status == 403,
                (None, Effect::Read, Some(status)) => reply.status == status,
                (None, Effect::Read, None) => (200..300).contains(&reply.status),
            };
            if !right {
                wrong.push(told(operation, &call, &reply));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn names_are_free_in_every_organisation(world: &World, first: &Things) {
    for (path, name) in [("experiments/create", &first.names[0]), ("registered-models/create", &first.registered)] {
        let payload = Payload::Json(serde_json::json!({"name": name}));
        world.server.call("POST", &format!("/api/2.0/mlflow/{path}"), &world.second, &payload);
    }
    let path = format!("/api/2.0/mlflow/registered-models/get?name={}", first.registered);
    let theirs = world.server.call("GET", &path, &world.second, &Payload::None);
    assert_eq!(theirs["registered_model"]["description"].as_str().unwrap_or_default(), "");
}

/// Everything that can be read of these things, as it is now.
pub(crate) fn snapshot(world: &World, things: &Things) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for operation in world.operations().iter().filter(|o| !o.public) {
        for call in calls(&operation.id, things, things).unwrap() {
            if call.effect == Effect::Read && !call.volatile {
                let reply = world.ask(operation, &call, &world.first);
                let body = serde_json::from_str::<Value>(&reply.body).map_or(reply.body, without_request);
                all.insert(format!("{} {}", operation.id, call.said()), format!("{} {body}", reply.status));
            }
        }
    }
    assert!(all.len() > 20);
    all
}

/// A problem carries the id of its request, which is another one each time.
fn without_request(mut body: Value) -> String {
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    body.to_string()
}

pub(crate) fn assert_same(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, who: &str) {
    for (what, text) in before {
        assert_eq!(Some(text), after.get(what), "{who} changed what {what} answers");
    }
}

fn told(operation: &Operation, call: &Call, reply: &Reply) -> String {
    let (path, body) = (call.path(&operation.path), &reply.body.chars().take(300).collect::<String>());
    format!("{} {} {path} {:?}: {} {body}", operation.id, operation.method, call.payload, reply.status)
}

/// A path that the template matches.
fn sample(template: &str) -> String {
    let parts = template.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn assert_unauthenticated(method: &str, path: &str, reply: &Reply) {
    assert_eq!(reply.status, 401, "{method} {path}: {}", reply.body);
    if method == "HEAD" {
        return;
    }
    let body: Value =
        serde_json::from_str(&reply.body).unwrap_or_else(|e| panic!("{method} {path}: {e}: {}", reply.body));
    let mlflow = ["/api/2.0/", "/api/3.0/", "/ajax-api/", "/get-artifact", "/model-versions/", "/serving/"];
    if mlflow.iter().any(|root| path.starts_with(root)) {
        assert_eq!(body["error_code"], "UNAUTHENTICATED", "{method} {path}: {body}");
        assert!(body["message"].is_string() && body.get("type").is_none(), "{method} {path}: {body}");
    } else {
        assert!(reply.kind.starts_with("application/problem+json"), "{method} {path}: {}", reply.kind);
        assert_eq!(body["code"], "unauthenticated", "{method} {path}: {body}");
        assert_eq!(body["status"], 401, "{method} {path}: {body}");
    }
}
