//! Asking a model that is held in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhiza_learn::table::{CsvOptions, JsonOptions, Kind, Table};
use serde_json::{Map, Value};

use crate::error::{MlopsError, MlopsResult};
use crate::files::{AnyModel, PredictionDocument};

/// Coverage that intervals are given with.
const COVERAGE: f64 = 0.9;

/// What a model says.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// A prediction a row.
    pub document: PredictionDocument,
    /// Between what the number lies in nine of ten cases, where the model can tell.
    pub intervals: Option<Vec<[f64; 2]>>,
}

/// Kinds that the model wants columns to be read as.
pub(crate) fn kinds(model: &AnyModel) -> BTreeMap<String, Kind> {
    match model {
        AnyModel::Own(own) => own.sources().iter().map(|source| (source.name.clone(), source.kind)).collect(),
        AnyModel::Trees { .. } => BTreeMap::new(),
    }
}

/// Rows as a table. What no row tells of a column is missing in all of them.
pub(crate) fn table(model: &AnyModel, records: &[Map<String, Value>]) -> MlopsResult<Table> {
    let mut kinds = kinds(model);
    let mut text = Vec::new();
    for record in records {
        serde_json::to_writer(&mut text, record).map_err(|e| MlopsError::Unwritable(e.to_string()))?;
        text.push(b'\n');
    }
    kinds.retain(|name, _| records.iter().any(|record| record.contains_key(name)));
    let options = JsonOptions { kinds, ..JsonOptions::default() };
    Ok(Table::from_json_lines(&text, &options)?.0)
}

/// Separated values as a table.
pub(crate) fn csv(model: &AnyModel, bytes: &[u8]) -> MlopsResult<Table> {
    let read = Table::from_csv(bytes, &CsvOptions::default())?.table;
    let wanted = kinds(model).into_iter().filter(|(name, _)| read.column(name).is_ok()).collect();
    Ok(Table::from_csv(bytes, &CsvOptions { kinds: wanted, ..CsvOptions::default() })?.table)
}

/// Predicts rows.
///
/// # Errors
/// [`MlopsError`] names the column that is missing or not of its kind.
pub async fn answer(model: Arc<AnyModel>, records: Vec<Map<String, Value>>) -> MlopsResult<Answered> {
    compute(move || {
        let table = table(&model, &records)?;
        answer_table(&model, &table, true)
    })
    .await
}

/// Predicts the rows of a table; with intervals, which take as long again, only where they are asked for.
///
/// # Errors
/// As [`answer`].
pub fn answer_table(model: &AnyModel, table: &Table, intervals: bool) -> MlopsResult<Answered> {
    let document = model.predict(table)?;
    let intervals = match model {
        AnyModel::Own(own) if intervals && own.classes().is_empty() => {
            // A model without calibration rows gives none.
            own.intervals(table, COVERAGE).ok().map(|all| all.into_iter().map(|(low, high)| [low, high]).collect())
        }
        _ => None,
    };
    let intervals = intervals.filter(|all: &Vec<[f64; 2]>| all.iter().flatten().all(|bound| bound.is_finite()));
    Ok(Answered { document, intervals })
}

/// Does what takes a while beside the tasks that answer others.
pub(crate) async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> MlopsResult<T> + Send + 'static,
) -> MlopsResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| MlopsError::Internal(format!("a computation: {e}")))?
}
