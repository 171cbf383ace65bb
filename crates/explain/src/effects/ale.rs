//! Accumulated local effects: how predictions change along a column among the rows that are there, so that unlikely combinations
//! of columns have no say (Apley and Zhu, "Visualizing the effects of predictor variables in black box supervised learning models",
//! 2020).

use super::check_column;
use crate::predict::{Predict, ask};
use crate::{ExplainError, Rows, count};
use rhiza_learn::ensemble::{Feature, FeatureKind};

/// The effect of a column, accumulated from its lowest value to its highest, with mean 0 over the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct AccumulatedEffect {
    /// The edges of the intervals, or the categories' codes in the order used.
    pub values: Vec<f64>,
    /// Outputs of the model.
    pub outputs: usize,
    /// The effect at each value, output by output.
    pub effects: Vec<f64>,
    /// Rows in the interval that ends at each value (at the first: none), or of each category.
    pub counts: Vec<usize>,
}

/// The effect of a quantity, over up to `intervals` intervals between quantiles. Rows without a finite value have no say; a column
/// of a single value has the effect 0.
///
/// # Errors
/// [`ExplainError::Empty`] without rows or finite values, [`ExplainError::Setting`] for no intervals or a column that is not there, and
/// what the model answers.
pub fn ale<M: Predict + ?Sized>(
    model: &M,
    rows: Rows<'_>,
    column: usize,
    intervals: usize,
) -> Result<AccumulatedEffect, ExplainError> {
    check_column(rows, column)?;
    if intervals == 0 {
        return Err(ExplainError::Setting { setting: "intervals", fault: "at least one is needed".to_owned() });
    }
    let known: Vec<&[f64]> = rows.iter().filter(|row| row[column].is_finite()).collect();
    let mut sorted: Vec<f64> = known.iter().map(|row| row[column]).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (sorted.first(), sorted.len().checked_sub(1)) else {
        return Err(ExplainError::Empty("the column without its missing values"));
    };
    // Edges are values that occur, so that every interval has rows.
    let mut edges = vec![*first];
    edges.extend((1..=intervals).map(|k| sorted[(k * sorted.len()).div_ceil(intervals).saturating_sub(1).min(last)]));
    edges.dedup();
    let outputs = model.outputs();
    let interval = |value: f64| edges.partition_point(|edge| *edge < value).max(1);
    let ends = |row: &[f64]| edges.get(interval(row[column])).map(|high| (edges[interval(row[column]) - 1], *high));
    let mut sums = vec![0.0; edges.len() * outputs];
    let mut counts = vec![0; edges.len()];
    let moved: Vec<(&[f64], f64, f64)> =
        known.iter().filter_map(|row| ends(row).map(|(low, high)| (*row, low, high))).collect();
    for (at, difference) in differences(model, &moved, column)?.chunks_exact(outputs).enumerate() {
        let interval = interval(moved[at].0[column]);
        counts[interval] += 1;
        sums[interval * outputs..(interval + 1) * outputs].iter_mut().zip(difference).for_each(|(s, d)| *s += d);
    }
    let mut effects = vec![0.0; edges.len() * outputs];
    for at in outputs..effects.len() {
        effects[at] = effects[at - outputs] + sums[at] / count(counts[at / outputs].max(1));
    }
    // A row's effect is taken to be in the middle of its interval's.
    for output in 0..outputs {
        let weighted =
            |k: usize| count(counts[k]) * (effects[(k - 1) * outputs + output] + effects[k * outputs + output]) / 2.0;
        let mean = (1..edges.len()).map(weighted).sum::<f64>() / count(moved.len().max(1));
        effects.iter_mut().skip(output).step_by(outputs).for_each(|effect| *effect -= mean);
    }
    Ok(AccumulatedEffect { values: edges, outputs, effects, counts })
}

/// The effect of a categorical column. The categories are put in an order in which neighbours are alike in the other columns: their
/// distances (Kolmogorov and Smirnov's for quantities, total variation for categories, added up) are laid on a line by classical
/// scaling. Rows without a known category have no say.
///
/// # Errors
/// As [`ale`], and [`ExplainError::Columns`] when `features` are not as many as the columns.
pub fn ale_of_categories<M: Predict + ?Sized>(
    model: &M,
    rows: Rows<'_>,
    features: &[Feature],
    column: usize,
) -> Result<AccumulatedEffect, ExplainError> {
    check_column(rows, column)?;
    rows.expect("the table", features.len())?;
    let mut codes: Vec<f64> = rows.column(column).into_iter().filter(|v| *v >= 0.0 && v.is_finite()).collect();
    codes.sort_by(f64::total_cmp);
    codes.dedup();
    if codes.is_empty() {
        return Err(ExplainError::Empty("the column without its missing values"));
    }
    let groups: Vec<Vec<&[f64]>> = codes.iter().map(|c| rows.iter().filter(|r| r[column] == *c).collect()).collect();
    let order = line_up(&groups, features, column);
    let codes: Vec<f64> = order.iter().map(|at| codes[*at]).collect();
    let groups: Vec<&Vec<&[f64]>> = order.iter().map(|at| &groups[*at]).collect();
    let outputs = model.outputs();
    let mut effects = vec![0.0; codes.len() * outputs];
    for at in 1..codes.len() {
        // The step between two neighbours as the rows of either see it.
        let both = groups[at - 1].iter().chain(groups[at].iter());
        let moved: Vec<(&[f64], f64, f64)> = both.map(|row| (*row, codes[at - 1], codes[at])).collect();
        let steps = differences(model, &moved, column)?;
        for output in 0..outputs {
            let mean = steps.iter().skip(output).step_by(outputs).sum::<f64>() / count(moved.len());
            effects[at * outputs + output] = effects[(at - 1) * outputs + output] + mean;
        }
    }
    let counts: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let total = count(counts.iter().sum());
    for output in 0..outputs {
        let mean: f64 = counts.iter().enumerate().map(|(k, n)| count(*n) * effects[k * outputs + output]).sum();
        effects.iter_mut().skip(output).step_by(outputs).for_each(|effect| *effect -= mean / total);
    }
    Ok(AccumulatedEffect { values: codes, outputs, effects, counts })
}

/// For each row and two values of a column: the prediction with the second less that with the first.
fn differences<M: Predict + ?Sized>(
    model: &M,
    moved: &[(&[f64], f64, f64)],
    column: usize,
) -> Result<Vec<f64>, ExplainError> {
    let mut differences = Vec::with_capacity(moved.len() * model.outputs());
    let Some((row, ..)) = moved.first() else { return Ok(differences) };
    let columns = row.len();
    for batch in moved.chunks((super::BATCH / columns).max(1)) {
        let mut tables = [Vec::with_capacity(batch.len() * columns), Vec::with_capacity(batch.len() * columns)];
        for (row, low, high) in batch {
            for (table, value) in tables.iter_mut().zip([low, high]) {
                let start = table.len();
                table.extend_from_slice(row);
                table[start + column] = *value;
            }
        }
        let [low, high] = &tables;
        let low = ask(model, Rows::new(low, columns)?)?;
        let high = ask(model, Rows::new(high, columns)?)?;
        differences.extend(high.iter().zip(low).map(|(h, l)| h - l));
    }
    Ok(differences)
}

/// An order of groups of rows in which neighbours are alike in the columns other than `column`.
fn line_up(groups: &[Vec<&[f64]>], features: &[Feature], column: usize) -> Vec<usize> {
    let n = groups.len();
    let mut distances = vec![0.0; n * n];
    for (other, feature) in features.iter().enumerate().filter(|(c, _)| *c != column) {
        let values: Vec<Vec<f64>> = groups
            .iter()
            .map(|group| {
                let mut values: Vec<f64> = group.iter().map(|row| row[other]).collect();
                values.sort_by(f64::total_cmp);
                values
            })
            .collect();
        for i in 0..n {
            for j in 0..i {
                let distance = match feature.kind {
                    FeatureKind::Numeric => kolmogorov(&values[i], &values[j]),
                    FeatureKind::Categorical => total_variation(&values[i], &values[j]),
                };
                distances[i * n + j] += distance;
                distances[j * n + i] += distance;
            }
        }
    }
    let positions = scale(&distances, n);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| positions[*a].total_cmp(&positions[*b]).then(a.cmp(b)));
    order
}

/// The largest difference between two empirical distribution functions. NaN sorts last and is a value like others.
fn kolmogorov(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        let here = if a[i].total_cmp(&b[j]).is_le() { a[i] } else { b[j] };
        i += a[i..].iter().take_while(|v| v.total_cmp(&here).is_le()).count();
        j += b[j..].iter().take_while(|v| v.total_cmp(&here).is_le()).count();
        largest = largest.max((count(i) / count(a.len()) - count(j) / count(b.len())).abs());
    }
    largest
}

/// Half the sum of the differences between two empirical frequencies.
fn total_variation(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while i < a.len() || j < b.len() {
        let here = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x.total_cmp(y).is_le() => *x,
            (_, Some(y)) => *y,
            (Some(x), None) => *x,
            (None, None) => break,
        };
        let run = |values: &[f64]| values.iter().take_while(|v| v.total_cmp(&here).is_eq()).count();
        let (x, y) = (run(&a[i..]), run(&b[j..]));
        sum += (count(x) / count(a.len()) - count(y) / count(b.len())).abs();
        (i, j) = (i + x, j + y);
    }
    sum / 2.0
}

/// Positions on a line that keep distances as well as can be: the first eigenvector of the doubly centred squares (Torgerson's
/// classical scaling), by power iteration from a fixed start.
fn scale(distances: &[f64], n: usize) -> Vec<f64> {
    let square = |i: usize, j: usize| distances[i * n + j] * distances[i * n + j];
    let line: Vec<f64> = (0..n).map(|i| (0..n).map(|j| square(i, j)).sum::<f64>() / count(n)).collect();
    let all = line.iter().sum::<f64>() / count(n);
    let centred: Vec<f64> =
        (0..n * n).map(|at| -(square(at / n, at % n) - line[at / n] - line[at % n] + all) / 2.0).collect();
    // Shifted by the largest possible negative eigenvalue, the wanted one is the largest in absolute value.
    let shift = (0..n).fold(0.0_f64, |m, i| m.max(centred[i * n..(i + 1) * n].iter().map(|v| v.abs()).sum()));
    let mut vector: Vec<f64> = (0..n).map(|i| 1.0 + count(i) - (count(n) - 1.0) / 2.0).collect();
    for _ in 0..1000 {
        let next: Vec<f64> = (0..n)
            .map(|i| {
                let dot: f64 = centred[i * n..(i + 1) * n].iter().zip(&vector).map(|(c, v)| c * v).sum();
                dot + shift * vector[i]
            })
            .collect();
        let length = next.iter().map(|v| v * v).sum::<f64>().sqrt();
        if length == 0.0 {
            break;
        }
        vector = next.into_iter().map(|v| v / length).collect();
    }
    // Of the two directions the one in which the first category is low.
    if vector.first().is_some_and(|v| *v > 0.0) {
        vector.iter_mut().for_each(|v| *v = -*v);
    }
    vector
}
