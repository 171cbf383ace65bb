//! The slice's routes, put together.

use utoipa_axum::router::OpenApiRouter;

use crate::state::MlopsState;
use crate::{automl, explanations, serving};

/// All routes with their full paths.
pub fn router() -> OpenApiRouter<MlopsState> {
    OpenApiRouter::new().nest("/api/v1", automl::router().merge(explanations::router())).merge(serving::router())
}
