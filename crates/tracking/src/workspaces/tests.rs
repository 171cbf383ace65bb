//! The routes over a double that knows two projects, behind the platform's own guard.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use http::Request;
use rhiza_kernel::{Env, OrgId, Permission, TypedId as _};
use rhiza_platform::authz::{self, AuthError, Authenticator, Credentials, Principal, ProjectChoice};
use rhiza_web::{ErrorShape, OriginPolicy, WebConfig};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{Workspace, Workspaces, WorkspacesState, router};
use crate::error::TrackingResult;
use crate::protocol::MlflowShape;

struct Two;

fn workspace(name: &str, description: Option<&str>) -> Workspace {
    Workspace { name: name.to_owned(), description: description.map(str::to_owned) }
}

#[async_trait]
impl Workspaces for Two {
    async fn list(&self, _: &Principal) -> TrackingResult<Vec<Workspace>> {
        Ok(vec![workspace("team-b", None), workspace("team-a", Some("Team A"))])
    }

    async fn find(&self, principal: &Principal, name: &str) -> TrackingResult<Option<Workspace>> {
        Ok(self.list(principal).await?.into_iter().find(|w| w.name == name))
    }
}

/// Lets everybody in with the given scopes, into the project they ask for or none.
struct Door(Option<Vec<Permission>>);

#[async_trait]
impl Authenticator for Door {
    async fn authenticate(&self, credentials: &Credentials) -> Result<Principal, AuthError> {
        let project = credentials.project.clone().map_or(ProjectChoice::None, ProjectChoice::Unknown);
        let mut principal = Principal::system(OrgId::from_uuid(uuid::Uuid::from_u128(1)), project);
        if let Some(scopes) = &self.0 {
            principal.in_organization.allowed = scopes.iter().copied().collect();
        }
        Ok(principal)
    }
}

fn app(presigning: bool, scopes: Option<Vec<Permission>>) -> Router {
    let (routes, _) = router().with_state(WorkspacesState::new(Arc::new(Two), presigning)).split_for_parts();
    let routes = authz::protect(routes, Arc::new(Door(scopes)), OriginPolicy::new(Vec::new()));
    let (env, _) = Env::fixed(chrono::DateTime::UNIX_EPOCH, 1);
    let shape: Arc<dyn ErrorShape> = Arc::new(MlflowShape);
    rhiza_web::stack(routes, &WebConfig::default().shape("/api/3.0/mlflow", shape), env)
}

async fn ask(app: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let peer: SocketAddr = "127.0.0.1:5000".parse().unwrap();
    let request = request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

const KEY: (&str, &str) = ("authorization", "Bearer k");

#[tokio::test]
async fn what_a_client_asks_before_it_signs_in_is_public_and_true() {
    let app = app(false, None);
    assert_eq!(ask(&app, "GET", "/health", &[]).await, (200, json!("OK")));
    let (status, version) = ask(&app, "GET", "/version", &[]).await;
    assert_eq!((status, version.as_str()), (200, Some(super::model::MLFLOW_VERSION)));
    for root in ["/api/3.0/mlflow", "/ajax-api/3.0/mlflow"] {
        let (status, info) = ask(&app, "GET", &format!("{root}/server-info"), &[]).await;
        assert_eq!((status, &info["workspaces_enabled"]), (200, &json!(true)));
        assert_eq!(info["multipart_uploads_enabled"], json!(false));
        assert_eq!(ask(&app, "GET", &format!("{root}/workspaces"), &[]).await.0, 401);
    }
    let (_, info) = ask(&self::app(true, None), "GET", "/api/3.0/mlflow/server-info", &[]).await;
    assert_eq!(info["multipart_uploads_enabled"], json!(true));
    assert_eq!(info["multipart_downloads_enabled"], json!(true));
}

#[tokio::test]
async fn workspaces_are_listed_by_name_and_found_whatever_the_header_says() {
    let app = app(false, None);
    let all = json!({ "workspaces": [{ "name": "team-a", "description": "Team A" }, { "name": "team-b" }] });
    assert_eq!(ask(&app, "GET", "/api/3.0/mlflow/workspaces", &[KEY]).await, (200, all.clone()));
    let elsewhere = ("x-mlflow-workspace", "nope");
    assert_eq!(ask(&app, "GET", "/api/3.0/mlflow/workspaces", &[KEY, elsewhere]).await, (200, all));
    let one = json!({ "workspace": { "name": "team-b" } });
    assert_eq!(ask(&app, "GET", "/api/3.0/mlflow/workspaces/team-b", &[KEY]).await, (200, one));
    for (name, status, code, message) in [
        ("nope", 404, "RESOURCE_DOES_NOT_EXIST", "Workspace 'nope' not found"),
        ("api", 400, "INVALID_PARAMETER_VALUE", "Workspace name 'api' is reserved and cannot be used."),
        ("a", 400, "INVALID_PARAMETER_VALUE", "Workspace name 'a' must be between 2 and 63 characters."),
    ] {
        let (given, body) = ask(&app, "GET", &format!("/api/3.0/mlflow/workspaces/{name}"), &[KEY]).await;
        assert_eq!((given, &body["error_code"], &body["message"]), (status, &json!(code), &json!(message)));
    }
}

#[tokio::test]
async fn workspaces_are_not_made_changed_or_removed_here() {
    let app = app(false, None);
    for (method, path, message) in [
        ("POST", "/api/3.0/mlflow/workspaces", "Workspace creation is not supported by this provider."),
        ("PATCH", "/api/3.0/mlflow/workspaces/team-a", "Workspace updates are not supported by this provider."),
        ("DELETE", "/api/3.0/mlflow/workspaces/team-a", "Workspace deletion is not supported by this provider."),
    ] {
        let (status, body) = ask(&app, method, path, &[KEY]).await;
        assert_eq!((status, &body["error_code"]), (403, &json!("FEATURE_DISABLED")), "{method}");
        assert!(body["message"].as_str().unwrap().starts_with(message), "{body}");
    }
    assert_eq!(ask(&app, "PUT", "/api/3.0/mlflow/workspaces", &[KEY]).await.0, 405);
}

#[tokio::test]
async fn a_key_that_may_not_read_experiments_sees_no_workspaces() {
    let app = app(false, Some(vec![Permission::ModelRead]));
    let (status, body) = ask(&app, "GET", "/api/3.0/mlflow/workspaces", &[KEY]).await;
    assert_eq!((status, &body["error_code"]), (403, &json!("PERMISSION_DENIED")));
}
