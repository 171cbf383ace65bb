//! Shapley values and interactions as they are defined: a sum over all subsets.

use rhiza_learn::ensemble::{Ensemble, NodeKind, Tree};

/// Shapley values of a game of `players`, given the worth of every coalition (a bit set).
pub(crate) fn shapley(players: usize, worth: &[f64]) -> Vec<f64> {
    (0..players)
        .map(|i| {
            let others = (0..1_usize << players).filter(|s| s >> i & 1 == 0);
            others.map(|s| weight(s.count_ones(), players) * (worth[s | 1 << i] - worth[s])).sum()
        })
        .collect()
}

/// `s! (n − 1 − s)! / n!`.
fn weight(s: u32, players: usize) -> f64 {
    let factorial = |n: usize| (1..=n).map(|k| k as f64).product::<f64>();
    factorial(s as usize) * factorial(players - 1 - s as usize) / factorial(players)
}

/// What an ensemble is worth where only the columns of `known` are: both turns at tests on others, weighted by cover.
pub(crate) fn path_dependent(ensemble: &Ensemble, row: &[f64], known: usize, output: usize) -> f64 {
    let trees = ensemble.trees.iter().map(|tree| expectation(ensemble, tree, row, known, output, 0));
    ensemble.base[output] + trees.sum::<f64>()
}

fn expectation(ensemble: &Ensemble, tree: &Tree, row: &[f64], known: usize, output: usize, at: usize) -> f64 {
    match tree.nodes[at].kind {
        NodeKind::Leaf(leaf) => match tree.output {
            Some(k) if k as usize == output => tree.leaf_values[leaf as usize],
            Some(_) => 0.0,
            None => tree.leaf_values[leaf as usize * ensemble.outputs() + output],
        },
        NodeKind::Split { feature, test, missing, left, right } => {
            let go = |child: u32| expectation(ensemble, tree, row, known, output, child as usize);
            if known >> feature & 1 == 1 {
                let value = row[feature as usize];
                let value = if ensemble.single_precision_input { f64::from(value as f32) } else { value };
                return go(if tree.goes_left(value, test, missing) { left } else { right });
            }
            let (l, r) = (tree.nodes[left as usize].cover, tree.nodes[right as usize].cover);
            let share = if l + r > 0.0 { l / (l + r) } else { 0.5 };
            share * go(left) + (1.0 - share) * go(right)
        }
    }
}

/// The worth of every coalition of columns.
pub(crate) fn worth(columns: usize, of: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..1_usize << columns).map(of).collect()
}
