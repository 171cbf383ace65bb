//! Models that are nothing but a sum of trees: what can be explained exactly.

use super::{Fitted, Member, Model};
use crate::calibrate::Temperature;
use crate::ensemble::{Ensemble, Link};
use crate::prepare::Prepare;

/// A model as `constant + Σ factor × raw outputs of trees`.
#[derive(Debug, Clone)]
pub struct TreeSum<'a> {
    /// What it adds up to.
    pub of: SumOf,
    /// One per output: 1 for numbers and for the log-odds of the second of two classes, else one per class.
    pub constant: Vec<f64>,
    /// The trees, in the order of the members and their folds.
    pub terms: Vec<TreeTerm<'a>>,
}

/// One ensemble of a [`TreeSum`]. It has as many raw outputs as the sum has outputs.
#[derive(Debug, Clone)]
pub struct TreeTerm<'a> {
    /// What its raw outputs are multiplied with.
    pub factor: f64,
    /// How its rows are prepared.
    pub prepare: &'a Prepare,
    /// The trees.
    pub ensemble: &'a Ensemble,
}

/// What a [`TreeSum`] adds up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumOf {
    /// The prediction itself.
    Prediction,
    /// What the prediction follows from: raw outputs before the link, or class shares before they are calibrated.
    RawOutput,
    /// The mean of the folds' raw outputs, while the prediction is the mean of what follows from each: near it, not equal to it.
    MeanRawOutput,
}

/// Why a model is no sum of trees.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTreeSum {
    /// A member of another family.
    #[error("trial {trial} in its blend is a model of the family {family}")]
    OtherFamily {
        /// Number of the trial.
        trial: usize,
        /// Name of the family.
        family: &'static str,
    },
    /// Members whose probabilities are averaged: no sum of their raw outputs says the same.
    #[error("it averages the probabilities of {members} models, which no sum of their scores gives")]
    Probabilities {
        /// Number of members.
        members: usize,
    },
    /// Members whose probabilities go through a second model.
    #[error("a second model combines the probabilities of its {members} models")]
    Stacked {
        /// Number of members.
        members: usize,
    },
}

impl Model {
    /// The model as a sum of trees. Blends and stacks of numbers are, where all members are sums of trees or constants; so are means
    /// of class shares (forests). A model that turns trees' scores into probabilities is only where it is the one member; its
    /// sum is that of the scores.
    ///
    /// # Errors
    /// [`NoTreeSum`] says why it is none.
    pub fn tree_sum(&self) -> Result<TreeSum<'_>, NoTreeSum> {
        let mut linear = true;
        for member in &self.members {
            for part in &member.parts {
                match &part.fitted {
                    Fitted::Constant(_) => {}
                    Fitted::Trees { predictor, .. } => {
                        linear &= predictor.link() == Link::Identity && predictor.outputs() == self.width();
                    }
                    _ => {
                        let family = member.config.family().name();
                        return Err(NoTreeSum::OtherFamily { trial: member.trial, family });
                    }
                }
            }
        }
        let members = self.members.len();
        if linear {
            return self.linear();
        }
        match self.members.as_slice() {
            [member] if self.stack.is_none() => self.scores(member).ok_or(NoTreeSum::Probabilities { members }),
            _ if self.stack.is_some() => Err(NoTreeSum::Stacked { members }),
            _ => Err(NoTreeSum::Probabilities { members }),
        }
    }

    /// Raw outputs are what the members say.
    fn linear(&self) -> Result<TreeSum<'_>, NoTreeSum> {
        let numbers = self.classes.is_empty();
        let mut sum = TreeSum { of: SumOf::Prediction, constant: vec![0.0; self.width()], terms: Vec::new() };
        let weights: Vec<f64> = match &self.stack {
            Some(stack) if numbers => {
                sum.constant.clone_from(&stack.intercepts);
                stack.weights.clone()
            }
            Some(_) => return Err(NoTreeSum::Stacked { members: self.members.len() }),
            None => self.members.iter().map(|member| member.weight).collect(),
        };
        if !numbers && self.temperature != Temperature::NONE {
            sum.of = SumOf::RawOutput;
        }
        for (member, weight) in self.members.iter().zip(weights) {
            sum.constant.iter_mut().for_each(|constant| *constant += weight * member.shift);
            let share = weight / folds(member);
            for part in &member.parts {
                match &part.fitted {
                    Fitted::Constant(values) => add(&mut sum.constant, share, values),
                    Fitted::Trees { predictor, mix, prior } => {
                        if *mix > 0.0 {
                            add(&mut sum.constant, share * mix, prior);
                        }
                        let prepare = part.prepare.and_then(|at| self.prepares.get(at as usize));
                        let ensemble = predictor.ensemble();
                        let factor = share * (1.0 - mix);
                        sum.terms.extend(prepare.map(|prepare| TreeTerm { factor, prepare, ensemble }));
                    }
                    _ => {}
                }
            }
        }
        Ok(sum)
    }

    /// The mean of the raw outputs of a member's folds. `None` if they do not go together, or a little of something else is mixed in.
    fn scores<'a>(&'a self, member: &'a Member) -> Option<TreeSum<'a>> {
        let mut terms = Vec::with_capacity(member.parts.len());
        let factor = 1.0 / folds(member);
        for part in &member.parts {
            let Fitted::Trees { predictor, mix: 0.0, .. } = &part.fitted else { return None };
            let prepare = self.prepares.get(part.prepare? as usize)?;
            terms.push(TreeTerm { factor, prepare, ensemble: predictor.ensemble() });
        }
        let outputs = terms.first()?.ensemble.outputs();
        let alike = terms.iter().all(|term| term.ensemble.outputs() == outputs);
        let of = if terms.len() == 1 { SumOf::RawOutput } else { SumOf::MeanRawOutput };
        alike.then(|| TreeSum { of, constant: vec![0.0; outputs], terms })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of folds")]
fn folds(member: &Member) -> f64 {
    member.parts.len() as f64
}

fn add(sums: &mut [f64], factor: f64, values: &[f64]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
}
