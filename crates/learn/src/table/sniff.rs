//! What the bytes of a text file say about themselves: encoding, and for CSV delimiter, quote, header and decimal sign.

use std::borrow::Cow;

use super::cells::{self, Decimal};
use super::datetime::{self, Order};
use super::error::TableError;

/// How the text was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte-order mark.
    Utf8,
    /// Windows-1252, which contains Latin-1: what is no UTF-8 is read as this.
    Windows1252,
    /// UTF-16 with a byte-order mark.
    Utf16,
}

/// How a CSV file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Between fields: one of `,` `;` tab `|`.
    pub delimiter: u8,
    /// Around fields that contain a delimiter: `"` or `'`.
    pub quote: u8,
    /// The first row holds names.
    pub header: bool,
    /// Numbers are written `3,14`.
    pub decimal_comma: bool,
}

/// First bytes of files that people take for tables.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a ZIP archive (XLSX files are one, too: save the sheet as CSV)"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow IPC file"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word document: save the sheet as CSV"),
    (b"\x7fELF", "a program"),
];

/// The kind of file the first bytes give away, if it is one that is no text.
pub(super) fn signature(bytes: &[u8]) -> Option<&'static str> {
    SIGNATURES.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, name)| *name)
}

/// The text in the bytes of a file.
pub(super) fn decode<'a>(bytes: &'a [u8], expected: &'static str) -> Result<(Cow<'a, str>, Encoding), TableError> {
    if let Some(found) = signature(bytes) {
        return Err(TableError::NotWhatItSays { expected, found });
    }
    let (text, encoding) = match bytes {
        [0xff, 0xfe, rest @ ..] => (Cow::Owned(utf16(rest, u16::from_le_bytes)), Encoding::Utf16),
        [0xfe, 0xff, rest @ ..] => (Cow::Owned(utf16(rest, u16::from_be_bytes)), Encoding::Utf16),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            match std::str::from_utf8(bytes) {
                Ok(text) => (Cow::Borrowed(text), Encoding::Utf8),
                Err(_) => (Cow::Owned(bytes.iter().map(|b| windows_1252(*b)).collect()), Encoding::Windows1252),
            }
        }
    };
    if let Some(offset) = text.bytes().position(|b| b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)) {
        let before = &text.as_bytes()[..offset];
        let line = before.iter().filter(|b| **b == b'\n').count() as u64 + 1;
        return Err(TableError::NotText { line, byte: text.as_bytes()[offset], offset });
    }
    if text.trim().is_empty() {
        return Err(TableError::Empty);
    }
    Ok((text, encoding))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Windows-1252: Latin-1 with printable characters at 0x80 to 0x9f (the five holes stay control characters).
fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    if (0x80..0xa0).contains(&byte) { HIGH[usize::from(byte) - 0x80] } else { char::from(byte) }
}

/// Rows looked at for the dialect.
const SAMPLE_ROWS: usize = 200;
/// Bytes looked at for the dialect: enough for the sample at 10,000 columns.
const SAMPLE_BYTES: usize = 4 << 20;

/// Guesses the dialect from the beginning of the text. What `given` says is taken as it is.
pub(super) fn dialect(text: &str, given: &super::CsvOptions) -> Dialect {
    let mut end = text.len().min(SAMPLE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let sample = &text[..end];
    let quote = given.quote.unwrap_or_else(|| quote(sample));
    let delimiter = given.delimiter.unwrap_or_else(|| delimiter(sample, quote));
    let rows = sample_rows(sample, delimiter, quote, end < text.len());
    let body = rows.get(1..).unwrap_or_default();
    let decimal_comma = given.decimal_comma.unwrap_or_else(|| delimiter != b',' && decimal_comma(body));
    let header = given.header.unwrap_or_else(|| rows.first().is_none_or(|first| looks_like_header(first, body)));
    Dialect { delimiter, quote, header, decimal_comma }
}

/// `'` only where it opens fields and `"` never does.
fn quote(sample: &str) -> u8 {
    let opens = |quote: u8| {
        sample.lines().take(SAMPLE_ROWS).any(|line| {
            let bytes = line.as_bytes();
            bytes.len() > 1
                && bytes[0] == quote
                && bytes.windows(2).any(|pair| pair[0] == quote && matches!(pair[1], b',' | b';' | b'\t' | b'|'))
        })
    };
    if sample.contains('"') || !opens(b'\'') { b'"' } else { b'\'' }
}

/// The delimiter that cuts the most rows into the same number (> 1) of fields; the number of fields settles a tie.
fn delimiter(sample: &str, quote: u8) -> u8 {
    let mut best = (0.0, 0, b',');
    for candidate in [b',', b';', b'\t', b'|'] {
        let rows = sample_rows(sample, candidate, quote, true);
        let Some(width) = rows.first().map(Vec::len).filter(|width| *width > 1) else { continue };
        let same = rows.iter().filter(|row| row.len() == width).count();
        #[expect(clippy::cast_precision_loss, reason = "at most 200 rows")]
        let share = same as f64 / rows.len() as f64;
        if (share, width) > (best.0, best.1) {
            best = (share, width, candidate);
        }
    }
    best.2
}

fn sample_rows(sample: &str, delimiter: u8, quote: u8, cut: bool) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .quote(quote)
        .from_reader(sample.as_bytes());
    let mut rows: Vec<Vec<String>> = reader
        .records()
        .take(SAMPLE_ROWS)
        .map_while(Result::ok)
        .map(|row| row.iter().map(str::to_owned).collect())
        .collect();
    // The sample may end inside a row.
    if cut && rows.len() > 1 && rows.len() < SAMPLE_ROWS {
        rows.pop();
    }
    rows
}

/// Clear only when there are numbers with a comma and none with a point.
fn decimal_comma(rows: &[Vec<String>]) -> bool {
    let cells = || rows.iter().flatten().map(|cell| cell.trim());
    let commas = cells().any(|cell| cell.contains(',') && cells::number(cell, Decimal::Comma).is_some());
    let points = cells().any(|cell| cell.contains('.') && cells::number(cell, Decimal::Point).is_some());
    commas && !points
}

fn is_value(cell: &str) -> bool {
    cells::number(cell, Decimal::Point).is_some()
        || cells::number(cell, Decimal::Comma).is_some()
        || datetime::parse(cell, Order::DayFirst).is_some()
        || datetime::parse(cell, Order::MonthFirst).is_some()
}

/// Names are no numbers and no dates, and differ from each other unless numbers and dates stand below them.
fn looks_like_header(first: &[String], body: &[Vec<String>]) -> bool {
    let mut names: Vec<&str> = first.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).collect();
    // A file that numbers its rows may leave that column's name empty.
    if names.len() * 2 <= first.len() || first.iter().any(|cell| is_value(cell)) {
        return false;
    }
    names.sort_unstable();
    names.windows(2).all(|pair| pair[0] != pair[1]) || body.iter().flatten().any(|cell| is_value(cell))
}
