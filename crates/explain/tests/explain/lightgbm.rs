//! Reads what tests and benchmarks need of LightGBM's text format. Models for use are read by `rhiza_learn::import`.

#![expect(clippy::unwrap_used, reason = "a model of a test that is none fails the test")]

use rhiza_learn::ensemble::{Ensemble, Feature, FeatureKind, Link, Missing, Node, NodeKind, Test, Tree};
use std::collections::HashMap;

/// The model in `text`. Panics when it is none.
pub(crate) fn read(text: &str) -> Ensemble {
    let mut sections = text.split("\n\n").filter(|s| !s.trim().is_empty());
    let head = fields(sections.next().unwrap());
    let outputs: usize = head["num_tree_per_iteration"].parse().unwrap();
    let mut categorical = vec![false; head["feature_names"].split(' ').count()];
    let mut trees = Vec::new();
    for section in sections {
        let tree = fields(section);
        if tree.contains_key("num_leaves") {
            trees.push(read_tree(&tree, trees.len() % outputs, &mut categorical));
        }
    }
    let kind = |c: bool| if c { FeatureKind::Categorical } else { FeatureKind::Numeric };
    let features = head["feature_names"].split(' ').zip(&categorical);
    Ensemble {
        features: features.map(|(name, c)| Feature { name: name.to_owned(), kind: kind(*c) }).collect(),
        base: vec![0.0; outputs],
        link: Link::Identity,
        trees,
        single_precision_input: false,
    }
}

fn fields(section: &str) -> HashMap<&str, &str> {
    section.lines().filter_map(|line| line.split_once('=')).collect()
}

fn list<T: std::str::FromStr>(tree: &HashMap<&str, &str>, key: &str) -> Vec<T> {
    let text = tree.get(key).copied().unwrap_or("");
    text.split(' ').filter(|v| !v.is_empty()).map(|v| v.parse().ok().unwrap()).collect()
}

fn read_tree(tree: &HashMap<&str, &str>, output: usize, categorical: &mut [bool]) -> Tree {
    let mut leaf_values = list::<f64>(tree, "leaf_value");
    let (left, right) = (list::<i64>(tree, "left_child"), list::<i64>(tree, "right_child"));
    let (thresholds, columns) = (list::<f64>(tree, "threshold"), list::<u32>(tree, "split_feature"));
    let kinds = list::<u32>(tree, "decision_type");
    let (covers, leaf_covers) = (list::<f64>(tree, "internal_count"), list::<f64>(tree, "leaf_count"));
    let bounds = list::<u32>(tree, "cat_boundaries");
    let words = list::<u64>(tree, "cat_threshold");
    let mut category_words = Vec::new();
    let sets: Vec<(u32, u32)> = bounds
        .windows(2)
        .map(|w| {
            let start = category_words.len();
            let own = &words[w[0] as usize..w[1] as usize];
            category_words.extend(own.chunks(2).map(|c| c[0] | c.get(1).copied().unwrap_or(0) << 32));
            (start as u32, (category_words.len() - start) as u32)
        })
        .collect();
    let output = Some(output as u32);
    if left.is_empty() {
        leaf_values.truncate(1);
        let nodes = vec![Node { kind: NodeKind::Leaf(0), cover: 1.0 }];
        return Tree { output, nodes, leaf_values, category_words };
    }
    // Children after parents: number forks and leaves in the order of a walk from the root.
    let mut nodes = Vec::new();
    let mut queue = vec![(0_i64, None)];
    while let Some((at, from)) = queue.pop() {
        let number = nodes.len() as u32;
        if let Some((parent, is_left)) = from {
            let parent: &mut Node = &mut nodes[parent as usize];
            if let NodeKind::Split { left, right, .. } = &mut parent.kind {
                *(if is_left { left } else { right }) = number;
            }
        }
        if at < 0 {
            let leaf = !at as usize;
            nodes.push(Node { kind: NodeKind::Leaf(leaf as u32), cover: leaf_covers[leaf] });
            continue;
        }
        let at = at as usize;
        let (kind, feature) = (kinds[at], columns[at]);
        let default_left = kind & 2 != 0;
        let (test, missing) = if kind & 1 == 1 {
            categorical[feature as usize] = true;
            let (start, words) = sets[thresholds[at] as usize];
            (Test::Categories { start, words }, Missing::Right)
        } else {
            let missing = match (kind >> 2 & 3, default_left) {
                (0, _) => Missing::AsZero,
                (1, true) => Missing::ZeroLeft,
                (1, false) => Missing::ZeroRight,
                (_, true) => Missing::Left,
                (_, false) => Missing::Right,
            };
            (Test::AtMost(thresholds[at]), missing)
        };
        nodes.push(Node { kind: NodeKind::Split { feature, test, missing, left: 0, right: 0 }, cover: covers[at] });
        queue.push((right[at], Some((number, false))));
        queue.push((left[at], Some((number, true))));
    }
    Tree { output, nodes, leaf_values, category_words }
}
