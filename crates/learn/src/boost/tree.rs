//! From a grown tree to one for exchange: bins become thresholds and sets of categories.

use super::grow::{Grown, GrownNode};
use super::split::BinTest;
use crate::bins::{Bins, Cut};
use crate::ensemble::{Missing, Node, NodeKind, Test, Tree};

/// The tree with these leaf values; `covers` are the leaves' weights.
pub(super) fn exchange(grown: &Grown, bins: &Bins, output: u32, values: Vec<f64>, covers: &[f64]) -> Tree {
    let mut category_words = Vec::new();
    let mut nodes: Vec<Node> = grown
        .nodes
        .iter()
        .map(|node| match *node {
            GrownNode::Leaf(leaf) => Node { kind: NodeKind::Leaf(leaf as u32), cover: covers[leaf] },
            GrownNode::Fork { column, test, missing_left, left, right } => {
                let test = test_of(test, &bins.columns[column as usize].cut, &mut category_words);
                let missing = if missing_left { Missing::Left } else { Missing::Right };
                let kind = NodeKind::Split { feature: column, test, missing, left: left as u32, right: right as u32 };
                Node { kind, cover: 0.0 }
            }
        })
        .collect();
    // A child's number is greater than its parent's, so from the back every child is done before its parent.
    for at in (0..nodes.len()).rev() {
        if let NodeKind::Split { left, right, .. } = nodes[at].kind {
            nodes[at].cover = nodes[left as usize].cover + nodes[right as usize].cover;
        }
    }
    Tree { output: Some(output), nodes, leaf_values: values, category_words }
}

fn test_of(test: BinTest, cut: &Cut, words: &mut Vec<u64>) -> Test {
    match (test, cut) {
        (BinTest::AtMost { bin, .. }, Cut::Quantity { upper, .. }) => {
            // "Any value" against "missing" has no upper end.
            Test::AtMost(upper.get(usize::from(bin)).copied().unwrap_or(f64::INFINITY))
        }
        (BinTest::OneOf(set), Cut::Category { codes }) => {
            let start = words.len();
            let held = codes.iter().enumerate().filter(|(bin, _)| set[bin / 64] >> (bin % 64) & 1 == 1);
            for (_, code) in held {
                let word = start + *code as usize / 64;
                if words.len() <= word {
                    words.resize(word + 1, 0);
                }
                words[word] |= 1 << (code % 64);
            }
            Test::Categories { start: start as u32, words: (words.len() - start) as u32 }
        }
        // A column's test is made from its own cut; nothing is at most -∞.
        _ => Test::AtMost(f64::NEG_INFINITY),
    }
}
