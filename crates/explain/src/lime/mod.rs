//! A simple model that agrees with a complicated one near a row (Ribeiro, Singh and Guestrin, "Why should I trust you?", 2016).

use crate::ExplainError;
use crate::solve::{Ridge, ridge};

mod tabular;
mod text;

pub use tabular::{LimeExplanation, LimeRule, LimeTabular};
pub use text::{LimeText, TextExplanation, WordWeight};

/// Penalty of the final ridge regression, and of the one that chooses what to keep.
const PENALTY: f64 = 1.0;
const CHOICE_PENALTY: f64 = 0.01;

/// Fits `scores` to flags (1 or 0, `wide` per sample), keeps the `keep` with the largest coefficients and fits again. Returns the
/// numbers kept, largest coefficient first, with the fit in the same order.
fn fit(
    flags: &[f64],
    wide: usize,
    scores: &[f64],
    weights: &[f64],
    keep: usize,
) -> Result<(Vec<usize>, Ridge), ExplainError> {
    const WHAT: &str = "the local regression";
    let mut kept: Vec<usize> = (0..wide).collect();
    if keep < wide {
        let all = ridge(WHAT, flags, wide, scores, weights, CHOICE_PENALTY)?;
        kept.sort_by(|a, b| all.coefficients[*b].abs().total_cmp(&all.coefficients[*a].abs()).then(a.cmp(b)));
        kept.truncate(keep);
    }
    let narrow: Vec<f64> = flags.chunks_exact(wide).flat_map(|row| kept.iter().map(|at| row[*at])).collect();
    let mut fitted = ridge(WHAT, &narrow, kept.len(), scores, weights, PENALTY)?;
    let mut order: Vec<usize> = (0..kept.len()).collect();
    order.sort_by(|a, b| fitted.coefficients[*b].abs().total_cmp(&fitted.coefficients[*a].abs()).then(a.cmp(b)));
    fitted.coefficients = order.iter().map(|at| fitted.coefficients[*at]).collect();
    Ok((order.into_iter().map(|at| kept[at]).collect(), fitted))
}

/// Checks how much is to be drawn and kept.
fn check(samples: usize, keep: usize) -> Result<(), ExplainError> {
    if samples < 2 {
        return Err(ExplainError::Setting { setting: "samples", fault: format!("{samples}; at least 2 are needed") });
    }
    if keep == 0 {
        return Err(ExplainError::Setting { setting: "keep", fault: "at least one rule is needed".to_owned() });
    }
    Ok(())
}
