//! A finished model as one graph: its preparations, its members, and what makes one prediction of their words.

use super::build::{Build, Name};
use super::graph::{Attribute, Element};
use super::{LARGEST, OnnxError};
use crate::model::{Member, Model};
use crate::prepare::{Inputs, Prepare};

/// What inputs and outputs of a model's graph look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shapes {
    /// Inputs are rows × 1, probabilities rows × classes: as other exporters of pipelines have them.
    #[default]
    Tables,
    /// Every input and output is a list of one value per row, as data frames are fed and read, by MLflow's client among others: an
    /// output `probability of C` for each class C. A lone input stays rows × 1.
    Columns,
}

/// The ONNX file of a model.
///
/// *Inputs*, one per column that the model looks at, each of shape rows × 1 (but see [`Shapes`]), named as the column: numbers as `double` (NaN is
/// missing), categories and truths as `string` as they stand in a table (any word that is not known, the empty one included, is
/// missing), points in time as `int64` microseconds since 1970-01-01T00:00:00Z (the smallest number is missing, as in NumPy's
/// `datetime64[us]`).
///
/// *Outputs*: `prediction` (`double`, rows × 1), or `label` (`string`, one per row) and `probabilities` (`double`, rows × classes, in
/// the order of [`Model::classes`]). Where a column has such a name, the output's has an underscore at its end.
///
/// All is reckoned in double precision; only forests of several classes over columns without categories add up in single precision
/// (1e-7 of a probability). ONNX Runtime from 1.20 on runs the file.
///
/// # Errors
/// [`OnnxError::Text`] for a model that looks at a column of text; [`OnnxError::TooLarge`].
///
/// ```
/// # use rhiza_learn::{automl::{Settings, run}, stop::Never, table::{CsvOptions, Table}};
/// # let text = (0..60).fold("x,y\n".to_owned(), |text, row| format!("{text}{},{}\n", row % 10, row % 10 * 2 + row % 3));
/// # let table = Table::from_csv(text.as_bytes(), &CsvOptions::default())?.table;
/// # let settings = Settings { trials: Some(2), ..Settings::new("y") };
/// let model = run(&table, &settings, &[], &Never, &mut |_| {})?.model;
/// let file = model.to_onnx()?;
/// # assert!(file.len() > 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn export_model(model: &Model, shapes: Shapes) -> Result<Vec<u8>, OnnxError> {
    let mut build = Build::default();
    // Preparations that no member asks for have nothing to say about the inputs.
    let mut asked: Vec<usize> =
        model.members.iter().flat_map(|m| &m.parts).filter_map(|part| part.prepare).map(|at| at as usize).collect();
    asked.sort_unstable();
    asked.dedup();
    let own = |at: &usize| model.prepares.get(*at).map(|prepare| (*at, prepare));
    let asked: Vec<(usize, &Prepare)> = asked.iter().filter_map(own).collect();
    let only: Vec<&Prepare> = asked.iter().map(|(_, prepare)| *prepare).collect();
    let inputs = Inputs::write(&model.sources, &only, shapes, &mut build)?;
    let outputs = if model.classes.is_empty() { ["prediction", ""] } else { ["label", "probabilities"] };
    let outputs = outputs.map(|name| build.free(name));
    let mut prepared: Vec<Option<Name>> = vec![None; model.prepares.len()];
    for (at, prepare) in asked {
        if let Some(place) = prepared.get_mut(at) {
            *place = Some(prepare.write(&inputs, &mut build)?);
        }
    }
    let said = model
        .members
        .iter()
        .map(|member| build.member(member, &prepared, &inputs.any, model.width()))
        .collect::<Result<Vec<_>, _>>()?;
    let blended = build.blended(model, &said);
    build.outputs(model, &blended, &outputs, shapes);
    let bytes = build.graph.len();
    if bytes > LARGEST {
        return Err(OnnxError::TooLarge { bytes });
    }
    Ok(build.graph.finish())
}

impl Model {
    /// The model as an ONNX file: [`export_model`].
    ///
    /// # Errors
    /// [`OnnxError`]: a column of text that the model looks at, or a file that would be too large.
    pub fn to_onnx(&self) -> Result<Vec<u8>, OnnxError> {
        export_model(self, Shapes::Tables)
    }
}

impl Build {
    /// The mean over a member's parts, and its shift.
    fn member(
        &mut self,
        member: &Member,
        prepared: &[Option<Name>],
        any: &str,
        width: usize,
    ) -> Result<Name, OnnxError> {
        let mut sum: Option<Name> = None;
        for part in &member.parts {
            let x = part.prepare.and_then(|at| prepared.get(at as usize)?.as_deref()).unwrap_or(any);
            let said = self.fitted(&part.fitted, x, width)?;
            sum = Some(match sum {
                None => said,
                Some(sum) => self.op("Add", &[&sum, &said]),
            });
        }
        let sum = sum.ok_or(OnnxError::NoColumns)?;
        #[expect(clippy::cast_precision_loss, reason = "a number of folds")]
        let count = member.parts.len() as f64;
        let mean = if member.parts.len() > 1 { self.with("Div", &sum, count) } else { sum };
        Ok(if member.shift == 0.0 { mean } else { self.with("Add", &mean, member.shift) })
    }

    /// The members' words made one, by the blend's weights or the stack, then calibrated.
    fn blended(&mut self, model: &Model, said: &[Name]) -> Name {
        let classes = !model.classes.is_empty();
        let mut blended = match &model.stack {
            None => {
                let weights: Vec<f64> = model.members.iter().map(|member| member.weight).collect();
                self.weighed(said, &weights)
            }
            Some(stack) => {
                let words: Vec<Name> = said
                    .iter()
                    .map(|word| if classes { self.log(word, crate::blend::RARE) } else { word.clone() })
                    .collect();
                let sum = self.weighed(&words, &stack.weights);
                let intercepts = self.numbers(&stack.intercepts);
                let sum = self.op("Add", &[&sum, &intercepts]);
                if classes { self.softmax(&sum) } else { sum }
            }
        };
        if classes && model.temperature.sharpness != 1.0 {
            let logs = self.log(&blended, crate::calibrate::TINY);
            let scores = self.with("Mul", &logs, model.temperature.sharpness);
            blended = self.softmax(&scores);
        }
        blended
    }

    /// The logarithm, of numbers no smaller than `least`.
    fn log(&mut self, x: &str, least: f64) -> Name {
        let kept = self.with("Max", x, least);
        self.op("Log", &[&kept])
    }

    fn weighed(&mut self, said: &[Name], weights: &[f64]) -> Name {
        let mut sum: Option<Name> = None;
        for (word, weight) in said.iter().zip(weights) {
            let part = if *weight == 1.0 { word.clone() } else { self.with("Mul", word, *weight) };
            sum = Some(match sum {
                None => part,
                Some(sum) => self.op("Add", &[&sum, &part]),
            });
        }
        sum.unwrap_or_default()
    }

    fn outputs(&mut self, model: &Model, blended: &str, names: &[Name; 2], shapes: Shapes) {
        let [first, second] = names;
        let lists = shapes == Shapes::Columns;
        if model.classes.is_empty() {
            if lists {
                let flat = self.wholes(&[-1]);
                self.graph.node("Reshape", "", &[blended, &flat], &[first], vec![]);
            } else {
                self.graph.node("Identity", "", &[blended], &[first], vec![]);
            }
            self.graph.output(first, Element::Double, (!lists).then_some(1));
            return;
        }
        let whole = |value| Attribute::Whole(value);
        let best = self.node("ArgMax", &[blended], vec![("axis", whole(1)), ("keepdims", whole(0))]);
        let labels = self.texts(&model.classes);
        self.graph.node("Gather", "", &[&labels, &best], &[first], vec![("axis", whole(0))]);
        self.graph.output(first, Element::Text, None);
        if !lists {
            self.graph.node("Identity", "", &[blended], &[second], vec![]);
            self.graph.output(second, Element::Double, Some(model.classes.len()));
            return;
        }
        let flat = self.wholes(&[-1]);
        for (at, class) in model.classes.iter().enumerate() {
            let name = self.free(&format!("probability of {class}"));
            let column = self.columns(blended, &[at], model.classes.len());
            self.graph.node("Reshape", "", &[&column, &flat], &[&name], vec![]);
            self.graph.output(&name, Element::Double, None);
        }
    }
}

#[cfg(test)]
mod tests;
