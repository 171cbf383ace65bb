//! Scores of predicted classes and their probabilities.

use serde::{Deserialize, Serialize};

use super::{Average, Metric, MetricError, curves};

/// How often each class was taken for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Number of classes.
    pub classes: usize,
    /// Rows, `classes × classes`: true class by predicted class.
    pub counts: Vec<u64>,
}

/// The most probable class of each row (the first of equals); `width` probabilities a row.
#[must_use]
pub fn decide(probabilities: &[f64], width: usize) -> Vec<u32> {
    probabilities
        .chunks_exact(width.max(1))
        .map(|row| {
            let mut best = 0;
            for (class, p) in row.iter().enumerate() {
                if *p > row[best] {
                    best = class;
                }
            }
            u32::try_from(best).unwrap_or(0)
        })
        .collect()
}

impl Confusion {
    /// Counts what was decided against the truth; codes from `classes` on are left out.
    #[must_use]
    pub fn new(truth: &[u32], decided: &[u32], classes: usize) -> Self {
        let mut counts = vec![0; classes * classes];
        for (y, p) in truth.iter().zip(decided) {
            if (*y as usize) < classes && (*p as usize) < classes {
                counts[*y as usize * classes + *p as usize] += 1;
            }
        }
        Self { classes, counts }
    }

    fn hit(&self, class: usize) -> f64 {
        count(self.counts[class * self.classes + class])
    }

    /// Rows of a class.
    fn actual(&self, class: usize) -> f64 {
        count(self.counts[class * self.classes..(class + 1) * self.classes].iter().sum())
    }

    /// Rows taken for a class.
    fn called(&self, class: usize) -> f64 {
        count((0..self.classes).map(|row| self.counts[row * self.classes + class]).sum())
    }

    fn total(&self) -> f64 {
        count(self.counts.iter().sum())
    }

    fn accuracy(&self) -> f64 {
        (0..self.classes).map(|class| self.hit(class)).sum::<f64>() / self.total()
    }

    fn balanced_accuracy(&self) -> f64 {
        let recalls: Vec<f64> = (0..self.classes)
            .filter(|class| self.actual(*class) > 0.0)
            .map(|class| self.hit(class) / self.actual(class))
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "a number of classes")]
        let occurring = recalls.len() as f64;
        recalls.iter().sum::<f64>() / occurring
    }

    /// Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004.
    fn mcc(&self) -> f64 {
        let n = self.total();
        let hits: f64 = (0..self.classes).map(|class| self.hit(class)).sum();
        let sum = |a: &dyn Fn(usize) -> f64, b: &dyn Fn(usize) -> f64| {
            (0..self.classes).map(|class| a(class) * b(class)).sum::<f64>()
        };
        let (actual, called) = (|class| self.actual(class), |class| self.called(class));
        let covariance = hits * n - sum(&actual, &called);
        let spread = (n * n - sum(&called, &called)) * (n * n - sum(&actual, &actual));
        if spread == 0.0 { 0.0 } else { covariance / spread.sqrt() }
    }

    /// `of` a class, averaged. Classes that neither occur nor are called count as in scikit-learn: not at all.
    fn averaged(&self, average: Average, of: impl Fn(usize) -> f64) -> f64 {
        let seen = |class: &usize| self.actual(*class) + self.called(*class) > 0.0;
        match average {
            Average::Binary if self.classes == 2 => of(1),
            Average::Weighted => {
                (0..self.classes).map(|class| of(class) * self.actual(class)).sum::<f64>() / self.total()
            }
            _ => {
                #[expect(clippy::cast_precision_loss, reason = "a number of classes")]
                let classes = (0..self.classes).filter(seen).count() as f64;
                (0..self.classes).filter(seen).map(of).sum::<f64>() / classes
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn count(rows: u64) -> f64 {
    rows as f64
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

pub(super) fn score(metric: Metric, truth: &[u32], width: usize, p: &[f64]) -> Result<f64, MetricError> {
    match metric {
        Metric::RocAuc | Metric::PrAuc => return ranked(metric, truth, width, p),
        Metric::LogLoss => return Ok(log_loss(truth, width, p)),
        Metric::Brier => return Ok(brier(truth, width, p)),
        _ => {}
    }
    let table = Confusion::new(truth, &decide(p, width), width);
    let precision = |class: usize| ratio(table.hit(class), table.called(class));
    let recall = |class: usize| ratio(table.hit(class), table.actual(class));
    Ok(match metric {
        Metric::BalancedAccuracy => table.balanced_accuracy(),
        Metric::Precision(average) => table.averaged(average, precision),
        Metric::Recall(average) => table.averaged(average, recall),
        Metric::F1(average) => {
            let f1 = |class: usize| ratio(2.0 * table.hit(class), table.actual(class) + table.called(class));
            table.averaged(average, f1)
        }
        Metric::Mcc => table.mcc(),
        _ => table.accuracy(),
    })
}

/// Scores of an order: of the second class, or of each class against the rest.
fn ranked(metric: Metric, truth: &[u32], width: usize, p: &[f64]) -> Result<f64, MetricError> {
    let first = if width == 2 { 1 } else { 0 };
    let mut scores = Vec::with_capacity(width);
    for class in first..width {
        let positive: Vec<bool> = truth.iter().map(|y| *y as usize == class).collect();
        let own: Vec<f64> = p.iter().skip(class).step_by(width).copied().collect();
        let score = if metric == Metric::RocAuc {
            curves::area_under_roc(&positive, &own)
        } else {
            curves::average_precision(&positive, &own)
        };
        scores.extend(score);
    }
    // A class that does not occur among few rows says nothing about the others.
    if scores.is_empty() {
        return Err(MetricError::OneClass(metric));
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of classes")]
    let classes = scores.len() as f64;
    Ok(scores.iter().sum::<f64>() / classes)
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn log_loss(truth: &[u32], width: usize, p: &[f64]) -> f64 {
    let of_row = |(y, row): (&u32, &[f64])| -row[*y as usize].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
    truth.iter().zip(p.chunks_exact(width)).map(of_row).sum::<f64>() / truth.len() as f64
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn brier(truth: &[u32], width: usize, p: &[f64]) -> f64 {
    let square = |y: u32, class: usize, p: f64| (p - f64::from(u8::from(y as usize == class))).powi(2);
    let of_row = |(y, row): (&u32, &[f64])| match row {
        [_, second] => square(*y, 1, *second),
        _ => row.iter().enumerate().map(|(class, p)| square(*y, class, *p)).sum(),
    };
    truth.iter().zip(p.chunks_exact(width)).map(of_row).sum::<f64>() / truth.len() as f64
}
