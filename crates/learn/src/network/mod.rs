//! A small multilayer perceptron: rectified linear units, Adam with decoupled weight decay (Loshchilov and Hutter, 2019),
//! dropout, early stop on a part of the training rows. Single precision, one thread: the same bits everywhere.
//!
//! Numbers are learnt in units of their standard deviation.

mod layers;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use self::layers::{Adam, Layer};
use crate::matrix::{Target, Values};
use crate::random::Random;
use crate::rows::{FitError, Rows, outputs, softmax};
use crate::split;
use crate::stop::Stop;

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Units of each hidden layer; one to four layers of 1 to 1,024.
    pub hidden: Vec<u32>,
    /// First step size of Adam; it falls to zero along a cosine.
    pub learning_rate: f64,
    /// Decay of weights a step, times the step size.
    pub weight_decay: f64,
    /// Share of hidden units left out in training, 0 or more, below 1.
    pub dropout: f64,
    /// Most passes over the rows.
    pub epochs: usize,
    /// Rows a step.
    pub batch: usize,
    /// Passes without a better score on the rows kept apart before it stops.
    pub patience: usize,
    /// Of weights, batches and the rows kept apart.
    pub seed: u64,
}

impl Default for Params {
    /// One layer of 64, what serves small tables.
    fn default() -> Self {
        Self {
            hidden: vec![64],
            learning_rate: 3e-3,
            weight_decay: 1e-2,
            dropout: 0.1,
            epochs: 100,
            batch: 64,
            patience: 15,
            seed: 0,
        }
    }
}

/// A trained network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    pub(crate) layers: Vec<Layer>,
    /// Number of classes; 0 for numbers.
    pub(crate) classes: u32,
    /// Mean and standard deviation of numbers.
    pub(crate) scale: (f64, f64),
}

/// Share of the training rows that are kept apart to stop by.
const APART: f64 = 0.15;
/// With fewer rows none are kept apart: they would say too little.
const APART_ROWS: usize = 60;

struct Training<'a> {
    rows: &'a Rows,
    /// One number a row, or its class.
    truth: Vec<f32>,
    params: &'a Params,
}

/// Trains a network. Stops after a pass when the caller says so.
///
/// # Errors
/// [`FitError`] for parameters out of range and rows that do not go with the target.
pub fn fit(rows: &Rows, target: &Target, params: &Params, stop: &dyn Stop) -> Result<Network, FitError> {
    rows.fits(target)?;
    check(params)?;
    let (truth, scale) = match target.values() {
        Values::Classes { codes, .. } => (codes.iter().map(|code| code_number(*code)).collect(), (0.0, 1.0)),
        Values::Numbers(y) => {
            #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
            let n = y.len() as f64;
            let mean = y.iter().sum::<f64>() / n;
            let deviation = (y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt();
            let deviation = if deviation > 0.0 { deviation } else { 1.0 };
            #[expect(clippy::cast_possible_truncation, reason = "single precision is what networks need")]
            let truth = y.iter().map(|y| ((y - mean) / deviation) as f32).collect();
            (truth, (mean, deviation))
        }
    };
    let training = Training { rows, truth, params };
    let mut sizes = vec![rows.width()];
    sizes.extend(params.hidden.iter().map(|units| *units as usize));
    sizes.push(outputs(target));
    let mut random = Random::stream(params.seed, "network weights", 0);
    let layers = sizes.windows(2).map(|pair| Layer::new(pair[0], pair[1], &mut random)).collect();
    let (learn, apart) = match split::hold_out(target, APART, params.seed) {
        Ok(fold) if rows.len() >= APART_ROWS => (fold.train, fold.test),
        _ => ((0..rows.len()).collect(), Vec::new()),
    };
    let layers = training.run(layers, learn, &apart, stop);
    Ok(Network { layers, classes: target.class_count().unwrap_or(0), scale })
}

#[expect(clippy::cast_precision_loss, reason = "the code of a class")]
fn code_number(code: u32) -> f32 {
    code as f32
}

fn check(params: &Params) -> Result<(), FitError> {
    let bad = |name, value, rule| Err(FitError::BadParam { name, value, rule });
    if params.hidden.is_empty() || params.hidden.len() > 4 {
        #[expect(clippy::cast_precision_loss, reason = "a number of layers")]
        return bad("hidden", params.hidden.len() as f64, "one to four layers");
    }
    if let Some(units) = params.hidden.iter().find(|units| !(1..=1024).contains(*units)) {
        return bad("hidden", f64::from(*units), "1 to 1,024 units");
    }
    if !(0.0..1.0).contains(&params.dropout) {
        return bad("dropout", params.dropout, "0 or more, below 1");
    }
    if !(params.learning_rate > 0.0 && params.learning_rate <= 1.0) {
        return bad("learning_rate", params.learning_rate, "greater than 0, at most 1");
    }
    if !(params.weight_decay >= 0.0 && params.weight_decay <= 1.0 / params.learning_rate) {
        return bad("weight_decay", params.weight_decay, "0 or more, at most 1 / learning_rate");
    }
    if params.batch == 0 || params.epochs == 0 {
        return bad("batch, epochs", 0.0, "1 or more");
    }
    Ok(())
}

impl Training<'_> {
    fn run(&self, mut layers: Vec<Layer>, mut learn: Vec<usize>, apart: &[usize], stop: &dyn Stop) -> Vec<Layer> {
        let params = self.params;
        let mut adam: Vec<Adam> = layers.iter().map(Adam::new).collect();
        let mut best: Option<(f64, Vec<Layer>)> = None;
        let mut since = 0;
        for epoch in 0..params.epochs {
            if stop.now() {
                break;
            }
            let mut random = Random::stream(params.seed, "network batches", epoch as u64);
            random.shuffle(&mut learn);
            #[expect(clippy::cast_precision_loss, reason = "a number of passes")]
            let progress = epoch as f64 / params.epochs as f64;
            let rate = params.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
            for batch in learn.chunks(params.batch) {
                self.step(&mut layers, &mut adam, batch, rate, &mut random);
            }
            if apart.is_empty() {
                continue;
            }
            let loss = self.loss(&layers, apart);
            if best.as_ref().is_none_or(|(least, _)| loss < *least) {
                best = Some((loss, layers.clone()));
                since = 0;
            } else {
                since += 1;
                if since > params.patience {
                    break;
                }
            }
        }
        best.map_or(layers, |(_, layers)| layers)
    }

    #[expect(clippy::cast_possible_truncation, reason = "single precision is what networks need")]
    fn inputs(&self, batch: &[usize]) -> Vec<f32> {
        batch.iter().flat_map(|row| self.rows.row(*row).iter().map(|x| *x as f32)).collect()
    }

    fn step(&self, layers: &mut [Layer], adam: &mut [Adam], batch: &[usize], rate: f64, random: &mut Random) {
        let n = batch.len();
        let mut activations = vec![self.inputs(batch)];
        let last = layers.len() - 1;
        for (at, layer) in layers.iter().enumerate() {
            let mut out = layer.forward(&activations[at], n);
            if at < last {
                layers::rectify(&mut out);
                layers::drop_out(&mut out, self.params.dropout, random);
            }
            activations.push(out);
        }
        let mut errors = activations.pop().unwrap_or_default();
        self.errors(&mut errors, batch);
        for at in (0..=last).rev() {
            let (weights, biases) = layers[at].gradients(&activations[at], &errors, n);
            if at > 0 {
                let mut below = layers[at].backward(&errors, n);
                // A unit that gave nothing learns nothing; a dropped one is zero, too.
                below.iter_mut().zip(&activations[at]).for_each(|(error, activation)| {
                    if *activation == 0.0 {
                        *error = 0.0;
                    }
                });
                errors = below;
            }
            adam[at].step(&mut layers[at], &weights, &biases, rate, self.params.weight_decay);
        }
    }

    /// Outputs become the slope of the loss, mean over the batch.
    #[expect(clippy::cast_precision_loss, reason = "rows of a batch")]
    fn errors(&self, outputs: &mut [f32], batch: &[usize]) {
        let width = outputs.len() / batch.len();
        let n = batch.len() as f32;
        for (out, row) in outputs.chunks_exact_mut(width).zip(batch) {
            let y = self.truth[*row];
            if width == 1 {
                out[0] = (out[0] - y) / n;
            } else {
                layers::softmax(out);
                out[layers::class(y)] -= 1.0;
                out.iter_mut().for_each(|x| *x /= n);
            }
        }
    }

    fn loss(&self, layers: &[Layer], rows: &[usize]) -> f64 {
        let outputs = layers::run(layers, self.inputs(rows), rows.len());
        let width = outputs.len() / rows.len();
        let each = outputs.chunks_exact(width).zip(rows).map(|(out, row)| {
            let y = self.truth[*row];
            if width == 1 {
                return f64::from((out[0] - y) * (out[0] - y));
            }
            let mut p: Vec<f64> = out.iter().map(|x| f64::from(*x)).collect();
            softmax(&mut p);
            -p[layers::class(y)].max(1e-12).ln()
        });
        each.sum::<f64>()
    }
}

impl Network {
    /// Whether it reads rows of `columns` numbers and says `width` of them.
    pub(crate) fn is_sound(&self, columns: usize, width: usize) -> bool {
        let mut inputs = columns;
        for layer in &self.layers {
            match layer.sizes() {
                Some((own, outputs)) if own == inputs && own > 0 && outputs > 0 => inputs = outputs,
                _ => return false,
            }
        }
        inputs == width && !self.layers.is_empty() && (self.classes.max(1) as usize) == width
    }

    /// The number of a row, or a probability for each class.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> Vec<f64> {
        #[expect(clippy::cast_possible_truncation, reason = "single precision is what networks need")]
        let inputs = row.iter().map(|x| *x as f32).collect();
        let mut out: Vec<f64> = layers::run(&self.layers, inputs, 1).iter().map(|x| f64::from(*x)).collect();
        if self.classes == 0 {
            out.iter_mut().for_each(|x| *x = *x * self.scale.1 + self.scale.0);
        } else {
            softmax(&mut out);
        }
        out
    }
}
