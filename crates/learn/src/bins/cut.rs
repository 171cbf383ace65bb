//! Where to cut, and the way from a value to its bin.

use super::{BinParams, Cut};

/// Cut points of a column of quantities, from the rows in `sample` (`None`: all).
pub(super) fn quantity(values: &[f64], sample: Option<&[usize]>, params: &BinParams) -> Cut {
    let missing = values.iter().any(|v| v.is_nan());
    let mut seen: Vec<f64> = match sample {
        Some(rows) => rows.iter().map(|i| values[*i]).filter(|v| !v.is_nan()).collect(),
        None => values.iter().copied().filter(|v| !v.is_nan()).collect(),
    };
    seen.sort_unstable_by(f64::total_cmp);
    let total = seen.len();
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for value in seen {
        match distinct.last_mut() {
            // Not by total_cmp: -0.0 and 0.0 are one value to a comparison.
            Some((last, count)) if *last == value => *count += 1,
            _ => distinct.push((value, 1)),
        }
    }
    Cut::Quantity { upper: upper_ends(&distinct, total, params), missing }
}

/// The upper ends of all bins but the last.
fn upper_ends(distinct: &[(f64, usize)], total: usize, params: &BinParams) -> Vec<f64> {
    let mut upper = Vec::new();
    let mut held = 0;
    if distinct.len() <= params.max_bins {
        for pair in distinct.windows(2) {
            held += pair[0].1;
            if held >= params.min_rows {
                upper.push(between(pair[0].0, pair[1].0));
                held = 0;
            }
        }
        return upper;
    }
    // A bin's fair share of the rows that are left once the values that need a bin of their own have got it.
    let share_of = |rows: usize, bins: usize| (rows as f64 / bins.max(1) as f64).max(params.min_rows as f64);
    let own = share_of(total, params.max_bins);
    let is_big = |count: usize| count as f64 >= own;
    let big = distinct.iter().filter(|(_, count)| is_big(*count));
    let (big_values, big_rows) = big.fold((0, 0), |(n, rows), (_, count)| (n + 1, rows + count));
    let mut bins_left = params.max_bins - big_values.min(params.max_bins);
    let mut rows_left = total - big_rows;
    let mut share = share_of(rows_left, bins_left);
    for pair in distinct.windows(2) {
        let ((value, count), (next, next_count)) = (pair[0], pair[1]);
        held += count;
        if !is_big(count) {
            rows_left -= count;
        }
        // A bin that is half full is closed before a value that gets its own.
        let full = held as f64 >= share || (is_big(next_count) && held as f64 >= (share * 0.5).max(1.0));
        if is_big(count) || full {
            upper.push(between(value, next));
            if upper.len() + 1 >= params.max_bins {
                break;
            }
            held = 0;
            if !is_big(count) {
                bins_left = bins_left.saturating_sub(1);
                share = share_of(rows_left, bins_left);
            }
        }
    }
    upper
}

/// A threshold `t` with `low ≤ t < high`, in the middle where there is one.
fn between(low: f64, high: f64) -> f64 {
    let middle = low + (high - low) * 0.5;
    if middle >= low && middle < high { middle } else { low }
}

/// The categories that get a bin, the most frequent first (the smaller code first among equals).
pub(super) fn category(values: &[f64], max_bins: usize) -> Cut {
    let mut codes: Vec<u32> = values.iter().filter_map(|v| code(*v)).collect();
    codes.sort_unstable();
    let mut counts: Vec<(u32, usize)> = Vec::new();
    for code in codes {
        match counts.last_mut() {
            Some((last, count)) if *last == code => *count += 1,
            _ => counts.push((code, 1)),
        }
    }
    counts.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
    counts.truncate(max_bins);
    Cut::Category { codes: counts.into_iter().map(|(code, _)| code).collect() }
}

/// The category that a value names.
pub(super) fn code(value: f64) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    (value >= 0.0 && value <= f64::from(u32::MAX)).then_some(value as u32)
}

/// The bin of each value: how many upper ends lie below it; NaN comes after all.
pub(super) fn encode_quantity(upper: &[f64], values: &[f64], into: &mut [u8]) {
    // Filled up to a power of two with what lies below nothing, so that the search takes the same eight steps for every value
    // and has no branch to guess.
    let mut ends = [f64::INFINITY; 256];
    ends[..upper.len()].copy_from_slice(upper);
    let steps = usize::BITS - upper.len().leading_zeros();
    let last = upper.len() as u8;
    for (bin, value) in into.iter_mut().zip(values) {
        let mut at = 0_usize;
        for step in (0..steps).rev() {
            let half = 1 << step;
            at += if ends[(at + half - 1) & 255] < *value { half } else { 0 };
        }
        // Infinity is not below infinity, so `at` never passes the number of ends.
        *bin = if value.is_nan() { last + 1 } else { at as u8 };
    }
}

/// The bin of each category; the bin after all of them for what has none.
pub(super) fn encode_category(known: &[u32], values: &[f64], into: &mut [u8]) {
    let mut by_code: Vec<(u32, u8)> = known.iter().enumerate().map(|(bin, code)| (*code, bin as u8)).collect();
    by_code.sort_unstable();
    let other = known.len() as u8;
    for (bin, value) in into.iter_mut().zip(values) {
        let found = code(*value).and_then(|c| by_code.binary_search_by_key(&c, |(code, _)| *code).ok());
        *bin = found.map_or(other, |at| by_code[at].1);
    }
}
