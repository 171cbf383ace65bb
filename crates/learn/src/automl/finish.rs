//! From trials to one model: weights, temperature, bounds, and the look at the rows set apart.

use super::arena::{Arena, Sight};
use super::report::report;
use super::run::{Models, Search, widened};
use super::{AutomlError, OutOfFold, Outcome, Standing, Trial, TrialResult};
use crate::blend::{self, Stack};
use crate::calibrate::Temperature;
use crate::conformal::{AdaptiveSets, CvPlus};
use crate::matrix::{Target, Values};
use crate::model::{Bounds, Member, Model, Part, Task};
use crate::prepare::{Prepare, Source};
use crate::stop::Never;

/// A member of less weight than this costs more than it tells.
const LEAST_WEIGHT: f64 = 0.01;

pub(super) fn finish(mut search: Search<'_>, stopped: bool) -> Result<Outcome, AutomlError> {
    let weights = weigh(&search)?;
    // In time, what was learnt from the first stretches is old: the chosen models learn once more, from all.
    let whole = search.settings.time_column.as_ref().map(|_| Arena::whole(search.prepared, search.settings.seed));
    for (number, _) in &weights {
        let trial = &search.trials[*number];
        let learnt = match &whole {
            Some(arena) => search.learn_all(arena, trial)?,
            // Trials that were given back have no models yet: the chosen ones learn again, to the same bits.
            None if !search.kept.contains_key(number) => search.learn(&trial.config, search.rung_of(trial), &Never)?,
            None => continue,
        };
        search.kept.insert(*number, Models { fitted: learnt.models, sight: learnt.sight });
    }
    let arena = search.arena(search.prepared.plan.learning_rows.len() - 1);
    let (mut blended, stack) = pooled(&search, &weights, arena)?;
    let temperature = temperature(&arena.truth, &blended, search.width);
    blended.chunks_exact_mut(search.width).for_each(|row| temperature.apply(row));
    let bounds = bounds(arena, &blended, search.width);
    let mut model = assemble(&mut search, &weights, whole.as_ref(), temperature, bounds)?;
    model.stack = stack;
    let arena = search.arena(search.prepared.plan.learning_rows.len() - 1);
    let score = search.objective.metric.score(&arena.truth, &blended)?;
    let hold_out = hold_out(&search, &model)?;
    let mut judges: Vec<usize> = search.prepared.folds.iter().flat_map(|fold| fold.test.clone()).collect();
    judges.sort_unstable();
    let rows = judges.iter().map(|at| search.prepared.row_numbers[search.prepared.searched[*at]]).collect();
    let leaderboard = leaderboard(&search.trials, &weights, search.objective.metric.greater_is_better());
    Ok(Outcome {
        plan: search.prepared.plan.clone(),
        leaderboard,
        score,
        out_of_fold: OutOfFold { rows, width: search.width, predictions: blended },
        hold_out,
        held: search.prepared.held.iter().map(|at| search.prepared.row_numbers[*at]).collect(),
        model,
        trials: search.trials,
        stopped,
    })
}

fn predictions(trial: &Trial) -> Vec<f64> {
    if let TrialResult::Scored { predictions, .. } = &trial.result { widened(predictions) } else { Vec::new() }
}

/// The trials of the blend and their shares, the largest first.
fn weigh(search: &Search<'_>) -> Result<Vec<(usize, f64)>, AutomlError> {
    let numbers = search.worth_keeping();
    let arena = search.arena(search.prepared.plan.learning_rows.len() - 1);
    if !search.settings.blend {
        return Ok(numbers.first().map(|best| (*best, 1.0)).into_iter().collect());
    }
    let candidates: Vec<Vec<f64>> = numbers.iter().map(|number| predictions(&search.trials[*number])).collect();
    let slices: Vec<&[f64]> = candidates.iter().map(Vec::as_slice).collect();
    let params = blend::Params::for_rows(arena.truth.len(), search.settings.seed);
    let weights = blend::select(&slices, &arena.truth, search.objective, &params)?;
    let mut chosen: Vec<(usize, f64)> =
        numbers.into_iter().zip(weights).filter(|(_, weight)| *weight >= LEAST_WEIGHT).collect();
    let total: f64 = chosen.iter().map(|(_, weight)| weight).sum();
    chosen.iter_mut().for_each(|(_, weight)| *weight /= total);
    chosen.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    Ok(chosen)
}

/// Out-of-fold predictions of the blend, or of a stack where one is better.
fn pooled(
    search: &Search<'_>,
    weights: &[(usize, f64)],
    arena: &Arena,
) -> Result<(Vec<f64>, Option<Stack>), AutomlError> {
    let all: Vec<Vec<f64>> = weights.iter().map(|(number, _)| predictions(&search.trials[*number])).collect();
    let slices: Vec<&[f64]> = all.iter().map(Vec::as_slice).collect();
    let shares: Vec<f64> = weights.iter().map(|(_, weight)| *weight).collect();
    if let Some((stack, said)) = Stack::learn(&slices, &shares, &arena.truth, &arena.fold_of, search.objective)? {
        return Ok((said, Some(stack)));
    }
    Ok((blend::mean(&slices, &shares), None))
}

fn temperature(truth: &Target, blended: &[f64], width: usize) -> Temperature {
    match truth.values() {
        Values::Classes { codes, .. } => Temperature::fit(blended, codes, width),
        Values::Numbers(_) => Temperature::NONE,
    }
}

fn bounds(arena: &Arena, blended: &[f64], width: usize) -> Bounds {
    match arena.truth.values() {
        Values::Classes { codes, .. } => Bounds::Classes(AdaptiveSets::new(blended, codes, width)),
        Values::Numbers(y) => {
            let residuals: Vec<f64> = y.iter().zip(blended).map(|(y, p)| y - p).collect();
            Bounds::Numbers(CvPlus::new(&residuals, &arena.fold_of, arena.folds.len()))
        }
    }
}

/// Preparations are shared by the members that see a fold alike.
fn assemble(
    search: &mut Search<'_>,
    weights: &[(usize, f64)],
    whole: Option<&Arena>,
    temperature: Temperature,
    bounds: Bounds,
) -> Result<Model, AutomlError> {
    let mut prepares: Vec<Prepare> = Vec::new();
    let mut known: Vec<(usize, usize, Sight)> = Vec::new();
    let mut members = Vec::with_capacity(weights.len());
    for (number, weight) in weights {
        let Some(models) = search.kept.remove(number) else { continue };
        let trial = &search.trials[*number];
        let rung = if whole.is_some() { 0 } else { search.rung_of(trial) };
        let mut parts = Vec::with_capacity(models.fitted.len());
        for (fold, fitted) in models.fitted.into_iter().enumerate() {
            let prepare = match models.sight {
                None => None,
                Some(sight) => {
                    let at = match known.iter().position(|known| *known == (rung, fold, sight)) {
                        Some(at) => at,
                        None => {
                            known.push((rung, fold, sight));
                            let arena = whole.unwrap_or_else(|| search.arena(rung));
                            prepares.push(arena.folds[fold].see(sight)?.prepare.clone());
                            prepares.len() - 1
                        }
                    };
                    u32::try_from(at).ok()
                }
            };
            parts.push(Part { prepare, fitted });
        }
        let shift = if let TrialResult::Scored { shift, .. } = trial.result { shift } else { 0.0 };
        members.push(Member { config: trial.config.clone(), trial: *number, weight: *weight, shift, parts });
    }
    let prepared = search.prepared;
    let columns = prepared.features.columns().iter();
    Ok(Model {
        task: prepared.plan.task,
        target: search.settings.target.clone(),
        classes: prepared.plan.classes.clone(),
        metric: prepared.plan.metric,
        sources: columns.map(|c| Source { name: c.name.clone(), kind: c.kind() }).collect(),
        prepares,
        members,
        stack: None,
        temperature,
        bounds,
    })
}

fn hold_out(search: &Search<'_>, model: &Model) -> Result<Option<super::Report>, AutomlError> {
    let held = &search.prepared.held;
    if held.is_empty() {
        return Ok(None);
    }
    let rows = search.prepared.features.take(held);
    let truth = search.prepared.target.take(held);
    let said = model.predict(&rows)?;
    let covered = match truth.values() {
        Values::Numbers(y) => {
            let intervals = model.intervals(&rows, super::report::COVERAGE)?;
            y.iter().zip(intervals).filter(|(y, (low, high))| low <= *y && *y <= high).count()
        }
        Values::Classes { codes, .. } => {
            let sets = model.sets(&rows, super::report::COVERAGE)?;
            codes.iter().zip(sets).filter(|(code, set)| set.contains(code)).count()
        }
    };
    debug_assert_eq!(model.task() == Task::Regression, model.classes().is_empty());
    Ok(Some(report(&truth, &said.values, search.objective.metric, covered)))
}

fn leaderboard(trials: &[Trial], weights: &[(usize, f64)], greater: bool) -> Vec<Standing> {
    let mut standings: Vec<Standing> = trials
        .iter()
        .filter_map(|trial| {
            let TrialResult::Scored { score, fold_scores, .. } = &trial.result else { return None };
            Some(Standing {
                rank: 0,
                trial: trial.number,
                family: trial.config.family(),
                score: *score,
                deviation: deviation(fold_scores),
                weight: weights.iter().find(|(number, _)| *number == trial.number).map_or(0.0, |(_, weight)| *weight),
                learning_rows: trial.learning_rows,
            })
        })
        .collect();
    standings.sort_by(|a, b| {
        let order = if greater { b.score.total_cmp(&a.score) } else { a.score.total_cmp(&b.score) };
        order.then(a.trial.cmp(&b.trial))
    });
    standings.iter_mut().enumerate().for_each(|(at, standing)| standing.rank = at + 1);
    standings
}

#[expect(clippy::cast_precision_loss, reason = "a number of folds")]
fn deviation(scores: &[Option<f64>]) -> Option<f64> {
    let scores: Vec<f64> = scores.iter().flatten().copied().collect();
    let n = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / n;
    let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
    (scores.len() > 1).then(|| (squares / (n - 1.0)).sqrt())
}
