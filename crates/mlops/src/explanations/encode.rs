//! A table's rows as numbers, and back.

use std::sync::Arc;

use rhiza_explain::{ExplainError, Predict, Rows};
use rhiza_learn::ensemble::{Feature, FeatureKind};
use rhiza_learn::model::Model;
use rhiza_learn::table::{Column, Dictionary, Kind, MISSING, NO_TIME, Table, Values};
use serde_json::{Value as Json, json};

use crate::MlopsError;

/// How a table's columns become numbers. NaN is missing.
#[derive(Debug, Clone)]
pub(crate) struct Encoding {
    columns: Vec<Coding>,
}

#[derive(Debug, Clone)]
struct Coding {
    name: String,
    kind: Kind,
    /// The strings by code, of categories and texts.
    levels: Arc<[String]>,
}

impl Encoding {
    /// The encoding of the columns that `model` wants, as `table` has them; and the table's rows in it.
    pub(crate) fn of(model: &Model, table: &Table) -> Result<(Self, Vec<f64>), MlopsError> {
        let mut columns = Vec::new();
        let width = model.sources().len();
        let mut rows = vec![f64::NAN; table.rows() * width];
        for (at, source) in model.sources().iter().enumerate() {
            let mut column = table.column(&source.name)?.clone();
            if column.kind() != source.kind {
                let converted = Table::new(vec![column])?.with_kind(&source.name, source.kind)?;
                column = converted.column(&source.name)?.clone();
            }
            let (levels, numbers) = numbers(&column);
            rows.iter_mut().skip(at).step_by(width).zip(numbers).for_each(|(cell, number)| *cell = number);
            columns.push(Coding { name: source.name.clone(), kind: source.kind, levels });
        }
        Ok((Self { columns }, rows))
    }

    /// The columns as explainers want to know them.
    pub(crate) fn features(&self) -> Vec<Feature> {
        let kind = |kind| match kind {
            Kind::Numeric | Kind::Datetime => FeatureKind::Numeric,
            Kind::Boolean | Kind::Categorical | Kind::Text => FeatureKind::Categorical,
        };
        self.columns.iter().map(|c| Feature { name: c.name.clone(), kind: kind(c.kind) }).collect()
    }

    /// A number of a column, as JSON has the value.
    pub(crate) fn shown(&self, column: usize, number: f64) -> Json {
        let Some(coding) = self.columns.get(column).filter(|_| !number.is_nan()) else { return Json::Null };
        match coding.kind {
            Kind::Numeric => json!(number),
            Kind::Boolean => Json::Bool(number > 0.5),
            #[expect(clippy::cast_possible_truncation, reason = "it was made of microseconds")]
            Kind::Datetime => {
                let column = Column { name: String::new(), values: Values::Datetime(vec![number as i64]) };
                column.display(0).map_or(Json::Null, Json::String)
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "codes are whole and not negative"
            )]
            Kind::Categorical | Kind::Text => coding.levels.get(number as usize).map_or(Json::Null, |text| json!(text)),
        }
    }

    /// The table that these rows came from, or one like it.
    fn decode(&self, rows: Rows<'_>) -> Result<Table, MlopsError> {
        let column = |(at, coding): (usize, &Coding)| {
            let numbers = rows.iter().map(move |row| row[at]);
            let values = match coding.kind {
                Kind::Numeric => Values::Numeric(numbers.collect()),
                Kind::Boolean => Values::Boolean(numbers.map(|n| (!n.is_nan()).then_some(n > 0.5)).collect()),
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "it was made of microseconds; no other number is asked for"
                )]
                Kind::Datetime => {
                    Values::Datetime(numbers.map(|n| if n.is_nan() { NO_TIME } else { n as i64 }).collect())
                }
                Kind::Categorical => Values::Categorical(self.strings(coding, numbers)),
                Kind::Text => Values::Text(self.strings(coding, numbers)),
            };
            Column { name: coding.name.clone(), values }
        };
        Ok(Table::new(self.columns.iter().enumerate().map(column).collect())?)
    }

    fn strings(&self, coding: &Coding, numbers: impl Iterator<Item = f64>) -> Dictionary {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes are whole and not negative")]
        let code = |n: f64| if n.is_nan() { MISSING } else { n as u32 };
        Dictionary { levels: Arc::clone(&coding.levels), codes: numbers.map(code).collect() }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of our millennia; to the next quarter of one is near enough"
)]
fn numbers(column: &Column) -> (Arc<[String]>, Vec<f64>) {
    let none: Arc<[String]> = Arc::from([]);
    match &column.values {
        Values::Numeric(values) => (none, values.clone()),
        Values::Boolean(values) => {
            (none, values.iter().map(|v| v.map_or(f64::NAN, |truth| f64::from(u8::from(truth)))).collect())
        }
        Values::Datetime(values) => {
            (none, values.iter().map(|at| if *at == NO_TIME { f64::NAN } else { *at as f64 }).collect())
        }
        Values::Categorical(strings) | Values::Text(strings) => {
            let code = |code: &u32| if *code == MISSING { f64::NAN } else { f64::from(*code) };
            (Arc::clone(&strings.levels), strings.codes.iter().map(code).collect())
        }
    }
}

/// A model that is asked with encoded rows.
pub(crate) struct Encoded<'a> {
    pub(crate) model: &'a Model,
    pub(crate) encoding: &'a Encoding,
}

impl Predict for Encoded<'_> {
    fn outputs(&self) -> usize {
        self.model.width()
    }

    fn predict(&self, rows: Rows<'_>) -> Result<Vec<f64>, ExplainError> {
        let failed = |e: MlopsError| ExplainError::Model(e.to_string());
        let table = self.encoding.decode(rows).map_err(failed)?;
        Ok(self.model.predict(&table).map_err(|e| failed(e.into()))?.values)
    }
}
