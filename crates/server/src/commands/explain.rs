//! `rhiza explain`: why a model says what it says of a table's rows, without a server or on one.

use rhiza_mlops::explanations::{self, ExplainOptions as Asked, ExplanationDocument, Method};
use serde_json::json;

use super::remote::{Remote, registered, text};
use super::tables;
use crate::cli::ExplainOptions;
use crate::commands::{print, print_json};
use crate::error::Failure;

pub(crate) async fn run(options: ExplainOptions) -> Result<(), Failure> {
    let method = match options.method.as_str() {
        "tree" => Method::Tree,
        "kernel" => Method::Kernel,
        "permutation" => Method::Permutation,
        "lime" => Method::Lime,
        _ => Method::Auto,
    };
    if let Some(address) = &options.server {
        let document = remote(address, &options).await?;
        return tell(&options, &document);
    }
    let asked = Asked { method, background: options.background, seed: options.seed, rows: options.rows };
    let (model, data) = (options.model.clone(), options.data.clone());
    let document = tables::compute(move || {
        let model = tables::model(&model)?;
        let table = tables::table(&data, &std::collections::BTreeMap::new())?.table;
        explanations::explain(&model, &table, &asked).map_err(|e| tables::failed(&e))
    })
    .await?;
    tell(&options, &document)
}

fn tell(options: &ExplainOptions, document: &ExplanationDocument) -> Result<(), Failure> {
    if options.json {
        return print_json(&serde_json::to_value(document).map_err(|e| Failure::failed(e.to_string()))?);
    }
    print(&shown(document));
    Ok(())
}

/// Rows that one explanation there takes.
const ROWS: usize = 1_000;

/// Has a registered model explained there. The answer has a list of outputs for each value, also where there is only one.
async fn remote(address: &str, options: &ExplainOptions) -> Result<ExplanationDocument, Failure> {
    let remote = Remote::new(address)?;
    let (name, which) = registered(&options.model)?;
    let mut model = json!({ "name": name });
    if let Some((kind, value)) = which {
        model[kind] = json!(value);
    }
    let (dataset, version) = remote.dataset(&options.data, tables::content(&options.data)?, &[]).await?;
    let (kind, method) = if options.method == "lime" { ("lime", "auto") } else { ("shap", options.method.as_str()) };
    let body = json!({
        "model": model,
        "rows": { "dataset_id": dataset, "version": version, "count": options.rows.unwrap_or(ROWS) },
        "kind": kind,
        "method": method,
        "seed": options.seed,
    });
    let made = remote.post(&["api", "v1", "explanations"], &[], &body).await?;
    let id = text(&made, "/explanation_id")?;
    let mut made = remote.wait(&["api", "v1", "explanations", &id], |_| {}).await?;
    let found = made.get_mut("result").map(serde_json::Value::take).unwrap_or_default();
    serde_json::from_value(found).map_err(|e| Failure::failed(format!("the server's answer: {e}")))
}

/// What people want to know first: which columns matter, over all rows. `--json` has every row.
fn shown(document: &ExplanationDocument) -> String {
    let mut lines = Vec::new();
    for (at, output) in document.outputs.iter().enumerate() {
        let mut importance: Vec<(f64, &String)> = document
            .features
            .iter()
            .enumerate()
            .map(|(column, name)| (document.values.mean_magnitude(column, at), name))
            .collect();
        importance.sort_by(|a, b| b.0.total_cmp(&a.0));
        lines.push(format!(
            "{} of {output}: base {:.5}, mean size of each column's part",
            document.of, document.base_values[at]
        ));
        lines.extend(importance.iter().map(|(size, name)| format!("  {size:>12.5}  {name}")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use rhiza_mlops::explanations::RowValues;

    use super::*;

    #[test]
    fn the_weightiest_column_comes_first() {
        let document = ExplanationDocument {
            method: Method::Tree,
            of: "prediction".to_owned(),
            features: vec!["a".to_owned(), "b".to_owned()],
            outputs: vec!["y".to_owned()],
            base_values: vec![1.0],
            values: RowValues::One(vec![vec![0.5, -2.0], vec![-0.5, 2.0]]),
            standard_errors: None,
            r2: None,
        };
        let text = shown(&document);
        assert!(text.find("2.00000  b").unwrap() < text.find("0.50000  a").unwrap(), "{text}");
    }
}
