//! The best or a drawn split of a node's rows by one column.

use super::grow::Grower;
use super::{Criterion, Thresholds};
use crate::bins::Cut;
use crate::random::Random;

/// What a node's rows add up to: weight, and per class the weight of its rows or the weighted sum of the numbers.
pub(super) struct Node {
    pub(super) weight: f64,
    pub(super) values: Vec<f64>,
    /// All rows have the same truth.
    pure: bool,
}

impl Node {
    pub(super) fn is_pure(&self) -> bool {
        self.pure
    }
}

/// A split.
pub(super) struct Found {
    pub(super) column: usize,
    pub(super) gain: f64,
    /// The last bin that goes left, for quantities.
    pub(super) bin: usize,
    pub(super) missing_left: bool,
    /// Whether each code goes left.
    pub(super) table: [bool; 256],
}

/// Memory that is used again from node to node.
pub(super) struct Searcher<'a> {
    grower: &'a Grower<'a>,
    /// Of each bin: weight, then a sum per output.
    sums: Vec<f64>,
    /// Bins that hold rows of the node, in ascending order.
    used: Vec<usize>,
    left: Vec<f64>,
    order: Vec<usize>,
}

impl<'a> Searcher<'a> {
    pub(super) fn new(grower: &'a Grower<'a>) -> Self {
        let stride = grower.outputs + 1;
        Self { grower, sums: vec![0.0; 256 * stride], used: Vec::new(), left: vec![0.0; stride], order: Vec::new() }
    }

    pub(super) fn sums(&self, rows: &[(u32, f64)]) -> Node {
        let truth = |row: u32| self.grower.truth[row as usize];
        let mut values = vec![0.0; self.grower.outputs];
        let mut weight = 0.0;
        for (row, w) in rows {
            weight += w;
            match self.grower.outputs {
                1 => values[0] += w * truth(*row),
                _ => values[truth(*row) as usize] += w,
            }
        }
        let first = rows.first().map(|(row, _)| truth(*row));
        let pure = rows.iter().all(|(row, _)| Some(truth(*row)) == first);
        Node { weight, values, pure }
    }

    /// The split by this column, if it can part the rows.
    pub(super) fn look(
        &mut self,
        column: usize,
        rows: &[(u32, f64)],
        node: &Node,
        random: &mut Random,
    ) -> Option<Found> {
        let cut = &self.grower.bins.columns[column].cut;
        self.count(column, rows);
        if self.used.len() < 2 {
            return None;
        }
        match cut {
            Cut::Quantity { upper, missing } => {
                self.quantity(column, upper, missing.then(|| cut.value_bins()), node, random)
            }
            Cut::Category { .. } => self.category(column, cut.value_bins(), node, random),
        }
    }

    fn count(&mut self, column: usize, rows: &[(u32, f64)]) {
        let grower = self.grower;
        let codes = &grower.bins.columns[column].codes;
        let stride = grower.outputs + 1;
        let mut touched = [0_u64; 4];
        for (row, weight) in rows {
            let code = usize::from(codes[*row as usize]);
            let truth = grower.truth[*row as usize];
            let sums = &mut self.sums[code * stride..(code + 1) * stride];
            if touched[code / 64] >> (code % 64) & 1 == 0 {
                touched[code / 64] |= 1 << (code % 64);
                sums.fill(0.0);
            }
            sums[0] += weight;
            if stride == 2 {
                sums[1] += weight * truth;
            } else {
                sums[1 + truth as usize] += weight;
            }
        }
        self.used.clear();
        for (word, bits) in touched.into_iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                self.used.push(word * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }

    fn of_bin(&self, bin: usize) -> &[f64] {
        let stride = self.grower.outputs + 1;
        &self.sums[bin * stride..(bin + 1) * stride]
    }

    /// How well a part of the rows is told apart: the larger the better, additive over the parts.
    fn score(&self, weight: f64, values: impl Iterator<Item = f64>) -> f64 {
        if self.grower.outputs > 1 && self.grower.params.criterion == Criterion::Entropy {
            let log = |x: f64| if x > 0.0 { x * x.ln() } else { 0.0 };
            return values.map(log).sum::<f64>() - log(weight);
        }
        values.map(|v| v * v).sum::<f64>() / weight
    }

    /// The gain of parting `left` (weight, sums) from the rest of the node; `None` where that is not allowed.
    fn gain(&self, left: &[f64], node: &Node) -> Option<f64> {
        let least = self.grower.params.min_leaf_rows;
        let right = node.weight - left[0];
        // Weights that are no whole numbers may leave a crumb where there is nothing.
        let crumb = node.weight * 1e-12;
        if left[0] < least || right < least || left[0] <= crumb || right <= crumb {
            return None;
        }
        let values = &left[1..];
        let rest = node.values.iter().zip(values).map(|(all, left)| all - left);
        let parts = self.score(left[0], values.iter().copied()) + self.score(right, rest);
        Some(parts - self.score(node.weight, node.values.iter().copied()))
    }

    fn quantity(
        &mut self,
        column: usize,
        upper: &[f64],
        missing: Option<usize>,
        node: &Node,
        random: &mut Random,
    ) -> Option<Found> {
        let absent = missing.filter(|bin| self.used.last() == Some(bin));
        let values = self.used.len() - usize::from(absent.is_some());
        // Between which used bins to cut: after the first, the second …; after the last value when something is missing.
        let mut cuts = 0..if absent.is_some() { values } else { values - 1 };
        if self.grower.params.thresholds == Thresholds::Drawn {
            let at = self.draw(upper, values, absent.is_some(), random);
            cuts = at..at + 1;
        }
        let mut left = std::mem::take(&mut self.left);
        left.fill(0.0);
        let mut best: Option<(f64, usize, bool)> = None;
        for at in 0..cuts.end {
            left.iter_mut().zip(self.of_bin(self.used[at])).for_each(|(sum, more)| *sum += more);
            if at < cuts.start {
                continue;
            }
            let better = |gain: f64, best: &Option<(f64, usize, bool)>| best.is_none_or(|(other, ..)| gain > other);
            if let Some(gain) = self.gain(&left, node)
                && better(gain, &best)
            {
                best = Some((gain, at, false));
            }
            if let Some(bin) = absent
                && at + 1 < values
            {
                let with: Vec<f64> = left.iter().zip(self.of_bin(bin)).map(|(a, b)| a + b).collect();
                if let Some(gain) = self.gain(&with, node)
                    && better(gain, &best)
                {
                    best = Some((gain, at, true));
                }
            }
        }
        self.left = left;
        let (gain, at, missing_left) = best?;
        let missing_left = if absent.is_some() { missing_left } else { self.majority(at, node) };
        // In the middle between the two neighbours that hold rows.
        let bin = match self.used.get(at + 1) {
            Some(next) if at + 1 < values => usize::midpoint(self.used[at], next - 1),
            _ => upper.len(),
        };
        let mut table = [false; 256];
        table[..=bin].fill(true);
        if let Some(code) = missing {
            table[code] = missing_left;
        }
        Some(Found { column, gain, bin, missing_left, table })
    }

    /// Whether most rows go left when the cut is after the used bin `at`.
    fn majority(&self, at: usize, node: &Node) -> bool {
        let left: f64 = self.used[..=at].iter().map(|bin| self.of_bin(*bin)[0]).sum();
        left * 2.0 >= node.weight
    }

    /// The used bin after which to cut: that of a threshold drawn evenly between the lowest and the highest possible.
    fn draw(&self, upper: &[f64], values: usize, missing: bool, random: &mut Random) -> usize {
        if values < 2 {
            return 0;
        }
        // With something missing, "any value" against "missing" is one cut among the others.
        if missing && random.below(values) == 0 {
            return values - 1;
        }
        let (low, high) = (upper[self.used[0]], upper[self.used[values - 1] - 1]);
        let threshold = random.between(low, high);
        if !threshold.is_finite() || low == high {
            return random.below(values - 1);
        }
        self.used[..values - 1].partition_point(|bin| upper[*bin] < threshold).min(values - 2)
    }

    /// Categories in the order of their mean truth (for more than two classes: of the share of the node's commonest class), cut
    /// at the best place; or any of them drawn.
    fn category(&mut self, column: usize, values: usize, node: &Node, random: &mut Random) -> Option<Found> {
        let known = self.used.iter().filter(|bin| **bin < values).copied();
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(known);
        let common = if self.grower.outputs == 1 { 0 } else { largest(&node.values) };
        let drawn = self.grower.params.thresholds == Thresholds::Drawn;
        if drawn {
            random.shuffle(&mut order);
        } else {
            let mean = |bin: usize| self.of_bin(bin)[1 + common] / self.of_bin(bin)[0];
            order.sort_by(|a, b| mean(*a).total_cmp(&mean(*b)).then(a.cmp(b)));
        }
        // All known against all unknown is a cut too, where there are unknown ones.
        let unknown = order.len() < self.used.len();
        let cuts = if unknown { order.len() } else { order.len() - 1 };
        let only = if drawn { random.below(cuts.max(1)) } else { 0 };
        let mut left = std::mem::take(&mut self.left);
        left.fill(0.0);
        let mut best: Option<(f64, usize)> = None;
        for (at, bin) in order[..cuts].iter().enumerate() {
            left.iter_mut().zip(self.of_bin(*bin)).for_each(|(sum, more)| *sum += more);
            if drawn && at != only {
                continue;
            }
            if let Some(gain) = self.gain(&left, node)
                && best.is_none_or(|(other, _)| gain > other)
            {
                best = Some((gain, at));
            }
        }
        self.left = left;
        let mut table = [false; 256];
        if let Some((_, at)) = best {
            order[..=at].iter().for_each(|bin| table[*bin] = true);
        }
        self.order = order;
        best.map(|(gain, _)| Found { column, gain, bin: 0, missing_left: false, table })
    }
}

fn largest(values: &[f64]) -> usize {
    let best = values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
    best.map_or(0, |(at, _)| at)
}
