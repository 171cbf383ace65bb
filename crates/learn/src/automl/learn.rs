//! One choice learnt on every fold: models and what they say of the rows they have not seen.
//!
//! Some families learn a path of models at little more than the cost of one (penalties, numbers of neighbours, rounds). All folds
//! walk the same path, and the same place on it is taken for all: the one with the least loss on all judging rows together.

use rayon::prelude::*;

use super::AutomlError;
use super::arena::{Arena, FoldData, Seen, Sight};
use super::boosted;
use crate::blend::Objective;
use crate::evaluate::Predictor;
use crate::forest;
use crate::kernel;
use crate::linear;
use crate::matrix::{Target, Values};
use crate::metrics::Metric;
use crate::model::Fitted;
use crate::neighbours::{self, Neighbours};
use crate::network;
use crate::rows::outputs;
use crate::search::Config;
use crate::stop::Stop;

/// What came of a choice.
pub(super) struct Learnt {
    /// A model per fold.
    pub(super) models: Vec<Fitted>,
    /// Whether the models read the trees' view, a dense one, or nothing.
    pub(super) sight: Option<Sight>,
    /// Of all judging rows.
    pub(super) predictions: Vec<f64>,
    /// The place on the path in words.
    pub(super) detail: String,
    /// The place on the path, or the rounds.
    pub(super) place: usize,
    /// Units of work: about the number of values looked at.
    pub(super) work: f64,
}

/// What all trials of a run share.
pub(super) struct Ground<'a> {
    pub(super) arena: &'a Arena,
    pub(super) objective: Objective,
    pub(super) seed: u64,
    pub(super) stop: &'a dyn Stop,
    /// The place on the path to be taken; `None`: the best.
    pub(super) place: Option<usize>,
}

/// Models along a path and what they say of the fold's test rows.
pub(super) struct Path {
    pub(super) steps: Vec<Step>,
    pub(super) work: f64,
}

pub(super) struct Step {
    pub(super) model: Fitted,
    pub(super) predictions: Vec<f64>,
    pub(super) detail: String,
}

impl Path {
    /// Steps whose models have to be asked.
    fn ask(models: Vec<(Fitted, String)>, seen: &Seen, width: usize, work: f64) -> Result<Self, AutomlError> {
        let ask = |(model, detail): (Fitted, String)| {
            let predictions = model.predict(&seen.test, width).ok_or_else(other_columns)?;
            Ok(Step { model, predictions, detail })
        };
        Ok(Self { steps: models.into_par_iter().map(ask).collect::<Result<_, AutomlError>>()?, work })
    }
}

pub(super) fn other_columns() -> AutomlError {
    AutomlError::Learner("the model reads other columns".to_owned())
}

fn failed(error: impl std::fmt::Display) -> AutomlError {
    AutomlError::Learner(error.to_string())
}

pub(super) fn learn(config: &Config, ground: &Ground<'_>) -> Result<Learnt, AutomlError> {
    let width = outputs(&ground.arena.truth);
    if let Config::Boost { .. } = config {
        return boosted::learn(config, ground, width);
    }
    let paths: Vec<Path> = ground
        .arena
        .folds
        .par_iter()
        .enumerate()
        .map(|(number, fold)| {
            let path = walk(config, fold, ground, width, number as u64)?;
            if ground.stop.now() { Err(AutomlError::Stopped) } else { Ok(path) }
        })
        .collect::<Result<_, AutomlError>>()?;
    choose(paths, ground, width, sight_of(config))
}

fn sight_of(config: &Config) -> Option<Sight> {
    match config {
        Config::Baseline => None,
        Config::Boost { .. } | Config::Forest { .. } => Some(Sight::Trees),
        Config::Linear { scale, .. }
        | Config::Kernel { scale, .. }
        | Config::Neighbours { scale, .. }
        | Config::Network { scale, .. } => Some(Sight::Dense(*scale)),
    }
}

/// The place on the path with the least loss.
pub(super) fn choose(
    paths: Vec<Path>,
    ground: &Ground<'_>,
    width: usize,
    sight: Option<Sight>,
) -> Result<Learnt, AutomlError> {
    let length = paths.iter().map(|path| path.steps.len()).min().unwrap_or(0);
    let mut best: Option<(f64, usize, Vec<f64>)> = None;
    let places = match ground.place {
        // A path that ends earlier is taken to its end.
        Some(place) => length.saturating_sub(1).min(place)..length.min(place.saturating_add(1)).max(length.min(1)),
        None => 0..length,
    };
    for at in places {
        let by_fold: Vec<&[f64]> = paths.iter().map(|path| path.steps[at].predictions.as_slice()).collect();
        let pooled = ground.arena.pool(&by_fold, width);
        let Ok(loss) = ground.objective.loss(&ground.arena.truth, &pooled) else { continue };
        if best.as_ref().is_none_or(|(least, ..)| loss < *least) {
            best = Some((loss, at, pooled));
        }
    }
    let Some((_, at, predictions)) = best else {
        return Err(AutomlError::Learner("it predicts no finite numbers".to_owned()));
    };
    let work = paths.iter().map(|path| path.work).sum();
    let mut detail = String::new();
    let mut models = Vec::with_capacity(paths.len());
    for mut path in paths {
        let step = path.steps.swap_remove(at);
        detail = step.detail;
        models.push(step.model);
    }
    Ok(Learnt { models, sight, predictions, detail, place: at, work })
}

/// The path of a fold.
fn walk(config: &Config, fold: &FoldData, ground: &Ground<'_>, width: usize, number: u64) -> Result<Path, AutomlError> {
    let seed = ground.seed.wrapping_add(number);
    match config {
        Config::Baseline => Ok(baseline(fold, ground.objective.metric, width)),
        Config::Linear { l1_ratio, scale } => {
            straight(&*fold.see(Sight::Dense(*scale))?, fold, *l1_ratio, width, ground)
        }
        Config::Kernel { shape, width: reach, linear, scale } => {
            let seen = fold.see(Sight::Dense(*scale))?;
            let params = kernel::Params { shape: *shape, width: *reach, linear: *linear };
            let rows = seen.rows()?;
            // Each penalty costs the cube of the rows.
            let penalties: &[f64] = if rows.len() > 700 { &[0.3, 0.05, 8e-3] } else { &[1.0, 0.25, 0.06, 0.015, 4e-3] };
            let models = kernel::fit_path(rows, &fold.target, penalties, &params, ground.stop).map_err(failed)?;
            let n = count(rows.len());
            let work = n * n * (n / 3.0 * count(models.len()) + count(rows.width()));
            let named = models.into_iter().zip(penalties).map(|(m, p)| (Fitted::Kernel(m), format!("penalty {p}")));
            Path::ask(named.collect(), &seen, width, work / 4.0)
        }
        Config::Neighbours { by_distance, manhattan, scale } => {
            near(&*fold.see(Sight::Dense(*scale))?, fold, *by_distance, *manhattan, width)
        }
        Config::Network { hidden, layers, learning_rate, weight_decay, dropout, batch, scale } => {
            let seen = fold.see(Sight::Dense(*scale))?;
            let rows = seen.rows()?;
            let params = network::Params {
                hidden: vec![*hidden; *layers as usize],
                learning_rate: *learning_rate,
                weight_decay: *weight_decay,
                dropout: *dropout,
                batch: *batch as usize,
                epochs: epochs(rows.len()),
                patience: 20,
                seed,
            };
            let model = network::fit(rows, &fold.target, &params, ground.stop).map_err(failed)?;
            let weights = f64::from(*hidden) * (count(rows.width()) + f64::from((*layers - 1) * *hidden));
            let work = count(rows.len()) * count(params.epochs) * weights;
            Path::ask(vec![(Fitted::Network(model), String::new())], &seen, width, work)
        }
        Config::Forest { .. } => trees(config, fold, ground, width, seed),
        Config::Boost { .. } => Err(failed("boosting has a path of its own")),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of rows, columns or steps")]
pub(super) fn count(n: usize) -> f64 {
    n as f64
}

/// Many passes over few rows, fewer over many.
fn epochs(rows: usize) -> usize {
    (2_000_000 / rows.max(1)).clamp(15, 150)
}

/// Mean, median or quantile of numbers; shares of classes, each counted as one more than it occurs.
fn baseline(fold: &FoldData, metric: Metric, width: usize) -> Path {
    let values = match fold.target.values() {
        Values::Classes { codes, .. } => class_shares(codes, width),
        Values::Numbers(y) => {
            let mut sorted = y.clone();
            sorted.sort_by(f64::total_cmp);
            vec![match metric {
                Metric::Mae | Metric::Mape => crate::profile::quantile(&sorted, 0.5),
                Metric::Pinball(q) => crate::profile::quantile(&sorted, q),
                _ => y.iter().sum::<f64>() / count(y.len()),
            }]
        }
    };
    let predictions = values.repeat(fold.test_target.len());
    let step = Step { model: Fitted::Constant(values), predictions, detail: String::new() };
    Path { steps: vec![step], work: count(fold.target.len()) }
}

fn class_shares(codes: &[u32], width: usize) -> Vec<f64> {
    let mut counts = vec![1.0; width];
    codes.iter().for_each(|code| counts[*code as usize] += 1.0);
    let total: f64 = counts.iter().sum();
    counts.iter().map(|n| n / total).collect()
}

/// Penalties from the one that leaves nothing down to a ten-thousandth of it.
fn straight(
    seen: &Seen,
    fold: &FoldData,
    l1_ratio: f64,
    width: usize,
    ground: &Ground<'_>,
) -> Result<Path, AutomlError> {
    const STEPS: usize = 11;
    let rows = seen.rows()?;
    let params = linear::Params { l1_ratio, steps: 100 };
    // Ridge alone never leaves nothing: its path begins a hundred times lower than a lasso of a thousandth would.
    let begin = if l1_ratio < 1e-3 { 0.02 } else { 1.0 };
    let top = begin * linear::largest_penalty(rows, &fold.target, &params).map_err(failed)?;
    let ratio: f64 = if l1_ratio < 1e-3 { 1e-6 } else { 1e-4 };
    let penalties: Vec<f64> = (0..STEPS).map(|at| top * ratio.powf(count(at) / count(STEPS - 1))).collect();
    // The path ends where the fold's own test rows have been worse twice in a row: it will not get better.
    let (mut least, mut worse) = (f64::INFINITY, 0);
    let mut steps: Vec<Step> = Vec::new();
    let mut lost = false;
    linear::fit_path_while(rows, &fold.target, &penalties, &params, &mut |model| {
        let model = Fitted::Linear(model.clone());
        let Some(predictions) = model.predict(&seen.test, width) else {
            lost = true;
            return false;
        };
        let loss = ground.objective.loss(&fold.test_target, &predictions).unwrap_or(f64::INFINITY);
        worse = if loss > least { worse + 1 } else { 0 };
        least = least.min(loss);
        steps.push(Step { model, predictions, detail: format!("penalty {:.2e}", penalties[steps.len()]) });
        worse < 2 && !ground.stop.now()
    })
    .map_err(failed)?;
    if lost {
        return Err(other_columns());
    }
    let work = count(steps.len()) * 30.0 * count(rows.len()) * count(rows.width()) * count(width);
    Ok(Path { steps, work })
}

/// Numbers of neighbours, and of neighbours' worth of the mean mixed in.
fn near(seen: &Seen, fold: &FoldData, by_distance: bool, manhattan: bool, width: usize) -> Result<Path, AutomlError> {
    const MOST: usize = 60;
    let rows = seen.rows()?;
    let params = |k, prior| neighbours::Params { k, by_distance, manhattan, prior };
    let model = Neighbours::fit(rows, &fold.target, &params(MOST, 0.0)).map_err(failed)?;
    let columns = seen.test.width();
    let nearest: Vec<Vec<(f64, usize)>> =
        seen.test.to_rows().par_chunks(columns).map(|row| model.nearest(row, MOST)).collect();
    let mut steps = Vec::new();
    for k in [1, 3, 5, 8, 12, 20, 35, MOST] {
        for prior in if width > 1 { &[0.05, 0.3, 1.5][..] } else { &[0.0][..] } {
            let params = params(k, *prior);
            let predictions = nearest.iter().flat_map(|near| model.vote(near, &params)).collect();
            let detail = format!("{k} neighbours, prior {prior}");
            steps.push(Step { model: Fitted::Neighbours(model.with(params)), predictions, detail });
        }
    }
    let work = count(rows.len()) * count(nearest.len()) * count(columns);
    Ok(Path { steps, work })
}

/// Forests; for classes along a path of shares of the overall mean.
fn trees(config: &Config, fold: &FoldData, ground: &Ground<'_>, width: usize, seed: u64) -> Result<Path, AutomlError> {
    let Config::Forest { extra, columns, min_leaf, entropy, trees } = config else {
        return Err(failed("this is no forest"));
    };
    let seen = fold.see(Sight::Trees)?;
    let bins = seen.bins(crate::bins::MAX_BINS, 1)?;
    let params = forest::Params {
        trees: *trees as usize,
        columns: forest::Columns::Share(*columns),
        // A forest is as large as its leaves are small: some 2,000 a tree are enough for any table.
        min_leaf_rows: min_leaf.max((count(bins.rows()) / 2_000.0).floor()),
        criterion: if *entropy { forest::Criterion::Entropy } else { forest::Criterion::Gini },
        seed,
        ..if *extra { forest::Params::extra() } else { forest::Params::random() }
    };
    let grown = forest::fit_binned(&bins, &fold.target, None, &params, ground.stop).map_err(failed)?;
    if grown.stopped {
        return Err(AutomlError::Stopped);
    }
    let prior = match fold.target.values() {
        Values::Classes { codes, .. } => class_shares(codes, width),
        Values::Numbers(_) => Vec::new(),
    };
    let predictor = Box::new(Predictor::new(grown.ensemble).map_err(failed)?);
    let raw = Fitted::Trees { predictor, mix: 0.0, prior: prior.clone() };
    let said = raw.predict(&seen.test, width).ok_or_else(other_columns)?;
    let n = count(bins.rows());
    let work = n * n.log2().max(1.0) * (1.0 + columns * count(bins.width())) * f64::from(*trees);
    if prior.is_empty() {
        let step = Step { model: raw, predictions: said, detail: String::new() };
        return Ok(Path { steps: vec![step], work });
    }
    let mixed = |mix: f64| -> Vec<f64> {
        let rows = said.chunks_exact(width);
        rows.flat_map(|row| row.iter().zip(&prior).map(move |(p, prior)| (1.0 - mix) * p + mix * prior)).collect()
    };
    let steps = [0.15, 0.07, 0.03, 0.01, 3e-3, 1e-3].map(|mix| {
        let mut model = raw.clone();
        if let Fitted::Trees { mix: own, .. } = &mut model {
            *own = mix;
        }
        Step { model, predictions: mixed(mix), detail: format!("{mix} of the class shares") }
    });
    Ok(Path { steps: steps.into(), work })
}

/// What is added to numbers so that they are the quantile (or median) that the metric asks for.
pub(super) fn shift(metric: Metric, truth: &Target, predictions: &[f64]) -> f64 {
    let quantile = match metric {
        Metric::Mae => 0.5,
        Metric::Pinball(q) => q,
        _ => return 0.0,
    };
    let Values::Numbers(y) = truth.values() else { return 0.0 };
    let mut residuals: Vec<f64> = y.iter().zip(predictions).map(|(y, p)| y - p).collect();
    residuals.sort_by(f64::total_cmp);
    if residuals.is_empty() { 0.0 } else { crate::profile::quantile(&residuals, quantile) }
}
