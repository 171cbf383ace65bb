//! Sums of gradients and hessians per bin: where most of the time goes.
//!
//! Gradients are rounded to whole numbers of a unit chosen for each tree. Sums of whole numbers do not depend on the order they
//! are taken in, so any number of threads gives the same bits, and a histogram got by subtraction is exactly the one that would
//! have been counted. A row's gradient and hessian share one 64-bit word and are added at once; the words are emptied into `f64`
//! sums before they can overflow. Where a few gradients are so large that others would be lost in the rounding, both are
//! whole numbers in `f64` instead, with a unit as fine as exact sums allow.
//!
//! Bins of up to sixteen columns lie side by side in a panel: a row's bins are one load, and the panel's histograms fit the
//! first-level cache.

use crate::bins::Bins;
use rayon::prelude::*;

/// Columns of a panel: 16 histograms of 256 words are 33 KiB.
const PANEL: usize = 16;
/// Words between the histograms of a panel: 256 and 8 more, so that equal bins of different columns do not fall into the same
/// cache set.
const STRIDE: usize = 264;
/// Rows fetched at a time before any is counted, so that their cache misses overlap.
const BATCH: usize = 16;
/// Rows counted before the words are emptied.
const FLUSH: usize = 8192;
/// Largest gradient and hessian of a row in units: 2^18 - 1, so that FLUSH = 2^13 of them stay below 2^31.
pub(super) const NARROW_MAX: f64 = 262_143.0;
/// Least work (rows times columns) for a second thread to be worth waking.
const SPLIT_WORK: usize = 1 << 16;

/// The gradients of one tree, in whole units.
#[derive(Debug)]
pub(super) struct Units {
    pub(super) rows: Rows,
    /// What a unit of gradient is worth.
    pub(super) g: f64,
    /// What a unit of hessian is worth.
    pub(super) h: f64,
}

/// Gradient and hessian of each row, in units.
#[derive(Debug)]
pub(super) enum Rows {
    /// Gradient in the upper half (signed), hessian in the lower.
    Narrow(Vec<u64>),
    /// Gradient, hessian: whole numbers whose sums are exact.
    Wide(Vec<[f64; 2]>),
}

/// Which columns a tree looks at, and their bins laid out for counting.
pub(super) struct Layout {
    /// Number of each column among all.
    pub(super) columns: Vec<u32>,
    /// Where each column's sums begin in a [`Histogram`]; one more at the end.
    pub(super) offsets: Vec<usize>,
    panels: Vec<Panel>,
}

struct Panel {
    /// First column and how many, as positions in [`Layout::columns`].
    first: usize,
    width: usize,
    codes: Codes,
}

enum Codes {
    Four(Vec<[u8; 4]>),
    Eight(Vec<[u8; 8]>),
    Twelve(Vec<[u8; 12]>),
    Sixteen(Vec<[u8; 16]>),
}

/// Sums in units, the columns of a [`Layout`] one after the other.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    pub(super) g: Vec<f64>,
    pub(super) h: Vec<f64>,
}

/// What one task fills: a panel's part of a histogram from some of the rows.
struct Task<'a> {
    panel: &'a Panel,
    rows: &'a [u32],
    g: &'a mut [f64],
    h: &'a mut [f64],
}

impl Layout {
    pub(super) fn new(bins: &Bins, columns: Vec<u32>) -> Self {
        let mut offsets = vec![0];
        let mut end = 0;
        for column in &columns {
            end += bins.columns[*column as usize].cut.bins();
            offsets.push(end);
        }
        let firsts: Vec<usize> = (0..columns.len()).step_by(PANEL).collect();
        let panels = firsts
            .into_par_iter()
            .map(|first| {
                let width = PANEL.min(columns.len() - first);
                let chosen: Vec<&[u8]> =
                    columns[first..first + width].iter().map(|c| bins.columns[*c as usize].codes.as_slice()).collect();
                let codes = match width.div_ceil(4) {
                    1 => Codes::Four(side_by_side(&chosen, bins.rows)),
                    2 => Codes::Eight(side_by_side(&chosen, bins.rows)),
                    3 => Codes::Twelve(side_by_side(&chosen, bins.rows)),
                    _ => Codes::Sixteen(side_by_side(&chosen, bins.rows)),
                };
                Panel { first, width, codes }
            })
            .collect();
        Self { columns, offsets, panels }
    }

    pub(super) fn bins(&self) -> usize {
        self.offsets.last().copied().unwrap_or(0)
    }

    /// Sums over `rows` into `into`, whose old contents do not matter; `spare` lends further histograms to further threads.
    pub(super) fn count(&self, rows: &[u32], units: &Units, into: &mut Histogram, spare: &mut Vec<Histogram>) {
        let work = rows.len() * self.columns.len();
        let parts = if work < SPLIT_WORK { 1 } else { rayon::current_num_threads().min(work / SPLIT_WORK * 2).max(1) };
        into.reset(self.bins());
        let mut others: Vec<Histogram> = (1..parts).map(|_| spare.pop().unwrap_or_default()).collect();
        others.iter_mut().for_each(|h| h.reset(self.bins()));
        let share = rows.len().div_ceil(parts).max(1);
        let mut tasks: Vec<Task<'_>> = Vec::with_capacity(parts * self.panels.len());
        let histograms = std::iter::once(&mut *into).chain(others.iter_mut());
        for (part, histogram) in rows.chunks(share).zip(histograms) {
            self.tasks(part, histogram, &mut tasks);
        }
        if parts == 1 {
            tasks.into_iter().for_each(|task| task.run(self, units));
        } else {
            tasks.into_par_iter().for_each(|task| task.run(self, units));
        }
        for other in others {
            into.g.iter_mut().zip(&other.g).for_each(|(sum, more)| *sum += more);
            into.h.iter_mut().zip(&other.h).for_each(|(sum, more)| *sum += more);
            spare.push(other);
        }
    }

    fn tasks<'a>(&'a self, rows: &'a [u32], histogram: &'a mut Histogram, tasks: &mut Vec<Task<'a>>) {
        let (mut g_rest, mut h_rest) = (histogram.g.as_mut_slice(), histogram.h.as_mut_slice());
        for panel in &self.panels {
            let length = self.offsets[panel.first + panel.width] - self.offsets[panel.first];
            let (g, g_after) = g_rest.split_at_mut(length);
            let (h, h_after) = h_rest.split_at_mut(length);
            (g_rest, h_rest) = (g_after, h_after);
            tasks.push(Task { panel, rows, g, h });
        }
    }
}

impl Histogram {
    fn reset(&mut self, bins: usize) {
        for sums in [&mut self.g, &mut self.h] {
            sums.clear();
            sums.resize(bins, 0.0);
        }
    }
}

fn side_by_side<const W: usize>(columns: &[&[u8]], rows: usize) -> Vec<[u8; W]> {
    let mut out = vec![[0; W]; rows];
    for (place, codes) in columns.iter().enumerate() {
        out.iter_mut().zip(*codes).for_each(|(row, code)| row[place] = *code);
    }
    out
}

impl Task<'_> {
    fn run(self, layout: &Layout, units: &Units) {
        let panel = self.panel;
        match &panel.codes {
            Codes::Four(codes) => self.fill(codes, layout, units),
            Codes::Eight(codes) => self.fill(codes, layout, units),
            Codes::Twelve(codes) => self.fill(codes, layout, units),
            Codes::Sixteen(codes) => self.fill(codes, layout, units),
        }
    }

    fn fill<const W: usize>(self, codes: &[[u8; W]], layout: &Layout, units: &Units) {
        let offsets = &layout.offsets[self.panel.first..=self.panel.first + self.panel.width];
        match &units.rows {
            Rows::Narrow(values) => {
                let mut words = [[0_u64; STRIDE]; W];
                for part in self.rows.chunks(FLUSH) {
                    add_narrow(codes, part, values, &mut words);
                    empty(&mut words, offsets, self.g, self.h);
                }
            }
            Rows::Wide(values) => {
                let mut sums = [[[0.0; 2]; 256]; W];
                add_wide(codes, self.rows, values, &mut sums);
                for (column, ends) in sums.iter().zip(offsets.windows(2)) {
                    let range = ends[0] - offsets[0]..ends[1] - offsets[0];
                    let (g, h) = (&mut self.g[range.clone()], &mut self.h[range]);
                    for ([gs, hs], (g, h)) in column.iter().zip(g.iter_mut().zip(h)) {
                        *g += gs;
                        *h += hs;
                    }
                }
            }
        }
    }
}

/// Adds each row's word to the words of its bins.
#[inline(never)]
fn add_narrow<const W: usize>(codes: &[[u8; W]], rows: &[u32], values: &[u64], words: &mut [[u64; STRIDE]; W]) {
    let (batches, rest) = rows.as_chunks::<BATCH>();
    for batch in batches {
        let mut fetched = [([0_u8; W], 0_u64); BATCH];
        for (into, row) in fetched.iter_mut().zip(batch) {
            *into = (codes[*row as usize], values[*row as usize]);
        }
        for (bins, value) in &fetched {
            for (column, bin) in words.iter_mut().zip(bins) {
                let word = &mut column[usize::from(*bin)];
                *word = word.wrapping_add(*value);
            }
        }
    }
    for row in rest {
        let (bins, value) = (&codes[*row as usize], values[*row as usize]);
        for (column, bin) in words.iter_mut().zip(bins) {
            let word = &mut column[usize::from(*bin)];
            *word = word.wrapping_add(value);
        }
    }
}

#[inline(never)]
fn add_wide<const W: usize>(codes: &[[u8; W]], rows: &[u32], values: &[[f64; 2]], sums: &mut [[[f64; 2]; 256]; W]) {
    for row in rows {
        let (bins, [g, h]) = (&codes[*row as usize], values[*row as usize]);
        for (column, bin) in sums.iter_mut().zip(bins) {
            let sum = &mut column[usize::from(*bin)];
            sum[0] += g;
            sum[1] += h;
        }
    }
}

/// Moves what the words hold into the sums and leaves the words empty.
fn empty<const W: usize>(words: &mut [[u64; STRIDE]; W], offsets: &[usize], g: &mut [f64], h: &mut [f64]) {
    for (column, ends) in words.iter_mut().zip(offsets.windows(2)) {
        let range = ends[0] - offsets[0]..ends[1] - offsets[0];
        let (g, h) = (&mut g[range.clone()], &mut h[range]);
        for (word, (g, h)) in column.iter_mut().zip(g.iter_mut().zip(h)) {
            #[expect(clippy::cast_possible_truncation, reason = "each half is taken for itself")]
            {
                // The lower half never carries into the upper: FLUSH hessians of at most NARROW_MAX stay below 2^31.
                *g += f64::from((*word >> 32) as i32);
                *h += f64::from(*word as i32);
            }
            *word = 0;
        }
    }
}

/// One row's word. `g` and `h` are whole numbers of at most [`NARROW_MAX`]; `h` is not negative.
#[inline(always)]
pub(super) fn word(g: f64, h: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers of 18 bits")]
    {
        u64::from(g as i32 as u32) << 32 | u64::from(h as i32 as u32)
    }
}
