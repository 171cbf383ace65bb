//! The search of logged models: one page of the models of some experiments.

use serde_json::{Value, json};

use super::model::LoggedModel;
use super::page::Question;
use super::service::LoggedModels;
use super::{store, store_search};
use crate::error::{TrackingError, TrackingResult};
use crate::protocol::{Caller, Fields};
use crate::search::cut;
use crate::search::logged_models::{self as grammar, Dataset, Search};

/// Models on a page when the client does not say.
const DEFAULT: i64 = 50;
/// Models on a page when the client says 0.
const WHEN_ZERO: i64 = 100;
/// The most models on a page: all their metric points come along.
const MAX: i64 = 1_000;

fn datasets(fields: &Fields) -> TrackingResult<Vec<Dataset>> {
    fields
        .objects("datasets")?
        .iter()
        .map(|dataset| {
            let name = dataset.text("dataset_name")?.filter(|n| !n.is_empty());
            if name.is_none() {
                return Err(TrackingError::invalid("`dataset_name` in the `datasets` clause must be specified."));
            }
            Ok(Dataset { name, digest: dataset.text("dataset_digest")?.filter(|d| !d.is_empty()) })
        })
        .collect()
}

/// What to sort by, with whether it rises.
type Order = Vec<(grammar::Key, bool)>;

/// The order, and how a page token states it.
fn order(fields: &Fields) -> TrackingResult<(Order, Option<Value>)> {
    let mut order = Vec::new();
    let mut stated = Vec::new();
    for item in fields.objects("order_by")? {
        let field = item.text("field_name")?.unwrap_or_default();
        let rises = item.boolean("ascending")?.unwrap_or(true);
        let name = item.text("dataset_name")?.filter(|n| !n.is_empty());
        let digest = item.text("dataset_digest")?.filter(|d| !d.is_empty());
        stated.push(json!({
            "field_name": field, "ascending": rises, "dataset_name": name, "dataset_digest": digest,
        }));
        order.push((grammar::key(&field, Dataset { name, digest })?, rises));
    }
    let stated = (!stated.is_empty()).then_some(Value::Array(stated));
    Ok((order, stated))
}

fn size(fields: &Fields) -> TrackingResult<u64> {
    let given = match fields.integer("max_results")? {
        None => DEFAULT,
        Some(0) => WHEN_ZERO,
        Some(n) => n,
    };
    u64::try_from(given).ok().filter(|n| (1..=MAX.unsigned_abs()).contains(n)).ok_or_else(|| {
        TrackingError::invalid(format!(
            "Invalid value {given} for parameter 'max_results' supplied. It must be between 0 and {MAX}."
        ))
    })
}

impl LoggedModels {
    /// One page of models, and the token of the next.
    ///
    /// # Errors
    /// When filter, order, size or token are not acceptable.
    pub async fn search(&self, caller: &Caller, fields: &Fields) -> TrackingResult<(Vec<LoggedModel>, Option<String>)> {
        if !fields.given("experiment_ids") {
            fields.demand("experiment_ids")?;
        }
        let experiments = fields.texts("experiment_ids")?;
        let filter = fields.text("filter")?.filter(|f| !f.is_empty());
        let datasets = datasets(fields)?;
        let (order, order_by) = order(fields)?;
        let question = Question { experiments, filter, order_by };
        let offset = question.offset(fields.text("page_token")?.as_deref())?;
        let limit = size(fields)?;
        let terms = grammar::terms(question.filter.as_deref().unwrap_or_default())?;
        let search = Search { terms, datasets, order };
        let ids = self.state.ids.of(&caller.scope).await?;
        let mut rows = Vec::with_capacity(question.experiments.len());
        for text in &question.experiments {
            let id = crate::protocol::experiment_id(text)?;
            rows.extend(i64::try_from(id).ok().map(|id| ids.row(id)));
        }
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let mut found =
            store_search::search(&tx, &caller.scope, ids, &rows, &search, offset, limit.saturating_add(1)).await?;
        let more = cut(&mut found, limit);
        let models = store::complete(&tx, &caller.scope, found).await?;
        Ok((models, more.then(|| question.token(offset + limit))))
    }
}
