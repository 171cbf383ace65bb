//! Some rows explained on one thread.

use super::kernel::{self, Block, LANES, Lanes, Memory, Turns};
use super::plan::{POINTS, Plan, Tape};
use super::sums::{Pairs, Singles};
use fearless_simd::{Level, Simd};
use rhiza_learn::ensemble::Ensemble;

/// Tapes that a block goes through before the next block.
const TAPES: usize = 8;

pub(super) struct Task<'a> {
    pub ensemble: &'a Ensemble,
    pub plan: &'a Plan,
}

/// Work that can be done with any kind of vectors.
pub(super) trait Work {
    fn run<S: Simd>(self, simd: S);
}

/// Does the work with the widest vectors that this processor has. Of x86's kinds three are enough: more would only take longer to
/// compile.
pub(super) fn with_vectors(level: Level, work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = level.as_avx512() {
            simd.vectorize(
                #[inline(always)]
                || work.run(simd),
            );
        } else if let Some(simd) = level.as_avx2() {
            simd.vectorize(
                #[inline(always)]
                || work.run(simd),
            );
        } else if let Some(simd) = level.as_sse2() {
            work.run(simd);
        } else {
            unreachable!("x86-64 has SSE2");
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    fearless_simd::dispatch!(level, simd => work.run(simd));
}

/// Shapley values of `rows` into `values` (row, output, column).
pub(super) struct Values<'a> {
    pub task: Task<'a>,
    pub rows: &'a [f64],
    pub values: &'a mut [f64],
}

impl Work for Values<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.task.values(simd, self.rows, self.values);
    }
}

/// Interactions of one block of `rows` into `values` (row, output, column, column).
pub(super) struct Interacting<'a> {
    pub task: Task<'a>,
    pub rows: &'a [f64],
    pub values: &'a mut [f64],
}

impl Work for Interacting<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.task.interactions(simd, self.rows, self.values);
    }
}

/// The used columns of a block, each in one piece.
struct Planes {
    planes: Vec<Lanes>,
    place: Vec<u32>,
}

impl Task<'_> {
    #[inline(always)]
    fn values<S: Simd>(&self, simd: S, rows: &[f64], values: &mut [f64]) {
        let columns = self.ensemble.features.len();
        let (used, outputs) = (self.plan.used.len(), self.plan.base.len());
        let blocks: Vec<Planes> = rows.chunks(LANES * columns).map(|rows| self.planes(rows)).collect();
        let mut sums = vec![vec![Lanes([0.0; LANES]); used * outputs]; blocks.len()];
        let mut memory = Memory::new(self.plan.levels);
        for tapes in self.plan.tapes.chunks(TAPES) {
            for (block, sums) in blocks.iter().zip(&mut sums) {
                let block = Block { planes: &block.planes, place: &block.place };
                for tape in tapes {
                    let sums = &mut sums[tape.output * used..(tape.output + 1) * used];
                    self.play(simd, tape, &block, &mut memory, &mut Singles(sums));
                }
            }
        }
        for (values, sums) in values.chunks_mut(LANES * columns * outputs).zip(&sums) {
            for (lane, values) in values.chunks_exact_mut(columns * outputs).enumerate() {
                for (values, sums) in values.chunks_exact_mut(columns).zip(sums.chunks_exact(used.max(1))) {
                    for (column, sum) in self.plan.used.iter().zip(sums) {
                        values[*column] = sum.0[lane];
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn interactions<S: Simd>(&self, simd: S, rows: &[f64], values: &mut [f64]) {
        let columns = self.ensemble.features.len();
        let (used, outputs) = (self.plan.used.len(), self.plan.base.len());
        let planes = self.planes(rows);
        let block = Block { planes: &planes.planes, place: &planes.place };
        let mut memory = Memory::new(self.plan.levels);
        for output in 0..outputs {
            let mut singles = vec![Lanes([0.0; LANES]); used];
            let mut sums = vec![Lanes([0.0; LANES]); self.plan.pairs.len()];
            for tape in self.plan.tapes.iter().filter(|tape| tape.output == output) {
                let mut pairs = Pairs { singles: Singles(&mut singles), pairs: &mut sums };
                simd.vectorize(
                    #[inline(always)]
                    || kernel::play::<S, _, POINTS>(simd, tape, &block, self, &mut memory, &mut pairs),
                );
            }
            for (lane, values) in values.chunks_exact_mut(outputs * columns * columns).enumerate() {
                let values = &mut values[output * columns * columns..(output + 1) * columns * columns];
                self.mirror(&singles, &sums, lane, values);
            }
        }
    }

    /// Writes the pairs of one lane to either place, and on the diagonal what they leave of the Shapley value.
    fn mirror(&self, singles: &[Lanes], pairs: &[Lanes], lane: usize, values: &mut [f64]) {
        let columns = self.ensemble.features.len();
        let used = &self.plan.used;
        for (column, single) in used.iter().zip(singles) {
            values[column * (columns + 1)] = single.0[lane];
        }
        for ((a, b), number) in &self.plan.pairs {
            let (a, b, value) = (used[*a as usize], used[*b as usize], pairs[*number as usize].0[lane]);
            values[a * columns + b] = value;
            values[b * columns + a] = value;
            values[a * (columns + 1)] -= value;
            values[b * (columns + 1)] -= value;
        }
    }

    #[inline(always)]
    fn play<S: Simd>(&self, simd: S, tape: &Tape, block: &Block<'_>, memory: &mut Memory, sums: &mut Singles<'_>) {
        match tape.count {
            ..=2 => simd.vectorize(
                #[inline(always)]
                || kernel::play::<S, _, 2>(simd, tape, block, self, memory, sums),
            ),
            3 => simd.vectorize(
                #[inline(always)]
                || kernel::play::<S, _, 3>(simd, tape, block, self, memory, sums),
            ),
            _ => simd.vectorize(
                #[inline(always)]
                || kernel::play::<S, _, POINTS>(simd, tape, block, self, memory, sums),
            ),
        }
    }

    /// The used columns of up to [`LANES`] rows; with NaN made −∞ besides, where a test wants NaN on the left.
    fn planes(&self, rows: &[f64]) -> Planes {
        let columns = self.ensemble.features.len();
        let used = &self.plan.used;
        let mut planes = vec![Lanes([0.0; LANES]); used.len()];
        for (lane, row) in rows.chunks_exact(columns).enumerate() {
            for (plane, column) in planes.iter_mut().zip(used) {
                plane.0[lane] = self.read(row[*column]);
            }
        }
        let mut place = Vec::with_capacity(2 * used.len());
        for (number, wants_low) in self.plan.wants_low.iter().enumerate() {
            place.push(number);
            if *wants_low && planes[number].0.iter().any(|x| x.is_nan()) {
                let low = planes[number].0.map(|x| if x.is_nan() { f64::NEG_INFINITY } else { x });
                place.push(planes.len());
                planes.push(Lanes(low));
            } else {
                place.push(number);
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "an ensemble numbers columns with 32 bits")]
        let place = place.into_iter().map(|n| n as u32).collect();
        Planes { planes, place }
    }

    /// A value as the ensemble reads it.
    #[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is what is asked for")]
    fn read(&self, value: f64) -> f64 {
        if self.ensemble.single_precision_input { f64::from(value as f32) } else { value }
    }
}

impl Turns for Task<'_> {
    fn turns(&self, odd: u32, values: &Lanes) -> Lanes {
        let odd = &self.plan.odd[odd as usize];
        let tree = &self.ensemble.trees[odd.tree as usize];
        Lanes(values.0.map(|x| if tree.goes_left(x, odd.test, odd.missing) { -1.0 } else { 1.0 }))
    }
}
