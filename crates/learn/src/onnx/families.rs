//! What has learnt, family by family, as nodes over prepared rows.

use super::build::{Build, Name};
use super::graph::{Attribute, Element};
use super::{OnnxError, trees};
use crate::ensemble::{Ensemble, Link};
use crate::kernel::{Kernel, Shape};
use crate::linear::Linear;
use crate::model::Fitted;
use crate::neighbours::Neighbours;
use crate::network::Network;

impl Build {
    /// The numbers of all rows, `width` each. `x`: the prepared rows; any column with all rows where none are needed.
    pub(super) fn fitted(&mut self, fitted: &Fitted, x: &str, width: usize) -> Result<Name, OnnxError> {
        Ok(match fitted {
            Fitted::Constant(values) => {
                let values = self.table(&[1, width], values);
                let shape = self.shape(x, width);
                self.op("Expand", &[&values, &shape])
            }
            Fitted::Linear(model) => self.linear(model, x),
            Fitted::Kernel(model) => self.kernel(model, x),
            Fitted::Neighbours(model) => self.neighbours(model, x),
            Fitted::Network(model) => self.network(model, x),
            Fitted::Trees { predictor, mix, prior } => {
                let ensemble = predictor.ensemble();
                let raw = self.raw(ensemble, x)?;
                let mut said = self.link(&raw, ensemble.link);
                if ensemble.outputs() == 1 && width == 2 {
                    said = self.both(&said);
                }
                if *mix > 0.0 {
                    let kept = self.with("Mul", &said, 1.0 - mix);
                    let prior = self.numbers(&prior.iter().map(|p| mix * p).collect::<Vec<_>>());
                    said = self.op("Add", &[&kept, &prior]);
                }
                said
            }
        })
    }

    /// Raw outputs. Trees of one output each, or with sets, come in double precision, leaves with a value for every output in
    /// single: the operator that has those adds up in no other.
    pub(crate) fn raw(&mut self, ensemble: &Ensemble, x: &str) -> Result<Name, OnnxError> {
        let element = trees::element(ensemble);
        let x = if element == Element::Float { self.cast(x, element) } else { x.to_owned() };
        let shared = ensemble.trees.iter().any(|tree| tree.output.is_none()) && ensemble.outputs() > 1;
        let newer = trees::has_sets(ensemble) || !shared;
        let sums = self.own(|graph, name| {
            if newer {
                graph.newer(ensemble, element, &x, name)
            } else {
                graph.older(ensemble, element, (&x, name), &[])
            }
        })?;
        let sums = if newer && element == Element::Double { sums } else { self.cast(&sums, Element::Double) };
        let base = self.numbers(&ensemble.base);
        Ok(self.op("Add", &[&sums, &base]))
    }

    fn link(&mut self, raw: &str, link: Link) -> Name {
        match link {
            Link::Identity => raw.to_owned(),
            Link::Logistic => self.logistic(raw),
            Link::Exponential => self.op("Exp", &[raw]),
            Link::Softmax => self.softmax(raw),
            Link::NormalizedLogistic => {
                let each = self.logistic(raw);
                let sum = self.sum(&each, 1);
                let axis = self.wholes(&[1]);
                let sum = self.op("Unsqueeze", &[&sum, &axis]);
                self.op("Div", &[&each, &sum])
            }
        }
    }

    fn linear(&mut self, model: &Linear, x: &str) -> Name {
        let outputs = model.intercepts.len();
        let weights = self.table(&[model.weights.len() / outputs.max(1), outputs], &model.weights);
        let intercepts = self.numbers(&model.intercepts);
        let product = self.op("MatMul", &[x, &weights]);
        let scores = self.op("Add", &[&product, &intercepts]);
        match model.classes {
            0 => scores,
            2 => {
                let second = self.logistic(&scores);
                self.both(&second)
            }
            _ => self.softmax(&scores),
        }
    }

    fn kernel(&mut self, model: &Kernel, x: &str) -> Name {
        let columns = model.columns as usize;
        let count = model.rows.len() / columns.max(1);
        let others = self.table(&[columns, count], &model.rows);
        let squared = self.distances(x, (&others, 0), count, None);
        let scaled = self.with("Mul", &squared, model.rate * model.rate);
        let near = self.nearness(model.shape, &scaled);
        let width = model.means.len();
        let votes = self.table(&[model.votes.len() / width.max(1), width], &model.votes);
        let means = self.numbers(&model.means);
        let sums = self.op("MatMul", &[&near, &votes]);
        let mut scores = self.op("Add", &[&sums, &means]);
        if model.linear != 0.0 {
            let slopes = self.table(&[columns, width], &model.slopes);
            let along = self.op("MatMul", &[x, &slopes]);
            scores = self.op("Add", &[&scores, &along]);
        }
        let Some((scale, intercepts)) = model.link.split_first() else { return scores };
        let scaled = self.with("Mul", &scores, *scale);
        let intercepts = self.numbers(intercepts);
        let moved = self.op("Add", &[&scaled, &intercepts]);
        self.softmax(&moved)
    }

    fn nearness(&mut self, shape: Shape, squared: &str) -> Name {
        match shape {
            Shape::Gauss => {
                let half = self.with("Div", squared, -2.0);
                self.op("Exp", &[&half])
            }
            Shape::Matern => {
                let three = self.with("Mul", squared, 3.0);
                let distance = self.op("Sqrt", &[&three]);
                let more = self.with("Add", &distance, 1.0);
                let less = self.op("Neg", &[&distance]);
                let fall = self.op("Exp", &[&less]);
                self.op("Mul", &[&more, &fall])
            }
            Shape::Exponential => {
                let distance = self.op("Sqrt", &[squared]);
                let less = self.op("Neg", &[&distance]);
                self.op("Exp", &[&less])
            }
        }
    }

    fn neighbours(&mut self, model: &Neighbours, x: &str) -> Name {
        let (params, width) = (&model.params, model.means.len());
        let columns = model.columns as usize;
        let count = model.rows.len() / columns.max(1);
        let k = params.k.min(count);
        let part = if params.manhattan { Some("Abs") } else { None };
        let others = self.table(&[count, columns], &model.rows);
        let all = self.distances(x, (&others, 1), count, part);
        let many = self.wholes(&[k as i64]);
        let whole = |name, value| (name, Attribute::Whole(value));
        // Of equally near rows the first, as here.
        let smallest = vec![whole("axis", 1), whole("largest", 0), whole("sorted", 1)];
        let [distances, places] = self.pair("TopK", &[&all, &many], smallest);
        let truth = self.table(&[count, width], &model.truth);
        // Rows × neighbours × outputs.
        let truths = self.rows(&truth, &places);
        #[expect(clippy::cast_precision_loss, reason = "a number of neighbours")]
        let (sums, total) = if params.by_distance {
            let distances = if params.manhattan { distances } else { self.op("Sqrt", &[&distances]) };
            let last = self.columns(&distances, &[k.saturating_sub(1)], usize::MAX);
            let unit = self.with("Max", &last, f64::MIN_POSITIVE);
            let share = self.op("Div", &[&distances, &unit]);
            let share = self.with("Max", &share, 1e-3);
            let one = self.number(1.0);
            let weights = self.op("Div", &[&one, &share]);
            let axis = self.wholes(&[2]);
            let upright = self.op("Unsqueeze", &[&weights, &axis]);
            let weighted = self.op("Mul", &[&truths, &upright]);
            let total = self.sum(&weights, 1);
            let axis = self.wholes(&[1]);
            let total = self.op("Unsqueeze", &[&total, &axis]);
            (self.sum(&weighted, 1), self.with("Add", &total, params.prior))
        } else {
            (self.sum(&truths, 1), self.number(k as f64 + params.prior))
        };
        let prior: Vec<f64> = model.means.iter().map(|mean| mean * params.prior).collect();
        let prior = self.numbers(&prior);
        let sums = self.op("Add", &[&sums, &prior]);
        self.op("Div", &[&sums, &total])
    }

    fn network(&mut self, model: &Network, x: &str) -> Name {
        let mut values = x.to_owned();
        for (at, layer) in model.layers.iter().enumerate() {
            let weights = self.single_table(&[layer.inputs as usize, layer.biases.len()], &layer.weights);
            let biases = self.single_table(&[layer.biases.len()], &layer.biases);
            let product = self.op("MatMul", &[&values, &weights]);
            values = self.op("Add", &[&product, &biases]);
            if at + 1 < model.layers.len() {
                values = self.with("Max", &values, 0.0);
            }
        }
        if model.classes > 0 {
            return self.softmax(&values);
        }
        let scaled = self.with("Mul", &values, model.scale.1);
        self.with("Add", &scaled, model.scale.0)
    }
}
