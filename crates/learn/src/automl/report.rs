//! How a model does on rows it has never seen: scores, and curves to look at.

use serde::{Deserialize, Serialize};

use crate::matrix::{Target, Values};
use crate::metrics::{
    CalibrationBin, Confusion, Curve, LiftBin, Metric, calibration_curve, decide, expected_calibration_error, lift,
    precision_recall, roc,
};

/// How a model does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Rows looked at.
    pub rows: usize,
    /// All scores that are defined, that of the ranking first.
    pub scores: Vec<(String, f64)>,
    /// What was taken for what; of classes.
    pub confusion: Option<Confusion>,
    /// A curve for the second of two classes, or for each class against the rest.
    pub curves: Vec<ClassCurves>,
    /// Of numbers.
    pub residuals: Option<Residuals>,
    /// Coverage asked of intervals or sets of classes.
    pub coverage_asked: f64,
    /// Coverage seen.
    pub coverage_seen: f64,
}

/// Curves of a class against the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassCurves {
    /// Code of the class.
    pub class: u32,
    /// Receiver operating characteristic.
    pub roc: Curve,
    /// Precision against recall.
    pub precision_recall: Curve,
    /// Cumulative gain.
    pub lift: Vec<LiftBin>,
    /// Said and seen probability.
    pub calibration: Vec<CalibrationBin>,
    /// Mean distance between them.
    pub calibration_error: f64,
}

/// What numbers are off by: truth less prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Residuals {
    /// Quantiles 0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.
    pub quantiles: [f64; 7],
    /// Prediction and truth of at most 500 rows, evenly chosen.
    pub points: Vec<(f64, f64)>,
}

/// Coverage that bounds are asked for.
pub(super) const COVERAGE: f64 = 0.9;
/// Points of a curve: more are no smoother on a screen.
const POINTS: usize = 200;
/// Bins of calibration and lift.
const BINS: usize = 10;
/// Classes with curves of their own.
const CLASSES: usize = 20;
/// Points of residuals.
const RESIDUALS: usize = 500;

pub(super) fn report(truth: &Target, predictions: &[f64], metric: Metric, covered: usize) -> Report {
    let mut metrics = Metric::all_for(truth);
    metrics.retain(|other| *other != metric);
    metrics.insert(0, metric);
    let scores = metrics.iter().filter_map(|m| Some((m.to_string(), m.score(truth, predictions).ok()?))).collect();
    let (mut confusion, mut curves, mut residuals) = (None, Vec::new(), None);
    match truth.values() {
        Values::Classes { codes, classes } => {
            let width = *classes as usize;
            confusion = Some(Confusion::new(codes, &decide(predictions, width), width));
            let first = usize::from(width == 2);
            curves =
                (first..width).take(CLASSES).filter_map(|class| of_class(codes, predictions, width, class)).collect();
        }
        Values::Numbers(y) => residuals = Some(of_numbers(y, predictions)),
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    let coverage_seen = covered as f64 / truth.len() as f64;
    Report { rows: truth.len(), scores, confusion, curves, residuals, coverage_asked: COVERAGE, coverage_seen }
}

fn of_class(codes: &[u32], predictions: &[f64], width: usize, class: usize) -> Option<ClassCurves> {
    let positive: Vec<bool> = codes.iter().map(|code| *code as usize == class).collect();
    let own: Vec<f64> = predictions.iter().skip(class).step_by(width).copied().collect();
    let calibration = calibration_curve(&positive, &own, BINS);
    Some(ClassCurves {
        class: u32::try_from(class).ok()?,
        roc: roc(&positive, &own, POINTS)?,
        precision_recall: precision_recall(&positive, &own, POINTS)?,
        lift: lift(&positive, &own, BINS),
        calibration_error: expected_calibration_error(&calibration),
        calibration,
    })
}

fn of_numbers(y: &[f64], predictions: &[f64]) -> Residuals {
    let mut off: Vec<f64> = y.iter().zip(predictions).map(|(y, p)| y - p).collect();
    off.sort_by(f64::total_cmp);
    let quantiles = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0].map(|q| crate::profile::quantile(&off, q));
    let step = y.len().div_ceil(RESIDUALS).max(1);
    let points = predictions.iter().zip(y).step_by(step).map(|(p, y)| (*p, *y)).collect();
    Residuals { quantiles, points }
}
