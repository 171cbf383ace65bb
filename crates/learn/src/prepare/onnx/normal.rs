//! Ranks as quantiles of the normal distribution, column by column at once.
//!
//! Where a value lies among the marks of its column is found by a decision tree, which runtimes are fast at; what follows from it is
//! looked up.

use crate::ensemble::{Ensemble, Feature, FeatureKind, Link, Missing, Node, NodeKind, Test, Tree};
use crate::onnx::{Build, Element, Name, OnnxError};
use crate::prepare::normal::{EDGE, MIDDLE, MIDDLE_BELOW, TAIL, TAIL_BELOW, TAIL_FROM};

/// `base + (x − low) / span`: the rank, in marks, of values between two thresholds. Where it is the same for all, the span is
/// infinite.
struct Stretch {
    base: f64,
    low: f64,
    span: f64,
}

/// Thresholds (a value is below or at them), ascending, and what holds below the first, between two, and above the last.
fn stretches(marks: &[f64]) -> (Vec<f64>, Vec<Stretch>) {
    let flat = |base: f64| Stretch { base, low: 0.0, span: f64::INFINITY };
    let (mut thresholds, mut all) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(mark) = marks.get(at) {
        let same = marks.iter().skip(at).take_while(|other| *other == mark).count();
        #[expect(clippy::cast_precision_loss, reason = "at most 200 marks")]
        let (before, middle) = (at as f64 - 1.0, (2 * at + same - 1) as f64 / 2.0);
        thresholds.push(mark.next_down());
        all.push(match at.checked_sub(1).and_then(|before| marks.get(before)) {
            None => flat(0.0),
            Some(low) => Stretch { base: before, low: *low, span: mark - low },
        });
        // Equal marks: the middle of their ranks.
        thresholds.push(*mark);
        all.push(flat(middle));
        at += same.max(1);
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 200 marks")]
    all.push(flat(marks.len().saturating_sub(1).max(1) as f64));
    (thresholds, all)
}

/// A balanced tree over sorted thresholds; its leaf values count from `start`.
fn tree(thresholds: &[f64], column: u32, start: usize) -> Tree {
    fn grow(nodes: &mut Vec<Node>, thresholds: &[f64], from: u32, column: u32) -> u32 {
        let at = nodes.len();
        let middle = thresholds.len() / 2;
        nodes.push(Node { kind: NodeKind::Leaf(from), cover: 1.0 });
        if let Some(threshold) = thresholds.get(middle) {
            let after = u32::try_from(middle + 1).unwrap_or(u32::MAX);
            let left = grow(nodes, &thresholds[..middle], from, column);
            let right = grow(nodes, &thresholds[middle + 1..], from + after, column);
            let (test, missing) = (Test::AtMost(*threshold), Missing::Left);
            nodes[at].kind = NodeKind::Split { feature: column, test, missing, left, right };
        }
        u32::try_from(at).unwrap_or(u32::MAX)
    }
    let mut nodes = Vec::new();
    grow(&mut nodes, thresholds, 0, column);
    #[expect(clippy::cast_precision_loss, reason = "a number of marks")]
    let leaf_values = (start..=start + thresholds.len()).map(|at| at as f64).collect();
    Tree { output: Some(column), nodes, leaf_values, category_words: Vec::new() }
}

/// `x`: finite numbers, a column for each list of marks.
pub(super) fn write(marks: &[&[f64]], x: &str, build: &mut Build) -> Result<Name, OnnxError> {
    let mut trees = Vec::with_capacity(marks.len());
    let mut table: Vec<Stretch> = Vec::new();
    for (column, marks) in (0_u32..).zip(marks) {
        let (thresholds, own) = stretches(marks);
        trees.push(tree(&thresholds, column, table.len()));
        table.extend(own);
    }
    let feature = |number: usize| Feature { name: number.to_string(), kind: FeatureKind::Numeric };
    let ensemble = Ensemble {
        features: (0..marks.len()).map(feature).collect(),
        base: vec![0.0; marks.len()],
        link: Link::Identity,
        trees,
        single_precision_input: false,
    };
    let place = build.raw(&ensemble, x)?;
    let place = build.cast(&place, Element::Whole);
    let mut looked_up = |part: fn(&Stretch) -> f64| {
        let values = build.numbers(&table.iter().map(part).collect::<Vec<_>>());
        build.rows(&values, &place)
    };
    let (base, low, span) = (looked_up(|s| s.base), looked_up(|s| s.low), looked_up(|s| s.span));
    let above = build.op("Sub", &[x, &low]);
    let share = build.op("Div", &[&above, &span]);
    let rank = build.op("Add", &[&base, &share]);
    #[expect(clippy::cast_precision_loss, reason = "at most 200 marks")]
    let last: Vec<f64> = marks.iter().map(|marks| marks.len().saturating_sub(1).max(1) as f64).collect();
    let last = build.numbers(&last);
    let rank = build.op("Div", &[&rank, &last]);
    let rank = build.with("Max", &rank, EDGE);
    let rank = build.with("Min", &rank, 1.0 - EDGE);
    Ok(probit(&rank, build))
}

fn horner(coefficients: &[f64], x: &str, build: &mut Build) -> Name {
    let mut numbers = coefficients.iter();
    let first = numbers.next().copied().unwrap_or_default();
    let mut sum = build.number(first);
    for number in numbers {
        let product = build.op("Mul", &[&sum, x]);
        sum = build.with("Add", &product, *number);
    }
    sum
}

/// As [`crate::prepare::normal::probit`].
fn probit(p: &str, build: &mut Build) -> Name {
    let one = build.number(1.0);
    let other = build.op("Sub", &[&one, p]);
    let outer = build.op("Min", &[p, &other]);
    let log = build.op("Log", &[&outer]);
    let q = build.with("Mul", &log, -2.0);
    let q = build.op("Sqrt", &[&q]);
    let above = horner(&TAIL, &q, build);
    let below = horner(&TAIL_BELOW, &q, build);
    let below = build.op("Mul", &[&below, &q]);
    let below = build.with("Add", &below, 1.0);
    let low = build.op("Div", &[&above, &below]);
    let high = build.op("Neg", &[&low]);
    let q = build.with("Sub", p, 0.5);
    let r = build.op("Mul", &[&q, &q]);
    let above = horner(&MIDDLE, &r, build);
    let above = build.op("Mul", &[&above, &q]);
    let below = horner(&MIDDLE_BELOW, &r, build);
    let below = build.op("Mul", &[&below, &r]);
    let below = build.with("Add", &below, 1.0);
    let middle = build.op("Div", &[&above, &below]);
    let is_low = build.with("Less", p, TAIL_FROM);
    let is_high = build.with("Greater", p, 1.0 - TAIL_FROM);
    let upper = build.op("Where", &[&is_high, &high, &middle]);
    build.op("Where", &[&is_low, &low, &upper])
}
