//! Trees put together from nodes that are numbered in any way.

use crate::ensemble::{Missing, Node, NodeKind, Test, Tree};

/// A foreign node.
pub(super) enum Foreign {
    Leaf {
        /// Output and value; outputs that are not named get nothing.
        values: Vec<(u32, f64)>,
        cover: Option<f64>,
    },
    Split {
        feature: u32,
        test: ForeignTest,
        missing: Missing,
        left: usize,
        right: usize,
        cover: Option<f64>,
    },
}

pub(super) enum ForeignTest {
    AtMost(f64),
    /// Words of a bit set.
    Categories(Vec<u64>),
}

/// The set of these codes.
pub(super) fn set_of(codes: impl Iterator<Item = u32>) -> Vec<u64> {
    let mut words = Vec::new();
    for code in codes {
        let word = code as usize / 64;
        if words.len() <= word {
            words.resize(word + 1, 0);
        }
        words[word] |= 1 << (code % 64);
    }
    words
}

/// The tree below `root`; `node` gives the nodes, of which there are `count`. Nodes are numbered anew, level by level. `outputs` is
/// the number of the ensemble's outputs.
pub(super) fn assemble(
    root: usize,
    count: usize,
    outputs: usize,
    mut node: impl FnMut(usize) -> Result<Foreign, String>,
) -> Result<Tree, String> {
    let mut seen = vec![false; count];
    let mut queue = vec![root];
    let mut leaves: Vec<Vec<(u32, f64)>> = Vec::new();
    let mut nodes = Vec::new();
    let mut covers: Vec<Option<f64>> = Vec::new();
    let mut category_words = Vec::new();
    let mut at = 0;
    while let Some(number) = queue.get(at).copied() {
        at += 1;
        match seen.get_mut(number) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => return Err(format!("node {number} has more than one parent")),
            None => return Err(format!("there is no node {number} among {count}")),
        }
        match node(number)? {
            Foreign::Leaf { values, cover } => {
                if let Some((output, _)) = values.iter().find(|(output, _)| *output as usize >= outputs) {
                    return Err(format!("leaf {number} adds to output {output} of {outputs}"));
                }
                nodes.push(NodeKind::Leaf(leaves.len() as u32));
                leaves.push(values);
                covers.push(cover);
            }
            Foreign::Split { feature, test, missing, left, right, cover } => {
                let test = match test {
                    ForeignTest::AtMost(threshold) => Test::AtMost(threshold),
                    ForeignTest::Categories(words) => {
                        let start = category_words.len() as u32;
                        category_words.extend_from_slice(&words);
                        Test::Categories { start, words: words.len() as u32 }
                    }
                };
                let child = queue.len() as u32;
                queue.extend([left, right]);
                nodes.push(NodeKind::Split { feature, test, missing, left: child, right: child + 1 });
                covers.push(cover);
            }
        }
    }
    let covers = fill(&nodes, covers);
    let nodes = nodes.into_iter().zip(covers).map(|(kind, cover)| Node { kind, cover }).collect();
    let (output, leaf_values) = values(&leaves, outputs);
    Ok(Tree { output, nodes, leaf_values, category_words })
}

/// The covers that were told, if all were and they are positive; otherwise each leaf counts once and a fork as many times as there
/// are leaves below it.
fn fill(nodes: &[NodeKind], told: Vec<Option<f64>>) -> Vec<f64> {
    let good = |cover: &Option<f64>| cover.filter(|c| c.is_finite() && *c > 0.0);
    if let Some(all) = told.iter().map(good).collect::<Option<Vec<f64>>>() {
        return all;
    }
    let mut covers = vec![1.0; nodes.len()];
    for (at, node) in nodes.iter().enumerate().rev() {
        if let NodeKind::Split { left, right, .. } = node {
            covers[at] = covers[*left as usize] + covers[*right as usize];
        }
    }
    covers
}

/// One value per leaf when all leaves add to the same output, else a value for every output.
fn values(leaves: &[Vec<(u32, f64)>], outputs: usize) -> (Option<u32>, Vec<f64>) {
    let mut named = leaves.iter().flatten().map(|(output, _)| *output);
    let first = named.next().unwrap_or(0);
    if named.all(|output| output == first) {
        let sum = |leaf: &Vec<(u32, f64)>| leaf.iter().map(|(_, value)| value).sum();
        return (Some(first), leaves.iter().map(sum).collect());
    }
    let mut all = vec![0.0; leaves.len() * outputs];
    for (leaf, values) in leaves.iter().enumerate() {
        values.iter().for_each(|(output, value)| all[leaf * outputs + *output as usize] += value);
    }
    (None, all)
}
