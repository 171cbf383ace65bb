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

/// Shapley interaction values, each pair's half in either place, the diagonal what is left of the Shapley value.
pub(crate) fn interactions(players: usize, worth: &[f64]) -> Vec<f64> {
    let mut values = vec![0.0; players * players];
    for i in 0..players {
        for j in (0..players).filter(|j| *j != i) {
            for s in (0..1_usize << players).filter(|s| s >> i & 1 == 0 && s >> j & 1 == 0) {
                let both = worth[s | 1 << i | 1 << j] - worth[s | 1 << i] - worth[s | 1 << j] + worth[s];
                values[i * players + j] += weight(s.count_ones(), players - 1) * both / 2.0;
            }
        }
    }
    for (i, value) in shapley(players, worth).into_iter().enumerate() {
        let off: f64 = (0..players).filter(|j| *j != i).map(|j| values[i * players + j]).sum();
        values[i * players + i] = value - off;
    }
    values
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

/// What an ensemble says on average where the columns that are not in `known` are taken from each row of `background`.
pub(crate) fn interventional(e: &Ensemble, row: &[f64], background: &[f64], known: usize, output: usize) -> f64 {
    let mut raw = vec![0.0; e.outputs()];
    let others = background.chunks_exact(row.len());
    let count = others.len() as f64;
    let say = |other: &[f64]| {
        let mixed: Vec<f64> = (0..row.len()).map(|c| if known >> c & 1 == 1 { row[c] } else { other[c] }).collect();
        e.raw(&mixed, &mut raw);
        raw[output]
    };
    others.map(say).sum::<f64>() / count
}

/// The worth of every coalition of columns.
pub(crate) fn worth(columns: usize, of: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..1_usize << columns).map(of).collect()
}
