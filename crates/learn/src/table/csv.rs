//! CSV: rows of fields become columns.

use std::collections::HashSet;

use super::cells::{Builder, Decimal};
use super::error::shown;
use super::sniff::{self, Dialect, Encoding};
use super::{Column, CsvOptions, Note, Table, TableError};

/// A table and how it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvRead {
    /// The table.
    pub table: Table,
    /// How its file is written.
    pub dialect: Dialect,
    /// How its text is stored.
    pub encoding: Encoding,
    /// What there is to say.
    pub notes: Vec<Note>,
}

pub(super) fn read(bytes: &[u8], options: &CsvOptions) -> Result<CsvRead, TableError> {
    let (text, encoding) = sniff::decode(bytes, "CSV")?;
    let dialect = sniff::dialect(&text, options);
    let mut rows = Rows::new(&text, dialect);
    let first = rows.first()?;
    if first.len() > options.limits.columns {
        let (found, limit) = (first.len() as u64, options.limits.columns as u64);
        return Err(TableError::TooLarge { what: "columns", found, limit });
    }
    let mut notes = Vec::new();
    if encoding == Encoding::Windows1252 {
        notes.push(Note::NotUtf8);
    }
    let names = if dialect.header {
        unique_names(&first, &mut notes)
    } else {
        (1..=first.len()).map(|number| format!("column_{number}")).collect()
    };
    for name in options.kinds.keys() {
        if !names.contains(name) {
            return Err(TableError::NoColumn(name.clone()));
        }
    }
    let decimal = if dialect.decimal_comma { Decimal::Comma } else { Decimal::Point };
    let mut builders: Vec<Builder> =
        names.iter().map(|name| Builder::new(name.clone(), options.kinds.get(name).copied(), decimal)).collect();
    fill(&text, dialect, &names, &mut builders, options.limits.rows)?;
    builders.iter_mut().for_each(Builder::settle);
    if builders.iter().any(|builder| builder.again) {
        // Columns that turned out to hold words are read a second time, from their first cell on.
        let mut strings: Vec<Option<Builder>> = builders.iter().map(|b| b.again.then(|| b.restarted())).collect();
        refill(&text, dialect, &mut strings)?;
        for (builder, string) in builders.iter_mut().zip(strings) {
            if let Some(string) = string {
                *builder = string;
            }
        }
    }
    let mut columns: Vec<Column> = Vec::with_capacity(builders.len());
    for builder in builders {
        let (column, said) = builder.finish()?;
        columns.push(column);
        notes.extend(said);
    }
    Ok(CsvRead { table: Table::new(columns)?, dialect, encoding, notes })
}

/// The records of a text, each with the line it begins on.
struct Rows<'a> {
    text: &'a str,
    dialect: Dialect,
    reader: csv::Reader<&'a [u8]>,
    record: csv::ByteRecord,
}

impl<'a> Rows<'a> {
    fn new(text: &'a str, dialect: Dialect) -> Self {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(dialect.delimiter)
            .quote(dialect.quote)
            .from_reader(text.as_bytes());
        Self { text, dialect, reader, record: csv::ByteRecord::new() }
    }

    fn first(&mut self) -> Result<Vec<String>, TableError> {
        if self.advance() { Ok(self.fields().map(str::to_owned).collect()) } else { Err(TableError::Empty) }
    }

    fn advance(&mut self) -> bool {
        // Reading from memory with flexible lengths cannot fail.
        self.reader.read_byte_record(&mut self.record).unwrap_or(false)
    }

    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// Cutting valid UTF-8 at ASCII bytes leaves valid UTF-8.
    fn fields(&self) -> impl Iterator<Item = &str> {
        self.record.iter().map(|field| std::str::from_utf8(field).unwrap_or_default())
    }

    /// Whether the record just read is the text's last and has an opening quote without a closing one.
    fn ends_in_quote(&self) -> bool {
        let start = self.record.position().map_or(0, |p| usize::try_from(p.byte()).unwrap_or(usize::MAX));
        let end = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
        let quotes = || self.text.as_bytes()[start..].iter().filter(|b| **b == self.dialect.quote).count();
        // Apostrophes inside words are no quotes: the last field must also have begun with one.
        end >= self.text.len() && start < self.text.len() && quotes() % 2 == 1 && self.last_field_opens(start)
    }

    fn last_field_opens(&self, start: usize) -> bool {
        let raw = &self.text.as_bytes()[start..];
        let last = self.record.get(self.record.len().wrapping_sub(1)).unwrap_or_default();
        let trimmed = last.len().saturating_add(1).min(raw.len());
        // A field cut off by the end is the text's end, after its opening quote.
        raw.get(raw.len() - trimmed) == Some(&self.dialect.quote) || last.contains(&b'\n')
    }
}

/// Gives every cell to its column.
fn fill(
    text: &str,
    dialect: Dialect,
    names: &[String],
    builders: &mut [Builder],
    limit: usize,
) -> Result<(), TableError> {
    let mut rows = Rows::new(text, dialect);
    if dialect.header {
        rows.advance();
    }
    let mut count = 0;
    while rows.advance() {
        if rows.ends_in_quote() {
            let column = names.get(rows.record.len().saturating_sub(1)).cloned().unwrap_or_default();
            return Err(TableError::OpenQuote { line: rows.line(), column });
        }
        if rows.record.len() != builders.len() {
            return Err(ragged(&rows, names));
        }
        count += 1;
        if count > limit {
            return Err(TableError::TooLarge { what: "rows", found: count as u64, limit: limit as u64 });
        }
        for (builder, field) in builders.iter_mut().zip(rows.fields()) {
            builder.push(field)?;
        }
    }
    Ok(())
}

/// As [`fill`], for some columns of a text that is known to be whole.
fn refill(text: &str, dialect: Dialect, builders: &mut [Option<Builder>]) -> Result<(), TableError> {
    let mut rows = Rows::new(text, dialect);
    if dialect.header {
        rows.advance();
    }
    while rows.advance() {
        for (builder, field) in builders.iter_mut().zip(rows.fields()) {
            if let Some(builder) = builder {
                builder.push(field)?;
            }
        }
    }
    Ok(())
}

fn ragged(rows: &Rows<'_>, names: &[String]) -> TableError {
    let found = rows.record.len();
    let place = match names.get(found) {
        Some(missing) => format!("nothing for column {missing}"),
        None => {
            let extra = rows.fields().nth(names.len()).unwrap_or_default();
            format!("field {} is {:?}", names.len() + 1, shown(extra))
        }
    };
    TableError::RaggedRow { line: rows.line(), expected: names.len(), found, place }
}

/// Names as they stand in the header; a second of the same name, or an empty one, gets a number.
pub(super) fn unique_names(header: &[String], notes: &mut Vec<Note>) -> Vec<String> {
    let given: HashSet<&str> = header.iter().map(|name| name.trim()).collect();
    let mut taken: HashSet<String> = HashSet::new();
    let mut names = Vec::with_capacity(header.len());
    for (at, name) in header.iter().enumerate() {
        let trimmed = name.trim();
        let mut unique = if trimmed.is_empty() { format!("column_{}", at + 1) } else { trimmed.to_owned() };
        let base = unique.clone();
        let mut number = 2;
        while taken.contains(&unique) || (unique != trimmed && given.contains(unique.as_str())) {
            unique = format!("{base}_{number}");
            number += 1;
        }
        if unique != trimmed {
            notes.push(Note::Renamed { from: trimmed.to_owned(), to: unique.clone() });
        }
        taken.insert(unique.clone());
        names.push(unique);
    }
    names
}
