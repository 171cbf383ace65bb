//! Scores of predicted numbers.

use super::Metric;

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
pub(super) fn score(metric: Metric, truth: &[f64], predicted: &[f64]) -> f64 {
    let n = truth.len() as f64;
    let mean = |each: &dyn Fn(f64, f64) -> f64| truth.iter().zip(predicted).map(|(y, p)| each(*y, *p)).sum::<f64>() / n;
    match metric {
        Metric::Mae => mean(&|y, p| (y - p).abs()),
        Metric::Mape => mean(&|y, p| (y - p).abs() / y.abs().max(f64::EPSILON)),
        Metric::Pinball(quantile) => mean(&|y, p| (quantile * (y - p)).max((quantile - 1.0) * (y - p))),
        Metric::R2 => {
            let centre = truth.iter().sum::<f64>() / n;
            let residual = mean(&|y, p| (y - p).powi(2));
            let total = mean(&|y, _| (y - centre).powi(2));
            match (residual == 0.0, total == 0.0) {
                (true, _) => 1.0,
                (false, true) => 0.0,
                _ => 1.0 - residual / total,
            }
        }
        _ => mean(&|y, p| (y - p).powi(2)).sqrt(),
    }
}
