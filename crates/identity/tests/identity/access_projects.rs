//! Teams, roles in projects, private projects, one's organisations, and why something is allowed.

use rhiza_kernel::Role;
use serde_json::{Value, json};

use crate::access_support::{Engines, Person};
use crate::site::{OURS, SETS, bearer, session};

/// What of a project somebody sees: as a thing, in lists, by its slug.
async fn sees(engines: &Engines, who: &Person, id: &str, slug: &str) -> bool {
    let direct = engines.get(who, &format!("/projects/{id}")).await.status;
    let cookie = [("cookie", who.cookie.as_str()), ("x-rhiza-project", slug)];
    let listed = engines.get(who, "/projects").await.body.to_string().contains(id);
    let me = engines.get(who, "/me").await.body.to_string().contains(id);
    let chosen = engines.site.get("/keys", &cookie).await.status != 404;
    let members = engines.get(who, &format!("/projects/{id}/members")).await.status;
    let asked = json!({ "permission": "models:read", "project": id });
    let explained = engines.by(who, "POST", "/access/explain", asked).await.status;
    let all = [direct == 200, listed, me, chosen, members == 200, explained == 200];
    assert!(all.iter().all(|seen| *seen == all[0]), "half seen: {all:?}");
    if !all[0] {
        assert_eq!((direct, members, explained), (404, 404, 404));
    }
    all[0]
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn a_private_project_is_not_there_for_those_it_is_closed_to(db: TestDb) {
        let engines = Engines::new(db).await;
        let admin = engines.join("adm@example.com", Role::Admin).await;
        let eng = engines.join("eng@example.com", Role::Engineer).await;
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        let made = engines.done(&engines.ada, "POST", "/projects", json!({ "name": "Secret", "slug": "secret" })).await;
        let id = made["id"].as_str().unwrap().to_owned();
        let members = format!("/projects/{id}/members");
        let in_secret = [("cookie", eng.cookie.as_str()), OURS, ("x-rhiza-project", "secret")];
        let key = engines.site.send("POST", "/keys", &in_secret, json!({ "name": "k" })).await;
        let key = bearer(key.body["secret"].as_str().unwrap());
        let key = [("authorization", key.as_str())];
        let keys_me = engines.site.get("/me", &key).await.body;
        assert_eq!(keys_me["projects"][0]["slug"], "secret");
        assert!(sees(&engines, &eng, &id, "secret").await && sees(&engines, &vic, &id, "secret").await);

        // Whoever manages projects closes it and stays inside.
        engines.done(&admin, "PATCH", &format!("/projects/{id}"), json!({ "private": true })).await;
        engines.second();
        assert!(sees(&engines, &admin, &id, "secret").await && sees(&engines, &engines.ada, &id, "secret").await);
        assert!(!sees(&engines, &eng, &id, "secret").await && !sees(&engines, &vic, &id, "secret").await);
        // A key that an outsider made there opens it no more.
        assert_eq!(engines.site.get("/me", &key).await.body["projects"], json!([]));
        let own = format!("{members}/{}", eng.id);
        engines.refused(&eng, "PUT", &own, json!({ "role": "viewer" }), 404).await;
        engines.refused(&eng, "DELETE", &own, Value::Null, 404).await;

        // A role in it lets somebody in, with what the role includes and no more.
        engines.done(&admin, "PUT", &format!("{members}/{}", vic.id), json!({ "role": "engineer" })).await;
        engines.second();
        assert!(sees(&engines, &vic, &id, "secret").await);
        let me = engines.site.get("/me", &[("cookie", &vic.cookie), ("x-rhiza-project", "secret")]).await.body;
        assert!(me["permissions"].to_string().contains("experiments:write"), "{me}");
        let listed = engines.get(&vic, &members).await.body;
        assert_eq!((listed["items"][0]["email"].as_str(), listed["items"][0]["role"].as_str()), (Some("vic@example.com"), Some("engineer")));
        engines.refused(&vic, "PUT", &own, json!({ "role": "viewer" }), 403).await;
        engines.done(&admin, "DELETE", &format!("{members}/{}", vic.id), Value::Null).await;
        engines.second();
        assert!(!sees(&engines, &vic, &id, "secret").await);
        engines.refused(&admin, "DELETE", &format!("{members}/{}", vic.id), Value::Null, 404).await;
    }

    async fn a_role_in_a_project_is_given_by_who_has_it_there(db: TestDb) {
        let engines = Engines::new(db).await;
        let eve = engines.stranger().await;
        let lead = engines.join("lead@example.com", Role::Viewer).await;
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        let projects = engines.get(&engines.ada, "/projects").await.body;
        let id = projects["items"][0]["id"].as_str().unwrap().to_owned();
        let other = engines.done(&engines.ada, "POST", "/projects", json!({ "name": "Other" })).await["id"].as_str().unwrap().to_owned();
        let at = |project: &str, who: &str| format!("/projects/{project}/members/{who}");
        engines.done(&engines.ada, "PUT", &at(&id, &lead.id), json!({ "role": "admin" })).await;
        engines.second();
        // An admin of the project, and of nothing else.
        engines.done(&lead, "PUT", &at(&id, &vic.id), json!({ "role": "engineer" })).await;
        let problem = engines.refused(&lead, "PUT", &at(&id, &vic.id), json!({ "role": "owner" }), 403).await;
        assert_eq!(problem["permission"], "organization:manage");
        engines.refused(&lead, "PUT", &at(&other, &vic.id), json!({ "role": "viewer" }), 403).await;
        engines.refused(&lead, "PATCH", &format!("/members/{}", vic.id), json!({ "role": "engineer" }), 403).await;
        engines.done(&engines.ada, "PUT", &at(&id, &vic.id), json!({ "role": "owner" })).await;
        engines.refused(&lead, "PUT", &at(&id, &vic.id), json!({ "role": "viewer" }), 403).await;
        engines.refused(&lead, "DELETE", &at(&id, &vic.id), Value::Null, 403).await;
        // Whoever holds more than an admin somewhere is not the admin's to remove.
        let admin = engines.join("adm@example.com", Role::Admin).await;
        engines.refused(&admin, "DELETE", &format!("/members/{}", vic.id), Value::Null, 403).await;
        for (who, status) in [(eve.id.as_str(), 404), ("usr_nonsense", 404), ("rol_00000000000000000000000000000001", 404)] {
            engines.refused(&engines.ada, "PUT", &at(&id, who), json!({ "role": "viewer" }), status).await;
        }
        engines.refused(&eve, "PUT", &at(&id, &eve.id), json!({ "role": "owner" }), 404).await;
        engines.refused(&eve, "GET", &format!("/projects/{id}/members"), Value::Null, 404).await;
        engines.refused(&engines.ada, "PUT", &at(&id, &vic.id), json!({ "role": "king" }), 422).await;
    }

    async fn a_team_hands_its_roles_on_to_who_joins_it(db: TestDb) {
        let engines = Engines::new(db).await;
        let eve = engines.stranger().await;
        let clerk = engines.join("clerk@example.com", Role::Viewer).await;
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        let secret = engines.done(&engines.ada, "POST", "/projects", json!({ "name": "Secret", "slug": "secret", "private": true })).await;
        let secret = secret["id"].as_str().unwrap().to_owned();
        let team = engines.done(&engines.ada, "POST", "/teams", json!({ "name": "Fraud" })).await["id"].as_str().unwrap().to_owned();
        engines.refused(&engines.ada, "POST", "/teams", json!({ "name": "FRAUD " }), 409).await;
        engines.refused(&vic, "POST", "/teams", json!({ "name": "Mine" }), 403).await;
        engines.done(&engines.ada, "PUT", &format!("/projects/{secret}/members/{team}"), json!({ "role": "engineer" })).await;
        let member = |who: &str| format!("/teams/{team}/members/{who}");
        // Who manages members, but is nothing in that project, cannot let anybody in by way of the team.
        let role = engines.role("Clerk", &["members:manage", "experiments:read", "models:read", "jobs:read"]).await;
        engines.set_role(&clerk, &role).await;
        engines.refused(&clerk, "PUT", &member(&clerk.id), Value::Null, 403).await;
        engines.refused(&clerk, "PUT", &member(&vic.id), Value::Null, 403).await;
        engines.refused(&clerk, "DELETE", &format!("/teams/{team}"), Value::Null, 403).await;
        engines.done(&engines.ada, "PUT", &member(&vic.id), Value::Null).await;
        engines.done(&engines.ada, "PUT", &member(&vic.id), Value::Null).await;
        engines.second();
        assert!(sees(&engines, &vic, &secret, "secret").await);
        assert_eq!(engines.get(&vic, "/teams").await.body["items"][0]["members"], 1);
        assert_eq!(engines.get(&vic, &format!("/members/{}", vic.id)).await.body["teams"][0]["name"], "Fraud");
        assert_eq!(engines.get(&vic, &format!("/teams/{team}/members")).await.body["items"][0]["id"], vic.id.as_str());
        engines.refused(&clerk, "DELETE", &member(&vic.id), Value::Null, 403).await;

        for (method, path) in [
            ("GET", format!("/teams/{team}")), ("DELETE", format!("/teams/{team}")),
            ("GET", format!("/teams/{team}/members")), ("PUT", member(&eve.id)), ("DELETE", member(&vic.id)),
        ] {
            engines.refused(&eve, method, &path, Value::Null, 404).await;
        }
        engines.refused(&engines.ada, "PUT", &member(&eve.id), Value::Null, 404).await;
        engines.done(&engines.ada, "PATCH", &format!("/teams/{team}"), json!({ "description": "Against fraud" })).await;
        engines.done(&engines.ada, "DELETE", &member(&vic.id), Value::Null).await;
        engines.refused(&engines.ada, "DELETE", &member(&vic.id), Value::Null, 404).await;
        engines.second();
        assert!(!sees(&engines, &vic, &secret, "secret").await);
        engines.done(&engines.ada, "PUT", &member(&vic.id), Value::Null).await;
        engines.done(&engines.ada, "DELETE", &format!("/teams/{team}"), Value::Null).await;
        engines.second();
        assert!(!sees(&engines, &vic, &secret, "secret").await);
        let actions = engines.actions().await;
        for action in ["team.create", "team.update", "team.delete", "team_member.add", "team_member.remove", "project_member.add"] {
            assert!(actions.contains(&format!("identity.{action}")), "{action}");
        }
    }

    async fn people_go_from_one_organisation_to_another(db: TestDb) {
        let engines = Engines::new(db).await;
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        let eve = engines.stranger().await;
        let key = bearer(&engines.key);
        let key = [("authorization", key.as_str())];
        for who in [&vic, &eve] {
            engines.refused(who, "POST", "/organizations", json!({ "name": "Mine" }), 403).await;
        }
        assert_eq!(engines.site.send("POST", "/organizations", &key, json!({ "name": "Mine" })).await.status, 403);
        let made = engines.done(&engines.ada, "POST", "/organizations", json!({ "name": "Engines" })).await;
        assert_eq!((made["role"].as_str(), made["current"].as_bool()), (Some("owner"), Some(false)));
        let id = made["id"].as_str().unwrap().to_owned();
        let listed = engines.get(&engines.ada, "/organizations").await.body;
        assert_eq!(listed["items"].as_array().unwrap().len(), 2);
        // A key belongs to one.
        assert_eq!(engines.site.get("/organizations", &key).await.body["items"].as_array().unwrap().len(), 1);

        let to = json!({ "organization_id": id });
        engines.refused(&vic, "POST", "/auth/switch-organization", to.clone(), 404).await;
        assert_eq!(engines.site.send("POST", "/auth/switch-organization", &key, to.clone()).await.status, 403);
        let switched = engines.by(&engines.ada, "POST", "/auth/switch-organization", to.clone()).await;
        assert_eq!((switched.status, switched.body["organization"]["id"].as_str()), (200, Some(id.as_str())), "{}", switched.body);
        let there = Person { cookie: session(&switched), id: engines.ada.id.clone() };
        assert_ne!(there.cookie, engines.ada.cookie);
        assert_eq!(engines.get(&engines.ada, "/me").await.status, 401, "the session was replaced");
        let me = engines.get(&there, "/me").await.body;
        assert_eq!((me["organization"]["id"].as_str(), me["projects"][0]["slug"].as_str()), (Some(id.as_str()), Some("default")));
        assert_eq!(engines.get(&there, "/members").await.body["items"].as_array().unwrap().len(), 1);
        assert_eq!(engines.get(&there, &format!("/members/{}", vic.id)).await.status, 404);
        // The old cookie cannot be made to move again.
        engines.refused(&engines.ada, "POST", "/auth/switch-organization", to, 401).await;
        let back = engines.by(&there, "POST", "/auth/switch-organization", json!({ "organization_id": engines.org })).await;
        assert_eq!(back.body["organization"]["name"], "Engines");
        assert!(engines.actions().await.contains(&"identity.session.switch".to_owned()));
    }

    async fn why_something_is_allowed_is_told(db: TestDb) {
        let engines = Engines::new(db).await;
        let eve = engines.stranger().await;
        let vic = engines.join("vic@example.com", Role::Viewer).await;
        let why = |body: Value| engines.by(&vic, "POST", "/access/explain", body);
        let yes = why(json!({ "permission": "models:read" })).await.body;
        assert_eq!((yes["allowed"].as_bool(), yes["reasons"][0]["policy"].as_str()), (Some(true), Some("role-viewer")), "{yes}");
        assert_eq!((yes["roles"][0]["name"].as_str(), yes["hint"].is_null()), (Some("viewer"), true));
        let no = why(json!({ "permission": "models:review" })).await.body;
        let hint = no["hint"].as_str().unwrap();
        assert_eq!((no["allowed"].as_bool(), no["reasons"].as_array().unwrap().len()), (Some(false), 0));
        assert!(hint.contains("reviewer") && hint.contains("to give you"), "{hint}");
        assert_eq!(why(json!({ "permission": "models:destroy" })).await.status, 422);
        assert_eq!(why(json!({ "permission": "models:read", "user": engines.ada.id })).await.status, 403);
        assert_eq!(why(json!({ "permission": "models:read", "user": vic.id })).await.status, 200);

        // A role in a project, by the organisation's own name for it.
        let projects = engines.get(&engines.ada, "/projects").await.body;
        let project = projects["items"][0]["id"].as_str().unwrap().to_owned();
        let role = engines.role("Judge", &["models:review"]).await;
        engines.done(&engines.ada, "PUT", &format!("/projects/{project}/members/{}", vic.id), json!({ "role": role })).await;
        let about = json!({ "permission": "models:review", "project": project, "user": vic.id });
        let told = engines.done(&engines.ada, "POST", "/access/explain", about.clone()).await;
        assert_eq!((told["allowed"].as_bool(), told["reasons"][0]["policy"].as_str()), (Some(true), Some("role-of-the-organisation")), "{told}");
        let judge = told["roles"].as_array().unwrap().iter().find(|r| r["name"] == "Judge").unwrap().clone();
        assert_eq!(judge["given_in"], "project");
        assert_eq!(engines.by(&eve, "POST", "/access/explain", about).await.status, 404);

        // Keys, with what limits them.
        let made = engines.done(&engines.ada, "POST", "/keys", json!({ "name": "k", "scopes": ["models:read"] })).await;
        let (id, key) = (made["key"]["id"].clone(), bearer(made["secret"].as_str().unwrap()));
        let told = engines.done(&engines.ada, "POST", "/access/explain", json!({ "permission": "models:write", "project": project, "key": id })).await;
        assert_eq!((told["allowed"].as_bool(), told["scopes_allow"].as_bool(), told["reasons"][0]["policy"].as_str()),
            (Some(false), Some(false), Some("credential-limits")), "{told}");
        assert!(told["hint"].as_str().unwrap().contains("scopes"), "{told}");
        let own = engines.site.send("POST", "/access/explain", &[("authorization", &key)], json!({ "permission": "members:manage" })).await;
        assert_eq!((own.status, own.body["allowed"].as_bool()), (200, Some(false)), "{}", own.body);
        assert_eq!(why(json!({ "permission": "models:read", "key": id })).await.status, 404);
        assert_eq!(engines.by(&eve, "POST", "/access/explain", json!({ "permission": "models:read", "key": id })).await.status, 404);
        assert_eq!(engines.by(&eve, "POST", "/access/explain", json!({ "permission": "models:read", "user": vic.id })).await.status, 404);
    }
}
