//! A graph whose names make themselves: what a whole model is written with. All numbers are of double precision.

use std::collections::HashSet;

use super::graph::{Attribute, Element, Graph, Side};

/// Names of the values that a graph is made of.
pub(crate) type Name = String;

/// A graph in the making.
#[derive(Debug, Default)]
pub(crate) struct Build {
    pub(super) graph: Graph,
    /// Names of inputs and outputs, which belong to the caller.
    taken: HashSet<Name>,
    next: usize,
}

impl Build {
    /// Adds an input of a column, named by the caller.
    pub(crate) fn input(&mut self, name: &str, element: Element, columns: Option<usize>) {
        self.taken.insert(name.to_owned());
        self.graph.input(name, element, columns);
    }

    /// `wanted`, made longer where it is the name of a column.
    pub(super) fn free(&mut self, wanted: &str) -> Name {
        let mut name = wanted.to_owned();
        while self.taken.contains(&name) {
            name.push('_');
        }
        self.taken.insert(name.clone());
        name
    }

    fn name(&mut self) -> Name {
        loop {
            self.next += 1;
            let name = format!("v{}", self.next);
            if !self.taken.contains(&name) {
                return name;
            }
        }
    }

    /// Adds a node of one result.
    pub(crate) fn node(&mut self, operator: &str, inputs: &[&str], attributes: Vec<(&str, Attribute)>) -> Name {
        let name = self.name();
        self.graph.node(operator, "", inputs, &[&name], attributes);
        name
    }

    /// Adds a node of two results.
    pub(super) fn pair(&mut self, operator: &str, inputs: &[&str], attributes: Vec<(&str, Attribute)>) -> [Name; 2] {
        let names = [self.name(), self.name()];
        self.graph.node(operator, "", inputs, &[&names[0], &names[1]], attributes);
        names
    }

    /// Adds a node of one result and no attributes.
    pub(crate) fn op(&mut self, operator: &str, inputs: &[&str]) -> Name {
        self.node(operator, inputs, vec![])
    }

    /// Adds a table from words to whole numbers, and looks up `x` in it; other words are `other`.
    pub(crate) fn look_up(&mut self, x: &str, words: Vec<String>, numbers: Vec<i64>, other: i64) -> Name {
        let name = self.name();
        let attributes = vec![
            ("keys_strings", Attribute::Texts(words)),
            ("values_int64s", Attribute::Wholes(numbers)),
            ("default_int64", Attribute::Whole(other)),
        ];
        self.graph.node("LabelEncoder", "ai.onnx.ml", &[x], &[&name], attributes);
        name
    }

    /// The node that `write` adds to the graph under the name it is given.
    pub(super) fn own<E>(&mut self, write: impl FnOnce(&mut Graph, &str) -> Result<(), E>) -> Result<Name, E> {
        let name = self.name();
        write(&mut self.graph, &name)?;
        Ok(name)
    }

    /// A constant of numbers, of one dimension.
    pub(crate) fn numbers(&mut self, values: &[f64]) -> Name {
        self.table(&[values.len()], values)
    }

    /// A constant of one number.
    pub(crate) fn number(&mut self, value: f64) -> Name {
        self.numbers(&[value])
    }

    /// A constant of numbers, row by row.
    pub(crate) fn table(&mut self, sizes: &[usize], values: &[f64]) -> Name {
        let name = self.name();
        self.graph.table(&name, Element::Double, sizes, values);
        name
    }

    /// As [`Build::table`], kept in single precision.
    pub(super) fn single_table(&mut self, sizes: &[usize], values: &[f32]) -> Name {
        let name = self.name();
        let values: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
        self.graph.table(&name, Element::Float, sizes, &values);
        self.cast(&name, Element::Double)
    }

    /// A constant of whole numbers, of one dimension.
    pub(crate) fn wholes(&mut self, values: &[i64]) -> Name {
        let name = self.name();
        self.graph.wholes(&name, values);
        name
    }

    /// A constant of texts, of one dimension.
    pub(super) fn texts(&mut self, values: &[String]) -> Name {
        let name = self.name();
        self.graph.texts(&name, values);
        name
    }

    /// `operator` of `x` and a number.
    pub(crate) fn with(&mut self, operator: &str, x: &str, number: f64) -> Name {
        let number = self.number(number);
        self.op(operator, &[x, &number])
    }

    /// `operator` of `x` and a whole number.
    pub(crate) fn with_whole(&mut self, operator: &str, x: &str, number: i64) -> Name {
        let number = self.wholes(&[number]);
        self.op(operator, &[x, &number])
    }

    pub(crate) fn cast(&mut self, x: &str, to: Element) -> Name {
        self.node("Cast", &[x], vec![("to", Attribute::Whole(to.number()))])
    }

    /// Side by side.
    pub(crate) fn beside(&mut self, parts: &[Name]) -> Name {
        if let [only] = parts {
            return only.clone();
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.node("Concat", &parts, vec![("axis", Attribute::Whole(1))])
    }

    /// The columns of these numbers, in this order; `x` has `width` of them.
    pub(crate) fn columns(&mut self, x: &str, numbers: &[usize], width: usize) -> Name {
        if numbers.iter().copied().eq(0..width) {
            return x.to_owned();
        }
        let at = self.wholes(&numbers.iter().map(|number| *number as i64).collect::<Vec<_>>());
        self.node("Gather", &[x, &at], vec![("axis", Attribute::Whole(1))])
    }

    /// The rows of the constant `table` that `at` numbers.
    pub(crate) fn rows(&mut self, table: &str, at: &str) -> Name {
        self.node("Gather", &[table, at], vec![("axis", Attribute::Whole(0))])
    }

    /// Sum over an axis, which is then gone.
    pub(super) fn sum(&mut self, x: &str, axis: i64) -> Name {
        let axis = self.wholes(&[axis]);
        self.node("ReduceSum", &[x, &axis], vec![("keepdims", Attribute::Whole(0))])
    }

    /// `1 / (1 + e^−x)`.
    pub(super) fn logistic(&mut self, x: &str) -> Name {
        self.op("Sigmoid", &[x])
    }

    /// Scores of a row become probabilities.
    pub(super) fn softmax(&mut self, x: &str) -> Name {
        self.node("Softmax", &[x], vec![("axis", Attribute::Whole(1))])
    }

    /// Both classes' probabilities, given the second's.
    pub(super) fn both(&mut self, second: &str) -> Name {
        let one = self.number(1.0);
        let first = self.op("Sub", &[&one, second]);
        self.beside(&[first, second.to_owned()])
    }

    /// How far the rows of `x` are from `count` constant rows, whose columns lie along an axis of a table: the sum over the columns of
    /// `part` ("Abs") of the differences, or of their squares. Column by column, so that no large numbers cancel and room is needed
    /// for one result only.
    pub(super) fn distances(&mut self, x: &str, others: (&str, i64), count: usize, part: Option<&str>) -> Name {
        let mut body = Graph::default();
        body.inner("sum", Element::Double, Side::Input);
        body.inner("column", Element::Double, Side::Input);
        body.inner("other", Element::Double, Side::Input);
        body.wholes("axis", &[1]);
        body.node("Unsqueeze", "", &["column", "axis"], &["upright"], vec![]);
        body.node("Sub", "", &["upright", "other"], &["apart"], vec![]);
        match part {
            Some(operator) => body.node(operator, "", &["apart"], &["size"], vec![]),
            None => body.node("Mul", "", &["apart", "apart"], &["size"], vec![]),
        }
        body.node("Add", "", &["sum", "size"], &["more"], vec![]);
        body.inner("more", Element::Double, Side::Output);
        let shape = self.shape(x, count);
        let zero = ("value", Attribute::Tensor(Element::Double, vec![0.0]));
        let none = self.node("ConstantOfShape", &[&shape], vec![zero]);
        let attributes = vec![
            ("body", Attribute::Graph(body)),
            ("num_scan_inputs", Attribute::Whole(2)),
            ("scan_input_axes", Attribute::Wholes(vec![1, others.1])),
        ];
        self.node("Scan", &[&none, x, others.0], attributes)
    }

    /// The shape of as many rows as `x` has, of `width` numbers each.
    pub(super) fn shape(&mut self, x: &str, width: usize) -> Name {
        let ends = vec![("start", Attribute::Whole(0)), ("end", Attribute::Whole(1))];
        let rows = self.node("Shape", &[x], ends);
        let width = self.wholes(&[width as i64]);
        self.node("Concat", &[&rows, &width], vec![("axis", Attribute::Whole(0))])
    }
}
