//! Thinning a curve for a screen. Pure.

use crate::metrics::Point;

/// At most `most` of the points, in their order: the first, the last, and of each of as many even stretches as fit
/// the lowest and the highest value. A stretch without any number keeps one NaN, so that a gap stays a gap.
#[must_use]
pub(crate) fn thin(points: &[Point], most: usize) -> Vec<Point> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    if points.len() <= most {
        return points.to_vec();
    }
    let mut kept = Vec::with_capacity(most);
    kept.push(*first);
    let inner = points.get(1..points.len() - 1).unwrap_or_default();
    let stretches = most.saturating_sub(2) / 2;
    for i in 0..stretches {
        let (from, to) = (i * inner.len() / stretches, (i + 1) * inner.len() / stretches);
        extremes(inner.get(from..to).unwrap_or_default(), &mut kept);
    }
    if most > 1 {
        kept.push(*last);
    }
    kept
}

fn extremes(stretch: &[Point], kept: &mut Vec<Point>) {
    let mut found: Option<(usize, usize)> = None;
    for (i, point) in stretch.iter().enumerate() {
        if point.value.is_nan() {
            continue;
        }
        let (mut low, mut high) = found.unwrap_or((i, i));
        if point.value < stretch[low].value {
            low = i;
        }
        if point.value > stretch[high].value {
            high = i;
        }
        found = Some((low, high));
    }
    match found {
        Some((low, high)) => {
            kept.push(stretch[low.min(high)]);
            if low != high {
                kept.push(stretch[low.max(high)]);
            }
        }
        None => kept.extend(stretch.first()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(values: &[f64]) -> Vec<Point> {
        values.iter().zip(0_i64..).map(|(v, i)| Point::new(*v, i, i)).collect()
    }

    proptest! {
        #[test]
        fn a_thinned_curve_keeps_its_ends_its_order_and_its_extremes(
            values in proptest::collection::vec(prop_oneof![Just(f64::NAN), -1e6..1e6_f64], 1..400),
            most in 6..80_usize,
        ) {
            let all = points(&values);
            let kept = thin(&all, most);
            prop_assert!(kept.len() <= most.max(1));
            prop_assert!(kept.windows(2).all(|w| w[0].step < w[1].step));
            prop_assert_eq!(kept.first().map(|p| p.step), Some(0));
            prop_assert_eq!(kept.last().map(|p| p.step), all.last().map(|p| p.step));
            let range = |points: &[Point]| {
                let numbers = || points.iter().map(|p| p.value).filter(|v| !v.is_nan());
                (numbers().reduce(f64::min), numbers().reduce(f64::max))
            };
            prop_assert_eq!(range(&kept), range(&all));
        }
    }

    #[test]
    fn a_stretch_of_nothing_but_nan_stays_a_gap() {
        let mut values = vec![1.0; 300];
        values[100..200].fill(f64::NAN);
        assert!(thin(&points(&values), 20).iter().any(|p| p.value.is_nan()));
    }

    #[test]
    fn a_short_curve_stays_whole() {
        assert_eq!(thin(&points(&[1.0, 2.0, 3.0]), 3).len(), 3);
        assert_eq!(thin(&points(&[1.0; 10]), 2).len(), 2);
        assert!(thin(&[], 5).is_empty());
    }
}
