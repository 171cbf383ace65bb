//! A finished model: how a table is prepared, what learnt from it, how their words are weighed, calibrated and bounded. It
//! predicts from tables (columns by name) and from single rows, and is saved as one file without code in it.
//!
//! Each member of the blend holds a model per fold of the cross-validation it was judged by; their mean is the member's word.
//! Classes are predicted as a probability each, numbers as they are.

mod file;
mod fitted;
mod predict;
mod sum;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::blend::Stack;
use crate::calibrate::Temperature;
use crate::conformal::{AdaptiveSets, CvPlus};
use crate::ensemble::Ensemble;
use crate::format::FormatError;
use crate::metrics::Metric;
use crate::prepare::{Prepare, PrepareError, Source};
use crate::search::Config;

pub(crate) use self::fitted::Fitted;
pub use self::sum::{NoTreeSum, SumOf, TreeSum, TreeTerm};

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes.
    Binary,
    /// One of more classes.
    Multiclass,
    /// A number.
    Regression,
}

/// Why a model does not predict.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// The table or row does not fit.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The file cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Intervals asked of classes, or sets of numbers.
    #[error("{asked} are not what a model of {task} gives")]
    WrongTask {
        /// "intervals" or "sets of classes".
        asked: &'static str,
        /// "classes" or "numbers".
        task: &'static str,
    },
    /// A share of rows to be covered that is none.
    #[error("{0} is no coverage: it has to lie between 0 and 1")]
    BadCoverage(f64),
    /// A part of the model that was made for other columns.
    #[error("the model is not whole: {0}")]
    Broken(String),
}

/// A model among those that are blended.
#[derive(Debug, Clone)]
pub struct Member {
    /// What was chosen about it.
    pub config: Config,
    /// Number of the trial it comes from.
    pub trial: usize,
    /// Its share in the blend; shares sum to 1.
    pub weight: f64,
    /// Added to numbers (quantiles and medians are not means).
    pub(crate) shift: f64,
    /// A model per fold.
    pub(crate) parts: Vec<Part>,
}

/// A model and how its rows are prepared.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Number of the preparation; `None`: none is needed.
    pub(crate) prepare: Option<u32>,
    pub(crate) fitted: Fitted,
}

/// How far off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Bounds {
    None,
    Numbers(CvPlus),
    Classes(AdaptiveSets),
}

/// A finished model.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) task: Task,
    pub(crate) target: String,
    /// Names of the classes by code; empty for numbers.
    pub(crate) classes: Vec<String>,
    pub(crate) metric: Metric,
    /// Columns of the training table without the target.
    pub(crate) sources: Vec<Source>,
    pub(crate) prepares: Vec<Prepare>,
    pub(crate) members: Vec<Member>,
    /// Instead of the weighted mean of the members.
    pub(crate) stack: Option<Stack>,
    pub(crate) temperature: Temperature,
    pub(crate) bounds: Bounds,
}

/// What a model says about rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// Numbers a row: 1, or the number of classes.
    pub width: usize,
    /// Row by row.
    pub values: Vec<f64>,
    /// The most probable class of each row, by name; empty for numbers.
    pub labels: Vec<String>,
}

impl Model {
    /// What is predicted.
    #[must_use]
    pub fn task(&self) -> Task {
        self.task
    }

    /// Name of the target.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Names of the classes, in the order of their probabilities; none for numbers.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What it was chosen by.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The columns that it wants, in the order in which single rows give them.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The models that are blended.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The models that are sums of trees: number of the member, its share of the blend times that of the fold, how its rows are
    /// prepared, and the trees. [`Model::tree_sum`] says whether they are all there is to it.
    pub fn trees(&self) -> impl Iterator<Item = (usize, f64, &Prepare, &Ensemble)> {
        self.members.iter().enumerate().flat_map(move |(number, member)| {
            #[expect(clippy::cast_precision_loss, reason = "a number of folds")]
            let share = member.weight / member.parts.len() as f64;
            member.parts.iter().filter_map(move |part| {
                let Fitted::Trees { predictor, .. } = &part.fitted else { return None };
                Some((number, share, self.prepares.get(part.prepare? as usize)?, predictor.ensemble()))
            })
        })
    }

    /// Whether the members' words go through a second model instead of being averaged.
    #[must_use]
    pub fn is_stacked(&self) -> bool {
        self.stack.is_some()
    }

    /// Numbers predicted for a row: 1, or the number of classes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.classes.len().max(1)
    }

    /// The same model without all members but one (which then says everything); fast where one model is enough. `None` if there
    /// is no such member. Calibration and bounds are those of the blend.
    #[must_use]
    pub fn alone(&self, member: usize) -> Option<Self> {
        let mut own = self.members.get(member)?.clone();
        own.weight = 1.0;
        // Preparations that nobody asks for any more are left out.
        let mut prepares = Vec::new();
        for part in &mut own.parts {
            if let Some(prepare) = &mut part.prepare {
                let needed = self.prepares.get(*prepare as usize)?;
                let at = prepares.iter().position(|known| *known == needed).unwrap_or_else(|| {
                    prepares.push(needed);
                    prepares.len() - 1
                });
                *prepare = u32::try_from(at).ok()?;
            }
        }
        let prepares = prepares.into_iter().cloned().collect();
        Some(Self { members: vec![own], prepares, stack: None, ..self.clone() })
    }

    /// The file: a container of named, checksummed sections; see `docs/reference/model-format.md`.
    ///
    /// # Errors
    /// [`ModelError::Format`] if a part cannot be written.
    pub fn save(&self) -> Result<Vec<u8>, ModelError> {
        Ok(file::save(self)?)
    }

    /// Reads what [`Model::save`] wrote. Everything in it is checked before it is used.
    ///
    /// # Errors
    /// [`ModelError`] says what is wrong.
    pub fn load(bytes: &[u8]) -> Result<Self, ModelError> {
        file::load(bytes)
    }
}
