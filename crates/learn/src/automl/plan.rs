//! What is to be predicted, by what it is judged, and which rows judge.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{AutomlError, Settings};
use crate::matrix::Target;
use crate::metrics::Metric;
use crate::model::Task;
use crate::split::{self, Fold};
use crate::table::{Column, Dictionary, MISSING, NO_TIME, Table, Values};

/// How a run goes about a table; everything in it follows from the table and the settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What is predicted.
    pub task: Task,
    /// Names of the classes by code, in alphabetic order (numbers by size); none for numbers.
    pub classes: Vec<String>,
    /// By what models are ranked.
    pub metric: Metric,
    /// Rows with a target.
    pub rows: usize,
    /// Rows without one, which are left out.
    pub rows_without_target: usize,
    /// Rows set apart before anything else, and never looked at by the search.
    pub hold_out_rows: usize,
    /// Folds of the cross-validation; 1: a single part of the rows judges.
    pub folds: usize,
    /// Rows that judge.
    pub judging_rows: usize,
    /// Rows that the first trial of a choice learns from, then the next…; the last is all of them.
    pub learning_rows: Vec<usize>,
    /// Columns that are learnt from.
    pub columns: Vec<String>,
}

/// A plan and the values it is about.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    /// Columns that are learnt from, rows with a target.
    pub(super) features: Table,
    pub(super) target: Target,
    /// Rows for the search, and those set apart.
    pub(super) searched: Vec<usize>,
    pub(super) held: Vec<usize>,
    /// Of the rows with a target, their numbers in the caller's table.
    pub(super) row_numbers: Vec<usize>,
    /// Of the searched rows, by their place in `searched`.
    pub(super) folds: Vec<Fold>,
}

/// Whole numbers up to so many different ones are classes…
const CLASS_VALUES: usize = 20;
/// …if there are so many rows for each on average.
const CLASS_ROWS: usize = 10;
/// More classes than this are names, not classes.
const MOST_CLASSES: usize = 200;
/// Fewer rows than this cannot be divided into learning and judging.
const FEWEST_ROWS: usize = 10;
/// Tables of more cells than this are judged by a single part of their rows: cross-validation would cost too much.
const ONE_FOLD_CELLS: usize = 8_000_000;
/// Above this, by three folds instead of five.
const THREE_FOLDS_CELLS: usize = 2_000_000;
/// Rows above which a single part judges, whatever the columns.
const ONE_FOLD_ROWS: usize = 30_000;
/// Most rows of that part: more say no more.
const MOST_JUDGES: usize = 30_000;
/// Rows that the first trials on a large table learn from; each next step four times as many.
const FIRST_RUNG: usize = 10_000;

pub(super) fn plan(table: &Table, settings: &Settings) -> Result<Prepared, AutomlError> {
    let column = table.column(&settings.target)?;
    let target_rows: Vec<usize> = (0..table.rows()).filter(|row| !column.is_missing(*row)).collect();
    let with_target =
        if target_rows.len() == table.rows() { Cow::Borrowed(table) } else { Cow::Owned(table.take(&target_rows)) };
    if with_target.rows() < FEWEST_ROWS {
        return Err(AutomlError::TooFewRows { rows: with_target.rows(), needed: FEWEST_ROWS });
    }
    let (task, classes, target) = target_of(with_target.column(&settings.target)?, settings.task)?;
    let metric = metric_of(task, settings.metric)?;
    let (features, times, groups) = columns_of(&with_target, settings)?;
    let held = hold_out(&target, times.as_deref(), groups.as_deref(), settings)?;
    let (searched, held) = (held.train, held.test);
    let own_target = target.take(&searched);
    let folds =
        folds_of(&own_target, &searched, times.as_deref(), groups.as_deref(), features.columns().len(), settings)?;
    let learning = folds.iter().map(|fold| fold.train.len()).max().unwrap_or(0);
    let mut judges: Vec<usize> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
    judges.sort_unstable();
    judges.dedup();
    let plan = Plan {
        task,
        classes,
        metric,
        rows: with_target.rows(),
        rows_without_target: table.rows() - with_target.rows(),
        hold_out_rows: held.len(),
        folds: folds.len(),
        judging_rows: judges.len(),
        learning_rows: rungs(affordable(learning, folds.len(), &features, settings)?),
        columns: features.columns().iter().map(|c| c.name.clone()).collect(),
    };
    Ok(Prepared { plan, features, target, searched, held, row_numbers: target_rows, folds })
}

/// Rows that the memory allowed holds, of those there are.
fn affordable(rows: usize, folds: usize, features: &Table, settings: &Settings) -> Result<usize, AutomlError> {
    let Some(memory) = settings.memory else { return Ok(rows) };
    // A double and its bin in the trees' view, two dense views kept by columns and by rows.
    let row = (folds * (9 * features.columns().len() + 32 * dense_width(features))) as u64;
    let held = usize::try_from(memory / row.max(1)).unwrap_or(usize::MAX);
    if held < 100.min(rows) {
        return Err(AutomlError::MemoryTooSmall { given: memory, needed: row * 100 });
    }
    Ok(rows.min(held))
}

/// Rows of each rung.
fn rungs(rows: usize) -> Vec<usize> {
    let mut rungs = Vec::new();
    let mut rung = FIRST_RUNG;
    // A last step that is hardly more than the one before is no step.
    while rung * 2 < rows {
        rungs.push(rung);
        rung *= 4;
    }
    rungs.push(rows);
    rungs
}

fn metric_of(task: Task, given: Option<Metric>) -> Result<Metric, AutomlError> {
    let metric = given.unwrap_or(match task {
        Task::Binary => Metric::RocAuc,
        Task::Multiclass => Metric::LogLoss,
        Task::Regression => Metric::Rmse,
    });
    if metric.of_classes() == (task == Task::Regression) {
        return Err(AutomlError::WrongMetric { metric, task });
    }
    Ok(metric)
}

/// The target as classes or numbers; every row has one.
fn target_of(column: &Column, given: Option<Task>) -> Result<(Task, Vec<String>, Target), AutomlError> {
    let wrong = |fault: &str| AutomlError::BadTarget { column: column.name.clone(), fault: fault.to_owned() };
    let task = match (given, &column.values) {
        (_, Values::Datetime(_)) => return Err(wrong("points in time cannot be predicted: give numbers or classes")),
        (Some(task), _) => task,
        (None, Values::Numeric(values)) if !are_classes(values) => Task::Regression,
        // How many classes there are is seen below.
        (None, _) => Task::Multiclass,
    };
    if task == Task::Regression {
        let Values::Numeric(values) = &column.values else {
            return Err(wrong("its values are no numbers, which regression needs"));
        };
        if let Some(row) = values.iter().position(|v| v.is_infinite()) {
            return Err(wrong(&format!("the value {} of row {} is infinite", values[row], row + 1)));
        }
        if values.iter().all(|v| *v == values[0]) {
            return Err(AutomlError::OneClass { column: column.name.clone(), value: values[0].to_string() });
        }
        let target = Target::numbers(values.clone()).map_err(|e| wrong(&e.to_string()))?;
        return Ok((task, Vec::new(), target));
    }
    let (names, codes) = classes_of(column);
    match names.len() {
        0 | 1 => {
            let value = names.first().cloned().unwrap_or_default();
            return Err(AutomlError::OneClass { column: column.name.clone(), value });
        }
        n if given == Some(Task::Binary) && n != 2 => {
            return Err(wrong(&format!("it has {n} classes where the task is of two")));
        }
        n if n > MOST_CLASSES || n * 2 > codes.len() => {
            return Err(wrong(&format!("{n} different values in {} rows are no classes", codes.len())));
        }
        _ => {}
    }
    let task = if names.len() == 2 { Task::Binary } else { Task::Multiclass };
    let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
    let target = Target::classes(codes, count).map_err(|e| wrong(&e.to_string()))?;
    Ok((task, names, target))
}

/// Few whole numbers, or only two of any kind.
fn are_classes(values: &[f64]) -> bool {
    let mut different: Vec<f64> = Vec::new();
    for value in values {
        if !different.contains(value) {
            different.push(*value);
            if different.len() > CLASS_VALUES {
                return false;
            }
        }
    }
    different.len() <= 2 || (different.iter().all(|v| v.fract() == 0.0) && values.len() >= CLASS_ROWS * different.len())
}

/// Names of the classes that occur, in order, and the code of each row.
fn classes_of(column: &Column) -> (Vec<String>, Vec<u32>) {
    let rows = column.values.len();
    let by_text = |strings: &Dictionary| {
        let mut seen = vec![false; strings.levels.len()];
        strings.codes.iter().filter(|c| **c != MISSING).for_each(|c| seen[*c as usize] = true);
        let mut order: Vec<usize> = (0..seen.len()).filter(|level| seen[*level]).collect();
        order.sort_by(|a, b| strings.levels[*a].cmp(&strings.levels[*b]));
        let mut code_of = vec![0; seen.len()];
        order.iter().enumerate().for_each(|(code, level)| code_of[*level] = u32::try_from(code).unwrap_or(u32::MAX));
        let codes = strings.codes.iter().map(|c| code_of.get(*c as usize).copied().unwrap_or(0)).collect();
        (order.into_iter().map(|level| strings.levels[level].clone()).collect(), codes)
    };
    match &column.values {
        Values::Categorical(strings) | Values::Text(strings) => by_text(strings),
        Values::Numeric(values) => {
            let mut different = values.clone();
            different.sort_by(f64::total_cmp);
            different.dedup();
            let code = |v: &f64| u32::try_from(different.partition_point(|d| d < v)).unwrap_or(u32::MAX);
            (different.iter().map(ToString::to_string).collect(), values.iter().map(code).collect())
        }
        _ => {
            let shown: Vec<Option<String>> = (0..rows).map(|row| column.display(row)).collect();
            by_text(&Dictionary::new(shown.iter().map(Option::as_deref)))
        }
    }
}

type Columns = (Table, Option<Vec<f64>>, Option<Vec<u32>>);

/// What is learnt from, the times that rows are ordered by, the groups that stay together.
fn columns_of(table: &Table, settings: &Settings) -> Result<Columns, AutomlError> {
    let times = match &settings.time_column {
        None => None,
        Some(name) => Some(match &table.column(name)?.values {
            Values::Numeric(values) => values.clone(),
            #[expect(clippy::cast_precision_loss, reason = "microseconds are exact for 285 years around 1970")]
            Values::Datetime(values) => {
                values.iter().map(|v| if *v == NO_TIME { f64::NAN } else { *v as f64 }).collect()
            }
            _ => return Err(AutomlError::BadTime { column: name.clone(), kind: table.column(name)?.kind() }),
        }),
    };
    let groups = match &settings.group_column {
        None => None,
        Some(name) => {
            let column = table.column(name)?;
            let shown: Vec<Option<String>> = (0..table.rows()).map(|row| column.display(row)).collect();
            Some(Dictionary::new(shown.iter().map(Option::as_deref)).codes)
        }
    };
    let mut features = table.without(&settings.target);
    for name in settings.ignore.iter().chain(&settings.group_column) {
        table.column(name)?;
        features = features.without(name);
    }
    if features.columns().is_empty() {
        return Err(AutomlError::NoFeatures);
    }
    Ok((features, times, groups))
}

/// All rows, divided into those for the search and those set apart.
fn hold_out(
    target: &Target,
    times: Option<&[f64]>,
    groups: Option<&[u32]>,
    settings: &Settings,
) -> Result<Fold, AutomlError> {
    if settings.hold_out == 0.0 {
        return Ok(Fold { train: (0..target.len()).collect(), test: Vec::new() });
    }
    Ok(match (times, groups) {
        (Some(times), _) => split::hold_out_last(times, settings.hold_out)?,
        (None, Some(groups)) => {
            if !(settings.hold_out > 0.0 && settings.hold_out < 1.0) {
                return Err(split::SplitError::BadFraction(settings.hold_out).into());
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "2 to 100 parts")]
            let parts = (1.0 / settings.hold_out).round().clamp(2.0, 100.0) as usize;
            split::grouped(groups, parts, settings.seed)?.swap_remove(0)
        }
        (None, None) => split::hold_out(target, settings.hold_out, settings.seed)?,
    })
}

fn folds_of(
    target: &Target,
    rows: &[usize],
    times: Option<&[f64]>,
    groups: Option<&[u32]>,
    columns: usize,
    settings: &Settings,
) -> Result<Vec<Fold>, AutomlError> {
    let n = rows.len();
    let cells = n.saturating_mul(columns);
    let usual = match (n, cells) {
        _ if cells > ONE_FOLD_CELLS || n > ONE_FOLD_ROWS => 1,
        _ if cells > THREE_FOLDS_CELLS => 3,
        (0..300, _) => 10,
        (300..FEW_ROWS, _) => 8,
        _ => 5,
    };
    let folds = settings.folds.unwrap_or(usual).min(n / 2).max(1);
    if let Some(times) = times {
        let own: Vec<f64> = rows.iter().map(|row| times[*row]).collect();
        return Ok(split::time_ordered(&own, folds)?);
    }
    if let Some(groups) = groups {
        let own: Vec<u32> = rows.iter().map(|row| groups[*row]).collect();
        let mut all = split::grouped(&own, folds.max(5), settings.seed)?;
        all.truncate(folds.max(1));
        return Ok(if folds == 1 { all } else { split::grouped(&own, folds, settings.seed)? });
    }
    if folds == 1 {
        #[expect(clippy::cast_precision_loss, reason = "a share of the rows")]
        let share = 0.2_f64.min(MOST_JUDGES as f64 / n as f64);
        return Ok(vec![split::hold_out(target, share, settings.seed ^ 1)?]);
    }
    Ok(split::stratified(target, folds, settings.seed)?)
}

/// With fewer rows, eight folds instead of five (ten below 300): models learn from nine tenths of what there is.
const FEW_ROWS: usize = 1_000;

/// Kinds of the columns that are learnt from.
pub(super) fn dense_width(features: &Table) -> usize {
    features
        .columns()
        .iter()
        .map(|column| match &column.values {
            Values::Categorical(strings) => strings.levels.len().clamp(1, 22),
            Values::Text(_) => 34,
            Values::Datetime(_) => 12,
            _ => 1,
        })
        .sum()
}
