//! The generic part of the OpenAPI document; the slices' routers add their paths, the `api` crate puts it together.

use utoipa::openapi::{ComponentsBuilder, Info, OpenApi, OpenApiBuilder};

use crate::problem::{Problem, ProblemField, ProblemQuota};

/// An empty document that knows the shape of errors, to start a router with
/// (`OpenApiRouter::with_openapi(openapi::document(…))`).
#[must_use]
pub fn document(title: &str, version: &str) -> OpenApi {
    let components = ComponentsBuilder::new()
        .schema_from::<Problem>()
        .schema_from::<ProblemField>()
        .schema_from::<ProblemQuota>()
        .build();
    OpenApiBuilder::new().info(Info::new(title, version)).components(Some(components)).build()
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use utoipa::ToSchema;
    use utoipa_axum::router::OpenApiRouter;
    use utoipa_axum::routes;

    use super::*;
    use crate::{ApiResult, Json, Page, PageQuery, ProblemResponses};

    #[derive(Serialize, ToSchema)]
    struct Run {
        name: String,
    }

    /// The runs.
    #[utoipa::path(get, path = "/runs", params(PageQuery), responses((status = 200, body = Page<Run>), ProblemResponses))]
    async fn list(query: PageQuery) -> ApiResult<Json<Page<Run>>> {
        Ok(Json(Page::from_overfetch(vec![Run { name: "a".into() }], &query, |run| run.name.clone())))
    }

    #[test]
    fn a_route_is_described_with_its_page_and_its_errors() {
        let router: OpenApiRouter = OpenApiRouter::with_openapi(document("Rhiza", "1")).routes(routes!(list));
        let document = serde_json::to_value(router.into_openapi()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let get = &document["paths"]["/runs"]["get"];
        let page = &get["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        let name = page.as_str().unwrap().strip_prefix("#/components/schemas/").unwrap();
        let schema = &document["components"]["schemas"][name];
        assert_eq!(schema["properties"]["items"]["items"]["$ref"], "#/components/schemas/Run", "{schema}");
        assert!(document["components"]["schemas"]["Run"]["properties"]["name"].is_object());
        assert_eq!(schema["required"], serde_json::json!(["items"]));
        let problem = &get["responses"]["422"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(problem, "#/components/schemas/Problem");
        assert!(document["components"]["schemas"]["Problem"]["properties"]["request_id"].is_object());
        assert!(document["components"]["schemas"]["ProblemField"].is_object());
        let limit = &get["parameters"][0];
        assert_eq!((&limit["name"], &limit["schema"]["maximum"]), (&"limit".into(), &200.into()));
    }
}
