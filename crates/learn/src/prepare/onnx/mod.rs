//! Preparation as nodes of an ONNX graph: the same arithmetic on whole columns, so that trees see the same bits.
//!
//! Every column of the table is an input. Truths become numbers and points in time their parts once for all preparations
//! ([`Inputs`]); each preparation takes the columns it wants, and looks categories up in tables that hold what they become.

mod normal;
mod time;

use std::collections::{BTreeMap, BTreeSet};

use super::category::Category;
use super::step::{Dense, Number, Scaling, Step};
use super::{Prepare, Source};
use crate::onnx::{Build, Element, Name, OnnxError, Shapes};
use crate::table::Kind;

/// Words for no and yes; each is known in small letters, capitals, and with a capital first.
const NO: [&str; 6] = ["false", "f", "no", "n", "0", "0.0"];
const YES: [&str; 6] = ["true", "t", "yes", "y", "1", "1.0"];

/// The inputs of a graph, and what all preparations make of them.
pub(crate) struct Inputs {
    /// All columns of numbers side by side, truths and parts of points in time included; of double precision, NaN is missing.
    numbers: Name,
    width: usize,
    /// The first of its columns in `numbers`, by number of the source.
    first: BTreeMap<u32, usize>,
    /// Numbers of the known levels, and these; the last number stands for all others.
    levels: BTreeMap<u32, (Name, Vec<String>)>,
    /// Some input, for its number of rows.
    pub(crate) any: Name,
}

impl Inputs {
    /// Adds an input for every column that some preparation looks at; the first column if none does.
    ///
    /// # Errors
    /// [`OnnxError::Text`] names a column of text.
    pub(crate) fn write(
        sources: &[Source],
        prepares: &[&Prepare],
        shapes: Shapes,
        build: &mut Build,
    ) -> Result<Self, OnnxError> {
        let wanted: BTreeSet<u32> = prepares.iter().flat_map(|p| p.steps.iter().map(|(at, _)| *at)).collect();
        let wanted: Vec<(u32, &Source)> =
            (0_u32..).zip(sources).filter(|(at, _)| wanted.contains(at) || (wanted.is_empty() && *at == 0)).collect();
        if wanted.is_empty() {
            return Err(OnnxError::NoColumns);
        }
        // A frame of one column is handed over as a table.
        let lists = shapes == Shapes::Columns && wanted.len() > 1;
        // Names first: the others have to differ from them.
        for (_, source) in &wanted {
            let element = match source.kind {
                Kind::Numeric => Element::Double,
                Kind::Datetime => Element::Whole,
                Kind::Text if !prepares.is_empty() => return Err(OnnxError::Text { column: source.name.clone() }),
                Kind::Boolean | Kind::Categorical | Kind::Text => Element::Text,
            };
            build.input(&source.name, element, (!lists).then_some(1));
        }
        let mut names = BTreeMap::new();
        for (at, source) in &wanted {
            let name = if lists {
                let tall = build.wholes(&[-1, 1]);
                build.op("Reshape", &[&source.name, &tall])
            } else {
                source.name.clone()
            };
            names.insert(*at, name);
        }
        let any = names.values().next().cloned().ok_or(OnnxError::NoColumns)?;
        let mut made = Self { numbers: any.clone(), width: 0, first: BTreeMap::new(), levels: BTreeMap::new(), any };
        let mut parts = Vec::new();
        if prepares.is_empty() {
            return Ok(made);
        }
        for (at, source) in wanted {
            let Some(name) = names.get(&at) else { continue };
            made.first.insert(at, made.width);
            match source.kind {
                Kind::Numeric => {
                    parts.push(name.clone());
                    made.width += 1;
                }
                Kind::Boolean => {
                    parts.push(truths(name, build));
                    made.width += 1;
                }
                Kind::Datetime => {
                    parts.push(time::parts(name, build));
                    made.width += time::PARTS;
                }
                Kind::Categorical => {
                    let known = codes(at, name, prepares, build);
                    made.levels.insert(at, known);
                }
                Kind::Text => {}
            }
        }
        if !parts.is_empty() {
            made.numbers = build.beside(&parts);
        }
        Ok(made)
    }
}

/// 0 and 1; NaN for all other words.
fn truths(words: &str, build: &mut Build) -> Name {
    let mut known = BTreeMap::new();
    for (word, value) in NO.iter().map(|word| (word, 0)).chain(YES.iter().map(|word| (word, 1))) {
        let large = word.to_uppercase();
        let first: String = large.chars().take(1).chain(word.chars().skip(1)).collect();
        known.extend([(*word).to_owned(), large, first].map(|word| (word, value)));
    }
    let (words_known, values) = known.into_iter().unzip();
    let place = build.look_up(words, words_known, values, 2);
    let table = build.numbers(&[0.0, 1.0, f64::NAN]);
    build.rows(&table, &place)
}

/// Numbers (of one dimension) of the levels that any preparation knows, and these.
fn codes(source: u32, words: &str, prepares: &[&Prepare], build: &mut Build) -> (Name, Vec<String>) {
    let mut levels = BTreeSet::new();
    for (_, step) in prepares.iter().flat_map(|prepare| &prepare.steps).filter(|(at, _)| *at == source) {
        if let Step::Category(category) = step {
            levels.extend(category.levels().iter().cloned());
        }
    }
    let levels: Vec<String> = levels.into_iter().collect();
    let numbers = (0_i64..).take(levels.len()).collect();
    let place = build.look_up(words, levels.clone(), numbers, levels.len() as i64);
    let flat = build.wholes(&[-1]);
    (build.op("Reshape", &[&place, &flat]), levels)
}

/// Numbers that go the same way, and their places in the result.
#[derive(Default)]
struct Group<'a> {
    /// Columns of [`Inputs::numbers`].
    slots: Vec<usize>,
    dense: Vec<&'a Dense>,
    places: Vec<usize>,
}

impl Group<'_> {
    fn add(&mut self, slot: usize, place: usize) {
        self.slots.push(slot);
        self.places.push(place);
    }
}

/// What has been made, block by block, and where each column belongs.
#[derive(Default)]
struct Blocks {
    made: Vec<Name>,
    places: Vec<usize>,
}

impl Blocks {
    fn add(&mut self, block: Name, places: Vec<usize>) {
        self.made.push(block);
        self.places.extend(places);
    }

    /// All columns, each at its place.
    fn finish(self, build: &mut Build) -> Name {
        let all = build.beside(&self.made);
        let mut from = vec![0; self.places.len()];
        for (at, place) in self.places.iter().enumerate() {
            if let Some(from) = from.get_mut(*place) {
                *from = at;
            }
        }
        build.columns(&all, &from, self.places.len())
    }
}

/// The groups that numbers fall into.
#[derive(Default)]
struct Groups<'a> {
    raw: Group<'a>,
    linear: Group<'a>,
    normal: Group<'a>,
    missing: Group<'a>,
    circles: Vec<(usize, usize, f64)>,
    place: usize,
}

impl<'a> Groups<'a> {
    fn number(&mut self, slot: usize, number: &'a Number) {
        let group = match &number.dense {
            None => &mut self.raw,
            Some(dense) => {
                let group =
                    if matches!(dense.scaling, Scaling::Normal(_)) { &mut self.normal } else { &mut self.linear };
                group.dense.push(dense);
                group
            }
        };
        group.add(slot, self.place);
        self.place += 1;
        if number.indicator {
            self.missing.add(slot, self.place);
            self.place += 1;
        }
    }
}

impl Prepare {
    /// Adds what makes numbers of the inputs: the name of a tensor of [`Prepare::width`] columns.
    ///
    /// # Errors
    /// [`OnnxError::Text`] names a column of text.
    pub(crate) fn write(&self, inputs: &Inputs, build: &mut Build) -> Result<Name, OnnxError> {
        let (mut groups, mut blocks) = (Groups::default(), Blocks::default());
        for (source, step) in &self.steps {
            let slot = inputs.first.get(source).copied().unwrap_or_default();
            match step {
                Step::Number(number) | Step::Truth(number) => groups.number(slot, number),
                Step::Time(time) => {
                    time.numbers.iter().enumerate().for_each(|(part, number)| groups.number(slot + part, number));
                    for (part, period) in time.periods() {
                        groups.circles.push((slot + part, groups.place, period));
                        groups.place += 2;
                    }
                }
                Step::Category(category) => {
                    if let Some((codes, levels)) = inputs.levels.get(source) {
                        let places = (groups.place..groups.place + category.width()).collect();
                        groups.place += category.width();
                        blocks.add(looked_up(category, codes, levels, build), places);
                    }
                }
                Step::Text(_) => {
                    let column = self.sources.get(*source as usize).map(|source| source.name.clone());
                    return Err(OnnxError::Text { column: column.unwrap_or_default() });
                }
            }
        }
        numbers(groups, inputs, &mut blocks, build)?;
        Ok(blocks.finish(build))
    }
}

fn numbers(groups: Groups<'_>, inputs: &Inputs, blocks: &mut Blocks, build: &mut Build) -> Result<(), OnnxError> {
    let Groups { raw, linear, normal, missing, circles, .. } = groups;
    let (all, width) = (&inputs.numbers, inputs.width);
    if !raw.slots.is_empty() {
        blocks.add(build.columns(all, &raw.slots, width), raw.places);
    }
    if !linear.slots.is_empty() {
        let filled = filled(&linear, inputs, build);
        let (shifts, factors): (Vec<f64>, Vec<f64>) = linear
            .dense
            .iter()
            .map(
                |dense| {
                    if let Scaling::Linear { shift, factor } = dense.scaling { (shift, factor) } else { (0.0, 1.0) }
                },
            )
            .unzip();
        let (shifts, factors) = (build.numbers(&shifts), build.numbers(&factors));
        let moved = build.op("Sub", &[&filled, &shifts]);
        let scaled = build.op("Mul", &[&moved, &factors]);
        let cut = build.with("Min", &scaled, super::step::FAR);
        blocks.add(build.with("Max", &cut, -super::step::FAR), linear.places);
    }
    if !normal.slots.is_empty() {
        let filled = filled(&normal, inputs, build);
        let marks: Vec<&[f64]> = normal
            .dense
            .iter()
            .map(|dense| if let Scaling::Normal(normal) = &dense.scaling { normal.marks.as_slice() } else { &[] })
            .collect();
        blocks.add(normal::write(&marks, &filled, build)?, normal.places);
    }
    if !missing.slots.is_empty() {
        let own = build.columns(all, &missing.slots, width);
        let missing_here = build.op("IsNaN", &[&own]);
        blocks.add(build.cast(&missing_here, Element::Double), missing.places);
    }
    if !circles.is_empty() {
        blocks.add(circle(&circles, inputs, build), circles.iter().flat_map(|(_, at, _)| [*at, *at + 1]).collect());
    }
    Ok(())
}

/// Missing values are filled in, infinities cut.
fn filled(group: &Group<'_>, inputs: &Inputs, build: &mut Build) -> Name {
    let of = |part: fn(&Dense) -> f64| group.dense.iter().map(|dense| part(dense)).collect::<Vec<_>>();
    let own = build.columns(&inputs.numbers, &group.slots, inputs.width);
    let missing = build.op("IsNaN", &[&own]);
    let fill = build.numbers(&of(|dense| dense.fill));
    let filled = build.op("Where", &[&missing, &fill, &own]);
    let low = build.numbers(&of(|dense| dense.range.0));
    let high = build.numbers(&of(|dense| dense.range.1));
    let infinite = build.op("IsInf", &[&filled]);
    let cut = build.op("Max", &[&filled, &low]);
    let cut = build.op("Min", &[&cut, &high]);
    build.op("Where", &[&infinite, &cut, &filled])
}

/// Sine and cosine of each part, side by side: all sines and cosines are made at once and then put in order.
fn circle(circles: &[(usize, usize, f64)], inputs: &Inputs, build: &mut Build) -> Name {
    let slots: Vec<usize> = circles.iter().map(|(slot, ..)| *slot).collect();
    let periods: Vec<f64> = circles.iter().map(|(.., period)| *period).collect();
    let own = build.columns(&inputs.numbers, &slots, inputs.width);
    let periods = build.numbers(&periods);
    let share = build.op("Div", &[&own, &periods]);
    let angle = build.with("Mul", &share, std::f64::consts::TAU);
    let missing = build.op("IsNaN", &[&angle]);
    let none = build.number(0.0);
    let sides = ["Sin", "Cos"].map(|operator| {
        let point = build.op(operator, &[&angle]);
        build.op("Where", &[&missing, &none, &point])
    });
    let both = build.beside(&sides);
    let count = circles.len();
    let order: Vec<usize> = (0..count).flat_map(|at| [at, count + at]).collect();
    build.columns(&both, &order, 2 * count)
}

/// What the levels become, as rows of tables. Codes and one-hot columns differ only among the most frequent levels.
fn looked_up(category: &Category, codes: &str, levels: &[String], build: &mut Build) -> Name {
    let (frequent, first) = category.frequent();
    let (own, width) = (category.levels().len(), category.width());
    // From the number of the level among all preparations to that of this one; the last is no known level.
    let number = |level: &String| category.code(level).map_or(own as i64, i64::from);
    let numbers: Vec<i64> = levels.iter().map(number).chain([own as i64]).collect();
    let numbers = build.wholes(&numbers);
    let code = build.rows(&numbers, codes);
    let rows = |codes: usize, columns: std::ops::Range<usize>| {
        let mut table = Vec::with_capacity((codes + 1) * columns.len());
        let known = (0_u32..).take(codes).map(Some);
        for code in known.chain([None]) {
            let mut row = Vec::with_capacity(width);
            category.push(code, &mut row);
            table.extend_from_slice(row.get(columns.clone()).unwrap_or_default());
        }
        table
    };
    let mut parts = Vec::new();
    let frequent = frequent.min(own);
    if first > 0 {
        let table = build.table(&[frequent + 1, first], &rows(frequent, 0..first));
        let code = build.with_whole("Min", &code, frequent as i64);
        parts.push(build.rows(&table, &code));
    }
    if width > first {
        let table = build.table(&[own + 1, width - first], &rows(own, first..width));
        parts.push(build.rows(&table, &code));
    }
    build.beside(&parts)
}
