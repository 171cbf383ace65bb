//! Models written as ONNX files, which any runtime can serve: whole finished models ([`export_model`]), and ensembles of trees alone
//! ([`export`]), as tree operators with plain nodes after them.
//!
//! Thresholds keep double precision where the model reads double precision, so that every row goes down the same ways; what a
//! runtime returns of an ensemble alone is of single precision.
//!
//! ```
//! # use rhiza_learn::{boost, matrix::{Column, Matrix, Target}, stop::Never};
//! # let x: Vec<f64> = (0..100).map(f64::from).collect();
//! # let target = Target::numbers(x.iter().map(|x| x * x).collect())?;
//! # let matrix = Matrix::new(vec![Column::numeric("x", x)])?;
//! # let model = boost::fit(&matrix, &target, &boost::Params::new(boost::Loss::Squared), &Never)?.ensemble;
//! use rhiza_learn::onnx::{Labels, export};
//! let file = export(&model, &Labels::None)?;
//! assert_eq!(rhiza_learn::import::read(&file)?.ensemble.trees.len(), model.trees.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::ensemble::{Ensemble, Link};

mod build;
mod families;
mod graph;
mod pipeline;
mod trees;

pub(crate) use build::{Build, Name};
pub use graph::{Attribute, Element, Graph};
pub use pipeline::{Shapes, export_model};

/// Runtimes read files up to this size: that of a message whose parts have signed lengths of 32 bits.
const LARGEST: usize = i32::MAX as usize - 4096;

/// What the outputs are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    /// There are no classes: the file has one output, `prediction`.
    None,
    /// The classes' names: the file has the outputs `label` and `probabilities`.
    Names(Vec<String>),
    /// The classes' numbers: as names.
    Numbers(Vec<i64>),
}

/// Why a model cannot be written as ONNX.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// The operators have no such split.
    #[error("tree {tree}, node {node}: {fault}")]
    Node {
        /// Number of the tree.
        tree: usize,
        /// Number of the node.
        node: usize,
        /// What cannot be said in ONNX.
        fault: &'static str,
    },
    /// Another number of labels than classes.
    #[error("{found} labels for {expected} classes")]
    Labels {
        /// How many labels came.
        found: usize,
        /// How many classes the model has.
        expected: usize,
    },
    /// A column whose words no operator takes apart as training did.
    #[error(
        "the column {column:?} is text, which ONNX export does not hold; leave it out of the training, or read it as categories"
    )]
    Text {
        /// Name of the column.
        column: String,
    },
    /// A model without columns or members, which has no inputs.
    #[error("the model has nothing to look at")]
    NoColumns,
    /// More than a file of this format can be.
    #[error("the file would take {bytes} bytes, more than the 2 GiB that ONNX files can have")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// The ONNX file of an ensemble: input `x`, of a row per example and a column per feature.
///
/// # Errors
/// [`OnnxError`] when the labels do not fit, or zero counts as missing in a way that one comparison cannot say.
pub fn export(ensemble: &Ensemble, labels: &Labels) -> Result<Vec<u8>, OnnxError> {
    let mut graph = Graph::default();
    let element = if ensemble.single_precision_input { Element::Float } else { Element::Double };
    graph.input("x", element, Some(ensemble.features.len()));
    let raw = graph.trees(ensemble, "x")?;
    graph.predictions(&raw, ensemble.link, ensemble.outputs(), labels)?;
    Ok(graph.finish())
}

impl Graph {
    /// Adds what makes predictions out of raw outputs (a tensor of single precision, `outputs` columns), and the file's outputs:
    /// `prediction`, or `label` and `probabilities`.
    ///
    /// # Errors
    /// [`OnnxError::Labels`] when there are labels for another number of classes.
    pub fn predictions(&mut self, raw: &str, link: Link, outputs: usize, labels: &Labels) -> Result<(), OnnxError> {
        let count = match labels {
            Labels::None => None,
            Labels::Names(names) => Some(names.len()),
            Labels::Numbers(numbers) => Some(numbers.len()),
        };
        let Some(found) = count else {
            let linked = self.linked(raw, link);
            self.node("Identity", "", &[&linked], &["prediction"], vec![]);
            self.output("prediction", Element::Float, Some(outputs));
            return Ok(());
        };
        // A single output is the second class's.
        let single = outputs == 1;
        let expected = if single { 2 } else { outputs };
        if found != expected {
            return Err(OnnxError::Labels { found, expected });
        }
        let probabilities = if single { self.both(raw, link) } else { self.linked(raw, link) };
        self.node("Identity", "", &[&probabilities], &["probabilities"], vec![]);
        self.node(
            "ArgMax",
            "",
            &[&probabilities],
            &["place"],
            vec![("axis", Attribute::Whole(1)), ("keepdims", Attribute::Whole(0))],
        );
        let element = match labels {
            Labels::Names(names) => {
                self.texts("labels", names);
                Element::Text
            }
            Labels::Numbers(numbers) => {
                self.wholes("labels", numbers);
                Element::Whole
            }
            Labels::None => return Ok(()),
        };
        self.node("Gather", "", &["labels", "place"], &["label"], vec![("axis", Attribute::Whole(0))]);
        self.output("label", element, None);
        self.output("probabilities", Element::Float, Some(expected));
        Ok(())
    }

    /// The name of the tensor of `link` of `raw`.
    fn linked(&mut self, raw: &str, link: Link) -> String {
        let axis = || vec![("axis", Attribute::Whole(1))];
        match link {
            Link::Identity => return raw.to_owned(),
            Link::Logistic => self.node("Sigmoid", "", &[raw], &["linked"], vec![]),
            Link::Exponential => self.node("Exp", "", &[raw], &["linked"], vec![]),
            Link::Softmax => self.node("Softmax", "", &[raw], &["linked"], axis()),
            Link::NormalizedLogistic => {
                self.node("Sigmoid", "", &[raw], &["each"], vec![]);
                self.wholes("one", &[1]);
                self.node("ReduceSum", "", &["each", "one"], &["sum"], vec![("keepdims", Attribute::Whole(1))]);
                self.node("Div", "", &["each", "sum"], &["linked"], vec![]);
            }
        }
        "linked".to_owned()
    }

    /// The name of the tensor of both classes' probabilities, given the second's alone.
    fn both(&mut self, raw: &str, link: Link) -> String {
        if link == Link::Logistic {
            // Not 1 - p, which would lose the small ones.
            self.node("Neg", "", &[raw], &["against"], vec![]);
            self.node("Concat", "", &["against", raw], &["sides"], vec![("axis", Attribute::Whole(1))]);
            self.node("Sigmoid", "", &["sides"], &["both"], vec![]);
        } else {
            let second = self.linked(raw, link);
            self.constant("unit", Element::Float, &[1.0]);
            self.node("Sub", "", &["unit", &second], &["first"], vec![]);
            self.node("Concat", "", &["first", &second], &["both"], vec![("axis", Attribute::Whole(1))]);
        }
        "both".to_owned()
    }
}

#[cfg(test)]
mod tests;
