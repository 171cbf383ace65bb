//! Boosting on every fold. The number of rounds is one for all folds: the one at which their losses together are least. Taking
//! each fold's own best would judge it by the rows it was stopped by.

use rayon::prelude::*;

use super::AutomlError;
use super::arena::{FoldData, Seen, Sight};
use super::learn::{Ground, Learnt, Path, Step, choose, count, other_columns};
use crate::boost::{Boosted, End, Loss, Params, RowSampling, Training, Watch};
use crate::evaluate::Predictor;
use crate::metrics::Metric;
use crate::model::Fitted;
use crate::search::Config;

/// Rounds without a better loss before a fold is given up.
fn patience(learning_rate: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "15 to 100")]
    let rounds = (2.0 / learning_rate).clamp(15.0, 100.0) as usize;
    rounds
}

fn params(config: &Config, metric: Metric, width: usize, seed: u64) -> Option<(Params, usize)> {
    let Config::Boost { learning_rate, max_leaves, min_rows, l2, l1, columns, rows, bins, rounds } = config else {
        return None;
    };
    let loss = match (width, metric) {
        (1, Metric::Mae | Metric::Mape) => Loss::Absolute,
        (1, Metric::Pinball(q)) => Loss::Quantile(q),
        (1, _) => Loss::Squared,
        (2, _) => Loss::Logistic,
        _ => Loss::Softmax,
    };
    let params = Params {
        rounds: *rounds as usize,
        learning_rate: *learning_rate,
        max_leaves: *max_leaves as usize,
        min_rows: *min_rows as usize,
        l1: *l1,
        l2: *l2,
        columns: *columns,
        rows: if *rows < 1.0 { RowSampling::Bagging(*rows) } else { RowSampling::All },
        seed,
        ..Params::new(loss)
    };
    // Widths of bins that share their tables: 31, 63, 127, 255.
    let bins = [31, 63, 127, 255].into_iter().find(|b| *b >= *bins as usize).unwrap_or(255);
    Some((params, bins))
}

pub(super) fn learn(config: &Config, ground: &Ground<'_>, width: usize) -> Result<Learnt, AutomlError> {
    let metric = ground.objective.metric;
    let Some((params, bins)) = params(config, metric, width, ground.seed) else {
        return Err(AutomlError::Learner("this is no boosting".to_owned()));
    };
    let folds = &ground.arena.folds;
    if let Some(rounds) = ground.place {
        return again(folds, &Params { rounds, ..params }, bins, ground, width);
    }
    let watched: Vec<Boosted> = folds
        .par_iter()
        .map(|fold| fit(fold, &params, bins, Some(patience(params.learning_rate)), ground))
        .collect::<Result<_, _>>()?;
    let rounds = if folds.len() == 1 { watched[0].history.rounds } else { common_rounds(&watched, folds) };
    let paths: Vec<Path> = folds
        .par_iter()
        .zip(watched)
        .map(|(fold, boosted)| {
            let made = count(boosted.history.watched.len().max(1));
            let boosted = cut(boosted, rounds, fold, &params, bins, ground)?;
            let seen = fold.see(Sight::Trees)?;
            let work = count(fold.target.len()) * count(seen.train.width()) * made * count(outputs(width)) * 2.0;
            let model = fitted(boosted)?;
            let predictions = model.predict(&seen.test, width).ok_or_else(other_columns)?;
            let detail = format!("{rounds} rounds");
            Ok(Path { steps: vec![Step { model, predictions, detail }], work })
        })
        .collect::<Result<_, AutomlError>>()?;
    let learnt = choose(paths, ground, width, Some(Sight::Trees))?;
    Ok(Learnt { place: rounds, ..learnt })
}

/// So many rounds on every fold.
fn again(
    folds: &[FoldData],
    params: &Params,
    bins: usize,
    ground: &Ground<'_>,
    width: usize,
) -> Result<Learnt, AutomlError> {
    let paths = folds.par_iter().map(|fold| {
        let model = fitted(fit(fold, params, bins, None, ground)?)?;
        let predictions = model.predict(&fold.see(Sight::Trees)?.test, width).ok_or_else(other_columns)?;
        let detail = format!("{} rounds", params.rounds);
        Ok(Path { steps: vec![Step { model, predictions, detail }], work: count(fold.target.len()) })
    });
    let paths: Vec<Path> = paths.collect::<Result<_, AutomlError>>()?;
    let learnt = choose(paths, &Ground { place: Some(0), ..*ground }, width, Some(Sight::Trees))?;
    Ok(Learnt { place: params.rounds, ..learnt })
}

/// Raw outputs of a model of `width` numbers.
fn outputs(width: usize) -> usize {
    if width == 2 { 1 } else { width }
}

fn fitted(boosted: Boosted) -> Result<Fitted, AutomlError> {
    let predictor = Predictor::new(boosted.ensemble).map_err(|e| AutomlError::Learner(e.to_string()))?;
    Ok(Fitted::Trees { predictor: Box::new(predictor), mix: 0.0, prior: Vec::new() })
}

fn fit(
    fold: &FoldData,
    params: &Params,
    bins: usize,
    patience: Option<usize>,
    ground: &Ground<'_>,
) -> Result<Boosted, AutomlError> {
    let seen: &Seen = &*fold.see(Sight::Trees)?;
    let bins = seen.bins(bins, crate::bins::BinParams::default().min_rows)?;
    let watch = patience.map(|patience| Watch { matrix: &seen.test, target: &fold.test_target, patience });
    let training = Training { bins: &bins, target: &fold.target, weights: None, watch };
    let boosted = training.run(params, ground.stop).map_err(|e| AutomlError::Learner(e.to_string()))?;
    if boosted.history.end == End::Stopped { Err(AutomlError::Stopped) } else { Ok(boosted) }
}

/// The number of rounds with the least loss over all test rows. A fold that ended earlier keeps its last loss: it had been
/// getting worse.
fn common_rounds(watched: &[Boosted], folds: &[FoldData]) -> usize {
    let longest = watched.iter().map(|boosted| boosted.history.watched.len()).max().unwrap_or(0);
    let loss = |round: usize| -> f64 {
        let of_fold = |(boosted, fold): (&Boosted, &FoldData)| {
            let losses = &boosted.history.watched;
            let loss = losses.get(round).or(losses.last()).copied().unwrap_or(0.0);
            loss * count(fold.test_target.len())
        };
        watched.iter().zip(folds).map(of_fold).sum()
    };
    let mut best = (f64::INFINITY, 0);
    for round in 0..longest {
        let loss = loss(round);
        if loss < best.0 {
            best = (loss, round + 1);
        }
    }
    best.1.max(1)
}

/// The fold's model after so many rounds. Trees past them are cut off; where the fold had kept fewer, it learns again.
fn cut(
    mut boosted: Boosted,
    rounds: usize,
    fold: &FoldData,
    params: &Params,
    bins: usize,
    ground: &Ground<'_>,
) -> Result<Boosted, AutomlError> {
    let kept = boosted.history.rounds;
    if kept == rounds {
        return Ok(boosted);
    }
    let per_round = boosted.ensemble.outputs();
    // Rounds without a split leave no tree: then trees do not tell rounds.
    if kept > rounds && boosted.ensemble.trees.len() == kept * per_round {
        boosted.ensemble.trees.truncate(rounds * per_round);
        return Ok(boosted);
    }
    fit(fold, &Params { rounds, ..params.clone() }, bins, None, ground)
}
