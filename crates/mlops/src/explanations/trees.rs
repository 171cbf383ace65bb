//! Our own models, taken apart exactly where they are a sum of trees.

use rhiza_explain::{Rows, TreeExplainer};
use rhiza_learn::model::{Model, SumOf, TreeSum};
use rhiza_learn::table::Table;

use super::explain::{ExplanationDocument, Method, shaped};
use crate::MlopsError;
use crate::files::AnyModel;

/// Whether the parts add up to the prediction, or to what the prediction follows from.
pub(super) fn says_the_prediction(sum: &TreeSum<'_>) -> bool {
    matches!(sum.of, SumOf::Prediction | SumOf::RawOutput)
}

/// Exact SHAP values of the trees, path-dependent. What was made of a column (its code, its parts, what says that it is missing)
/// is added up to the column's part.
pub(super) fn explain(
    model: &AnyModel,
    own: &Model,
    sum: &TreeSum<'_>,
    table: &Table,
) -> Result<ExplanationDocument, MlopsError> {
    let (outputs, columns) = (sum.constant.len(), own.sources().len());
    let mut base = sum.constant.clone();
    let mut values = vec![vec![vec![0.0; outputs]; columns]; table.rows()];
    for term in &sum.terms {
        let prepared = term.prepare.transform(table).map_err(rhiza_learn::model::ModelError::from)?;
        let rows = prepared.to_rows();
        let explainer = TreeExplainer::new(term.ensemble.clone())?;
        let explanation = explainer.explain_checked(Rows::new(&rows, prepared.width())?)?;
        base.iter_mut().zip(explanation.base()).for_each(|(base, own)| *base += term.factor * own);
        let origins = term.prepare.origins();
        for (row, values) in values.iter_mut().enumerate() {
            for output in 0..outputs {
                for (part, origin) in explanation.parts(row, output).iter().zip(&origins) {
                    if let Some(value) = values.get_mut(*origin).and_then(|column| column.get_mut(output)) {
                        *value += term.factor * part;
                    }
                }
            }
        }
    }
    let of = match sum.of {
        SumOf::Prediction => "prediction",
        SumOf::RawOutput => "raw output",
        SumOf::MeanRawOutput => "mean raw output",
    };
    let mut names = model.outputs();
    if outputs == 1 && names.len() == 2 {
        // One score, which speaks for the second class.
        names.remove(0);
    }
    Ok(ExplanationDocument {
        method: Method::Tree,
        of: of.to_owned(),
        features: own.sources().iter().map(|source| source.name.clone()).collect(),
        outputs: names,
        base_values: base,
        values: shaped(values),
        standard_errors: None,
        r2: None,
    })
}
