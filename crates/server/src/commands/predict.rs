//! `rhiza predict`: what a model says of a table's rows, without a server or on one.

use std::collections::BTreeMap;

use rhiza_mlops::files::{Prediction, PredictionDocument, record};

use super::remote::{Remote, registered};
use super::tables;
use crate::cli::PredictOptions;
use crate::commands::print;
use crate::error::Failure;

pub(crate) async fn run(options: PredictOptions) -> Result<(), Failure> {
    let document = match &options.server {
        Some(address) => remote(address, &options).await?,
        None => {
            let (model, data) = (options.model.clone(), options.data.clone());
            let work = move || {
                let model = tables::model(&model)?;
                let table = tables::table(&data, &BTreeMap::new())?.table;
                model.predict(&table).map_err(|e| tables::failed(&e))
            };
            tables::compute(work).await?
        }
    };
    let text = if options.json {
        serde_json::to_string_pretty(&document).map_err(|e| Failure::failed(e.to_string()))?
    } else {
        csv(&document)
    };
    match &options.out {
        Some(file) => tables::write(file, format!("{text}\n").as_bytes()),
        None => {
            print(&text);
            Ok(())
        }
    }
}

/// Rows of a request: far from any limit of its size.
const ROWS: usize = 1_000;

/// Asks a registered model there, a thousand rows at a time.
async fn remote(address: &str, options: &PredictOptions) -> Result<PredictionDocument, Failure> {
    let remote = Remote::new(address)?;
    let (name, which) = registered(&options.model)?;
    let data = options.data.clone();
    let table = tables::compute(move || Ok(tables::table(&data, &BTreeMap::new())?.table)).await?;
    let mut query = vec![("details", "true")];
    query.extend(which.as_ref().map(|(kind, value)| (*kind, value.as_str())));
    let mut whole = PredictionDocument { predictions: Vec::new(), probabilities: None, classes: None };
    for from in (0..table.rows()).step_by(ROWS) {
        let records: Vec<_> = (from..table.rows().min(from + ROWS)).map(|row| record(&table, row)).collect();
        let body = serde_json::json!({ "dataframe_records": records });
        let said = remote.post(&["serving", &name, "invocations"], &query, &body).await?;
        let said: PredictionDocument =
            serde_json::from_value(said).map_err(|e| Failure::failed(format!("the server's answer: {e}")))?;
        whole.predictions.extend(said.predictions);
        whole.classes = said.classes;
        if let Some(more) = said.probabilities {
            whole.probabilities.get_or_insert_default().extend(more);
        }
    }
    Ok(whole)
}

/// A line a row: the prediction, and the probability of each class.
fn csv(document: &PredictionDocument) -> String {
    let mut head = vec!["prediction".to_owned()];
    head.extend(document.classes.iter().flatten().map(|class| quoted(&format!("probability of {class}"))));
    let mut lines = vec![head.join(",")];
    for (row, prediction) in document.predictions.iter().enumerate() {
        let mut cells = match prediction {
            Prediction::Number(number) => vec![number.to_string()],
            Prediction::Class(class) => vec![quoted(class)],
            Prediction::Numbers(numbers) => numbers.iter().map(ToString::to_string).collect(),
        };
        let probabilities = document.probabilities.as_ref().and_then(|all| all.get(row));
        cells.extend(probabilities.into_iter().flatten().map(ToString::to_string));
        lines.push(cells.join(","));
    }
    lines.join("\n")
}

/// A cell of CSV (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
