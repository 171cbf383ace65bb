//! The routes of people who take their data along, or go.

use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderValue, StatusCode, header};
use rhiza_platform::authz::{AllowedOrg, need};
use rhiza_web::{ApiResult, Json, ProblemResponses};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store_rows::PersonExport;
use crate::sessions::http::no_cookie;
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(export_me)).routes(routes!(delete_me))
}

/// Everything that is kept about oneself, as a file.
#[utoipa::path(
    get,
    path = "/me/export",
    operation_id = "exportMe",
    tag = "account",
    responses((status = 200, body = PersonExport), ProblemResponses)
)]
async fn export_me(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
) -> ApiResult<impl IntoResponse> {
    let export = identity.departures().export(&access).await?;
    let headers = [
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"rhiza-account.json\"")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Json(export)))
}

/// Deletes one's account. What one made in an organisation stays there. Refused while an organisation would be left
/// without an owner or without anybody.
#[utoipa::path(
    delete,
    path = "/me",
    operation_id = "deleteMe",
    tag = "account",
    responses((status = 204, description = "Gone."), ProblemResponses)
)]
async fn delete_me(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
) -> ApiResult<impl IntoResponse> {
    identity.departures().delete(&access).await.map_err(refuse)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, no_cookie()?)]))
}
