//! The sequence of trials.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::arena::{Arena, Sight};
use super::finish::finish;
use super::learn::{Ground, Learnt, learn, shift};
use super::plan::{Prepared, dense_width, plan};
use super::{AutomlError, Event, Outcome, Settings, Trial, TrialResult};
use crate::blend::Objective;
use crate::model::Fitted;
use crate::rows::outputs;
use crate::search::{Config, Family, Past, Traits, portfolio, propose};
use crate::stop::{Never, Stop};
use crate::table::Table;

/// Trials where neither the caller's number nor stop ends the search.
const TRIALS: usize = 200;
/// One in so many choices goes on to more rows.
const PROMOTED: usize = 3;
/// Best trials whose models are kept for the blend, over all…
const KEPT: usize = 14;
/// …and of each family besides.
const KEPT_OF_FAMILY: usize = 2;

/// Models of a trial, kept for the blend.
pub(super) struct Models {
    pub(super) fitted: Vec<Fitted>,
    pub(super) sight: Option<Sight>,
}

/// Everything of a run that trials share.
pub(super) struct Search<'a> {
    pub(super) settings: &'a Settings,
    pub(super) prepared: &'a Prepared,
    pub(super) objective: Objective,
    pub(super) width: usize,
    rungs: Vec<OnceCell<Arena>>,
    portfolio: Vec<Config>,
    pub(super) trials: Vec<Trial>,
    pub(super) kept: BTreeMap<usize, Models>,
}

/// Learns from `table`. `finished` holds trials of an earlier run with the same table and settings, in order: they are not made
/// again, whatever `stop` says, which is asked before and in every other trial but the first; `events` is told what happens.
///
/// # Errors
/// [`AutomlError`] says why there can be no model. Learners that fail are trials that failed.
pub fn run(
    table: &Table,
    settings: &Settings,
    finished: &[Trial],
    stop: &dyn Stop,
    events: &mut dyn FnMut(Event<'_>),
) -> Result<Outcome, AutomlError> {
    let prepared = plan(table, settings)?;
    events(Event::Planned(&prepared.plan));
    let mut search = Search::new(settings, &prepared);
    let most = settings.trials.unwrap_or(TRIALS).max(1);
    let mut stopped = false;
    while search.trials.len() < most {
        let number = search.trials.len();
        let Some((config, rung)) = search.next() else { break };
        let learning_rows = prepared.plan.learning_rows[rung];
        let trial = match finished.get(number).filter(|trial| search.is_same(trial, number, &config, learning_rows)) {
            // It has been paid for already: there is always time for it.
            Some(trial) => trial.clone(),
            None if number > 0 && stop.now() => {
                stopped = true;
                break;
            }
            None => {
                events(Event::Started { number, config: &config, learning_rows });
                match search.attempt(number, config, rung, if number == 0 { &Never } else { stop }) {
                    Err(AutomlError::Stopped) => {
                        stopped = true;
                        break;
                    }
                    // No preparation will ever find a column: that is no fault of one learner.
                    Err(error @ AutomlError::Prepare(_)) => return Err(error),
                    made => made?,
                }
            }
        };
        search.tell(trial, events);
    }
    events(Event::Blending { trials: search.trials.len() });
    finish(search, stopped)
}

impl<'a> Search<'a> {
    fn new(settings: &'a Settings, prepared: &'a Prepared) -> Self {
        let plan = &prepared.plan;
        let traits = Traits {
            rows: plan.learning_rows.last().copied().unwrap_or(0),
            columns: dense_width(&prepared.features),
            classes: u32::try_from(plan.classes.len()).unwrap_or(u32::MAX),
        };
        let wanted = |family: Family| {
            family == Family::Baseline || settings.families.as_ref().is_none_or(|all| all.contains(&family))
        };
        Self {
            settings,
            prepared,
            objective: Objective { metric: plan.metric },
            width: outputs(&prepared.target),
            rungs: plan.learning_rows.iter().map(|_| OnceCell::new()).collect(),
            portfolio: portfolio(&traits).into_iter().filter(|config| wanted(config.family())).collect(),
            trials: Vec::new(),
            kept: BTreeMap::new(),
        }
    }

    pub(super) fn arena(&self, rung: usize) -> &Arena {
        let rows = self.prepared.plan.learning_rows[rung];
        self.rungs[rung].get_or_init(|| Arena::new(self.prepared, rows, self.settings.seed))
    }

    pub(super) fn rung_of(&self, trial: &Trial) -> usize {
        let rows = &self.prepared.plan.learning_rows;
        rows.iter().position(|rows| *rows == trial.learning_rows).unwrap_or(rows.len() - 1)
    }

    /// The next choice and the rung it is tried on.
    fn next(&self) -> Option<(Config, usize)> {
        let at = |rung: usize| self.trials.iter().filter(move |trial| self.rung_of(trial) == rung);
        for rung in (0..self.rungs.len() - 1).rev() {
            let above = at(rung + 1).count();
            if above < at(rung).count() / PROMOTED {
                let waiting = at(rung).filter(|trial| {
                    trial.loss().is_some()
                        && trial.config != Config::Baseline
                        && !at(rung + 1).any(|other| other.config == trial.config)
                });
                let loss = |trial: &Trial| trial.loss().unwrap_or(f64::INFINITY);
                if let Some(best) = waiting.min_by(|a, b| loss(a).total_cmp(&loss(b))) {
                    return Some((best.config.clone(), rung + 1));
                }
            }
        }
        let begun = at(0).count();
        if let Some(config) = self.portfolio.get(begun) {
            return Some((config.clone(), 0));
        }
        let past: Vec<Past<'_>> =
            at(0).map(|trial| Past { config: &trial.config, loss: trial.loss(), work: trial.work }).collect();
        Some((propose(&past, self.settings.seed, begun)?, 0))
    }

    /// Whether a trial given back is the one that would be made now.
    fn is_same(&self, trial: &Trial, number: usize, config: &Config, learning_rows: usize) -> bool {
        let whole = match &trial.result {
            TrialResult::Scored { predictions, loss, score, .. } => {
                predictions.len() == self.prepared.plan.judging_rows * self.width
                    && loss.is_finite()
                    && score.is_finite()
                    && predictions.iter().all(|p| p.is_finite())
            }
            TrialResult::Failed { .. } => true,
        };
        whole && trial.number == number && trial.config == *config && trial.learning_rows == learning_rows
    }

    /// Makes a trial. Only stop, a preparation without columns and a baseline that fails are errors.
    fn attempt(&mut self, number: usize, config: Config, rung: usize, stop: &dyn Stop) -> Result<Trial, AutomlError> {
        let learning_rows = self.prepared.plan.learning_rows[rung];
        let failed = |config: Config, reason: String| Trial {
            number,
            config,
            learning_rows,
            work: 1.0,
            result: TrialResult::Failed { reason },
        };
        let learnt = match self.learn(&config, rung, stop) {
            Ok(learnt) => learnt,
            Err(error @ (AutomlError::Stopped | AutomlError::Prepare(_))) => return Err(error),
            Err(error) if config == Config::Baseline => return Err(error),
            Err(error) => return Ok(failed(config, error.to_string())),
        };
        match self.score(&learnt, rung) {
            Ok((result, work)) => {
                self.kept.insert(number, Models { fitted: learnt.models, sight: learnt.sight });
                Ok(Trial { number, config, learning_rows, work, result })
            }
            Err(error) if config == Config::Baseline => Err(error),
            Err(error) => Ok(failed(config, error.to_string())),
        }
    }

    pub(super) fn learn(&self, config: &Config, rung: usize, stop: &dyn Stop) -> Result<Learnt, AutomlError> {
        let (arena, objective, seed) = (self.arena(rung), self.objective, self.settings.seed);
        learn(config, &Ground { arena, objective, seed, stop, place: None })
    }

    /// A choice learnt once more from all rows of the search, as far along its path as before.
    pub(super) fn learn_all(&self, arena: &Arena, trial: &Trial) -> Result<Learnt, AutomlError> {
        let place = if let TrialResult::Scored { place, .. } = trial.result { Some(place) } else { None };
        let (objective, seed) = (self.objective, self.settings.seed);
        learn(&trial.config, &Ground { arena, objective, seed, stop: &Never, place })
    }

    fn score(&self, learnt: &Learnt, rung: usize) -> Result<(TrialResult, f64), AutomlError> {
        let arena = self.arena(rung);
        let metric = self.objective.metric;
        let shift = shift(metric, &arena.truth, &learnt.predictions);
        // Stored in single precision, and scored as stored: a run that goes on sees what this one saw.
        #[expect(clippy::cast_possible_truncation, reason = "seven digits tell models apart")]
        let predictions: Vec<f32> = learnt.predictions.iter().map(|p| (p + shift) as f32).collect();
        let exact = widened(&predictions);
        let loss = self.objective.loss(&arena.truth, &exact)?;
        let score = metric.score(&arena.truth, &exact)?;
        let fold_scores = (0..arena.folds.len())
            .map(|fold| {
                let places: Vec<usize> = (0..arena.fold_of.len()).filter(|at| arena.fold_of[*at] == fold).collect();
                let own: Vec<f64> = places
                    .iter()
                    .flat_map(|place| exact[place * self.width..(place + 1) * self.width].iter().copied())
                    .collect();
                metric.score(&arena.truth.take(&places), &own).ok()
            })
            .collect();
        let (detail, place) = (learnt.detail.clone(), learnt.place);
        Ok((TrialResult::Scored { score, loss, fold_scores, detail, place, shift, predictions }, learnt.work))
    }

    fn tell(&mut self, trial: Trial, events: &mut dyn FnMut(Event<'_>)) {
        let least = self.trials.iter().filter_map(Trial::loss).fold(f64::INFINITY, f64::min);
        events(Event::Finished(&trial));
        if trial.loss().is_some_and(|loss| loss < least) {
            events(Event::Best(&trial));
        }
        self.trials.push(trial);
        let wanted = self.worth_keeping();
        self.kept.retain(|number, _| wanted.contains(number));
    }

    /// Numbers of the trials that the blend may choose from, best first.
    pub(super) fn worth_keeping(&self) -> Vec<usize> {
        let mut ranked: Vec<&Trial> = self.trials.iter().filter(|trial| trial.loss().is_some()).collect();
        ranked.sort_by(|a, b| {
            let loss = |trial: &Trial| trial.loss().unwrap_or(f64::INFINITY);
            loss(a).total_cmp(&loss(b)).then(a.number.cmp(&b.number))
        });
        let mut of_family: BTreeMap<Family, usize> = BTreeMap::new();
        let mut wanted = Vec::new();
        for (rank, trial) in ranked.iter().enumerate() {
            let own = of_family.entry(trial.config.family()).or_default();
            *own += 1;
            if rank < KEPT || *own <= KEPT_OF_FAMILY {
                wanted.push(trial.number);
            }
        }
        wanted
    }
}

/// Numbers in double precision.
pub(super) fn widened(predictions: &[f32]) -> Vec<f64> {
    predictions.iter().map(|p| f64::from(*p)).collect()
}
