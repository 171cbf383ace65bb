//! Fast prediction gives the bits of the plain one.

use super::*;
use crate::ensemble::{Feature, FeatureKind, Link, Missing, Node, NodeKind, Test, Tree};
use crate::random::Random;
use proptest::prelude::*;

/// How the random trees of a test look.
#[derive(Debug, Clone, Copy)]
struct Shape {
    columns: usize,
    outputs: usize,
    trees: usize,
    leaves: usize,
    vectors: bool,
    categories: bool,
    missing: usize,
    single: bool,
}

fn ensemble(shape: Shape, random: &mut Random) -> Ensemble {
    let kind = |j: usize| if shape.categories && j % 3 == 1 { FeatureKind::Categorical } else { FeatureKind::Numeric };
    let features = (0..shape.columns).map(|j| Feature { name: format!("f{j}"), kind: kind(j) }).collect();
    let trees = (0..shape.trees).map(|k| tree(shape, k, random)).collect();
    let base = (0..shape.outputs).map(|_| random.normal()).collect();
    Ensemble { features, base, link: Link::Identity, trees, single_precision_input: shape.single }
}

fn tree(shape: Shape, number: usize, random: &mut Random) -> Tree {
    let mut nodes = vec![NodeKind::Leaf(0)];
    let mut words = Vec::new();
    for leaf in 1..shape.leaves {
        let open: Vec<usize> = (0..nodes.len()).filter(|n| matches!(nodes[*n], NodeKind::Leaf(_))).collect();
        let at = open[random.below(open.len())];
        let NodeKind::Leaf(old) = nodes[at] else { continue };
        let feature = random.below(shape.columns);
        let mut missing = [Missing::Left, Missing::Right, Missing::AsZero, Missing::ZeroLeft, Missing::ZeroRight]
            [random.below(shape.missing)];
        if shape.missing == 5 && feature % 2 == 1 {
            // One column in two treats zero as missing throughout.
            missing = if random.chance(0.5) { Missing::ZeroLeft } else { Missing::ZeroRight };
        } else if shape.missing == 5 {
            missing = Missing::Left;
        }
        let test = if shape.categories && feature % 3 == 1 {
            let start = words.len() as u32;
            let count = 1 + random.below(3);
            words.extend((0..count).map(|_| random.bits()));
            Test::Categories { start, words: count as u32 }
        } else {
            Test::AtMost([0.0, -0.0, 1.5, random.normal(), f64::INFINITY, 1e-40][random.below(6)])
        };
        let (left, right) = (nodes.len() as u32, nodes.len() as u32 + 1);
        nodes[at] = NodeKind::Split { feature: feature as u32, test, missing, left, right };
        nodes.extend([NodeKind::Leaf(old), NodeKind::Leaf(leaf as u32)]);
    }
    let width = if shape.vectors { shape.outputs } else { 1 };
    Tree {
        output: (!shape.vectors).then_some((number % shape.outputs) as u32),
        nodes: nodes.into_iter().map(|kind| Node { kind, cover: 1.0 }).collect(),
        leaf_values: (0..shape.leaves * width).map(|_| random.normal()).collect(),
        category_words: words,
    }
}

fn value(random: &mut Random) -> f64 {
    match random.below(8) {
        0 => f64::NAN,
        1 => 0.0,
        2 => random.below(200) as f64,
        3 => -3.0,
        4 => [1.5, 1e-36, f64::INFINITY, f64::NEG_INFINITY, 1e300, 65_535.0][random.below(6)],
        _ => random.normal(),
    }
}

fn check(ensemble: Ensemble, rows: usize, random: &mut Random) {
    let (columns, outputs) = (ensemble.features.len(), ensemble.outputs());
    let predictor = Predictor::new(ensemble.clone()).unwrap();
    let values: Vec<f64> = (0..rows * columns).map(|_| value(random)).collect();
    let batch = predictor.raw_rows(&values).unwrap();
    for (row, found) in values.chunks(columns).zip(batch.chunks(outputs)) {
        let (mut expected, mut single) = (vec![0.0; outputs], vec![0.0; outputs]);
        ensemble.raw(row, &mut expected);
        predictor.raw(row, &mut single).unwrap();
        assert!(
            expected.iter().zip(found).zip(&single).all(|((e, f), s)| e.to_bits() == f.to_bits() && e == s),
            "{row:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_shape_predicts_what_the_ensemble_does(
        columns in 1usize..6, outputs in 1usize..4, trees in 0usize..20, leaves in 1usize..20,
        vectors in any::<bool>(), categories in any::<bool>(), missing in 1usize..=5, single in any::<bool>(),
        rows in 0usize..150, seed in any::<u64>(),
    ) {
        let mut random = Random::stream(seed, "evaluate", 0);
        let shape = Shape { columns, outputs, trees, leaves, vectors, categories, missing, single };
        check(ensemble(shape, &mut random), rows, &mut random);
    }
}

#[test]
fn wide_and_crowded_models_have_a_way_too() {
    let mut random = Random::stream(1, "evaluate", 0);
    let shape = Shape {
        columns: 300,
        outputs: 1,
        trees: 30,
        leaves: 60,
        vectors: false,
        categories: true,
        missing: 3,
        single: false,
    };
    check(ensemble(shape, &mut random), 70, &mut random);
    // Zero is missing in one split of a column and a number in another: no common number.
    let mut mixed = ensemble(Shape { columns: 1, categories: false, missing: 2, ..shape }, &mut random);
    if let NodeKind::Split { missing, .. } = &mut mixed.trees[0].nodes[0].kind {
        *missing = Missing::ZeroRight;
    }
    assert!(Predictor::new(mixed.clone()).unwrap().flat.is_none());
    check(mixed, 70, &mut random);
}

#[test]
fn links_make_predictions() {
    let mut random = Random::stream(2, "evaluate", 0);
    let shape = Shape {
        columns: 3,
        outputs: 3,
        trees: 9,
        leaves: 5,
        vectors: false,
        categories: false,
        missing: 1,
        single: false,
    };
    let mut model = ensemble(shape, &mut random);
    for link in [Link::Softmax, Link::NormalizedLogistic] {
        model.link = link;
        let predictor = Predictor::new(model.clone()).unwrap();
        let found = predictor.predict_rows(&[0.3, -1.0, 2.0]).unwrap();
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let (mut one, mut other) = ([0.0; 3], [0.0; 3]);
        predictor.predict(&[0.3, -1.0, 2.0], &mut one).unwrap();
        model.predict(&[0.3, -1.0, 2.0], &mut other);
        assert!(one == *found && one == other);
        let matrix = Matrix::from_rows(&[0.3, -1.0, 2.0], 3).unwrap();
        assert_eq!(predictor.predict_matrix(&matrix).unwrap(), found);
    }
    let apply = |link: Link, raw: f64| {
        let mut one = [raw];
        link.apply(&mut one);
        one[0]
    };
    assert_eq!(
        (apply(Link::Logistic, 0.0), apply(Link::Exponential, 0.0), apply(Link::Identity, 7.0)),
        (0.5, 1.0, 7.0)
    );
}

#[test]
fn input_of_another_shape_is_refused() {
    let mut random = Random::stream(3, "evaluate", 0);
    let shape = Shape {
        columns: 3,
        outputs: 2,
        trees: 2,
        leaves: 3,
        vectors: true,
        categories: false,
        missing: 1,
        single: false,
    };
    let predictor = Predictor::new(ensemble(shape, &mut random)).unwrap();
    assert_eq!(predictor.predict(&[0.0; 2], &mut [0.0; 2]), Err(PredictError::Shape { found: 2, columns: 3 }));
    assert_eq!(predictor.predict(&[0.0; 3], &mut [0.0; 1]), Err(PredictError::Outputs { found: 1, expected: 2 }));
    assert!(predictor.predict_rows(&[0.0; 4]).is_err());
    assert!(predictor.predict_matrix(&Matrix::from_rows(&[0.0; 2], 2).unwrap()).is_err());
    assert!(predictor.predict_rows(&[]).unwrap().is_empty());
}

#[test]
fn a_model_without_columns_predicts_its_base() {
    let base = Ensemble {
        features: vec![],
        base: vec![2.0],
        link: Link::Identity,
        trees: vec![],
        single_precision_input: false,
    };
    let predictor = Predictor::new(base).unwrap();
    let mut raw = [0.0];
    predictor.raw(&[], &mut raw).unwrap();
    assert_eq!(raw, [2.0]);
    assert_eq!(predictor.predict_matrix(&Matrix::new(vec![]).unwrap()).unwrap(), Vec::<f64>::new());
}
