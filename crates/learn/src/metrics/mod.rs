//! How good predictions are: scores by which models are ranked, and curves and tables for people to look at.
//!
//! Truth is a [`Target`]. Predictions are numbers row by row: one a row for numbers; for classes a probability for each class
//! (two classes: two numbers). Where scikit-learn has the same score, values agree with it.
//!
//! ```
//! use rhiza_learn::matrix::Target;
//! use rhiza_learn::metrics::Metric;
//!
//! let truth = Target::classes(vec![0, 0, 1, 1], 2)?;
//! let probabilities = [0.9, 0.1, 0.6, 0.4, 0.65, 0.35, 0.2, 0.8];
//! assert_eq!(Metric::RocAuc.score(&truth, &probabilities)?, 0.75);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod classes;
mod curves;
mod numbers;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::matrix::{Target, Values};

pub use self::classes::{Confusion, decide};
pub use self::curves::{
    CalibrationBin, Curve, CurvePoint, LiftBin, calibration_curve, expected_calibration_error, lift, precision_recall,
    roc,
};

/// How scores of single classes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// The second of two classes alone. (With more classes: as [`Average::Macro`].)
    Binary,
    /// Every class counts the same.
    Macro,
    /// Every class counts as often as it occurs.
    Weighted,
}

/// A score. `y` is the truth, `p` the prediction, `n` the number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Area under the receiver operating characteristic; more than two classes: mean of one against the rest.
    RocAuc,
    /// Average precision `Σ (R_i − R_{i−1}) P_i`; more than two classes: mean of one against the rest.
    PrAuc,
    /// `−Σ ln p(y) / n`, probabilities kept 2⁻⁵² away from 0 and 1.
    LogLoss,
    /// Share of rows whose most probable class is the true one.
    Accuracy,
    /// Mean over the classes that occur of the share of their rows that is found.
    BalancedAccuracy,
    /// True positives among those called positive.
    Precision(Average),
    /// True positives among the positive.
    Recall(Average),
    /// `2 P R / (P + R)`.
    F1(Average),
    /// Matthews' correlation coefficient (Gorodkin's for more than two classes).
    Mcc,
    /// Mean squared error of probabilities: `Σ (p − y)² / n` of the second of two classes, else summed over all classes.
    Brier,
    /// `√(Σ (y − p)² / n)`.
    Rmse,
    /// `Σ |y − p| / n`.
    Mae,
    /// `1 − Σ (y − p)² / Σ (y − ȳ)²`; for a constant truth 1 if all is right, else 0.
    R2,
    /// `Σ |y − p| / max(|y|, 2⁻⁵²) / n`.
    Mape,
    /// `Σ max(q (y − p), (q − 1)(y − p)) / n` for the quantile `q` in (0, 1).
    Pinball(f64),
}

/// Why there is no score.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// Truth and prediction are of different lengths, or there is no row.
    #[error("{predictions} predictions for {rows} rows")]
    Lengths {
        /// Numbers given.
        predictions: usize,
        /// Rows of truth.
        rows: usize,
    },
    /// A score of classes asked of numbers, or the other way round.
    #[error("{metric} is not a score of {target}")]
    WrongTarget {
        /// The score.
        metric: Metric,
        /// "numbers" or "classes".
        target: &'static str,
    },
    /// A curve needs rows of both sorts.
    #[error("{0} is not defined where only one class occurs")]
    OneClass(Metric),
    /// A prediction that is no finite number.
    #[error("row {row}: {value} is not a prediction")]
    NotFinite {
        /// The row, from 1.
        row: usize,
        /// The prediction.
        value: f64,
    },
    /// A name that no score has, or a quantile outside (0, 1).
    #[error("there is no metric {0:?}")]
    Unknown(String),
}

impl Metric {
    /// Whether a larger value is a better one.
    #[must_use]
    pub fn greater_is_better(self) -> bool {
        !matches!(self, Self::LogLoss | Self::Brier | Self::Rmse | Self::Mae | Self::Mape | Self::Pinball(_))
    }

    /// Whether it is a score of classes (else of numbers).
    #[must_use]
    pub fn of_classes(self) -> bool {
        !matches!(self, Self::Rmse | Self::Mae | Self::R2 | Self::Mape | Self::Pinball(_))
    }

    /// Whether it looks at probabilities rather than at the class decided for.
    #[must_use]
    pub fn of_probabilities(self) -> bool {
        matches!(self, Self::RocAuc | Self::PrAuc | Self::LogLoss | Self::Brier)
    }

    /// The scores that are shown for a target: all that make sense for it.
    #[must_use]
    pub fn all_for(target: &Target) -> Vec<Self> {
        match target.class_count() {
            None => vec![Self::Rmse, Self::Mae, Self::R2, Self::Mape],
            Some(classes) => {
                let mut metrics = vec![
                    Self::RocAuc,
                    Self::PrAuc,
                    Self::LogLoss,
                    Self::Accuracy,
                    Self::BalancedAccuracy,
                    Self::Mcc,
                    Self::Brier,
                ];
                let averages: &[Average] = if classes == 2 {
                    &[Average::Binary, Average::Macro]
                } else {
                    &[Average::Macro, Average::Weighted]
                };
                for average in averages {
                    metrics.extend([Self::Precision(*average), Self::Recall(*average), Self::F1(*average)]);
                }
                metrics
            }
        }
    }

    /// The score of `predictions` (row by row, see the module's page).
    ///
    /// # Errors
    /// [`MetricError`]: nothing is scored that is not defined.
    pub fn score(self, truth: &Target, predictions: &[f64]) -> Result<f64, MetricError> {
        let width = truth.class_count().map_or(1, |classes| classes as usize);
        if truth.is_empty() || predictions.len() != truth.len() * width {
            return Err(MetricError::Lengths { predictions: predictions.len(), rows: truth.len() });
        }
        if let Some(at) = predictions.iter().position(|p| !p.is_finite()) {
            return Err(MetricError::NotFinite { row: at / width + 1, value: predictions[at] });
        }
        match truth.values() {
            Values::Numbers(numbers) if !self.of_classes() => Ok(numbers::score(self, numbers, predictions)),
            Values::Classes { codes, .. } if self.of_classes() => classes::score(self, codes, width, predictions),
            Values::Numbers(_) => Err(MetricError::WrongTarget { metric: self, target: "numbers" }),
            Values::Classes { .. } => Err(MetricError::WrongTarget { metric: self, target: "classes" }),
        }
    }

    /// What is minimised: the score itself where less is better, else its negative.
    ///
    /// # Errors
    /// As [`Metric::score`].
    pub fn loss(self, truth: &Target, predictions: &[f64]) -> Result<f64, MetricError> {
        let score = self.score(truth, predictions)?;
        Ok(if self.greater_is_better() { -score } else { score })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let averaged = |f: &mut fmt::Formatter<'_>, name: &str, average: Average| match average {
            Average::Binary => f.write_str(name),
            Average::Macro => write!(f, "{name}_macro"),
            Average::Weighted => write!(f, "{name}_weighted"),
        };
        match self {
            Self::RocAuc => f.write_str("roc_auc"),
            Self::PrAuc => f.write_str("pr_auc"),
            Self::LogLoss => f.write_str("log_loss"),
            Self::Accuracy => f.write_str("accuracy"),
            Self::BalancedAccuracy => f.write_str("balanced_accuracy"),
            Self::Precision(average) => averaged(f, "precision", *average),
            Self::Recall(average) => averaged(f, "recall", *average),
            Self::F1(average) => averaged(f, "f1", *average),
            Self::Mcc => f.write_str("mcc"),
            Self::Brier => f.write_str("brier"),
            Self::Rmse => f.write_str("rmse"),
            Self::Mae => f.write_str("mae"),
            Self::R2 => f.write_str("r2"),
            Self::Mape => f.write_str("mape"),
            Self::Pinball(quantile) => write!(f, "pinball@{quantile}"),
        }
    }
}

impl FromStr for Metric {
    type Err = MetricError;

    fn from_str(name: &str) -> Result<Self, MetricError> {
        let unknown = || MetricError::Unknown(name.to_owned());
        if let Some(quantile) = name.strip_prefix("pinball@") {
            let quantile: f64 = quantile.parse().map_err(|_| unknown())?;
            return if quantile > 0.0 && quantile < 1.0 { Ok(Self::Pinball(quantile)) } else { Err(unknown()) };
        }
        let average = |suffix: &str| match suffix {
            "" => Some(Average::Binary),
            "_macro" => Some(Average::Macro),
            "_weighted" => Some(Average::Weighted),
            _ => None,
        };
        for (prefix, metric) in
            [("precision", Self::Precision as fn(Average) -> Self), ("recall", Self::Recall), ("f1", Self::F1)]
        {
            if let Some(suffix) = name.strip_prefix(prefix) {
                return average(suffix).map(metric).ok_or_else(unknown);
            }
        }
        Ok(match name {
            "roc_auc" => Self::RocAuc,
            "pr_auc" => Self::PrAuc,
            "log_loss" => Self::LogLoss,
            "accuracy" => Self::Accuracy,
            "balanced_accuracy" => Self::BalancedAccuracy,
            "mcc" => Self::Mcc,
            "brier" => Self::Brier,
            "rmse" => Self::Rmse,
            "mae" => Self::Mae,
            "r2" => Self::R2,
            "mape" => Self::Mape,
            _ => return Err(unknown()),
        })
    }
}
