//! The parts of an ONNX file that matter here.

use super::FLOAT;
use crate::protobuf::{Fields, Wire};
use std::collections::HashMap;

const DOUBLE: i64 = 11;
const UINT8: i64 = 2;
const INT32: i64 = 6;
const INT64: i64 = 7;

/// The operators that hold trees.
const TREES: [&str; 3] = ["TreeEnsembleRegressor", "TreeEnsembleClassifier", "TreeEnsemble"];
/// Operators that pass on what comes out of the trees, or throw part of it away.
const AFTER: [&str; 6] = ["Cast", "Identity", "ZipMap", "Reshape", "Flatten", "Squeeze"];

#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    operators: Vec<Operator<'a>>,
    constants: HashMap<&'a str, Vec<f64>>,
    /// Element type and last dimension of each input.
    inputs: HashMap<&'a str, (i64, Option<usize>)>,
}

#[derive(Debug, Default)]
pub(super) struct Operator<'a> {
    pub(super) kind: &'a str,
    inputs: Vec<&'a str>,
    outputs: Vec<&'a str>,
    attributes: HashMap<&'a str, Attribute<'a>>,
}

#[derive(Debug, Default)]
struct Attribute<'a> {
    whole: Option<i64>,
    text: Option<&'a str>,
    numbers: Vec<f64>,
    wholes: Vec<i64>,
    texts: Vec<&'a str>,
}

impl<'a> Graph<'a> {
    pub(super) fn parse(file: &'a [u8]) -> Result<Self, String> {
        let mut graph = None;
        for field in Fields::new(file) {
            if let (7, wire) = field? {
                graph = Some(wire.bytes()?);
            }
        }
        let mut made = Self::default();
        for field in Fields::new(graph.ok_or("there is no graph in it")?) {
            match field? {
                (1, wire) => made.operators.push(Operator::parse(wire.bytes()?)?),
                (5, wire) => {
                    let (name, values) = tensor(wire.bytes()?)?;
                    made.constants.insert(name, values);
                }
                (11, wire) => {
                    let (name, kind) = input(wire.bytes()?)?;
                    made.inputs.insert(name, kind);
                }
                _ => {}
            }
        }
        Ok(made)
    }

    /// The one operator with trees, whether its input has been rounded to single precision, and the input's number of columns,
    /// where the graph tells.
    pub(super) fn tree_operator(&self) -> Result<(&Operator<'a>, bool, Option<usize>), String> {
        let mut found = self.operators.iter().filter(|op| TREES.contains(&op.kind));
        let operator = found.next().ok_or("there is no tree ensemble in the graph")?;
        if found.next().is_some() {
            return Err("there is more than one tree ensemble in the graph".to_owned());
        }
        self.check_after(operator)?;
        let mut single = false;
        let mut name = operator.inputs.first().copied().ok_or("the trees have no input")?;
        // Each step goes to an operator; a graph has no circles, and this many steps are enough for all of them.
        for _ in 0..=self.operators.len() {
            if let Some((kind, columns)) = self.inputs.get(name) {
                return Ok((operator, single || *kind == FLOAT, *columns));
            }
            let before = self.operators.iter().find(|op| op.outputs.contains(&name));
            let before = before.ok_or_else(|| format!("`{name}` comes from nowhere"))?;
            if !["Cast", "Identity"].contains(&before.kind) {
                return Err(format!("the graph reckons with its input before the trees ({})", before.kind));
            }
            single |= before.attributes.get("to").and_then(|to| to.whole) == Some(FLOAT);
            name = before.inputs.first().copied().unwrap_or_default();
        }
        Err("the graph goes round in a circle".to_owned())
    }

    /// Whether what comes out of the trees is left as it is.
    fn check_after(&self, trees: &Operator<'_>) -> Result<(), String> {
        let mut names: Vec<&str> = trees.outputs.clone();
        let mut at = 0;
        while let Some(name) = names.get(at).copied() {
            at += 1;
            for op in self.operators.iter().filter(|op| op.inputs.contains(&name)) {
                let by_one = op.kind == "Mul"
                    && op.inputs.iter().any(|i| self.constants.get(i).is_some_and(|c| c.iter().all(|x| *x == 1.0)));
                if !AFTER.contains(&op.kind) && !by_one {
                    return Err(format!("the graph reckons with what comes out of the trees ({})", op.kind));
                }
                // Once for each operator, so that a graph of any shape comes to an end.
                let new: Vec<&str> = op.outputs.iter().filter(|o| !names.contains(o)).copied().collect();
                names.extend(new);
            }
        }
        Ok(())
    }
}

impl<'a> Operator<'a> {
    fn parse(message: &'a [u8]) -> Result<Self, String> {
        let mut made = Self::default();
        for field in Fields::new(message) {
            match field? {
                (1, wire) => made.inputs.push(wire.text()?),
                (2, wire) => made.outputs.push(wire.text()?),
                (4, wire) => made.kind = wire.text()?,
                (5, wire) => {
                    let (name, attribute) = Attribute::parse(wire.bytes()?)?;
                    made.attributes.insert(name, attribute);
                }
                _ => {}
            }
        }
        Ok(made)
    }

    pub(super) fn whole(&self, name: &str) -> Option<i64> {
        self.attributes.get(name)?.whole
    }

    pub(super) fn text(&self, name: &str) -> &'a str {
        self.attributes.get(name).and_then(|a| a.text).unwrap_or_default()
    }

    pub(super) fn texts(&self, name: &str) -> &[&'a str] {
        self.attributes.get(name).map(|a| a.texts.as_slice()).unwrap_or_default()
    }

    pub(super) fn wholes(&self, name: &str) -> &[i64] {
        self.attributes.get(name).map(|a| a.wholes.as_slice()).unwrap_or_default()
    }

    /// A list of whole numbers of this length.
    pub(super) fn wholes_of(&self, name: &str, count: usize) -> Result<&[i64], String> {
        let found = self.wholes(name);
        if found.len() == count { Ok(found) } else { Err(format!("{name} has {} numbers, not {count}", found.len())) }
    }

    /// The numbers of an attribute or of its `_as_tensor` form.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        let wide = format!("{name}_as_tensor");
        let found = self.attributes.get(wide.as_str()).or_else(|| self.attributes.get(name));
        Ok(found.map(|a| a.numbers.clone()).unwrap_or_default())
    }
}

impl<'a> Attribute<'a> {
    fn parse(message: &'a [u8]) -> Result<(&'a str, Self), String> {
        let (mut name, mut made) = ("", Self::default());
        for field in Fields::new(message) {
            match field? {
                (1, wire) => name = wire.text()?,
                (3, wire) => made.whole = Some(wire.whole()?),
                (4, wire) => made.text = Some(wire.text()?),
                (5, wire) => made.numbers = tensor(wire.bytes()?)?.1,
                (7, wire) => wire.push_float(&mut made.numbers)?,
                (8, wire) => wire.push_whole(&mut made.wholes)?,
                (9, wire) => made.texts.push(wire.text()?),
                _ => {}
            }
        }
        Ok((name, made))
    }
}

/// A tensor's name and its elements, as numbers; other types than those of trees give none.
fn tensor(message: &[u8]) -> Result<(&str, Vec<f64>), String> {
    let (mut name, mut kind, mut raw) = ("", 0, None);
    let (mut floats, mut doubles, mut wholes) = (Vec::new(), Vec::new(), Vec::new());
    for field in Fields::new(message) {
        match field? {
            (2, wire) => kind = wire.whole()?,
            (4, wire) => wire.push_float(&mut floats)?,
            (5 | 7, wire) => wire.push_whole(&mut wholes)?,
            (8, wire) => name = wire.text()?,
            (9, wire) => raw = Some(wire.bytes()?),
            (10, wire) => wire.push_double(&mut doubles)?,
            _ => {}
        }
    }
    if let Some(raw) = raw {
        match kind {
            FLOAT => Wire::Bytes(raw).push_float(&mut floats)?,
            DOUBLE => Wire::Bytes(raw).push_double(&mut doubles)?,
            UINT8 => wholes.extend(raw.iter().map(|b| i64::from(*b))),
            INT32 => wholes.extend(raw.as_chunks::<4>().0.iter().map(|b| i64::from(i32::from_le_bytes(*b)))),
            INT64 => wholes.extend(raw.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b))),
            _ => {}
        }
    }
    floats.append(&mut doubles);
    floats.extend(wholes.into_iter().map(|w| w as f64));
    Ok((name, floats))
}

/// An input's name, element type and last dimension.
fn input(message: &[u8]) -> Result<(&str, (i64, Option<usize>)), String> {
    let (mut name, mut kind, mut last) = ("", 0, None);
    for field in Fields::new(message) {
        match field? {
            (1, wire) => name = wire.text()?,
            (2, wire) => {
                for field in Fields::new(wire.bytes()?) {
                    // The type of a tensor: element type, shape.
                    if let (1, wire) = field? {
                        for field in Fields::new(wire.bytes()?) {
                            match field? {
                                (1, wire) => kind = wire.whole()?,
                                (2, wire) => last = last_dimension(wire.bytes()?)?,
                                _ => {}
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok((name, (kind, last)))
}

fn last_dimension(shape: &[u8]) -> Result<Option<usize>, String> {
    let mut last = None;
    for field in Fields::new(shape) {
        if let (1, wire) = field? {
            last = None;
            for field in Fields::new(wire.bytes()?) {
                if let (1, wire) = field? {
                    last = usize::try_from(wire.whole()?).ok();
                }
            }
        }
    }
    Ok(last)
}
