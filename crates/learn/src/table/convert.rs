//! A column read as another kind.

use super::cells::{self, Decimal};
use super::error::{TableError, shown};
use super::{Column, Dictionary, Kind, NO_TIME, Values};

/// The same values as `kind`. What has no text form of its own goes by [`Column::display`].
pub(super) fn convert(column: &Column, kind: Kind) -> Result<Column, TableError> {
    if column.kind() == kind {
        return Ok(column.clone());
    }
    let bad = |row: usize| TableError::BadCell {
        column: column.name.clone(),
        row: row + 1,
        value: shown(&column.display(row).unwrap_or_default()),
        kind,
    };
    let values = match (&column.values, kind) {
        (Values::Categorical(strings), Kind::Text) => Values::Text(strings.clone()),
        (Values::Text(strings), Kind::Categorical) => Values::Categorical(strings.clone()),
        (Values::Boolean(truths), Kind::Numeric) => {
            Values::Numeric(truths.iter().map(|t| t.map_or(f64::NAN, |t| f64::from(u8::from(t)))).collect())
        }
        (Values::Numeric(numbers), Kind::Boolean) => {
            let read = numbers.iter().enumerate().map(|(row, value)| match *value {
                value if value.is_nan() => Ok(None),
                0.0 => Ok(Some(false)),
                1.0 => Ok(Some(true)),
                _ => Err(bad(row)),
            });
            Values::Boolean(read.collect::<Result<_, _>>()?)
        }
        #[expect(clippy::cast_precision_loss, reason = "microseconds are exact for 285 years around 1970")]
        (Values::Datetime(times), Kind::Numeric) => {
            let seconds = |t: &i64| if *t == NO_TIME { f64::NAN } else { *t as f64 / 1e6 };
            Values::Numeric(times.iter().map(seconds).collect())
        }
        (Values::Categorical(strings) | Values::Text(strings), _) => {
            cells::from_strings(&column.name, strings.clone(), kind, Decimal::Point)?
        }
        _ => {
            let shown: Vec<Option<String>> = (0..column.values.len()).map(|row| column.display(row)).collect();
            let strings = Dictionary::new(shown.iter().map(Option::as_deref));
            cells::from_strings(&column.name, strings, kind, Decimal::Point)?
        }
    };
    Ok(Column { name: column.name.clone(), values })
}
