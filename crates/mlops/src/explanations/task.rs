//! Explaining, as a child process does it.

use rhiza_learn::random::Random;
use rhiza_learn::table::Table;
use rhiza_platform::child::{Speak, Task, TaskError, Workplace};
use rhiza_tracking::datasets::{Format, Types, read_file};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::answer;
use super::asked::Asked;
use super::model::Wish;
use crate::error::MlopsError;
use crate::files::{AnyModel, record};
use crate::serving::table_of;

/// Explains a model.
pub struct ExplainModel;

/// A table's file in the folder of the work.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TableFile {
    pub(super) file: String,
    pub(super) format: Option<Format>,
    pub(super) types: Types,
}

/// What the task is given.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ExplainOrder {
    /// The model's file.
    pub(super) model: String,
    /// Rows asked about, of a table…
    pub(super) rows: Option<(TableFile, usize, usize)>,
    /// …or as they came.
    pub(super) records: Vec<Map<String, Value>>,
    /// The table of the background, if it is another one.
    pub(super) background: Option<TableFile>,
    pub(super) wish: Wish,
}

/// Rows of the background that are looked at: methods draw fewer, or look at each.
const BACKGROUND: usize = 1_000;

impl Task for ExplainModel {
    fn name(&self) -> &'static str {
        "mlops.explain_model"
    }

    fn run(&self, input: Value, place: &Workplace, _: &mut Speak<'_>) -> Result<Value, TaskError> {
        let order: ExplainOrder = serde_json::from_value(input).map_err(|e| TaskError::Failed(e.to_string()))?;
        let bytes = std::fs::read(place.folder.join(&order.model)).map_err(|e| TaskError::Failed(e.to_string()))?;
        let model = AnyModel::read(&bytes).map_err(refused)?;
        drop(bytes);
        let (table, count) = rows(&model, &order, place)?;
        let asked = Asked::new(&model, &table, count).map_err(refused)?;
        let found = answer(&asked, &order.wish).map_err(refused)?;
        serde_json::to_value(found).map_err(|e| TaskError::Failed(e.to_string()))
    }
}

fn refused(fault: MlopsError) -> TaskError {
    match fault {
        MlopsError::Internal(why) | MlopsError::Unwritable(why) => TaskError::Failed(why),
        other => TaskError::Refused(other.to_string()),
    }
}

fn read(place: &Workplace, table: &TableFile) -> Result<Table, TaskError> {
    read_file(place, &table.file, table.format, &table.types)
}

/// The rows asked about, behind them those of the background, and how many are asked about.
fn rows(model: &AnyModel, order: &ExplainOrder, place: &Workplace) -> Result<(Table, usize), TaskError> {
    let background = order.background.as_ref().map(|table| read(place, table)).transpose()?;
    let Some((file, first, count)) = &order.rows else {
        let background = background.map(|table| of_background(&table, order.wish.seed));
        return joined(model, order.records.clone(), background.as_ref());
    };
    let table = read(place, file)?;
    let chosen: Vec<usize> = (*first..table.rows()).take(*count).collect();
    if chosen.is_empty() {
        return Err(TaskError::Refused(format!("the table has {} rows; none begins at row {first}", table.rows())));
    }
    let asked = chosen.len();
    if let Some(background) = background {
        let records = chosen.iter().map(|row| record(&table, *row)).collect();
        return joined(model, records, Some(&of_background(&background, order.wish.seed)));
    }
    let mut order_of_rows = chosen;
    order_of_rows.extend(drawn(table.rows(), order.wish.seed));
    Ok((table.take(&order_of_rows), asked))
}

/// Rows drawn without repetition.
fn drawn(rows: usize, seed: u64) -> Vec<usize> {
    let mut numbers = Random::stream(seed, "background rows", 0).sample(rows, rows.min(BACKGROUND));
    numbers.sort_unstable();
    numbers
}

fn of_background(table: &Table, seed: u64) -> Table {
    table.take(&drawn(table.rows(), seed))
}

/// Rows from two places as one table, in the model's own kinds.
fn joined(
    model: &AnyModel,
    mut records: Vec<Map<String, Value>>,
    background: Option<&Table>,
) -> Result<(Table, usize), TaskError> {
    let count = records.len();
    if let Some(table) = background {
        records.extend((0..table.rows()).map(|row| record(table, row)));
    }
    Ok((table_of(model, &records).map_err(refused)?, count))
}
