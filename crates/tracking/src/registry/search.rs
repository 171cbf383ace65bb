//! The registry's searches: pages of models and of versions.

use super::model::{ModelVersion, RegisteredModel};
use super::service::Registry;
use super::{store, store_search};
use crate::error::{TrackingError, TrackingResult};
use crate::protocol::{Caller, Fields, decode_token, encode_token, wrong_type};
use crate::search::{cut, models as grammar};

/// Models on a page when the client does not say.
const MODELS_DEFAULT: i64 = 100;
/// The most models on a page.
const MODELS_MAX: i64 = 1_000;
/// Versions on a page when the client does not say, and the most there may be.
const VERSIONS_MAX: i64 = 200_000;

/// A page's size, and the row it begins with.
fn page_of(fields: &Fields, default: i64, max: i64) -> TrackingResult<(u64, u64)> {
    let given = fields.integer("max_results")?.unwrap_or(default);
    if given > max {
        let value = fields.value("max_results")?.unwrap_or_default();
        return Err(wrong_type(&value, "max_results"));
    }
    let limit = u64::try_from(given).ok().filter(|n| *n > 0).ok_or_else(|| {
        TrackingError::invalid(format!("Invalid value for max_results. It must be a positive integer, but got {given}"))
    })?;
    Ok((limit, decode_token(fields.text("page_token")?.as_deref())?))
}

impl Registry {
    /// One page of registered models, and the token of the next.
    ///
    /// # Errors
    /// When filter, order, size or token are not acceptable.
    pub async fn search_models(
        &self,
        caller: &Caller,
        fields: &Fields,
    ) -> TrackingResult<(Vec<RegisteredModel>, Option<String>)> {
        let (limit, offset) = page_of(fields, MODELS_DEFAULT, MODELS_MAX)?;
        let search = grammar::models(&fields.text("filter")?.unwrap_or_default(), &fields.texts("order_by")?)?;
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let mut rows = store_search::models(&tx, &caller.scope, &search, offset, limit + 1).await?;
        let next = cut(&mut rows, limit).then(|| encode_token(offset + limit));
        Ok((store::complete_models(&tx, &caller.scope, rows).await?, next))
    }

    /// One page of versions, and the token of the next.
    ///
    /// # Errors
    /// As [`Registry::search_models`].
    pub async fn search_versions(
        &self,
        caller: &Caller,
        fields: &Fields,
    ) -> TrackingResult<(Vec<ModelVersion>, Option<String>)> {
        let (limit, offset) = page_of(fields, VERSIONS_MAX, VERSIONS_MAX)?;
        let search = grammar::versions(&fields.text("filter")?.unwrap_or_default(), &fields.texts("order_by")?)?;
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let mut rows = store_search::versions(&tx, &caller.scope, &search, offset, limit + 1).await?;
        let next = cut(&mut rows, limit).then(|| encode_token(offset + limit));
        Ok((store::complete_versions(&tx, &caller.scope, rows).await?, next))
    }
}
