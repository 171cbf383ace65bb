//! Layers of weights and how they learn.

use fearless_simd::{Level, Simd, dispatch};
use serde::{Deserialize, Serialize};

use crate::random::Random;

/// Weights from each input to each output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub(crate) inputs: u32,
    /// `inputs × outputs`.
    pub(crate) weights: Vec<f32>,
    pub(crate) biases: Vec<f32>,
}

impl Layer {
    /// He's initialisation: the spread of activations stays the same from layer to layer.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "sizes; single precision")]
    pub(super) fn new(inputs: usize, outputs: usize, random: &mut Random) -> Self {
        let spread = (2.0 / inputs as f64).sqrt();
        let weights = (0..inputs * outputs).map(|_| (random.normal() * spread) as f32).collect();
        Self { inputs: inputs as u32, weights, biases: vec![0.0; outputs] }
    }

    /// Inputs and outputs, if the weights are as many as they should be.
    pub(super) fn sizes(&self) -> Option<(usize, usize)> {
        let sizes = (self.inputs as usize, self.outputs());
        (Some(self.weights.len()) == sizes.0.checked_mul(sizes.1)).then_some(sizes)
    }

    fn outputs(&self) -> usize {
        self.biases.len()
    }

    pub(super) fn forward(&self, x: &[f32], rows: usize) -> Vec<f32> {
        dispatch!(Level::new(), simd => self.forward_with(simd, x, rows))
    }

    #[inline(always)]
    fn forward_with<S: Simd>(&self, _: S, x: &[f32], rows: usize) -> Vec<f32> {
        let (inputs, outputs) = (self.inputs as usize, self.outputs());
        let mut out = Vec::with_capacity(rows * outputs);
        (0..rows).for_each(|_| out.extend_from_slice(&self.biases));
        for (x, out) in x.chunks_exact(inputs).zip(out.chunks_exact_mut(outputs)) {
            for (x, weights) in x.iter().zip(self.weights.chunks_exact(outputs)).filter(|(x, _)| **x != 0.0) {
                out.iter_mut().zip(weights).for_each(|(out, weight)| *out += x * weight);
            }
        }
        out
    }

    /// Slopes of the weights and biases.
    pub(super) fn gradients(&self, x: &[f32], errors: &[f32], rows: usize) -> (Vec<f32>, Vec<f32>) {
        dispatch!(Level::new(), simd => self.gradients_with(simd, x, errors, rows))
    }

    #[inline(always)]
    fn gradients_with<S: Simd>(&self, _: S, x: &[f32], errors: &[f32], rows: usize) -> (Vec<f32>, Vec<f32>) {
        let (inputs, outputs) = (self.inputs as usize, self.outputs());
        let mut weights = vec![0.0; inputs * outputs];
        let mut biases = vec![0.0; outputs];
        for row in 0..rows {
            let errors = &errors[row * outputs..(row + 1) * outputs];
            biases.iter_mut().zip(errors).for_each(|(bias, error)| *bias += error);
            let x = &x[row * inputs..(row + 1) * inputs];
            for (x, slopes) in x.iter().zip(weights.chunks_exact_mut(outputs)).filter(|(x, _)| **x != 0.0) {
                slopes.iter_mut().zip(errors).for_each(|(slope, error)| *slope += x * error);
            }
        }
        (weights, biases)
    }

    /// Slopes of the inputs.
    pub(super) fn backward(&self, errors: &[f32], rows: usize) -> Vec<f32> {
        dispatch!(Level::new(), simd => self.backward_with(simd, errors, rows))
    }

    #[inline(always)]
    fn backward_with<S: Simd>(&self, _: S, errors: &[f32], rows: usize) -> Vec<f32> {
        let (inputs, outputs) = (self.inputs as usize, self.outputs());
        let mut below = vec![0.0; rows * inputs];
        for (errors, below) in errors.chunks_exact(outputs).zip(below.chunks_exact_mut(inputs)) {
            for (below, weights) in below.iter_mut().zip(self.weights.chunks_exact(outputs)) {
                *below = errors.iter().zip(weights).map(|(error, weight)| error * weight).sum();
            }
        }
        below
    }
}

/// Adam's memory of one layer.
pub(super) struct Adam {
    steps: i32,
    mean: Vec<f32>,
    square: Vec<f32>,
}

/// How long the memory of slopes and of their squares is (Kingma and Ba, 2015).
const BETA: [f32; 2] = [0.9, 0.999];

impl Adam {
    pub(super) fn new(layer: &Layer) -> Self {
        let size = layer.weights.len() + layer.biases.len();
        Self { steps: 0, mean: vec![0.0; size], square: vec![0.0; size] }
    }

    #[expect(clippy::cast_possible_truncation, reason = "single precision is what networks need")]
    pub(super) fn step(&mut self, layer: &mut Layer, weights: &[f32], biases: &[f32], rate: f64, decay: f64) {
        self.steps += 1;
        let correct = |beta: f32| 1.0 - beta.powi(self.steps);
        let size = rate as f32 * correct(BETA[1]).sqrt() / correct(BETA[0]);
        let kept = 1.0 - (rate * decay) as f32;
        layer.weights.iter_mut().for_each(|weight| *weight *= kept);
        let parameters = layer.weights.iter_mut().chain(layer.biases.iter_mut());
        let slopes = weights.iter().chain(biases);
        for ((parameter, slope), (mean, square)) in
            parameters.zip(slopes).zip(self.mean.iter_mut().zip(self.square.iter_mut()))
        {
            *mean = BETA[0] * *mean + (1.0 - BETA[0]) * slope;
            *square = BETA[1] * *square + (1.0 - BETA[1]) * slope * slope;
            *parameter -= size * *mean / (square.sqrt() + 1e-8);
        }
    }
}

pub(super) fn rectify(values: &mut [f32]) {
    values.iter_mut().for_each(|x| *x = x.max(0.0));
}

/// Zeroes some and scales up the rest, so that sums stay the same on average.
pub(super) fn drop_out(values: &mut [f32], share: f64, random: &mut Random) {
    if share == 0.0 {
        return;
    }
    #[expect(clippy::cast_possible_truncation, reason = "single precision is what networks need")]
    let scale = (1.0 / (1.0 - share)) as f32;
    // Sixteen bits a unit decide, four units to a draw.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of 65,536")]
    let limit = (share * 65_536.0) as u64;
    for four in values.chunks_mut(4) {
        let mut bits = random.bits();
        for value in four {
            *value = if bits & 0xffff < limit { 0.0 } else { *value * scale };
            bits >>= 16;
        }
    }
}

pub(super) fn softmax(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - most).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// The class that a truth stands for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was made from a small code")]
pub(super) fn class(y: f32) -> usize {
    y as usize
}

/// Raw outputs, without dropout.
pub(super) fn run(layers: &[Layer], inputs: Vec<f32>, rows: usize) -> Vec<f32> {
    let mut values = inputs;
    for (at, layer) in layers.iter().enumerate() {
        values = layer.forward(&values, rows);
        if at + 1 < layers.len() {
            rectify(&mut values);
        }
    }
    values
}
