//! What many explanations say together.

use crate::bins::quantile;
use crate::statistics::mean_and_deviation;
use crate::{ExplainError, Explanation, Rows, count};

/// What a column means to one output over all rows explained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColumnSummary {
    /// The column.
    pub column: usize,
    /// Mean of the parts' absolute values: the column's global importance.
    pub mean_absolute: f64,
    /// Mean of the parts.
    pub mean: f64,
    /// Standard deviation of the parts.
    pub deviation: f64,
    /// Largest absolute part.
    pub largest: f64,
}

/// The points of one column in a beeswarm picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Swarm {
    /// The column.
    pub column: usize,
    /// The row of each point.
    pub rows: Vec<usize>,
    /// The part of each point: where it stands.
    pub parts: Vec<f64>,
    /// The value of the column, from 0 (at the 5 % quantile or below) to 1 (at 95 % or above): its colour. NaN where missing.
    pub shades: Vec<f64>,
    /// How far from the column's line the point is moved so that points do not hide each other, from −1 to 1.
    pub offsets: Vec<f64>,
}

/// How a column's parts depend on its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependence {
    /// The column.
    pub column: usize,
    /// Its values, row by row.
    pub values: Vec<f64>,
    /// Its parts, row by row.
    pub parts: Vec<f64>,
    /// The column whose values tell most about what the column's own value leaves open of its parts; `None` when there is no other.
    pub partner: Option<usize>,
    /// The partner's values, row by row.
    pub partner_values: Vec<f64>,
}

impl Explanation {
    /// What each column means to an output, most important first. Empty when there is no such output.
    #[must_use]
    pub fn summary(&self, output: usize) -> Vec<ColumnSummary> {
        if output >= self.outputs() {
            return Vec::new();
        }
        let summarise = |column| {
            let parts = self.column(column, output);
            let (mean, deviation) = mean_and_deviation(&parts);
            let mean_absolute = parts.iter().map(|p| p.abs()).sum::<f64>() / count(parts.len().max(1));
            let largest = parts.iter().fold(0.0_f64, |m, p| m.max(p.abs()));
            ColumnSummary { column, mean_absolute, mean, deviation, largest }
        };
        let mut columns: Vec<ColumnSummary> = (0..self.columns()).map(summarise).collect();
        columns.sort_by(|a, b| b.mean_absolute.total_cmp(&a.mean_absolute).then(a.column.cmp(&b.column)));
        columns
    }

    /// What each column means to all outputs together: the sum of the mean absolute parts, by column.
    #[must_use]
    pub fn importance(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.columns()];
        for (at, part) in self.values().iter().enumerate() {
            sums[at % self.columns().max(1)] += part.abs();
        }
        sums.iter().map(|sum| sum / count(self.rows().max(1))).collect()
    }

    /// The parts of one column, row by row.
    #[must_use]
    pub fn column(&self, column: usize, output: usize) -> Vec<f64> {
        (0..self.rows()).filter_map(|row| self.parts(row, output).get(column).copied()).collect()
    }

    /// The beeswarm picture of an output: the `columns` most important, with at most `points` rows, evenly taken.
    ///
    /// # Errors
    /// [`ExplainError::Length`] or [`ExplainError::Columns`] when `table` is not what was explained.
    pub fn beeswarm(
        &self,
        table: Rows<'_>,
        output: usize,
        columns: usize,
        points: usize,
    ) -> Result<Vec<Swarm>, ExplainError> {
        self.check_table(table)?;
        let step = self.rows().div_ceil(points.max(1)).max(1);
        let rows: Vec<usize> = (0..self.rows()).step_by(step).collect();
        let swarm = |column: usize| {
            let shade = shading(table.column(column));
            let part = |row: &usize| self.parts(*row, output).get(column).copied().unwrap_or(0.0);
            let parts: Vec<f64> = rows.iter().map(part).collect();
            let shades = rows.iter().map(|row| shade(table.row(*row)[column])).collect();
            Swarm { column, rows: rows.clone(), offsets: offsets(&parts), parts, shades }
        };
        Ok(self.summary(output).into_iter().take(columns).map(|summary| swarm(summary.column)).collect())
    }

    /// How the parts of `column` depend on its values. The partner is found as `shap` does: the rows are cut into ten groups by the
    /// column's value, and in each the correlation of the parts with each other column's values is taken.
    ///
    /// # Errors
    /// [`ExplainError::Length`] or [`ExplainError::Columns`] when `table` is not what was explained, [`ExplainError::Setting`] when
    /// there is no such column or output.
    pub fn dependence(&self, table: Rows<'_>, column: usize, output: usize) -> Result<Dependence, ExplainError> {
        self.check_table(table)?;
        if column >= self.columns() || output >= self.outputs() {
            let fault = format!("column {column} of {}, output {output} of {}", self.columns(), self.outputs());
            return Err(ExplainError::Setting { setting: "column", fault });
        }
        let (values, parts) = (table.column(column), self.column(column, output));
        let mut order: Vec<usize> = (0..self.rows()).collect();
        order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
        let groups: Vec<&[usize]> = order.chunks(self.rows().div_ceil(10).max(1)).collect();
        let strength = |other: usize| {
            let others = table.column(other);
            let of = |group: &&[usize]| count(group.len()) * correlation(group, &others, &parts).abs();
            groups.iter().map(of).sum::<f64>()
        };
        let strengths = (0..self.columns()).filter(|c| *c != column).map(|c| (c, strength(c)));
        let partner = strengths.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(c, _)| c);
        let partner_values = partner.map(|c| table.column(c)).unwrap_or_default();
        Ok(Dependence { column, values, parts, partner, partner_values })
    }

    fn check_table(&self, table: Rows<'_>) -> Result<(), ExplainError> {
        table.expect("the table", self.columns())?;
        if table.len() == self.rows() {
            return Ok(());
        }
        Err(ExplainError::Length { what: "the table", found: table.len(), expected: self.rows() })
    }
}

/// From a column's values to shades.
fn shading(mut values: Vec<f64>) -> impl Fn(f64) -> f64 {
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    let (low, high) = (quantile(&values, 0.05), quantile(&values, 0.95));
    // A column that hardly varies in the middle is shaded over its whole range.
    let (low, high) = if low == high { (values.first().copied(), values.last().copied()) } else { (low, high) };
    move |value| match (low, high) {
        _ if value.is_nan() => f64::NAN,
        (Some(low), Some(high)) if high > low => ((value - low) / (high - low)).clamp(0.0, 1.0),
        _ => 0.5,
    }
}

/// Points of the same hundredth of the range are spread to both sides in turn; the fullest reaches −1 and 1.
fn offsets(parts: &[f64]) -> Vec<f64> {
    let (low, high) = parts.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(*p), h.max(*p)));
    let mut fill = [0_usize; 101];
    let mut places = Vec::with_capacity(parts.len());
    for part in parts {
        let at = if high > low { (part - low) / (high - low) * 100.0 } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
        let bin = (at as usize).min(100);
        let side = if fill[bin].is_multiple_of(2) { 1.0 } else { -1.0 };
        places.push(side * count(fill[bin].div_ceil(2)));
        fill[bin] += 1;
    }
    let most = fill.iter().max().map_or(1.0, |n| count((n / 2).max(1)));
    places.into_iter().map(|place| place / most).collect()
}

/// The correlation of two columns over some rows, missing values left out; 0 when one does not vary.
fn correlation(rows: &[usize], a: &[f64], b: &[f64]) -> f64 {
    let pairs: Vec<(f64, f64)> = rows.iter().map(|r| (a[*r], b[*r])).filter(|(x, _)| x.is_finite()).collect();
    let n = count(pairs.len().max(1));
    let (ma, mb) = pairs.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in &pairs {
        ab += (x - ma) * (y - mb);
        aa += (x - ma) * (x - ma);
        bb += (y - mb) * (y - mb);
    }
    if aa > 0.0 && bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}
