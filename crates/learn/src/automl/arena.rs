//! The rows on which trials learn and by which they are judged; what they share is made once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::AutomlError;
use super::plan::Prepared;
use crate::bins::{BinParams, Bins};
use crate::matrix::{Matrix, Target};
use crate::prepare::{Options, Prepare, Scale, View};
use crate::random::Random;
use crate::rows::Rows;
use crate::table::Table;

/// Rows for trials at one size of learning rows.
pub(super) struct Arena {
    pub(super) folds: Vec<FoldData>,
    /// The truth of the judging rows, in the order of all predictions.
    pub(super) truth: Target,
    /// The fold that judges each of these rows (the last, where folds overlap).
    pub(super) fold_of: Vec<usize>,
}

/// One fold.
pub(super) struct FoldData {
    table: Table,
    test_table: Table,
    pub(super) target: Target,
    pub(super) test_target: Target,
    /// Places of the test rows among the judging rows.
    pub(super) places: Vec<usize>,
    seed: u64,
    views: [OnceLock<Result<Arc<Seen>, AutomlError>>; 3],
}

/// A fold's rows as numbers.
pub(super) struct Seen {
    pub(super) prepare: Prepare,
    pub(super) train: Matrix,
    pub(super) test: Matrix,
    rows: OnceLock<Result<Rows, AutomlError>>,
    bins: Mutex<HashMap<(usize, usize), Arc<Bins>>>,
}

/// How rows are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    Trees,
    Dense(Scale),
}

impl Sight {
    fn number(self) -> usize {
        match self {
            Self::Trees => 0,
            Self::Dense(Scale::Standard) => 1,
            Self::Dense(Scale::Normal) => 2,
        }
    }

    fn options(self) -> Options {
        match self {
            Self::Trees => Options::new(View::Trees),
            Self::Dense(scale) => Options { scale, ..Options::new(View::Dense) },
        }
    }
}

impl Arena {
    /// `learning`: most rows that a fold learns from.
    pub(super) fn new(prepared: &Prepared, learning: usize, seed: u64) -> Self {
        let mut judges: Vec<usize> = prepared.folds.iter().flat_map(|fold| fold.test.clone()).collect();
        judges.sort_unstable();
        judges.dedup();
        let row = |at: &usize| prepared.searched[*at];
        let mut fold_of = vec![0; judges.len()];
        let mut folds = Vec::with_capacity(prepared.folds.len());
        for (number, fold) in prepared.folds.iter().enumerate() {
            let places: Vec<usize> = fold.test.iter().filter_map(|at| judges.binary_search(at).ok()).collect();
            places.iter().for_each(|place| fold_of[*place] = number);
            // A smaller part of the rows is a part of every larger one: what is learnt grows.
            let mut order = Random::stream(seed, "rungs", number as u64).permutation(fold.train.len());
            order.truncate(learning);
            order.sort_unstable();
            let train: Vec<usize> = order.iter().map(|at| row(&fold.train[*at])).collect();
            let test: Vec<usize> = fold.test.iter().map(row).collect();
            folds.push(FoldData {
                table: prepared.features.take(&train),
                test_table: prepared.features.take(&test),
                target: prepared.target.take(&train),
                test_target: prepared.target.take(&test),
                places,
                seed: seed.wrapping_add(number as u64 * 1_000),
                views: Default::default(),
            });
        }
        let truth = prepared.target.take(&judges.iter().map(row).collect::<Vec<_>>());
        Self { folds, truth, fold_of }
    }

    /// One fold that learns from all rows of the search. Its test rows are some of them: they judge nothing.
    pub(super) fn whole(prepared: &Prepared, seed: u64) -> Self {
        let test: Vec<usize> = prepared
            .folds
            .last()
            .map_or_else(Vec::new, |fold| fold.test.iter().map(|at| prepared.searched[*at]).collect());
        let truth = prepared.target.take(&test);
        let fold = FoldData {
            table: prepared.features.take(&prepared.searched),
            test_table: prepared.features.take(&test),
            target: prepared.target.take(&prepared.searched),
            test_target: truth.clone(),
            places: (0..test.len()).collect(),
            seed,
            views: Default::default(),
        };
        Self { fold_of: vec![0; test.len()], folds: vec![fold], truth }
    }

    /// All judging rows' predictions out of those of the folds.
    pub(super) fn pool(&self, by_fold: &[&[f64]], width: usize) -> Vec<f64> {
        let mut out = vec![0.0; self.truth.len() * width];
        for (fold, predictions) in self.folds.iter().zip(by_fold) {
            for (place, row) in fold.places.iter().zip(predictions.chunks_exact(width)) {
                out[place * width..(place + 1) * width].copy_from_slice(row);
            }
        }
        out
    }
}

impl FoldData {
    pub(super) fn see(&self, sight: Sight) -> Result<Arc<Seen>, AutomlError> {
        let seen = self.views[sight.number()].get_or_init(|| {
            let (prepare, train) = Prepare::fit(&self.table, &self.target, &sight.options(), self.seed)?;
            let test = prepare.transform(&self.test_table)?;
            Ok(Arc::new(Seen { prepare, train, test, rows: OnceLock::new(), bins: Mutex::default() }))
        });
        seen.clone()
    }
}

impl Seen {
    /// The training rows, all numbers finite.
    pub(super) fn rows(&self) -> Result<&Rows, AutomlError> {
        let rows = self.rows.get_or_init(|| Rows::new(&self.train).map_err(|e| AutomlError::Learner(e.to_string())));
        rows.as_ref().map_err(Clone::clone)
    }

    pub(super) fn bins(&self, max_bins: usize, min_rows: usize) -> Result<Arc<Bins>, AutomlError> {
        let key = (max_bins, min_rows);
        // A map of finished values: a panic elsewhere leaves it whole.
        if let Some(bins) = self.bins.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(bins));
        }
        let params = BinParams { max_bins, min_rows, ..BinParams::default() };
        let bins = Arc::new(Bins::new(&self.train, &params).map_err(|e| AutomlError::Learner(e.to_string()))?);
        let mut known = self.bins.lock().unwrap_or_else(PoisonError::into_inner);
        // Few sizes are asked for; more would fill the memory.
        if known.len() < 4 {
            known.insert(key, Arc::clone(&bins));
        }
        Ok(bins)
    }
}
