//! The bodies of MLflow's scoring protocol: exactly one of four ways to write rows.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{MlopsError, MlopsResult};

/// Rows, column by name.
pub(super) type Records = Vec<Map<String, Value>>;

#[derive(Debug, Deserialize)]
struct Body {
    dataframe_split: Option<Split>,
    dataframe_records: Option<Vec<Map<String, Value>>>,
    instances: Option<Value>,
    inputs: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Split {
    columns: Option<Vec<Value>>,
    data: Vec<Vec<Value>>,
}

const WAYS: &str = "The body must have exactly one of dataframe_split, dataframe_records, instances and inputs.";

fn wrong(why: impl Into<String>) -> MlopsError {
    MlopsError::Asked(why.into())
}

/// The rows of a body; `names` are the columns that rows without names have, in order.
pub(super) fn records(body: &[u8], names: &[String]) -> MlopsResult<Records> {
    let body: Body = serde_json::from_slice(body).map_err(|e| wrong(format!("The body cannot be read: {e}.")))?;
    let records = match (body.dataframe_split, body.dataframe_records, body.instances, body.inputs) {
        (Some(split), None, None, None) => of_split(split, names),
        (None, Some(records), None, None) => Ok(records),
        (None, None, Some(rows), None) => of_rows(rows, names),
        (None, None, None, Some(Value::Object(columns))) => of_columns(columns),
        (None, None, None, Some(rows)) => of_rows(rows, names),
        _ => Err(wrong(WAYS)),
    }?;
    if records.is_empty() { Err(wrong("There is no row to predict.")) } else { Ok(records) }
}

fn of_split(split: Split, names: &[String]) -> MlopsResult<Records> {
    let name = |name: Value| match name {
        Value::String(name) => name,
        other => other.to_string(),
    };
    let columns = split.columns.map(|columns| columns.into_iter().map(name).collect());
    named(split.data, &columns.unwrap_or_else(|| names.to_vec()))
}

fn named(rows: Vec<Vec<Value>>, names: &[String]) -> MlopsResult<Records> {
    let named = |(at, row): (usize, Vec<Value>)| {
        if row.len() != names.len() {
            return Err(wrong(format!(
                "Row {} has {} values where there are {} columns.",
                at + 1,
                row.len(),
                names.len()
            )));
        }
        Ok(names.iter().cloned().zip(row).collect())
    };
    rows.into_iter().enumerate().map(named).collect()
}

fn of_rows(rows: Value, names: &[String]) -> MlopsResult<Records> {
    let Value::Array(rows) = rows else { return Err(wrong("The rows must be an array.")) };
    let row = |(at, row): (usize, Value)| match row {
        Value::Object(record) => Ok(record),
        Value::Array(values) => {
            let mut one = named(vec![values], names)?;
            one.pop().ok_or_else(|| wrong("There is no row to predict."))
        }
        _ => Err(wrong(format!("Row {} is neither an object nor an array.", at + 1))),
    };
    rows.into_iter().enumerate().map(row).collect()
}

/// Columns of equal length; a lone value is a column of one row.
fn of_columns(columns: Map<String, Value>) -> MlopsResult<Records> {
    let lists = columns.into_iter().map(|(name, values)| match values {
        Value::Array(values) => (name, values),
        one => (name, vec![one]),
    });
    let lists: Vec<(String, Vec<Value>)> = lists.collect();
    let rows = lists.first().map_or(0, |(_, values)| values.len());
    if let Some((name, values)) = lists.iter().find(|(_, values)| values.len() != rows) {
        return Err(wrong(format!("The column {name:?} has {} values where others have {rows}.", values.len())));
    }
    let mut records = vec![Map::new(); rows];
    for (name, values) in lists {
        for (record, value) in records.iter_mut().zip(values) {
            // A column of columns with one value each, as arrays of one dimension more are written.
            let value = match value {
                Value::Array(mut inner) if inner.len() == 1 => inner.remove(0),
                other => other,
            };
            record.insert(name.clone(), value);
        }
    }
    Ok(records)
}
