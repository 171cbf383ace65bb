//! The kernel with each kind of vectors that this processor has.

use super::task::{Task, Values, with_vectors};
use super::{Plan, Rows, TreeExplainer, plan::narrow};
use fearless_simd::{Level, Simd};
use rhiza_learn::ensemble::{Ensemble, Feature, FeatureKind, Link, Missing, Node, NodeKind, Test, Tree};
use rhiza_learn::random::Random;

/// A full tree of this depth on columns drawn at random, so that some come again on a path.
fn tree(random: &mut Random, depth: u32, columns: usize) -> Tree {
    let forks = (1_u32 << depth) - 1;
    let node = |at: u32, random: &mut Random| {
        let kind = if at < forks {
            let test = Test::AtMost(random.normal());
            NodeKind::Split {
                feature: narrow(random.below(columns)),
                test,
                missing: Missing::Left,
                left: 2 * at + 1,
                right: 2 * at + 2,
            }
        } else {
            NodeKind::Leaf(at - forks)
        };
        Node { kind, cover: 1.0 }
    };
    let mut nodes: Vec<Node> = (0..2 * forks + 1).map(|at| node(at, random)).collect();
    for at in (0..forks as usize).rev() {
        nodes[at].cover = nodes[2 * at + 1].cover + nodes[2 * at + 2].cover;
    }
    let leaf_values = (0..=forks).map(|_| random.normal()).collect();
    Tree { output: Some(0), nodes, leaf_values, category_words: vec![] }
}

#[test]
fn every_kind_of_vectors_says_the_same() {
    let mut random = Random::stream(1, "test vectors", 0);
    let ensemble = Ensemble {
        features: (0..9).map(|c| Feature { name: format!("c{c}"), kind: FeatureKind::Numeric }).collect(),
        base: vec![0.0],
        link: Link::Identity,
        trees: (0..6).map(|depth| tree(&mut random, depth + 1, 9)).collect(),
        single_precision_input: false,
    };
    let rows: Vec<f64> = (0..9 * 50).map(|_| random.normal()).collect();
    let explain = || TreeExplainer::new(ensemble.clone())?.explain(Rows::new(&rows, 9)?);
    let expected = explain().unwrap();
    let plan = Plan::new(&ensemble, false);
    let best = Level::new();
    let levels = [
        best.as_avx512().map(|simd| simd.level()),
        best.as_avx2().map(|simd| simd.level()),
        best.as_sse2().map(|simd| simd.level()),
    ];
    for level in levels.into_iter().flatten() {
        let mut values = vec![0.0; rows.len()];
        let task = Task { ensemble: &ensemble, plan: &plan };
        with_vectors(level, Values { task, rows: &rows, values: &mut values });
        for (found, expected) in values.iter().zip(expected.values()) {
            assert!((found - expected).abs() < 1e-12, "{level:?}: {found} for {expected}");
        }
    }
}
