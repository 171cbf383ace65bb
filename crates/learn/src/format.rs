//! The model file: a container of named sections, each with its length and checksum; no code in it. Its layout is written down in
//! `docs/reference/model-format.md`.
//!
//! A file that is cut short, has a flipped bit, claims an absurd length or comes from a newer version is refused with a reason;
//! nothing is allocated that the file's own length does not bear out.
//!
//! ```
//! use rhiza_learn::format::{Container, Decoder, Encoder, Writer};
//! let mut notes = Encoder::default();
//! notes.text("trained on tuesdays");
//! notes.f64(0.25);
//! let mut writer = Writer::default();
//! writer.section("notes", true, notes.finish())?;
//! let file = writer.finish();
//!
//! let container = Container::open(&file)?;
//! let mut notes = Decoder::new("notes", container.section("notes")?);
//! assert_eq!((notes.text()?, notes.f64()?), ("trained on tuesdays", 0.25));
//! notes.end()?;
//! # Ok::<(), rhiza_learn::format::FormatError>(())
//! ```

mod code;
mod ensemble;
mod packed;

pub use code::{Decoder, Encoder};
pub use ensemble::{
    ENSEMBLE, decode_ensemble, decode_predictor, encode_ensemble, read_ensemble, read_predictor, write_ensemble,
};

/// The first eight bytes, made like PNG's: a byte that is no ASCII, letters, and line ends that a transfer as text would change.
const MAGIC: [u8; 8] = *b"\x89RHZ\r\n\x1a\n";
/// Readers refuse a file whose major version is not theirs; a minor version adds what may be ignored.
const MAJOR: u16 = 1;
const MINOR: u16 = 0;
/// Magic, versions, number of sections, length of the file.
const HEAD: usize = 24;
/// Name, where it begins, length, checksum, flags.
const ENTRY: usize = 40;
const NAME: usize = 16;
/// Checksum of all before, and four zeros.
const TAIL: usize = 8;
/// Sections begin at multiples of this.
const ALIGN: usize = 8;
/// The section must be understood by whoever reads the file.
const REQUIRED: u32 = 1;

/// Why a file cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The first bytes are not a model file's.
    #[error("this is no model file")]
    NotAModel,
    /// The file has another length than it says.
    #[error("the file has {found} bytes where it says {expected}: it was cut short or added to")]
    Length {
        /// Bytes there are.
        found: u64,
        /// Bytes there should be.
        expected: u64,
    },
    /// Written by a version that this one does not know.
    #[error("the file is of version {0}, this program reads version {MAJOR}")]
    Version(u16),
    /// A checksum does not fit.
    #[error("{0} is damaged: its checksum does not fit")]
    Checksum(String),
    /// A section that is needed is not there, or one that is there must be understood and is not.
    #[error("section `{name}`: {fault}")]
    Section {
        /// The section's name.
        name: String,
        /// What is wrong.
        fault: String,
    },
}

/// Makes a file.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    sections: Vec<(String, bool, Vec<u8>)>,
}

impl Writer {
    /// Adds a section. A `required` one must be understood by whoever reads the file; others may be passed over.
    ///
    /// # Errors
    /// [`FormatError::Section`] for a name that is empty, longer than 16 bytes, not ASCII letters, digits, `-`, `_`, `.`, or
    /// taken.
    pub fn section(&mut self, name: &str, required: bool, content: Vec<u8>) -> Result<(), FormatError> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if name.is_empty() || name.len() > NAME || !name.bytes().all(good) {
            return Err(fault(name, "a name has 1 to 16 ASCII letters, digits, -, _ or ."));
        }
        if self.sections.iter().any(|(taken, ..)| taken == name) {
            return Err(fault(name, "there is one already"));
        }
        self.sections.push((name.to_owned(), required, content));
        Ok(())
    }

    /// The file.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let first = HEAD + self.sections.len() * ENTRY + TAIL;
        let total = self.sections.iter().fold(first, |at, (.., content)| at + content.len().next_multiple_of(ALIGN));
        let mut file = Encoder::with_capacity(total);
        file.bytes(&MAGIC);
        file.u16(MAJOR);
        file.u16(MINOR);
        file.u32(self.sections.len() as u32);
        file.u64(total as u64);
        let mut at = first;
        for (name, required, content) in &self.sections {
            let mut padded = [0; NAME];
            padded[..name.len()].copy_from_slice(name.as_bytes());
            file.bytes(&padded);
            file.u64(at as u64);
            file.u64(content.len() as u64);
            file.u32(crc32fast::hash(content));
            file.u32(if *required { REQUIRED } else { 0 });
            at += content.len().next_multiple_of(ALIGN);
        }
        let mut file = file.finish();
        file.extend_from_slice(&crc32fast::hash(&file).to_le_bytes());
        file.extend_from_slice(&[0; 4]);
        for (.., content) in &self.sections {
            file.extend_from_slice(content);
            file.resize(file.len().next_multiple_of(ALIGN), 0);
        }
        file
    }
}

/// A file that has been opened: every section's bounds and checksum are known to be good.
#[derive(Debug, Clone)]
pub struct Container<'a> {
    sections: Vec<(&'a str, bool, &'a [u8])>,
}

impl<'a> Container<'a> {
    /// Opens a file and checks all of it but the inside of the sections.
    ///
    /// # Errors
    /// [`FormatError`] says what is wrong.
    pub fn open(file: &'a [u8]) -> Result<Self, FormatError> {
        let mut head = Decoder::new("head", file);
        if head.take(MAGIC.len()).ok() != Some(&MAGIC[..]) {
            return Err(FormatError::NotAModel);
        }
        let short = |expected: u64| FormatError::Length { found: file.len() as u64, expected };
        let parts = (|| Ok((head.u16()?, head.u16()?, head.u32()?, head.u64()?)))();
        let (major, _minor, count, total) = parts.map_err(|_: FormatError| short(HEAD as u64))?;
        if major != MAJOR {
            return Err(FormatError::Version(major));
        }
        if total != file.len() as u64 {
            return Err(short(total));
        }
        let table = (count as usize).checked_mul(ENTRY).map(|bytes| bytes.saturating_add(HEAD));
        let (Some(table), Some(sum)) = (table, table.and_then(|end| file.get(end..end + TAIL))) else {
            return Err(FormatError::Checksum("the table of sections".to_owned()));
        };
        let checksum = crc32fast::hash(&file[..table]).to_le_bytes();
        if sum[..4] != checksum || sum[4..] != [0; 4] {
            return Err(FormatError::Checksum("the table of sections".to_owned()));
        }
        let mut sections = Vec::with_capacity(count as usize);
        let mut at = table + TAIL;
        for _ in 0..count {
            let (name, required, content) = entry(&mut head, file, &mut at)?;
            sections.push((name, required, content));
        }
        if at != file.len() {
            return Err(FormatError::Checksum("the end of the file".to_owned()));
        }
        Ok(Self { sections })
    }

    /// The content of a section.
    ///
    /// # Errors
    /// [`FormatError::Section`] when there is none of that name.
    pub fn section(&self, name: &str) -> Result<&'a [u8], FormatError> {
        let found = self.sections.iter().find(|(have, ..)| *have == name);
        found.map(|(.., content)| *content).ok_or_else(|| fault(name, "it is not there"))
    }

    /// The sections' names, in the file's order.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.sections.iter().map(|(name, ..)| *name)
    }

    /// Checks that every required section is one of `known`.
    ///
    /// # Errors
    /// [`FormatError::Section`] names the first that is not.
    pub fn expect_only(&self, known: &[&str]) -> Result<(), FormatError> {
        match self.sections.iter().find(|(name, required, _)| *required && !known.contains(name)) {
            None => Ok(()),
            Some((name, ..)) => Err(fault(name, "the file needs it to be understood, and this program does not")),
        }
    }
}

/// One entry of the table and the content it names, which must begin where the one before ended.
fn entry<'a>(
    table: &mut Decoder<'a>,
    file: &'a [u8],
    at: &mut usize,
) -> Result<(&'a str, bool, &'a [u8]), FormatError> {
    let padded = table.take(NAME)?;
    let length = padded.iter().position(|b| *b == 0).unwrap_or(NAME);
    let name = std::str::from_utf8(&padded[..length]).map_err(|_| fault("?", "its name is no text"))?;
    let (start, length, checksum, flags) = (table.u64()?, table.u64()?, table.u32()?, table.u32()?);
    let bounds = usize::try_from(length).ok().filter(|_| start == *at as u64).and_then(|length| {
        let end = at.checked_add(length)?;
        let padded = end.checked_next_multiple_of(ALIGN)?;
        Some((file.get(*at..end)?, file.get(end..padded)?, padded))
    });
    let Some((content, padding, next)) = bounds else {
        return Err(fault(name, "it does not lie where the table says"));
    };
    if crc32fast::hash(content) != checksum || padding.iter().any(|b| *b != 0) {
        return Err(FormatError::Checksum(format!("section `{name}`")));
    }
    *at = next;
    Ok((name, flags & REQUIRED != 0, content))
}

pub(crate) fn fault(name: &str, fault: impl Into<String>) -> FormatError {
    FormatError::Section { name: name.to_owned(), fault: fault.into() }
}

#[cfg(test)]
mod tests;
