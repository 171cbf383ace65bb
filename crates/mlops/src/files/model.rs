//! Models as files: our own, and tree ensembles that other libraries wrote.

use rhiza_learn::ensemble::{Ensemble, FeatureKind, Link};
use rhiza_learn::evaluate::Predictor;
use rhiza_learn::format::{Container, ENSEMBLE, read_predictor};
use rhiza_learn::import;
use rhiza_learn::model::Model;
use rhiza_learn::table::{Kind, Table, Values};
use serde::{Deserialize, Serialize};

use crate::MlopsError;

/// A model out of a file.
#[derive(Debug, Clone)]
pub enum AnyModel {
    /// Found here: takes tables as they are.
    Own(Box<Model>),
    /// Trees from elsewhere: takes columns of numbers.
    Trees {
        /// The trees.
        trees: Box<Predictor>,
        /// Names of the classes, where the file tells them.
        labels: Vec<String>,
    },
}

/// What a model says of a table's rows, as the command line and the API write it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionDocument {
    /// A class or number a row.
    pub predictions: Vec<Prediction>,
    /// Row by row the probability of each class; absent for numbers.
    pub probabilities: Option<Vec<Vec<f64>>>,
    /// The classes, in the order of their probabilities; absent for numbers.
    pub classes: Option<Vec<String>>,
}

/// What is predicted of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Prediction {
    /// A number.
    Number(f64),
    /// A class.
    Class(String),
    /// Several numbers.
    Numbers(Vec<f64>),
}

impl AnyModel {
    /// Reads a model, told by its first bytes: our own file, or LightGBM's text, XGBoost's JSON or UBJSON, ONNX with a tree
    /// ensemble in it.
    ///
    /// # Errors
    /// [`MlopsError::NoModel`], [`MlopsError::Model`].
    pub fn read(bytes: &[u8]) -> Result<Self, MlopsError> {
        if bytes.starts_with(b"\x89RHZ") {
            let holds_trees = Container::open(bytes)?.names().any(|name| name == ENSEMBLE);
            if holds_trees {
                return Ok(Self::Trees { trees: Box::new(read_predictor(bytes)?), labels: Vec::new() });
            }
            return Ok(Self::Own(Box::new(Model::load(bytes)?)));
        }
        if bytes.starts_with(b"\x80") && bytes.get(1).is_some_and(|version| (2..=5).contains(version)) {
            let why = "it is a Python pickle, which can run anything when it is opened; save the model in its library's own \
                       format (LightGBM text, XGBoost JSON, ONNX)";
            return Err(MlopsError::NoModel(why.to_owned()));
        }
        let imported = import::read(bytes)?;
        Self::trees(imported.ensemble, imported.labels)
    }

    fn trees(ensemble: Ensemble, labels: Vec<String>) -> Result<Self, MlopsError> {
        let trees = Predictor::new(ensemble).map_err(|e| MlopsError::NoModel(e.to_string()))?;
        Ok(Self::Trees { trees: Box::new(trees), labels })
    }

    /// What the numbers predicted for a row are called: the classes, or the target.
    #[must_use]
    pub fn outputs(&self) -> Vec<String> {
        match self {
            Self::Own(model) if model.classes().is_empty() => vec![model.target().to_owned()],
            Self::Own(model) => model.classes().to_vec(),
            Self::Trees { trees, labels } => match trees.outputs() {
                1 => vec![labels.get(1).cloned().unwrap_or_else(|| "output".to_owned())],
                several if labels.len() == several => labels.clone(),
                several => (0..several).map(|number| format!("output {number}")).collect(),
            },
        }
    }

    /// Predicts every row of a table.
    ///
    /// # Errors
    /// [`MlopsError::Model`] and [`MlopsError::Asked`] name the column that is missing or not of its kind.
    pub fn predict(&self, table: &Table) -> Result<PredictionDocument, MlopsError> {
        match self {
            Self::Own(model) => {
                let said = model.predict(table)?;
                if model.classes().is_empty() {
                    let predictions = said.values.into_iter().map(Prediction::Number).collect();
                    return Ok(PredictionDocument { predictions, probabilities: None, classes: None });
                }
                let probabilities = said.values.chunks_exact(said.width).map(<[f64]>::to_vec).collect();
                Ok(PredictionDocument {
                    predictions: said.labels.into_iter().map(Prediction::Class).collect(),
                    probabilities: Some(probabilities),
                    classes: Some(model.classes().to_vec()),
                })
            }
            Self::Trees { trees, labels } => Ok(of_trees(trees, labels, &trees.predict_rows(&numbers(trees, table)?)?)),
        }
    }
}

/// The rows of a table in the order of the trees' columns: by name where the table has all names, else by place.
pub(crate) fn numbers(trees: &Predictor, table: &Table) -> Result<Vec<f64>, MlopsError> {
    let features = trees.features();
    let by_name = features.iter().all(|feature| table.column(&feature.name).is_ok());
    if !by_name && table.columns().len() != features.len() {
        let missing = features.iter().find(|feature| table.column(&feature.name).is_err());
        return Err(MlopsError::Asked(format!(
            "the model wants {} columns, the table has {}, and none is called {:?}",
            features.len(),
            table.columns().len(),
            missing.map(|feature| feature.name.as_str()).unwrap_or_default()
        )));
    }
    let mut rows = vec![0.0; table.rows() * features.len()];
    for (at, feature) in features.iter().enumerate() {
        let column = if by_name { table.column(&feature.name)? } else { &table.columns()[at] };
        let as_numbers;
        let values = match &column.values {
            Values::Numeric(values) => values,
            _ if feature.kind == FeatureKind::Categorical => {
                let why = "holds words; the trees want the codes of its categories";
                return Err(MlopsError::Asked(format!("the column {:?} {why}", column.name)));
            }
            _ => {
                let converted = Table::new(vec![column.clone()])?.with_kind(&column.name, Kind::Numeric)?;
                let Some(rhiza_learn::table::Column { values: Values::Numeric(values), .. }) =
                    converted.columns().first().cloned()
                else {
                    return Err(MlopsError::Asked(format!("the column {:?} holds no numbers", column.name)));
                };
                as_numbers = values;
                &as_numbers
            }
        };
        rows.iter_mut().skip(at).step_by(features.len()).zip(values).for_each(|(cell, value)| *cell = *value);
    }
    Ok(rows)
}

fn of_trees(trees: &Predictor, labels: &[String], said: &[f64]) -> PredictionDocument {
    let (link, outputs) = (trees.link(), trees.outputs());
    match (link, outputs) {
        (Link::Logistic, 1) => of_classes(said.iter().map(|p| vec![1.0 - p, *p]).collect(), labels),
        (Link::Softmax | Link::NormalizedLogistic, _) => {
            of_classes(said.chunks_exact(outputs).map(<[f64]>::to_vec).collect(), labels)
        }
        (_, 1) => of_numbers(said.iter().copied().map(Prediction::Number)),
        _ => of_numbers(said.chunks_exact(outputs).map(|row| Prediction::Numbers(row.to_vec()))),
    }
}

fn of_numbers(predictions: impl Iterator<Item = Prediction>) -> PredictionDocument {
    PredictionDocument { predictions: predictions.collect(), probabilities: None, classes: None }
}

/// Where the file does not name the classes they go by their number.
fn of_classes(probabilities: Vec<Vec<f64>>, labels: &[String]) -> PredictionDocument {
    let width = probabilities.first().map_or(labels.len(), Vec::len);
    let name = |class: usize| labels.get(class).cloned().unwrap_or_else(|| class.to_string());
    let best = |row: &[f64]| (1..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best });
    PredictionDocument {
        predictions: probabilities.iter().map(|row| Prediction::Class(name(best(row)))).collect(),
        probabilities: Some(probabilities),
        classes: Some((0..width).map(name).collect()),
    }
}
