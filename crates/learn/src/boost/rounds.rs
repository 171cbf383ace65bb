//! Round after round: slopes, a tree for each raw output, new raw outputs, and the look at the watched rows.

use super::grow::{Ground, Grown, GrownLeaf, Workspace};
use super::histogram::{Layout, Units};
use super::loss::{quantile, weighted_quantile};
use super::params::{BoostError, Boosted, End, History, Params, RowSampling};
use super::slopes::{CHUNK, Slopes};
use super::split::Rules;
use super::tree::exchange;
use super::{Training, Watch};
use crate::ensemble::{Ensemble, Tree};
use crate::random::{Random, mix};
use crate::stop::Stop;
use fearless_simd::Level;
use rayon::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

/// Up to this much work per tree (rows times columns), the trees of a round are grown side by side, each by one thread at a time.
const SMALL: usize = 1 << 22;

/// Stands for a row that no leaf has counted.
const NOWHERE: u32 = u32::MAX;

impl Training<'_> {
    /// Boosts; see [`super::fit_watched`].
    ///
    /// # Errors
    /// As [`super::fit_watched`].
    pub fn run(&self, params: &Params, stop: &dyn Stop) -> Result<Boosted, BoostError> {
        params.check(self.bins.width())?;
        let (truth, outputs) = params.loss.truth(self.target)?;
        self.check(truth.len())?;
        let base = params.loss.base(&truth, self.weights, outputs);
        let watched = self.watch.map(|watch| Watched::new(watch, params, &base, self.bins.width())).transpose()?;
        let everything = (0..self.bins.width() as u32).collect::<Vec<u32>>();
        let whole = (params.columns >= 1.0).then(|| Layout::new(self.bins, everything));
        let run = Run {
            training: self,
            params,
            truth: &truth,
            weights: self.weights.unwrap_or(&[]),
            whole,
            counts: params.loss.has_unit_hessian() && self.weights.is_none(),
            level: Level::new(),
        };
        Ok(run.all(base, watched, stop))
    }

    fn check(&self, rows: usize) -> Result<(), BoostError> {
        let expected = self.bins.rows();
        if rows != expected {
            return Err(BoostError::Mismatch { what: "rows of the target", found: rows, expected });
        }
        if let Some(weights) = self.weights {
            if weights.len() != expected {
                return Err(BoostError::Mismatch { what: "weights", found: weights.len(), expected });
            }
            if weights.iter().sum::<f64>() <= 0.0 {
                return Err(BoostError::NoRows);
            }
        }
        if expected == 0 { Err(BoostError::NoRows) } else { Ok(()) }
    }
}

/// What all rounds share.
struct Run<'a> {
    training: &'a Training<'a>,
    params: &'a Params,
    truth: &'a [f64],
    weights: &'a [f64],
    /// The layout of all columns, when trees use all of them.
    whole: Option<Layout>,
    /// Every hessian is 1.
    counts: bool,
    level: Level,
}

/// What the trees of one raw output are grown with.
#[derive(Default)]
struct Place {
    work: Workspace,
    /// The leaf of each row.
    leaf_of: Vec<AtomicU32>,
}

impl Run<'_> {
    fn all(&self, base: Vec<f64>, mut watched: Option<Watched<'_>>, stop: &dyn Stop) -> Boosted {
        let (rows, outputs) = (self.truth.len(), base.len());
        let mut raw: Vec<Vec<f64>> = base.iter().map(|b| vec![*b; rows]).collect();
        let mut slopes = Slopes::new(rows, outputs);
        let side_by_side = outputs > 1 && rows * self.training.bins.width() <= SMALL;
        let mut places: Vec<Place> = (0..if side_by_side { outputs } else { 1 }).map(|_| Place::default()).collect();
        let (mut trees, mut ends, mut sample) = (Vec::new(), Vec::new(), Vec::new());
        let mut end = End::Finished;
        for round in 0..self.params.rounds {
            if stop.now() {
                end = End::Stopped;
                break;
            }
            slopes.compute(self.params.loss, self.truth, &raw, self.weights);
            let key = mix(self.params.seed ^ mix(round as u64));
            slopes.sample(self.params.rows, key, &mut sample);
            let grow = |output: usize, raw: &mut Vec<f64>, place: &mut Place| {
                self.tree(round, output, &slopes, &sample, raw, place)
            };
            let grown: Vec<Option<Tree>> = if side_by_side {
                let each = raw.par_iter_mut().zip(&mut places).enumerate();
                each.map(|(output, (raw, place))| grow(output, raw, place)).collect()
            } else {
                raw.iter_mut().enumerate().map(|(output, raw)| grow(output, raw, &mut places[0])).collect()
            };
            let before = trees.len();
            trees.extend(grown.into_iter().flatten());
            if trees.len() == before && self.params.rows == RowSampling::All && self.whole.is_some() {
                end = End::NoGain;
                break;
            }
            ends.push(trees.len());
            if let Some(watched) = &mut watched
                && watched.add(&trees[before..])
            {
                end = End::NoProgress;
                break;
            }
        }
        let kept = watched.as_ref().map_or(ends.len(), |watched| watched.best_rounds.min(ends.len()));
        trees.truncate(if kept == 0 { 0 } else { ends[kept - 1] });
        let history = History { watched: watched.map(|w| w.losses).unwrap_or_default(), rounds: kept, end };
        let ensemble = Ensemble {
            features: self.training.bins.features(),
            base,
            link: self.params.loss.link(),
            trees,
            single_precision_input: false,
        };
        Boosted { ensemble, history }
    }

    /// Grows the tree of one raw output and adds it to that output; `None` when no split gains.
    fn tree(
        &self,
        round: usize,
        output: usize,
        slopes: &Slopes,
        sample: &[u32],
        raw: &mut [f64],
        place: &mut Place,
    ) -> Option<Tree> {
        let units = slopes.units(output, self.counts && !matches!(self.params.rows, RowSampling::Goss { .. }))?;
        let chosen;
        let layout = match &self.whole {
            Some(whole) => whole,
            None => {
                chosen = self.some_columns((round * slopes.g.len() + output) as u64);
                &chosen
            }
        };
        let ground =
            Ground { bins: self.training.bins, params: self.params, layout, units: &units, rules: self.rules(&units) };
        place.work.rows.clear();
        place.work.rows.extend_from_slice(sample);
        let mut grown = ground.grow(&mut place.work);
        if grown.leaves.len() < 2 {
            return None;
        }
        if let Some(q) = self.params.loss.quantile() {
            self.renew(&mut grown.leaves, &place.work.rows, raw, q);
        }
        let values: Vec<f64> = grown.leaves.iter().map(|leaf| leaf.output * self.params.learning_rate).collect();
        self.add(&grown, &values, raw, place);
        let covers: Vec<f64> = grown.leaves.iter().map(|leaf| self.cover(leaf, &place.work.rows)).collect();
        Some(exchange(&grown, self.training.bins, output as u32, values, &covers))
    }

    fn some_columns(&self, tree: u64) -> Layout {
        let width = self.training.bins.width();
        let count = ((width as f64 * self.params.columns).round() as usize).max(1);
        let chosen = Random::stream(self.params.seed, "columns of a tree", tree).sample(width, count);
        Layout::new(self.training.bins, chosen.into_iter().map(|c| c as u32).collect())
    }

    fn rules(&self, units: &Units) -> Rules {
        let p = self.params;
        Rules {
            l1: p.l1 / units.g,
            l2: p.l2 / units.h,
            gain_scale: units.g * units.g / units.h,
            bounded: p.is_monotone(),
            categories: p.categories,
            category_l2: p.categories.l2 / units.h,
            category_smoothing: p.categories.smoothing / units.h,
            min_rows: p.min_rows.max(1) as f64,
            level: self.level,
        }
    }

    /// Gives each leaf the quantile `q` of what its rows are still off by.
    fn renew(&self, leaves: &mut [GrownLeaf], rows: &[u32], raw: &[f64], q: f64) {
        let off = |row: &u32| self.truth[*row as usize] - raw[*row as usize];
        leaves.par_iter_mut().for_each(|leaf| {
            let rows = &rows[leaf.start..leaf.start + leaf.count];
            leaf.output = if self.weights.is_empty() {
                quantile(&mut rows.iter().map(off).collect::<Vec<f64>>(), q)
            } else {
                let pair = |row: &u32| (off(row), self.weights[*row as usize]);
                weighted_quantile(&mut rows.iter().map(pair).collect::<Vec<(f64, f64)>>(), q)
            };
        });
    }

    fn add(&self, grown: &Grown, values: &[f64], raw: &mut [f64], place: &mut Place) {
        let Place { work, leaf_of } = place;
        leaf_of.resize_with(raw.len(), || AtomicU32::new(NOWHERE));
        if work.rows.len() < raw.len() {
            leaf_of.par_chunks_mut(CHUNK).for_each(|chunk| chunk.iter_mut().for_each(|l| *l.get_mut() = NOWHERE));
        }
        let shared = &*leaf_of;
        grown.leaves.par_iter().enumerate().for_each(|(number, leaf)| {
            work.rows[leaf.start..leaf.start + leaf.count].par_chunks(CHUNK).for_each(|rows| {
                // Each row is in one leaf: no two threads write to one place.
                rows.iter().for_each(|row| shared[*row as usize].store(number as u32, Ordering::Relaxed));
            });
        });
        raw.par_chunks_mut(CHUNK).zip(leaf_of.par_chunks_mut(CHUNK)).enumerate().for_each(|(chunk, (raw, leaf_of))| {
            for (at, (raw, leaf)) in raw.iter_mut().zip(leaf_of).enumerate() {
                let leaf = match *leaf.get_mut() {
                    NOWHERE => grown.leaf_of(self.training.bins, chunk * CHUNK + at),
                    leaf => leaf as usize,
                };
                *raw += values[leaf];
            }
        });
    }

    fn cover(&self, leaf: &GrownLeaf, rows: &[u32]) -> f64 {
        if self.weights.is_empty() {
            return leaf.count as f64;
        }
        rows[leaf.start..leaf.start + leaf.count].iter().map(|row| self.weights[*row as usize]).sum()
    }
}

/// The watched rows and how they were predicted so far.
struct Watched<'a> {
    watch: Watch<'a>,
    params: &'a Params,
    /// Row by row.
    values: Vec<f64>,
    truth: Vec<f64>,
    raw: Vec<f64>,
    losses: Vec<f64>,
    best: f64,
    best_rounds: usize,
}

impl<'a> Watched<'a> {
    fn new(watch: Watch<'a>, params: &'a Params, base: &[f64], width: usize) -> Result<Self, BoostError> {
        let (truth, outputs) = params.loss.truth(watch.target)?;
        let rows = watch.matrix.rows();
        let mismatch = |what, found, expected| Err(BoostError::Mismatch { what, found, expected });
        if watch.matrix.width() != width {
            return mismatch("watched columns", watch.matrix.width(), width);
        }
        if truth.len() != rows {
            return mismatch("rows of the watched target", truth.len(), rows);
        }
        if outputs != base.len() {
            return mismatch("classes of the watched target", outputs, base.len());
        }
        if rows == 0 {
            return Err(BoostError::NoRows);
        }
        let raw = base.iter().copied().cycle().take(rows * base.len()).collect();
        let (values, losses) = (watch.matrix.to_rows(), Vec::new());
        Ok(Self { watch, params, values, truth, raw, losses, best: f64::INFINITY, best_rounds: 0 })
    }

    /// Adds a round's trees; true when there has been no progress for too long.
    fn add(&mut self, trees: &[Tree]) -> bool {
        let rows = self.truth.len();
        let outputs = self.raw.len() / rows;
        let width = self.values.len() / rows;
        let weights = self.watch.matrix.weights();
        let (values, truth, loss) = (&self.values, &self.truth, self.params.loss);
        let parts: Vec<(f64, f64)> = self
            .raw
            .par_chunks_mut(CHUNK * outputs)
            .enumerate()
            .map(|(chunk, raw)| {
                let mut sums = (0.0, 0.0);
                for (at, raw) in raw.chunks_mut(outputs).enumerate() {
                    let row = chunk * CHUNK + at;
                    let input = &values[row * width..(row + 1) * width];
                    for tree in trees {
                        let output = tree.output.unwrap_or(0) as usize;
                        raw[output] += tree.leaf_values[tree.leaf_of(input, false) as usize];
                    }
                    let weight = weights.map_or(1.0, |w| w[row]);
                    sums = (sums.0 + weight * loss.of(truth[row], raw), sums.1 + weight);
                }
                sums
            })
            .collect();
        let (sum, weight) = parts.iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        let mean = sum / weight;
        self.losses.push(mean);
        if mean < self.best {
            (self.best, self.best_rounds) = (mean, self.losses.len());
        }
        self.losses.len() - self.best_rounds >= self.watch.patience.max(1)
    }
}
