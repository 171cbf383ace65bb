//! LIME for texts.

use super::{check, fit};
use crate::{ExplainError, count};
use rhiza_learn::random::Random;
use std::collections::HashMap;

/// Explains what a model says of a text by what it says when words are left out. A word that occurs more than once is left out
/// everywhere at once. Weights fall with the distance to the whole text, `e^(−d² / (2 width²))` where `d` is 100 times the cosine
/// distance between the sets of words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LimeText {
    /// Texts made up.
    pub samples: usize,
    /// Words to keep at most.
    pub keep: usize,
    /// Width of the neighbourhood.
    pub width: f64,
    /// The seed of the texts made up.
    pub seed: u64,
}

impl Default for LimeText {
    fn default() -> Self {
        Self { samples: 5000, keep: 10, width: 25.0, seed: 0 }
    }
}

/// What LIME says of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct TextExplanation {
    /// The local model's value where no kept word is there.
    pub intercept: f64,
    /// The kept words, weightiest first.
    pub words: Vec<WordWeight>,
    /// The score of the whole text.
    pub prediction: f64,
    /// What the local model says of it.
    pub local_prediction: f64,
    /// Weighted share of the variance of the scores that the local model explains.
    pub r2: f64,
}

/// What a word means for the score.
#[derive(Debug, Clone, PartialEq)]
pub struct WordWeight {
    /// The word as it is written.
    pub word: String,
    /// Where it stands: the first byte of each occurrence.
    pub starts: Vec<usize>,
    /// What its presence adds to the score.
    pub coefficient: f64,
}

/// A text cut into words and what is between.
struct Words<'a> {
    /// Pieces in order; a word carries its number.
    pieces: Vec<(&'a str, Option<usize>)>,
    /// Each word with its first bytes, in order of first occurrence.
    words: Vec<(&'a str, Vec<usize>)>,
}

impl LimeText {
    /// Explains `score`, which gives a number for each text it is handed.
    ///
    /// # Errors
    /// [`ExplainError::Empty`] for a text without words, [`ExplainError::Setting`] for settings out of range, and
    /// [`ExplainError::Model`] when `score` fails or gives another number of scores than texts, or one that is not finite.
    pub fn explain(
        &self,
        text: &str,
        score: impl Fn(&[String]) -> Result<Vec<f64>, String>,
    ) -> Result<TextExplanation, ExplainError> {
        check(self.samples, self.keep)?;
        if self.width.is_nan() || self.width <= 0.0 {
            return Err(ExplainError::Setting { setting: "width", fault: format!("{} is not positive", self.width) });
        }
        let words = Words::of(text);
        let wide = words.words.len();
        if wide == 0 {
            return Err(ExplainError::Empty("the text"));
        }
        let flags = self.draw(wide);
        let texts: Vec<String> = flags.chunks_exact(wide).map(|flags| words.with(flags)).collect();
        let scores = score(&texts).map_err(ExplainError::Model)?;
        if scores.len() != texts.len() || scores.iter().any(|s| !s.is_finite()) {
            let fault = format!("{} scores for {} texts, or one that is no finite number", scores.len(), texts.len());
            return Err(ExplainError::Model(fault));
        }
        let weigh = |flags: &[f64]| {
            let distance = 100.0 * (1.0 - (flags.iter().sum::<f64>() / count(wide)).sqrt());
            (-distance * distance / (2.0 * self.width * self.width)).exp()
        };
        let weights: Vec<f64> = flags.chunks_exact(wide).map(weigh).collect();
        let (kept, fitted) = fit(&flags, wide, &scores, &weights, self.keep)?;
        let weight = |(at, coefficient): (usize, &f64)| {
            let (word, starts) = &words.words[at];
            WordWeight { word: (*word).to_owned(), starts: starts.clone(), coefficient: *coefficient }
        };
        Ok(TextExplanation {
            intercept: fitted.intercept,
            words: kept.into_iter().zip(&fitted.coefficients).map(weight).collect(),
            prediction: scores[0],
            local_prediction: fitted.intercept + fitted.coefficients.iter().sum::<f64>(),
            r2: fitted.r2,
        })
    }

    /// Which words stay: all of them first, then without a random number of random ones.
    fn draw(&self, wide: usize) -> Vec<f64> {
        let mut random = Random::stream(self.seed, "lime text", 0);
        let mut flags = vec![1.0; wide * self.samples];
        for flags in flags.chunks_exact_mut(wide).skip(1) {
            let gone = 1 + random.below(wide);
            random.sample(wide, gone).into_iter().for_each(|word| flags[word] = 0.0);
        }
        flags
    }
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let mut found = Self { pieces: Vec::new(), words: Vec::new() };
        let mut numbers = HashMap::new();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
            let (piece, after) = rest.split_at(end);
            let start = text.len() - rest.len();
            let number = is_word(first).then(|| {
                let number = *numbers.entry(piece).or_insert_with(|| {
                    found.words.push((piece, Vec::new()));
                    found.words.len() - 1
                });
                found.words[number].1.push(start);
                number
            });
            found.pieces.push((piece, number));
            rest = after;
        }
        found
    }

    fn with(&self, flags: &[f64]) -> String {
        self.pieces.iter().filter(|(_, word)| word.is_none_or(|w| flags[w] > 0.0)).map(|(piece, _)| *piece).collect()
    }
}
