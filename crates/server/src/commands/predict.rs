//! `rhiza predict`: what a model says of a table's rows, without a server.

use rhiza_mlops::files::{Prediction, PredictionDocument};

use super::tables;
use crate::cli::PredictOptions;
use crate::commands::print;
use crate::error::Failure;

pub(crate) async fn run(options: PredictOptions) -> Result<(), Failure> {
    let (model, data) = (options.model, options.data);
    let document = tables::compute(move || {
        let model = tables::model(&model)?;
        let table = tables::table(&data, &std::collections::BTreeMap::new())?.table;
        model.predict(&table).map_err(|e| tables::failed(&e))
    })
    .await?;
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
