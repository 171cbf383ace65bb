//! One set of routes under several prefixes: MLflow serves each call under `/api` and again under `/ajax-api`.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa_axum::router::OpenApiRouter;

/// The routes of `make()` under each prefix. The operations under the first prefix keep their ids; those under the
/// others get the given suffix, because an id may stand only once in a document.
pub fn twins<S>(make: impl Fn() -> OpenApiRouter<S>, prefixes: &[(&str, &str)]) -> OpenApiRouter<S>
where
    S: Send + Sync + Clone + 'static,
{
    prefixes.iter().fold(OpenApiRouter::new(), |router, (prefix, suffix)| router.nest(prefix, renamed(make(), suffix)))
}

/// The router with `suffix` appended to every operation id.
pub fn renamed<S>(mut router: OpenApiRouter<S>, suffix: &str) -> OpenApiRouter<S>
where
    S: Send + Sync + Clone + 'static,
{
    for item in router.get_openapi_mut().paths.paths.values_mut() {
        for operation in operations(item) {
            if let Some(id) = &mut operation.operation_id {
                id.push_str(suffix);
            }
        }
    }
    router
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch]
        .into_iter()
        .filter_map(Option::as_mut)
}
