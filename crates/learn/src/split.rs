//! Rows to learn from and rows to judge by: a hold-out, and folds that take turns.
//!
//! Every function gives row numbers; within a part they are ascending. Folds of classes hold each class in its share; folds of
//! numbers hold low and high targets alike. Rows of one group, or of a time to come, never cross over.
//!
//! ```
//! use rhiza_learn::matrix::Target;
//! let target = Target::classes(vec![0, 0, 0, 1, 1, 1], 2)?;
//! let folds = rhiza_learn::split::stratified(&target, 3, 42)?;
//! assert!(folds.iter().all(|fold| fold.train.len() == 4 && fold.test.len() == 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::matrix::{Target, Values};
use crate::random::Random;

/// Rows to learn from and rows to judge by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Rows to learn from.
    pub train: Vec<usize>,
    /// Rows to judge by.
    pub test: Vec<usize>,
}

/// Why rows cannot be divided.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// Fewer rows (or groups, or points in time) than parts.
    #[error("{found} {what} cannot be divided into {parts} parts")]
    TooFew {
        /// "rows", "groups" or "points in time".
        what: &'static str,
        /// How many there are.
        found: usize,
        /// Parts asked for.
        parts: usize,
    },
    /// A share outside (0, 1).
    #[error("{0} is no share to hold out: it has to lie between 0 and 1")]
    BadFraction(f64),
    /// A row without a point in time.
    #[error("row {0} has no point in time to be ordered by")]
    NoTime(usize),
}

/// The part (0 to `parts` − 1) of each row, such that parts are alike in their targets.
fn deal(target: &Target, parts: usize, seed: u64, purpose: &str) -> Vec<usize> {
    let mut random = Random::stream(seed, purpose, parts as u64);
    let mut order = random.permutation(target.len());
    match target.values() {
        Values::Classes { codes, .. } => order.sort_by_key(|row| codes[*row]),
        Values::Numbers(values) => order.sort_by(|a, b| values[*a].total_cmp(&values[*b])),
    }
    // Neighbours in the order go to different parts, each block of neighbours in an order of its own: dealing always in the
    // same order would give the last part the largest of every block.
    let mut part = vec![0; target.len()];
    let mut turns: Vec<usize> = (0..parts).collect();
    let numbers = matches!(target.values(), Values::Numbers(_));
    for block in order.chunks(parts) {
        if numbers {
            random.shuffle(&mut turns);
        }
        for (row, turn) in block.iter().zip(&turns) {
            part[*row] = *turn;
        }
    }
    part
}

fn folds_of(part: &[usize], parts: usize) -> Vec<Fold> {
    (0..parts)
        .map(|number| {
            let (test, train) = (0..part.len()).partition(|row| part[*row] == number);
            Fold { train, test }
        })
        .collect()
}

fn enough(what: &'static str, found: usize, parts: usize) -> Result<(), SplitError> {
    if parts < 2 || found < parts { Err(SplitError::TooFew { what, found, parts }) } else { Ok(()) }
}

/// Keeps a share of the rows apart, alike in their targets.
///
/// # Errors
/// [`SplitError`] for a share outside (0, 1) or one that leaves a part without rows.
pub fn hold_out(target: &Target, fraction: f64, seed: u64) -> Result<Fold, SplitError> {
    let n = target.len();
    let held = share_of(n, fraction)?;
    let mut random = Random::stream(seed, "hold-out", 0);
    let mut order = random.permutation(n);
    match target.values() {
        Values::Classes { codes, .. } => order.sort_by_key(|row| codes[*row]),
        Values::Numbers(values) => order.sort_by(|a, b| values[*a].total_cmp(&values[*b])),
    }
    // Every n/held-th row of the sorted order, from a random start: systematic sampling.
    let offset = random.below(n);
    let mut out = vec![false; n];
    for number in 0..held {
        out[order[(number * n / held + offset) % n]] = true;
    }
    let (test, train) = (0..n).partition(|row| out[*row]);
    Ok(Fold { train, test })
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a row count")]
fn share_of(n: usize, fraction: f64) -> Result<usize, SplitError> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(SplitError::BadFraction(fraction));
    }
    enough("rows", n, 2)?;
    Ok(((n as f64 * fraction).round() as usize).clamp(1, n - 1))
}

/// Folds that are alike in their targets; each row is judged by once. A class of fewer rows than folds is missing from some.
///
/// # Errors
/// [`SplitError::TooFew`].
pub fn stratified(target: &Target, folds: usize, seed: u64) -> Result<Vec<Fold>, SplitError> {
    enough("rows", target.len(), folds)?;
    Ok(folds_of(&deal(target, folds, seed, "stratified folds"), folds))
}

/// Folds in which the rows of a group stay together, balanced by number of rows: the largest group first, each into the fold
/// that is smallest so far.
///
/// # Errors
/// [`SplitError::TooFew`].
pub fn grouped(groups: &[u32], folds: usize, seed: u64) -> Result<Vec<Fold>, SplitError> {
    let mut sizes = std::collections::BTreeMap::<u32, usize>::new();
    groups.iter().for_each(|group| *sizes.entry(*group).or_default() += 1);
    enough("groups", sizes.len(), folds)?;
    let mut order: Vec<(u32, usize)> = sizes.into_iter().collect();
    Random::stream(seed, "grouped folds", 0).shuffle(&mut order);
    order.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let mut filled = vec![0; folds];
    let mut fold_of = std::collections::BTreeMap::new();
    for (group, size) in order {
        let fold = (0..folds).min_by_key(|fold| filled[*fold]).unwrap_or(0);
        filled[fold] += size;
        fold_of.insert(group, fold);
    }
    let part: Vec<usize> = groups.iter().map(|group| fold_of[group]).collect();
    Ok(folds_of(&part, folds))
}

/// Folds for data in time: each is judged by a stretch of rows and learnt from all rows before it. The first stretch is only
/// learnt from, so there are `folds` folds of `folds + 1` stretches. Rows of the same time stay together.
///
/// # Errors
/// [`SplitError::TooFew`] if there are fewer different times than stretches; [`SplitError::NoTime`].
pub fn time_ordered(times: &[f64], folds: usize) -> Result<Vec<Fold>, SplitError> {
    let order = in_time(times)?;
    let cuts = cuts(times, &order, folds + 1)?;
    let sorted = |mut rows: Vec<usize>| {
        rows.sort_unstable();
        rows
    };
    Ok(cuts
        .windows(2)
        .skip(1)
        .map(|cut| Fold { train: sorted(order[..cut[0]].to_vec()), test: sorted(order[cut[0]..cut[1]].to_vec()) })
        .collect())
}

/// Keeps the last rows in time apart; rows of the same time stay together.
///
/// # Errors
/// [`SplitError`].
pub fn hold_out_last(times: &[f64], fraction: f64) -> Result<Fold, SplitError> {
    let order = in_time(times)?;
    let held = share_of(times.len(), fraction)?;
    let mut cut = times.len() - held;
    while cut > 0 && times[order[cut - 1]] == times[order[cut]] {
        cut -= 1;
    }
    if cut == 0 {
        return Err(SplitError::TooFew { what: "points in time", found: 1, parts: 2 });
    }
    let (mut train, mut test) = (order[..cut].to_vec(), order[cut..].to_vec());
    train.sort_unstable();
    test.sort_unstable();
    Ok(Fold { train, test })
}

fn in_time(times: &[f64]) -> Result<Vec<usize>, SplitError> {
    if let Some(row) = times.iter().position(|time| time.is_nan()) {
        return Err(SplitError::NoTime(row + 1));
    }
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by(|a, b| times[*a].total_cmp(&times[*b]));
    Ok(order)
}

/// Where the stretches begin and end in the order of time.
fn cuts(times: &[f64], order: &[usize], stretches: usize) -> Result<Vec<usize>, SplitError> {
    // Where the time changes.
    let edges: Vec<usize> = (1..order.len()).filter(|at| times[order[*at]] != times[order[*at - 1]]).collect();
    enough("points in time", edges.len() + usize::from(!order.is_empty()), stretches)?;
    let mut cuts = vec![0];
    for stretch in 1..stretches {
        let wanted = stretch * order.len() / stretches;
        // Leave an edge for each stretch that is still to come.
        let first = edges.partition_point(|edge| *edge <= cuts[stretch - 1]);
        let last = edges.len() - (stretches - stretch);
        let at = edges.partition_point(|edge| *edge < wanted).clamp(first, last.max(first));
        cuts.push(edges[at]);
    }
    cuts.push(order.len());
    Ok(cuts)
}

#[cfg(test)]
mod tests;
