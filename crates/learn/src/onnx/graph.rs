//! A graph put together node by node and written as a `ModelProto`.

use crate::protobuf::Message;

/// ONNX's intermediate representation as of version 1.14, and the operator sets that came with it.
const IR: i64 = 9;
const OPERATORS: i64 = 18;
/// The tree operators with tensors of double precision, and the one with sets.
const TREES: i64 = 3;
const TREES_WITH_SETS: i64 = 5;

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// Single precision.
    Float,
    /// Double precision.
    Double,
    /// Whole numbers of 64 bits.
    Whole,
    /// Texts.
    Text,
    /// Bytes.
    Byte,
}

impl Element {
    /// ONNX's number for it.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Float => 1,
            Self::Byte => 2,
            Self::Whole => 7,
            Self::Text => 8,
            Self::Double => 11,
        }
    }
}

/// A node's attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Whole(i64),
    /// A text.
    Text(String),
    /// Whole numbers.
    Wholes(Vec<i64>),
    /// Texts.
    Texts(Vec<String>),
    /// A tensor of one dimension.
    Tensor(Element, Vec<f64>),
    /// What an operator such as `Scan` does again and again.
    Graph(Graph),
}

/// Where a value goes in or comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Input,
    Output,
}

impl Side {
    fn field(self) -> u64 {
        match self {
            Self::Input => 11,
            Self::Output => 12,
        }
    }
}

/// A graph in the making. Names of tensors are the caller's; each is made once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    message: Message,
    with_sets: bool,
}

impl Graph {
    /// Adds an input of any number of rows and so many columns; `None`: one value per row.
    pub fn input(&mut self, name: &str, element: Element, columns: Option<usize>) {
        self.message.message(Side::Input.field(), value(name, element, columns));
    }

    /// Adds an output of any number of rows and so many columns; `None`: one value per row.
    pub fn output(&mut self, name: &str, element: Element, columns: Option<usize>) {
        self.message.message(Side::Output.field(), value(name, element, columns));
    }

    /// Adds an input or output of a graph inside another: its shape follows from the outer one.
    pub(super) fn inner(&mut self, name: &str, element: Element, side: Side) {
        let mut tensor = Message::default();
        tensor.whole(1, element.number());
        self.message.message(side.field(), named(name, tensor));
    }

    /// Adds a node. `domain` is empty for ONNX's own operators.
    pub fn node(
        &mut self,
        operator: &str,
        domain: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: Vec<(&str, Attribute)>,
    ) {
        let mut node = Message::default();
        inputs.iter().for_each(|name| node.text(1, name));
        outputs.iter().for_each(|name| node.text(2, name));
        node.text(4, operator);
        attributes.into_iter().for_each(|(name, attribute)| node.message(5, attribute.message(name)));
        node.text(7, domain);
        self.message.message(1, node);
        self.with_sets |= operator == "TreeEnsemble";
    }

    /// Adds a constant of numbers, of one dimension. `element` is not [`Element::Text`].
    pub fn constant(&mut self, name: &str, element: Element, values: &[f64]) {
        self.message.message(5, tensor(name, element, &[values.len()], values));
    }

    /// Adds a constant of numbers, row by row. `element` is not [`Element::Text`]; there are as many values as the sizes of the
    /// dimensions say.
    pub fn table(&mut self, name: &str, element: Element, sizes: &[usize], values: &[f64]) {
        self.message.message(5, tensor(name, element, sizes, values));
    }

    /// Adds a constant of whole numbers, of one dimension.
    pub fn wholes(&mut self, name: &str, values: &[i64]) {
        let mut made = head(name, Element::Whole, &[values.len()]);
        made.wholes(7, values);
        self.message.message(5, made);
    }

    /// Adds a constant of texts, of one dimension.
    pub fn texts(&mut self, name: &str, values: &[String]) {
        let mut made = head(name, Element::Text, &[values.len()]);
        values.iter().for_each(|text| made.text(6, text));
        self.message.message(5, made);
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.message.len()
    }

    /// The file.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut graph = self.message;
        graph.text(2, "model");
        let mut model = Message::default();
        model.whole(1, IR);
        model.text(2, "rhiza-learn");
        model.message(7, graph);
        let trees = if self.with_sets { TREES_WITH_SETS } else { TREES };
        for (domain, version) in [("", OPERATORS), ("ai.onnx.ml", trees)] {
            let mut set = Message::default();
            set.text(1, domain);
            set.whole(2, version);
            model.message(8, set);
        }
        model.finish()
    }
}

impl Attribute {
    /// The field and the number of its kind in an `AttributeProto`.
    fn message(self, name: &str) -> Message {
        let mut made = Message::default();
        made.text(1, name);
        let kind = match self {
            Self::Float(value) => {
                made.float(2, value);
                1
            }
            Self::Whole(value) => {
                made.whole(3, value);
                2
            }
            Self::Text(text) => {
                made.text(4, &text);
                3
            }
            Self::Tensor(element, values) => {
                made.message(5, tensor("", element, &[values.len()], &values));
                4
            }
            Self::Graph(graph) => {
                let mut graph = graph.message;
                graph.text(2, "body");
                made.message(6, graph);
                5
            }
            Self::Wholes(values) => {
                // Not packed in ONNX's definition.
                values.iter().for_each(|value| made.whole(8, *value));
                7
            }
            Self::Texts(texts) => {
                texts.iter().for_each(|text| made.text(9, text));
                8
            }
        };
        made.whole(20, kind);
        made
    }
}

fn head(name: &str, element: Element, sizes: &[usize]) -> Message {
    let mut made = Message::default();
    made.wholes(1, &sizes.iter().map(|size| *size as i64).collect::<Vec<_>>());
    made.whole(2, element.number());
    made.text(8, name);
    made
}

/// A tensor of numbers; other elements are written as whole numbers.
fn tensor(name: &str, element: Element, sizes: &[usize], values: &[f64]) -> Message {
    let mut made = head(name, element, sizes);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the elements are of this type")]
    let raw: Vec<u8> = match element {
        Element::Float => values.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect(),
        Element::Double => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Element::Byte => values.iter().map(|v| *v as u8).collect(),
        Element::Whole | Element::Text => values.iter().flat_map(|v| (*v as i64).to_le_bytes()).collect(),
    };
    made.bytes(9, &raw);
    made
}

/// A `ValueInfoProto`: a tensor of any number of rows.
fn value(name: &str, element: Element, columns: Option<usize>) -> Message {
    let mut rows = Message::default();
    rows.text(2, "rows");
    let mut shape = Message::default();
    shape.message(1, rows);
    if let Some(columns) = columns {
        let mut width = Message::default();
        width.whole(1, columns as i64);
        shape.message(1, width);
    }
    let mut tensor = Message::default();
    tensor.whole(1, element.number());
    tensor.message(2, shape);
    named(name, tensor)
}

/// A `ValueInfoProto` of a tensor type.
fn named(name: &str, tensor: Message) -> Message {
    let mut kind = Message::default();
    kind.message(1, tensor);
    let mut made = Message::default();
    made.text(1, name);
    made.message(2, kind);
    made
}
