//! JSON Lines: an object a line.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::cells::{self, Decimal, Interner};
use super::sniff;
use super::{Column, Kind, Limits, Note, Table, TableError, Values};

/// How JSON Lines are to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JsonOptions {
    /// Kinds of columns, by name, instead of the inferred ones.
    pub kinds: BTreeMap<String, Kind>,
    /// What is too large.
    pub limits: Limits,
}

pub(super) fn read(bytes: &[u8], options: &JsonOptions) -> Result<(Table, Vec<Note>), TableError> {
    let (text, encoding) = sniff::decode(bytes, "JSON Lines")?;
    let mut notes = Vec::new();
    if encoding == sniff::Encoding::Windows1252 {
        notes.push(Note::NotUtf8);
    }
    let mut columns = Gathered::default();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let line_number = number as u64 + 1;
        let object: Object = serde_json::from_str(line).map_err(|error| TableError::BadJson {
            line: line_number,
            column: error.column(),
            fault: fault(line, &error),
        })?;
        columns.push(object, &options.limits, line_number)?;
    }
    for name in options.kinds.keys() {
        if !columns.places.contains_key(name) {
            return Err(TableError::NoColumn(name.clone()));
        }
    }
    let rows = columns.rows;
    let mut finished = Vec::with_capacity(columns.cells.len());
    for (name, cell) in columns.names.into_iter().zip(columns.cells) {
        let values = cell.finish(&name, rows, options.kinds.get(&name).copied())?;
        finished.push(Column { name, values });
    }
    Ok((Table::new(finished)?, notes))
}

fn fault(line: &str, error: &serde_json::Error) -> String {
    if serde_json::from_str::<Value>(line).is_ok() {
        return "this is JSON, but no object: each line has to be one".to_owned();
    }
    let said = error.to_string();
    // The line is always 1 for serde_json, which sees one line at a time: the caller's count stands before it.
    said.rsplit_once(" at line ").map_or(said.clone(), |(what, _)| what.to_owned())
}

/// Keys and values in the order of the text.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[derive(Default)]
struct Gathered {
    names: Vec<String>,
    places: HashMap<String, usize>,
    cells: Vec<Cells>,
    rows: usize,
}

/// One column so far: numbers until a value is none, from then on strings.
#[derive(Default)]
struct Cells {
    numbers: Vec<f64>,
    strings: Option<Interner>,
    /// Rows so far; they are filled up to the current row when the next value comes.
    rows: usize,
}

impl Gathered {
    fn push(&mut self, object: Object, limits: &Limits, line: u64) -> Result<(), TableError> {
        if self.rows == limits.rows {
            let (found, limit) = (self.rows as u64 + 1, limits.rows as u64);
            return Err(TableError::TooLarge { what: "rows", found, limit });
        }
        for (name, value) in object.0 {
            let at = match self.places.get(&name) {
                Some(at) => *at,
                None if self.cells.len() == limits.columns => {
                    let (found, limit) = (self.cells.len() as u64 + 1, limits.columns as u64);
                    return Err(TableError::TooLarge { what: "columns", found, limit });
                }
                None => {
                    self.places.insert(name.clone(), self.cells.len());
                    self.names.push(name);
                    self.cells.push(Cells::default());
                    self.cells.len() - 1
                }
            };
            if self.cells[at].rows > self.rows {
                let fault = format!("the key {:?} stands twice", self.names[at]);
                return Err(TableError::BadJson { line, column: 1, fault });
            }
            self.cells[at].put(self.rows, &value);
        }
        self.rows += 1;
        Ok(())
    }
}

impl Cells {
    fn put(&mut self, row: usize, value: &Value) {
        self.fill(row);
        let cell = match value {
            Value::Null => None,
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !cells::is_missing(text)),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::Array(_) | Value::Object(_) => Some(value.to_string()),
        };
        let number = cell.as_deref().and_then(|cell| cells::number(cell, Decimal::Point));
        if self.strings.is_none() && cell.is_some() && number.is_none() {
            let mut strings = Interner::default();
            for number in self.numbers.drain(..) {
                strings.push((!number.is_nan()).then(|| number.to_string()).as_deref());
            }
            self.strings = Some(strings);
        }
        self.push(cell.as_deref(), number);
    }

    fn push(&mut self, cell: Option<&str>, number: Option<f64>) {
        match &mut self.strings {
            Some(strings) => strings.push(cell),
            None => self.numbers.push(number.unwrap_or(f64::NAN)),
        }
        self.rows += 1;
    }

    fn fill(&mut self, rows: usize) {
        while self.rows < rows {
            self.push(None, None);
        }
    }

    fn finish(mut self, name: &str, rows: usize, forced: Option<Kind>) -> Result<Values, TableError> {
        self.fill(rows);
        let Some(strings) = self.strings else {
            let column = Column::numeric(name, self.numbers);
            return Ok(super::convert::convert(&column, forced.unwrap_or(Kind::Numeric))?.values);
        };
        let strings = strings.finish();
        let kind = forced.unwrap_or_else(|| cells::kind_of(&strings));
        cells::from_strings(name, strings, kind, Decimal::Point)
    }
}
