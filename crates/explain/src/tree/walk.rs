//! The way through one tree: from the root down to each leaf and up again, left before right.

use super::plan::{Comparison, Fork, Kind, Other, POINTS, Shape, Step, fork, narrow};
use rhiza_learn::ensemble::{NodeKind, Tree};
use std::collections::BTreeMap;

/// A fork met on the way through a tree, in the order of meeting.
pub(super) struct Visit {
    pub(super) fork: Fork,
    /// Fork of the walk above with the same feature, the turn taken there, and the product of the shares of that and earlier turns.
    above: Option<(usize, bool, f64)>,
    remember: bool,
    level: usize,
    right_child: bool,
    /// Whether the left and the right child are leaves.
    leaves: (bool, bool),
    /// As `above`, for every other feature on the path; only where interactions are asked for.
    others: Vec<(usize, bool, f64)>,
}

/// A tree in the order in which it is gone through.
pub(super) struct Walk {
    pub(super) forks: Vec<Visit>,
    /// Entering and leaving of the forks, by their number in `forks`.
    order: Vec<(Move, usize)>,
    /// Leaves and the share of the training rows that reach them.
    pub(super) leaves: Vec<(u32, f64)>,
    pub(super) levels: usize,
    /// Most different features on one path.
    pub(super) features: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Move {
    Enter,
    Turn,
    Leave,
}

impl Walk {
    pub(super) fn of(tree: &Tree, pairs: bool) -> Self {
        enum Task {
            Node { at: usize, reach: f64, distinct: usize, right_child: bool },
            Between(usize),
            After(usize),
        }
        let mut walk = Self { forks: Vec::new(), order: Vec::new(), leaves: Vec::new(), levels: 0, features: 0 };
        // Forks on the way to the present node, by number, with the turn taken.
        let mut path: Vec<(usize, bool)> = Vec::new();
        let mut tasks = vec![Task::Node { at: 0, reach: 1.0, distinct: 0, right_child: false }];
        // What the second child needs, kept per fork on the path.
        let mut pending: Vec<(usize, f64, usize)> = Vec::new();
        while let Some(task) = tasks.pop() {
            match task {
                Task::Node { at, reach, distinct, right_child } => {
                    let Some(fork) = fork(tree, at) else {
                        if let NodeKind::Leaf(leaf) = tree.nodes[at].kind {
                            walk.leaves.push((leaf, reach));
                        }
                        walk.features = walk.features.max(distinct);
                        continue;
                    };
                    let above = walk.above(&path, fork.feature);
                    if let Some((number, ..)) = above {
                        walk.forks[number].remember = true;
                    }
                    let distinct = distinct + usize::from(above.is_none());
                    let number = walk.forks.len();
                    let others = if pairs { walk.others_above(&path, fork.feature) } else { Vec::new() };
                    let is_leaf = |at: usize| matches!(tree.nodes[at].kind, NodeKind::Leaf(_));
                    let leaves = (is_leaf(fork.left), is_leaf(fork.right));
                    let (level, remember) = (path.len(), pairs);
                    walk.forks.push(Visit { fork, above, remember, level, right_child, leaves, others });
                    walk.order.push((Move::Enter, number));
                    path.push((number, false));
                    walk.levels = walk.levels.max(path.len());
                    pending.push((fork.right, reach * (1.0 - fork.share), distinct));
                    tasks.push(Task::Between(number));
                    tasks.push(Task::Node { at: fork.left, reach: reach * fork.share, distinct, right_child: false });
                }
                Task::Between(number) => {
                    walk.order.push((Move::Turn, number));
                    if let Some(last) = path.last_mut() {
                        last.1 = true;
                    }
                    tasks.push(Task::After(number));
                    if let Some((at, reach, distinct)) = pending.pop() {
                        tasks.push(Task::Node { at, reach, distinct, right_child: true });
                    }
                }
                Task::After(number) => {
                    path.pop();
                    walk.order.push((Move::Leave, number));
                }
            }
        }
        walk
    }

    /// The last test on `feature` along the path.
    fn above(&self, path: &[(usize, bool)], feature: usize) -> Option<(usize, bool, f64)> {
        let (number, right) = *path.iter().rev().find(|(n, _)| self.forks[*n].fork.feature == feature)?;
        Some(self.since(number, right))
    }

    /// The last test along the path on each feature but `feature`.
    fn others_above(&self, path: &[(usize, bool)], feature: usize) -> Vec<(usize, bool, f64)> {
        let mut seen = vec![feature];
        let mut others = Vec::new();
        for (number, right) in path.iter().rev() {
            let other = self.forks[*number].fork.feature;
            if !seen.contains(&other) {
                seen.push(other);
                others.push(self.since(*number, *right));
            }
        }
        others
    }

    /// A fork, the turn taken there and the product of the shares of it and of earlier turns on its feature.
    fn since(&self, number: usize, right: bool) -> (usize, bool, f64) {
        let visit = &self.forks[number];
        let own = if right { 1.0 - visit.fork.share } else { visit.fork.share };
        (number, right, own * visit.above.map_or(1.0, |(_, _, share)| share))
    }

    pub(super) fn steps(
        &self,
        tree: &Tree,
        tests: &[Comparison],
        nodes: &[f64],
        value: impl Fn(u32) -> f64,
    ) -> (Vec<Step>, Vec<Shape>) {
        let mut steps = Vec::with_capacity(self.order.len());
        let mut shapes: Vec<Shape> = Vec::new();
        let mut shape_of = vec![0_u32; self.forks.len()];
        let leaf = |at: usize| match tree.nodes[at].kind {
            NodeKind::Leaf(leaf) => Some(value(leaf)),
            NodeKind::Split { .. } => None,
        };
        for (what, number) in &self.order {
            let visit = &self.forks[*number];
            let (left, right) = (leaf(visit.fork.left), leaf(visit.fork.right));
            if let (Move::Enter, Some((_, _, share))) = (what, visit.above) {
                shape_of[*number] = narrow(shapes.len());
                shapes.push(shape(share, nodes));
            }
            let test = tests[*number];
            let step = Step {
                kind: Kind::Down,
                again: visit.above.is_some(),
                remember: visit.remember,
                from_right: visit.above.is_some_and(|(_, right, _)| right),
                level: narrow(visit.level),
                above: visit.above.map_or(0, |(n, ..)| narrow(self.forks[n].level)),
                slot: narrow(2 * visit.level + usize::from(visit.right_child)),
                plane: test.plane,
                feature: test.feature,
                shape: shape_of[*number],
                odd: test.odd,
                threshold: test.threshold,
                share: visit.fork.share,
                left: left.unwrap_or(0.0),
                right: right.unwrap_or(0.0),
            };
            for kind in self.kinds(*what, *number) {
                let mut step = Step { kind: *kind, ..step };
                if *kind == Kind::Leaf {
                    let (side, value) = left.map_or((1, step.right), |value| (0, value));
                    step.slot = 2 * (step.level + 1) + side;
                    step.left = value;
                }
                steps.push(step);
            }
        }
        (steps, shapes)
    }
}

impl Walk {
    /// What the interactions of each step's fork with the features above need, in the order of [`Walk::steps`].
    pub(super) fn others(
        &self,
        tests: &[Comparison],
        nodes: &[f64],
        pairs: &mut BTreeMap<(u32, u32), u32>,
    ) -> (Vec<(u32, u32)>, Vec<Other>) {
        let mut others = Vec::new();
        let mut ranges = Vec::new();
        for number in self.order.iter().flat_map(|(what, n)| self.kinds(*what, *n).iter().map(move |_| n)) {
            let start = narrow(others.len());
            for (above, right, share) in &self.forks[*number].others {
                let mut on = [0.0; POINTS];
                for (on, t) in on.iter_mut().zip(nodes) {
                    *on = (1.0 - share) / (share * (1.0 - t) + t);
                }
                let level = narrow(self.forks[*above].level);
                let (a, b) = (tests[*number].feature, tests[*above].feature);
                let next = narrow(pairs.len());
                let pair = *pairs.entry((a.min(b), a.max(b))).or_insert(next);
                others.push(Other { pair, level, right: *right, on });
            }
            ranges.push((start, narrow(others.len())));
        }
        (ranges, others)
    }

    /// What the kernel does at a move.
    fn kinds(&self, what: Move, number: usize) -> &'static [Kind] {
        match (what, self.forks[number].leaves) {
            (Move::Enter, (true, true)) => &[Kind::Twig],
            (Move::Enter, (true, false)) => &[Kind::Down, Kind::Leaf],
            (Move::Enter, (false, _)) => &[Kind::Down],
            (Move::Turn, (true, true)) | (Move::Leave, (true, true)) => &[],
            (Move::Turn, (_, false)) => &[Kind::Turn],
            (Move::Turn, (false, true)) => &[Kind::Leaf],
            (Move::Leave, _) => &[Kind::Up],
        }
    }
}

/// Makes one step of each fork with two twigs: entering it, the left twig, the turn, the right twig and leaving it. Odd tests stay as
/// they are.
pub(super) fn fuse(steps: &mut Vec<Step>) {
    let mut fused = Vec::with_capacity(steps.len());
    let mut rest = steps.as_slice();
    while let [first, after @ ..] = rest {
        rest = after;
        match rest {
            [left, turn, right, up, after @ ..]
                if [first, left, turn, right, up].map(|s| s.kind)
                    == [Kind::Down, Kind::Twig, Kind::Turn, Kind::Twig, Kind::Up]
                    && [first, left, right].iter().all(|s| s.odd == 0) =>
            {
                fused.extend([Step { kind: Kind::Pair, ..*first }, *left, *right]);
                rest = after;
            }
            _ => fused.push(*first),
        }
    }
    *steps = fused;
}

fn shape(share: f64, nodes: &[f64]) -> Shape {
    let mut shape = Shape { w: [0.0; POINTS], h: [0.0; POINTS] };
    for (q, t) in nodes.iter().enumerate() {
        let g = share * (1.0 - t) + t;
        shape.w[q] = t / g;
        shape.h[q] = share / (g * g);
    }
    shape
}
