//! Cells of text become columns: what a cell says, and what all cells of a column have in common.

use std::collections::HashMap;

use super::datetime::{self, Order};
use super::error::{TableError, shown};
use super::{Column, Dictionary, Kind, MISSING, NO_TIME, Note, Values};

/// The sign between whole and fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decimal {
    Point,
    Comma,
}

/// What stands for "no value" (pandas' list, and `?` of the UCI collection).
const MISSING_WORDS: &[&str] =
    &["NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "-nan", "NULL", "null", "Null", "None", "none", "<NA>", "?"];

pub(crate) fn is_missing(cell: &str) -> bool {
    cell.is_empty() || (cell.len() <= 4 && MISSING_WORDS.contains(&cell))
}

/// The number that a cell is, white space around it aside. `inf` and `-Infinity` are numbers, `nan` is none.
pub(crate) fn number(cell: &str, decimal: Decimal) -> Option<f64> {
    let cell = cell.trim();
    let first = *cell.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.' | b',' | b'i' | b'I')) {
        return None;
    }
    let value: f64 = match decimal {
        Decimal::Point => cell.parse().ok()?,
        Decimal::Comma if cell.contains(',') => {
            // 1.234,5: points between thousands.
            let (whole, fraction) = cell.split_once(',')?;
            let grouped = whole.contains('.');
            if grouped && !whole.split('.').skip(1).all(|group| group.len() == 3) || fraction.contains('.') {
                return None;
            }
            format!("{}.{fraction}", whole.replace('.', "")).parse().ok()?
        }
        Decimal::Comma => cell.parse().ok()?,
    };
    (!value.is_nan()).then_some(value)
}

/// `007` is a code, not a number: reading it as one would lose its zeros.
fn has_leading_zero(cell: &str) -> bool {
    let digits = cell.trim().trim_start_matches(['-', '+']).as_bytes();
    digits.len() > 1 && digits[0] == b'0' && digits.iter().all(u8::is_ascii_digit)
}

/// What a cell says about a yes-or-no question; the number tells the pair of words.
fn truth(cell: &str) -> Option<(u8, bool)> {
    let word = cell.trim();
    let is = |a: &str| word.eq_ignore_ascii_case(a);
    match word.len() {
        1 if is("t") => Some((0, true)),
        1 if is("f") => Some((0, false)),
        1 if is("y") => Some((1, true)),
        1 if is("n") => Some((1, false)),
        4 if is("true") => Some((2, true)),
        5 if is("false") => Some((2, false)),
        3 if is("yes") => Some((3, true)),
        2 if is("no") => Some((3, false)),
        _ => None,
    }
}

/// Words that are no numbers in a column of numbers: up to this many different ones…
const ODD_WORDS: usize = 2;
/// …in at most this share of the cells are taken for "missing" (and noted).
const ODD_SHARE: f64 = 0.05;
/// A column needs so many numbers before a word among them is taken for "missing".
const ODD_NUMBERS: usize = 20;

/// Gathers the cells of one column.
#[derive(Debug)]
pub(super) struct Builder {
    name: String,
    forced: Option<Kind>,
    decimal: Decimal,
    store: Store,
    /// What the column turned out not to be a column of numbers by; it has to be read again, as strings.
    pub(super) again: bool,
}

#[derive(Debug)]
enum Store {
    Numbers { values: Vec<f64>, odd: Vec<(String, usize)> },
    Strings(Interner),
}

/// Strings, each kept once.
#[derive(Debug, Default)]
pub(super) struct Interner {
    codes: Vec<u32>,
    levels: Vec<String>,
    known: HashMap<String, u32>,
}

impl Interner {
    pub(super) fn push(&mut self, cell: Option<&str>) {
        let code = match cell {
            None => MISSING,
            Some(cell) => match self.known.get(cell) {
                Some(code) => *code,
                None => {
                    let code = u32::try_from(self.levels.len()).unwrap_or(MISSING);
                    self.levels.push(cell.to_owned());
                    self.known.insert(cell.to_owned(), code);
                    code
                }
            },
        };
        self.codes.push(code);
    }

    pub(super) fn finish(self) -> Dictionary {
        Dictionary { levels: self.levels.into(), codes: self.codes }
    }
}

impl Builder {
    /// A column that is taken for one of numbers until a cell says otherwise (or the caller).
    pub(super) fn new(name: String, forced: Option<Kind>, decimal: Decimal) -> Self {
        let strings = matches!(forced, Some(Kind::Categorical | Kind::Boolean | Kind::Datetime | Kind::Text));
        let store = if strings {
            Store::Strings(Interner::default())
        } else {
            Store::Numbers { values: Vec::new(), odd: Vec::new() }
        };
        Self { name, forced, decimal, store, again: false }
    }

    /// The same column, to be read as strings.
    pub(super) fn restarted(&self) -> Self {
        Self {
            name: self.name.clone(),
            forced: self.forced,
            decimal: self.decimal,
            store: Store::Strings(Interner::default()),
            again: false,
        }
    }

    /// Takes the next cell.
    ///
    /// # Errors
    /// [`TableError::BadCell`] where the caller asked for numbers and this is none.
    pub(super) fn push(&mut self, cell: &str) -> Result<(), TableError> {
        if self.again {
            return Ok(());
        }
        let cell = cell.trim();
        let missing = is_missing(cell);
        match &mut self.store {
            Store::Strings(interner) => interner.push((!missing).then_some(cell)),
            Store::Numbers { values, .. } if missing => values.push(f64::NAN),
            Store::Numbers { values, odd } => match number(cell, self.decimal) {
                Some(value) if self.forced.is_some() || !has_leading_zero(cell) => values.push(value),
                _ if self.forced.is_some() => {
                    return Err(TableError::BadCell {
                        column: self.name.clone(),
                        row: values.len() + 1,
                        value: shown(cell),
                        kind: Kind::Numeric,
                    });
                }
                _ => {
                    values.push(f64::NAN);
                    match odd.iter().position(|(word, _)| word == cell) {
                        Some(at) => odd[at].1 += 1,
                        None if odd.len() < ODD_WORDS && !cell.bytes().any(|b| b.is_ascii_digit()) => {
                            odd.push((cell.to_owned(), 1));
                        }
                        None => self.again = true,
                    }
                }
            },
        }
        Ok(())
    }

    /// Called when all cells are in: whether the words among the numbers are too many to be left out.
    pub(super) fn settle(&mut self) {
        if let Store::Numbers { values, odd } = &self.store {
            let words: usize = odd.iter().map(|(_, count)| count).sum();
            let numbers = values.iter().filter(|v| !v.is_nan()).count();
            #[expect(clippy::cast_precision_loss, reason = "counts of rows")]
            let many = words as f64 > ODD_SHARE * (words + numbers) as f64;
            self.again |= words > 0 && (many || numbers < ODD_NUMBERS);
        }
    }

    /// The column, and what there is to say about it.
    ///
    /// # Errors
    /// [`TableError::BadCell`] where a cell is not of the kind that the caller asked for.
    pub(super) fn finish(self) -> Result<(Column, Vec<Note>), TableError> {
        let mut notes = Vec::new();
        let values = match self.store {
            Store::Numbers { values, odd } => {
                notes.extend(odd.into_iter().map(|(word, count)| Note::WordAmongNumbers {
                    column: self.name.clone(),
                    word,
                    count,
                }));
                Values::Numeric(values)
            }
            Store::Strings(interner) => {
                let strings = interner.finish();
                if self.forced.is_none() {
                    notes.extend(mixed(&self.name, &strings, self.decimal));
                }
                let kind = self.forced.unwrap_or_else(|| kind_of(&strings));
                from_strings(&self.name, strings, kind, self.decimal)?
            }
        };
        Ok((Column { name: self.name, values }, notes))
    }
}

/// Numbers and words in one column of strings.
fn mixed(column: &str, strings: &Dictionary, decimal: Decimal) -> Option<Note> {
    let is_number: Vec<bool> =
        strings.levels.iter().map(|s| number(s, decimal).is_some() && !has_leading_zero(s)).collect();
    let is = |code: &u32| is_number.get(*code as usize).copied();
    let numbers = strings.codes.iter().filter(|code| is(code) == Some(true)).count();
    let words = strings.codes.iter().filter(|code| is(code) == Some(false)).count();
    let row = strings.codes.iter().position(|code| is(code) == Some(numbers < words))? + 1;
    (numbers > 0 && words > 0).then(|| Note::MixedTypes { column: column.to_owned(), numbers, words, row })
}

/// A string column with more different values than this, most of them several words long, is text.
const TEXT_LEVELS: usize = 50;
/// Mean number of words from which on strings are text.
const TEXT_WORDS: f64 = 3.0;
/// Share of different values from which on strings of several words are text.
const TEXT_DISTINCT: f64 = 0.1;

/// What strings are best taken for.
pub(crate) fn kind_of(strings: &Dictionary) -> Kind {
    let levels = &strings.levels;
    if levels.is_empty() {
        // Nothing in it: no kind is better than another, and numbers are the cheapest.
        return Kind::Numeric;
    }
    let truths: Vec<_> = levels.iter().map(|level| truth(level)).collect();
    if truths.iter().all(|t| t.is_some_and(|(pair, _)| truths[0].is_some_and(|first| first.0 == pair))) {
        return Kind::Boolean;
    }
    let order = order_of(strings);
    if levels.iter().all(|level| datetime::parse(level, order).is_some()) {
        return Kind::Datetime;
    }
    let filled = strings.codes.iter().filter(|code| **code != MISSING).count();
    #[expect(clippy::cast_precision_loss, reason = "counts of rows and words")]
    let (distinct, words) = {
        let words: usize = levels.iter().map(|level| level.split_whitespace().count()).sum();
        (levels.len() as f64 / filled.max(1) as f64, words as f64 / levels.len() as f64)
    };
    let text = levels.len() > TEXT_LEVELS && words >= TEXT_WORDS && distinct >= TEXT_DISTINCT;
    if text { Kind::Text } else { Kind::Categorical }
}

/// Day first unless a date says that it cannot be: `04/13/2024`. Dates that leave it open are read month first, as in pandas.
fn order_of(strings: &Dictionary) -> Order {
    match strings.levels.iter().find_map(|level| datetime::tells_order(level)) {
        Some(true) => Order::DayFirst,
        _ => Order::MonthFirst,
    }
}

/// Strings as values of `kind`.
///
/// # Errors
/// [`TableError::BadCell`] names the first string that is none.
pub(crate) fn from_strings(
    name: &str,
    strings: Dictionary,
    kind: Kind,
    decimal: Decimal,
) -> Result<Values, TableError> {
    let bad = |level: usize| {
        let row = strings.codes.iter().position(|code| *code as usize == level).unwrap_or(0) + 1;
        TableError::BadCell { column: name.to_owned(), row, value: shown(&strings.levels[level]), kind }
    };
    Ok(match kind {
        Kind::Categorical => Values::Categorical(strings),
        Kind::Text => Values::Text(strings),
        Kind::Numeric => {
            let read = each(&strings, |level| number(level, decimal)).map_err(bad)?;
            Values::Numeric(strings.codes.iter().map(|c| read.get(*c as usize).copied().unwrap_or(f64::NAN)).collect())
        }
        Kind::Datetime => {
            let order = order_of(&strings);
            let read = each(&strings, |level| datetime::parse(level, order)).map_err(bad)?;
            Values::Datetime(strings.codes.iter().map(|c| read.get(*c as usize).copied().unwrap_or(NO_TIME)).collect())
        }
        Kind::Boolean => {
            let read = each(&strings, |level| match level {
                "1" | "1.0" => Some(true),
                "0" | "0.0" => Some(false),
                _ => truth(level).map(|(_, value)| value),
            })
            .map_err(bad)?;
            Values::Boolean(strings.codes.iter().map(|c| read.get(*c as usize).copied()).collect())
        }
    })
}

/// Every level read, or the number of the first that cannot be.
fn each<T>(strings: &Dictionary, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, usize> {
    strings.levels.iter().enumerate().map(|(at, level)| read(level).ok_or(at)).collect()
}
