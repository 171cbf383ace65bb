//! The route that tells what is used.

use axum::extract::State;
use rhiza_web::{ApiResult, Json, ProblemResponses};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::Usage;
use super::service::Quotas;
use crate::authz::{AllowedOrg, need};

/// What the route needs.
pub type QuotasState = Quotas;

/// What an organisation may use, and what it has used.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct QuotaReport {
    /// The organisation's plan.
    #[schema(example = "standard")]
    plan: String,
    /// Each quota.
    quotas: Vec<Usage>,
}

/// The route.
pub fn router() -> OpenApiRouter<QuotasState> {
    OpenApiRouter::new().routes(routes!(get_quotas))
}

/// What the organisation's plan allows, and what is used of it.
#[utoipa::path(get, path = "/api/v1/quotas", operation_id = "getQuotas", tag = "organizations",
    responses((status = 200, body = QuotaReport), ProblemResponses))]
async fn get_quotas(
    State(quotas): State<Quotas>,
    access: AllowedOrg<need::OrganizationRead>,
) -> ApiResult<Json<QuotaReport>> {
    let plan = super::super::http::plan_of(&access.principal);
    let usage = quotas.usage(access.scope.org, plan).await?;
    Ok(Json(QuotaReport { plan: quotas.plan(plan).name.to_string(), quotas: usage }))
}
