//! Cells of a table as JSON has them.

use rhiza_learn::table::{Column, Table, Values};
use serde_json::{Map, Value, json};

/// A value; what is missing or no finite number is null.
#[must_use]
pub fn cell(column: &Column, row: usize) -> Value {
    match &column.values {
        Values::Numeric(values) => values.get(row).filter(|value| value.is_finite()).map_or(Value::Null, |v| json!(v)),
        Values::Boolean(values) => values.get(row).copied().flatten().map_or(Value::Null, Value::Bool),
        _ => column.display(row).map_or(Value::Null, Value::String),
    }
}

/// A row, column by name.
#[must_use]
pub fn record(table: &Table, row: usize) -> Map<String, Value> {
    table.columns().iter().map(|column| (column.name.clone(), cell(column, row))).collect()
}
