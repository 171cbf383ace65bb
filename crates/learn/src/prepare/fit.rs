//! Learning what is done with each column.

use rayon::prelude::*;

use super::category::Category;
use super::normal::Normal;
use super::step::{Dense, Number, Scaling, Step, Time};
use super::text::Text;
use super::{Options, Prepare, PrepareError, Scale, Source, View};
use crate::matrix::{Matrix, MatrixError, Target};
use crate::table::{Column, Dictionary, MISSING, NO_TIME, Table, Values};

/// Columns of numbers of the training rows.
type Block = Vec<Vec<f64>>;

pub(super) fn fit(
    table: &Table,
    target: &Target,
    options: &Options,
    seed: u64,
) -> Result<(Prepare, Matrix), PrepareError> {
    if target.len() != table.rows() {
        let (found, expected) = (target.len(), table.rows());
        return Err(MatrixError::Length { what: "the target".to_owned(), found, expected }.into());
    }
    let fitted: Vec<Option<(Step, Block)>> = table
        .columns()
        .par_iter()
        .enumerate()
        .map(|(number, column)| step(column, target, options, seed.wrapping_add(number as u64)))
        .collect();
    let sources = table.columns().iter().map(|c| Source { name: c.name.clone(), kind: c.kind() }).collect();
    let (mut steps, mut blocks) = (Vec::new(), Vec::new());
    for (number, fitted) in fitted.into_iter().enumerate() {
        if let Some((step, block)) = fitted {
            steps.push((u32::try_from(number).unwrap_or(u32::MAX), step));
            blocks.push(block);
        }
    }
    if steps.is_empty() {
        return Err(PrepareError::NoFeatures);
    }
    let prepare = Prepare { sources, steps, view: options.view };
    let matrix = prepare.assemble(blocks)?;
    Ok((prepare, matrix))
}

/// Whether rows differ; "no value" is a value here, unless there is no other.
fn two_values(column: &Column) -> bool {
    let differ = |other: &dyn Fn(usize) -> bool| (0..column.values.len()).any(other);
    let there = (0..column.values.len()).find(|row| !column.is_missing(*row));
    let Some(first) = there else { return false };
    differ(&|row| match &column.values {
        _ if column.is_missing(row) => true,
        Values::Numeric(values) => values[row] != values[first],
        Values::Boolean(values) => values[row] != values[first],
        Values::Datetime(values) => values[row] != values[first],
        Values::Categorical(strings) | Values::Text(strings) => strings.codes[row] != strings.codes[first],
    })
}

/// Share of different levels among the rows that makes names of rows…
const NAMES_SHARE: f64 = 0.9;
/// …of at least so many rows.
const NAMES_ROWS: usize = 20;

/// Whether levels hardly ever come twice: in new rows they will not come at all.
fn is_name(strings: &Dictionary) -> bool {
    let mut seen = vec![false; strings.levels.len()];
    let there = strings.codes.iter().filter(|code| **code != MISSING);
    let rows = there.inspect(|code| seen[**code as usize] = true).count();
    let levels = seen.iter().filter(|seen| **seen).count();
    #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
    let names = levels as f64 >= NAMES_SHARE * rows as f64;
    names && rows >= NAMES_ROWS
}

/// `None` for a column that is dropped.
fn step(column: &Column, target: &Target, options: &Options, seed: u64) -> Option<(Step, Block)> {
    if !two_values(column) {
        return None;
    }
    let step = match &column.values {
        Values::Numeric(values) => Step::Number(number(values, options, options.scale)),
        Values::Boolean(values) => {
            let numbers: Vec<f64> = values.iter().map(|v| v.map_or(f64::NAN, |v| f64::from(u8::from(v)))).collect();
            Step::Truth(number(&numbers, options, Scale::Standard))
        }
        Values::Categorical(strings) => {
            if is_name(strings) {
                return None;
            }
            let (category, flat) = Category::fit(strings, target, options, seed);
            let width = category.width();
            let block = (0..width).map(|at| flat.iter().skip(at).step_by(width).copied().collect()).collect();
            return Some((Step::Category(category), block));
        }
        Values::Datetime(values) => Step::Time(time(values, options)),
        Values::Text(strings) => Step::Text(Text::fit(strings, options, seed)?),
    };
    let block = step.columns(column);
    Some((step, block))
}

fn number(values: &[f64], options: &Options, scale: Scale) -> Number {
    if options.view != View::Dense {
        return Number { dense: None, indicator: false };
    }
    let mut seen: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    seen.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (seen.first().copied(), seen.last().copied()) else {
        // Nothing but missing and infinite values: only which of them it is can be learnt.
        let scaling = Scaling::Linear { shift: 0.0, factor: 1.0 };
        return Number { dense: Some(Dense { fill: 0.0, range: (-1.0, 1.0), scaling }), indicator: true };
    };
    let fill = seen[seen.len() / 2];
    let cut = |value: &f64| if value.is_nan() { fill } else { value.clamp(low, high) };
    let scaling = match scale {
        Scale::Normal => Scaling::Normal(Normal::new(&seen)),
        Scale::Standard => {
            #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
            let n = values.len() as f64;
            let mean = values.iter().map(|v| cut(v) / n).sum::<f64>();
            let variance = values.iter().map(|v| (cut(v) - mean).powi(2) / n).sum::<f64>();
            let deviation = variance.sqrt();
            let factor = if deviation > 0.0 && deviation.is_finite() { 1.0 / deviation } else { 1.0 };
            Scaling::Linear { shift: mean, factor }
        }
    };
    let indicator = values.iter().any(|v| v.is_nan());
    Number { dense: Some(Dense { fill, range: (low, high), scaling }), indicator }
}

fn time(values: &[i64], options: &Options) -> Time {
    let day = crate::table::datetime::DAY;
    let hours = values.iter().any(|v| *v != NO_TIME && v.rem_euclid(day) != 0);
    let parts: Vec<Vec<f64>> = values.iter().map(|v| Time::parts((*v != NO_TIME).then_some(*v), hours)).collect();
    let width = 6 + usize::from(hours);
    let numbers = (0..width)
        .map(|part| {
            let own: Vec<f64> = parts.iter().map(|row| row[part]).collect();
            let mut number = number(&own, options, Scale::Standard);
            // All parts are missing together: one indicator says it.
            number.indicator &= part == 0;
            number
        })
        .collect();
    Time { numbers, circles: options.view == View::Dense, hours }
}
