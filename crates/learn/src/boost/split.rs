//! The best split of a column, given the sums of its bins.

use super::params::CategoryParams;
use fearless_simd::{Level, Simd, dispatch};

/// Gradient and hessian, summed, in units.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sums {
    pub(super) g: f64,
    pub(super) h: f64,
}

/// A way to part a leaf's rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Split {
    /// The column, as position in the layout.
    pub(super) column: usize,
    /// By how much the loss falls (twice, as everywhere in boosting).
    pub(super) gain: f64,
    pub(super) test: BinTest,
    /// What goes left.
    pub(super) left: Sums,
    /// L2 penalty that counts for the children's outputs.
    pub(super) l2: f64,
}

/// What sends a bin to the left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum BinTest {
    /// Bins up to this one. `missing_left` is `None` where no row says which side is better.
    AtMost { bin: u8, missing_left: Option<bool> },
    /// Bins in the set.
    OneOf([u64; 4]),
}

/// What all columns of a leaf have in common when its split is looked for; everything in units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf {
    pub(super) total: Sums,
    /// Least hessian of a side: it stands for the least hessian and for the least number of rows.
    pub(super) least: f64,
    /// Rows per unit of hessian.
    pub(super) rows_per_hessian: f64,
    /// The outputs the leaf may have, for monotone constraints.
    pub(super) low: f64,
    pub(super) high: f64,
}

/// What all leaves of a tree have in common; penalties in units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) l1: f64,
    pub(super) l2: f64,
    /// From units to the gain's own scale.
    pub(super) gain_scale: f64,
    /// Whether outputs are bounded, so that gains must be computed from them.
    pub(super) bounded: bool,
    pub(super) categories: CategoryParams,
    /// [`CategoryParams::l2`] in units.
    pub(super) category_l2: f64,
    /// [`CategoryParams::smoothing`] in units of hessian.
    pub(super) category_smoothing: f64,
    pub(super) min_rows: f64,
    pub(super) level: Level,
}

impl Rules {
    /// The output of a leaf with these sums: the least of the quadratic approximation, in units.
    pub(super) fn output(&self, sums: Sums, l2: f64, low: f64, high: f64) -> f64 {
        let down = -shrink(sums.g, self.l1) / (sums.h + l2).max(f64::MIN_POSITIVE);
        // Not `clamp`, which would panic were the bounds ever to cross by rounding.
        down.max(low).min(high)
    }

    /// What a leaf with these sums gains with this output.
    pub(super) fn gain_with(&self, sums: Sums, output: f64, l2: f64) -> f64 {
        -(2.0 * shrink(sums.g, self.l1) * output + (sums.h + l2) * output * output)
    }

    /// What a leaf with these sums gains with its best output.
    pub(super) fn gain(&self, sums: Sums, l2: f64, leaf: &Leaf) -> f64 {
        if self.bounded {
            return self.gain_with(sums, self.output(sums, l2, leaf.low, leaf.high), l2);
        }
        let g = shrink(sums.g, self.l1);
        g * g / (sums.h + l2).max(f64::MIN_POSITIVE)
    }
}

/// Soft threshold: what an L1 penalty leaves of a gradient.
fn shrink(g: f64, l1: f64) -> f64 {
    if l1 == 0.0 { g } else { g.signum() * (g.abs() - l1).max(0.0) }
}

/// The best threshold of a column of quantities: `g` and `h` are the sums of its bins, the first `values` of which are of values
/// and the one after, if any, of what is missing. `direction` is the column's monotone constraint.
pub(super) fn quantity(
    column: usize,
    (g, h): (&[f64], &[f64]),
    values: usize,
    direction: i8,
    leaf: &Leaf,
    rules: &Rules,
    scan: &mut Scan,
) -> Option<Split> {
    let missing = (g.len() > values).then(|| Sums { g: g[values], h: h[values] });
    let (g, h) = (&g[..values], &h[..values]);
    running(g, &mut scan.g[..values]);
    running(h, &mut scan.h[..values]);
    let here = missing.filter(|m| m.h > 0.0 || m.g != 0.0);
    let mut best: Option<(f64, usize, Option<bool>)> = None;
    // What is missing goes right; "any value" against "missing" is a split too.
    let candidates = if here.is_some() { values } else { values - 1 };
    if let Some((gain, at)) = scan.best(candidates, Sums::default(), direction, leaf, rules) {
        best = Some((gain, at, here.map(|_| false)));
    }
    if let Some(missing) = here
        && let Some((gain, at)) = scan.best(values - 1, missing, direction, leaf, rules)
        && best.is_none_or(|(other, ..)| gain > other)
    {
        best = Some((gain, at, Some(true)));
    }
    let (gain, at, missing_left) = best?;
    let mut left = Sums { g: scan.g[at], h: scan.h[at] };
    if missing_left == Some(true) {
        left = Sums { g: left.g + here?.g, h: left.h + here?.h };
    }
    // Where no row of the leaf lies in the bins that follow, any of them would part it alike: the middle is as far from the rows
    // on either side as can be.
    let mut end = at;
    while end + 2 < values && h[end + 1] == 0.0 && g[end + 1] == 0.0 {
        end += 1;
    }
    let bin = usize::midpoint(at, end) as u8;
    let gain = (gain - rules.gain(leaf.total, rules.l2, leaf)) * rules.gain_scale;
    Some(Split { column, gain, test: BinTest::AtMost { bin, missing_left }, left, l2: rules.l2 })
}

/// Running sums of a column and the gain of each threshold: memory that is used again from column to column.
pub(super) struct Scan {
    g: [f64; 256],
    h: [f64; 256],
    gains: [f64; 256],
}

impl Default for Scan {
    fn default() -> Self {
        Self { g: [0.0; 256], h: [0.0; 256], gains: [0.0; 256] }
    }
}

/// Running sums. Four quarters are summed side by side, because each addition waits for the one before it; the sums are of whole
/// units and exact, so their order does not matter.
fn running(values: &[f64], into: &mut [f64]) {
    let quarter = values.len() / 4;
    let (first, rest) = values.split_at(quarter);
    let (second, rest) = rest.split_at(quarter);
    let (third, fourth) = rest.split_at(quarter);
    let (into_first, rest) = into.split_at_mut(quarter);
    let (into_second, rest) = rest.split_at_mut(quarter);
    let (into_third, into_fourth) = rest.split_at_mut(quarter);
    let mut sums = [0.0; 4];
    let parts = first.iter().zip(second).zip(third.iter().zip(fourth));
    let into = into_first.iter_mut().zip(&mut *into_second).zip(into_third.iter_mut().zip(&mut *into_fourth));
    for (((a, b), (c, d)), ((into_a, into_b), (into_c, into_d))) in parts.zip(into) {
        sums = [sums[0] + a, sums[1] + b, sums[2] + c, sums[3] + d];
        [*into_a, *into_b, *into_c, *into_d] = sums;
    }
    for (value, into) in fourth.iter().zip(&mut *into_fourth).skip(quarter) {
        sums[3] += value;
        *into = sums[3];
    }
    let mut before = sums[0];
    for (part, sum) in [(into_second, sums[1]), (into_third, sums[2]), (into_fourth, sums[3])] {
        part.iter_mut().for_each(|x| *x += before);
        before += sum;
    }
}

impl Scan {
    /// The greatest gain among the first `count` thresholds with `extra` added to the left, and the first threshold that has it.
    fn best(&mut self, count: usize, extra: Sums, direction: i8, leaf: &Leaf, rules: &Rules) -> Option<(f64, usize)> {
        if rules.bounded || rules.l1 != 0.0 {
            for at in 0..count {
                let left = Sums { g: self.g[at] + extra.g, h: self.h[at] + extra.h };
                self.gains[at] = gain_of(left, direction, leaf, rules, rules.l2);
            }
        } else {
            dispatch!(rules.level, simd => plain_gains(simd, self, count, extra, leaf, rules.l2));
        }
        let gains = &self.gains[..count];
        let mut tops = [f64::NEG_INFINITY; 8];
        let (eights, rest) = gains.as_chunks::<8>();
        for eight in eights {
            for (top, gain) in tops.iter_mut().zip(eight) {
                *top = if *gain > *top { *gain } else { *top };
            }
        }
        let best = tops.iter().chain(rest).copied().fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a });
        (best > f64::NEG_INFINITY).then(|| (best, gains.iter().position(|gain| *gain == best).unwrap_or(0)))
    }
}

/// The gain of parting `left` from the rest; -∞ where that is not allowed.
pub(super) fn gain_of(left: Sums, direction: i8, leaf: &Leaf, rules: &Rules, l2: f64) -> f64 {
    let right = Sums { g: leaf.total.g - left.g, h: leaf.total.h - left.h };
    if left.h < leaf.least || right.h < leaf.least {
        return f64::NEG_INFINITY;
    }
    if !rules.bounded {
        return rules.gain(left, l2, leaf) + rules.gain(right, l2, leaf);
    }
    let outputs = [left, right].map(|sums| rules.output(sums, l2, leaf.low, leaf.high));
    if (direction > 0 && outputs[0] > outputs[1]) || (direction < 0 && outputs[0] < outputs[1]) {
        return f64::NEG_INFINITY;
    }
    rules.gain_with(left, outputs[0], l2) + rules.gain_with(right, outputs[1], l2)
}

/// Gains without L1 penalty and bounds: `GL²/(HL+λ) + GR²/(HR+λ)` over a common denominator, so that one division does.
#[inline(always)]
fn plain_gains<S: Simd>(_: S, scan: &mut Scan, count: usize, extra: Sums, leaf: &Leaf, l2: f64) {
    let (total, least) = (leaf.total, leaf.least);
    let sums = scan.g[..count].iter().zip(&scan.h[..count]);
    for (gain, (g, h)) in scan.gains[..count].iter_mut().zip(sums) {
        let (gl, hl) = (g + extra.g, h + extra.h);
        let (gr, hr) = (total.g - gl, total.h - hl);
        let (dl, dr) = (hl + l2, hr + l2);
        let value = (gl * gl * dr + gr * gr * dl) / (dl * dr);
        let smaller = if hl < hr { hl } else { hr };
        *gain = if smaller >= least { value } else { f64::NEG_INFINITY };
    }
}

/// The best set of a column of categories: `g` and `h` are the sums of its bins, the last of which holds what is in no set.
pub(super) fn category(column: usize, g: &[f64], h: &[f64], leaf: &Leaf, rules: &Rules) -> Option<Split> {
    let values = g.len() - 1;
    let (gain, set, left, l2) = if values <= rules.categories.one_against_rest {
        one_against_rest(&g[..values], &h[..values], leaf, rules)?
    } else {
        many_against_many(&g[..values], &h[..values], leaf, rules)?
    };
    let gain = (gain - rules.gain(leaf.total, rules.l2, leaf)) * rules.gain_scale;
    Some(Split { column, gain, test: BinTest::OneOf(set), left, l2 })
}

type Found = (f64, [u64; 4], Sums, f64);

fn one_against_rest(g: &[f64], h: &[f64], leaf: &Leaf, rules: &Rules) -> Option<Found> {
    let mut best: Option<Found> = None;
    for (bin, (g, h)) in g.iter().zip(h).enumerate() {
        let left = Sums { g: *g, h: *h };
        let gain = gain_of(left, 0, leaf, rules, rules.l2);
        if gain > best.map_or(f64::NEG_INFINITY, |b| b.0) {
            best = Some((gain, set_of(&[bin]), left, rules.l2));
        }
    }
    best
}

/// Categories sorted by smoothed gradient over hessian; the best cut of that order is the best of all sets for a convex loss
/// (Fisher, "On grouping for maximum homogeneity", 1958), and the smoothing, the group size and the penalty keep it honest.
fn many_against_many(g: &[f64], h: &[f64], leaf: &Leaf, rules: &Rules) -> Option<Found> {
    let l2 = rules.l2 + rules.category_l2;
    let rows = |h: f64| h * leaf.rows_per_hessian;
    let mut order: Vec<usize> = (0..g.len()).filter(|b| rows(h[*b]).round() >= rules.categories.smoothing).collect();
    let key = |bin: usize| g[bin] / (h[bin] + rules.category_smoothing);
    order.sort_by(|a, b| key(*a).total_cmp(&key(*b)).then(a.cmp(b)));
    let most = rules.categories.max_set.min(order.len().div_ceil(2));
    let mut best: Option<(f64, bool, usize, Sums)> = None;
    for backwards in [false, true] {
        let (mut left, mut group) = (Sums::default(), 0.0);
        for taken in 1..=most {
            let bin = if backwards { order[order.len() - taken] } else { order[taken - 1] };
            left = Sums { g: left.g + g[bin], h: left.h + h[bin] };
            group += rows(h[bin]);
            if left.h < leaf.least || rows(left.h).round() < rules.min_rows {
                continue;
            }
            let right = leaf.total.h - left.h;
            if right < leaf.least || rows(right).round() < rules.categories.min_group_rows as f64 {
                break;
            }
            if group.round() < rules.categories.min_group_rows as f64 {
                continue;
            }
            group = 0.0;
            let gain = gain_of(left, 0, leaf, rules, l2);
            if gain > best.map_or(f64::NEG_INFINITY, |b| b.0) {
                best = Some((gain, backwards, taken, left));
            }
        }
    }
    let (gain, backwards, taken, left) = best?;
    let chosen = if backwards { &order[order.len() - taken..] } else { &order[..taken] };
    Some((gain, set_of(chosen), left, l2))
}

fn set_of(bins: &[usize]) -> [u64; 4] {
    let mut set = [0; 4];
    bins.iter().for_each(|bin| set[bin / 64] |= 1 << (bin % 64));
    set
}
