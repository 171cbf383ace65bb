//! Ensembles with everything in them that an ensemble may have, made up from a seed.

use rhiza_learn::ensemble::{Ensemble, Feature, FeatureKind, Link, Missing, Node, NodeKind, Test, Tree};
use rhiza_learn::random::Random;

/// How large and how wild.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) columns: usize,
    pub(crate) outputs: usize,
    pub(crate) trees: usize,
    pub(crate) depth: usize,
}

/// An ensemble of any kind of split, missing rule and leaf.
pub(crate) fn ensemble(seed: u64, shape: Shape) -> Ensemble {
    let mut random = Random::stream(seed, "test ensemble", 0);
    // The last third of the columns is categorical.
    let kind = |c| if 3 * c >= 2 * shape.columns { FeatureKind::Categorical } else { FeatureKind::Numeric };
    let features: Vec<Feature> = (0..shape.columns).map(|c| Feature { name: format!("c{c}"), kind: kind(c) }).collect();
    let trees = (0..shape.trees).map(|_| tree(&mut random, shape, &features)).collect();
    Ensemble {
        features,
        base: (0..shape.outputs).map(|_| random.normal()).collect(),
        link: Link::Identity,
        trees,
        single_precision_input: random.chance(0.5),
    }
}

fn tree(random: &mut Random, shape: Shape, features: &[Feature]) -> Tree {
    let vector = random.chance(0.3);
    let output = if vector { None } else { Some(random.below(shape.outputs) as u32) };
    let mut tree = Tree { output, nodes: vec![], leaf_values: vec![], category_words: vec![] };
    grow(&mut tree, random, shape, features, 0);
    tree
}

fn grow(tree: &mut Tree, random: &mut Random, shape: Shape, features: &[Feature], level: usize) -> u32 {
    let number = tree.nodes.len();
    if level == shape.depth || random.chance(0.15) {
        let width = if tree.output.is_some() { 1 } else { shape.outputs };
        let leaf = tree.leaf_values.len() / width;
        tree.leaf_values.extend((0..width).map(|_| random.normal()));
        let cover = if random.chance(0.05) { 0.0 } else { random.between(0.1, 9.0) };
        tree.nodes.push(Node { kind: NodeKind::Leaf(leaf as u32), cover });
        return number as u32;
    }
    tree.nodes.push(Node { kind: NodeKind::Leaf(0), cover: 0.0 });
    let feature = random.below(shape.columns);
    let test = match features[feature].kind {
        FeatureKind::Numeric => Test::AtMost(match random.below(6) {
            0 => 0.0,
            1 => 1e-36,
            2 => -1e-36,
            _ => random.normal(),
        }),
        FeatureKind::Categorical => {
            let start = tree.category_words.len() as u32;
            let words = 1 + random.below(2) as u32;
            tree.category_words.extend((0..words).map(|_| random.bits()));
            Test::Categories { start, words }
        }
    };
    let rules = [Missing::Left, Missing::Right, Missing::ZeroLeft, Missing::ZeroRight, Missing::AsZero];
    let missing = rules[random.below(5)];
    let left = grow(tree, random, shape, features, level + 1);
    let right = grow(tree, random, shape, features, level + 1);
    let cover = tree.nodes[left as usize].cover + tree.nodes[right as usize].cover;
    let kind = NodeKind::Split { feature: feature as u32, test, missing, left, right };
    tree.nodes[number] = Node { kind, cover };
    number as u32
}

/// Rows for such an ensemble: quantities, zeros, missing values, infinities, known and unknown categories.
pub(crate) fn rows(seed: u64, count: usize, features: &[Feature]) -> Vec<f64> {
    let mut random = Random::stream(seed, "test rows", 0);
    let mut value = |kind| match (random.below(12), kind) {
        (0, _) => f64::NAN,
        (1, FeatureKind::Numeric) => 0.0,
        (2, FeatureKind::Numeric) => 1e-36,
        (3, FeatureKind::Numeric) => f64::INFINITY,
        (4, FeatureKind::Numeric) => f64::NEG_INFINITY,
        (_, FeatureKind::Numeric) => random.normal(),
        (1, FeatureKind::Categorical) => -1.0,
        (2, FeatureKind::Categorical) => 1e9,
        (_, FeatureKind::Categorical) => random.below(130) as f64,
    };
    (0..count).flat_map(|_| features.iter().map(|f| f.kind).collect::<Vec<_>>()).map(&mut value).collect()
}
