//! Numbers and texts as bytes: little-endian, lengths before what they measure.

use super::{FormatError, fault};

/// Writes a section's content.
#[derive(Debug, Clone, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// An encoder with room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    /// What has been written.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// These bytes as they are, without a length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    /// A count, as eight bytes.
    pub fn count(&mut self, value: usize) {
        self.u64(value as u64);
    }

    /// A number's bits, as eight bytes.
    pub fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    /// A text: its length in bytes, then UTF-8.
    pub fn text(&mut self, value: &str) {
        self.count(value.len());
        self.bytes(value.as_bytes());
    }

    /// Numbers: how many, then their bits.
    pub fn f64s(&mut self, values: &[f64]) {
        self.count(values.len());
        values.iter().for_each(|value| self.f64(*value));
    }

    /// Words: how many, then each.
    pub fn u64s(&mut self, values: &[u64]) {
        self.count(values.len());
        values.iter().for_each(|value| self.u64(*value));
    }
}

/// Reads a section's content; no count is believed that the bytes at hand do not bear out.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    name: &'a str,
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Reads `content`; `name` is the section's, for messages.
    #[must_use]
    pub fn new(name: &'a str, content: &'a [u8]) -> Self {
        Self { name, rest: content }
    }

    /// A fault of this section, to be returned by whoever finds one.
    #[must_use]
    pub fn fault(&self, what: impl Into<String>) -> FormatError {
        fault(self.name, what)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`FormatError::Section`], here and below, when the content ends too early or does not hold what is asked for.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.fault(format!("it ends {} bytes too early", count - self.rest.len()))),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// One byte.
    ///
    /// # Errors
    /// As [`Decoder::take`].
    pub fn u8(&mut self) -> Result<u8, FormatError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Two bytes.
    ///
    /// # Errors
    /// As [`Decoder::take`].
    pub fn u16(&mut self) -> Result<u16, FormatError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Four bytes.
    ///
    /// # Errors
    /// As [`Decoder::take`].
    pub fn u32(&mut self) -> Result<u32, FormatError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// As [`Decoder::take`].
    pub fn u64(&mut self) -> Result<u64, FormatError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A number.
    ///
    /// # Errors
    /// As [`Decoder::take`].
    pub fn f64(&mut self) -> Result<f64, FormatError> {
        Ok(f64::from_bits(self.u64()?))
    }

    /// A count of things that take at least `bytes_each` (1 or more) of the content that is left.
    ///
    /// # Errors
    /// As [`Decoder::take`].
    pub fn count(&mut self, bytes_each: usize) -> Result<usize, FormatError> {
        let count = self.u64()?;
        let most = (self.rest.len() / bytes_each.max(1)) as u64;
        if count > most {
            return Err(self.fault(format!("it claims {count} items where at most {most} fit")));
        }
        Ok(count as usize)
    }

    /// A text.
    ///
    /// # Errors
    /// As [`Decoder::take`].
    pub fn text(&mut self) -> Result<&'a str, FormatError> {
        let length = self.count(1)?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.fault("a text is not UTF-8"))
    }

    /// Numbers.
    ///
    /// # Errors
    /// As [`Decoder::take`].
    pub fn f64s(&mut self) -> Result<Vec<f64>, FormatError> {
        let count = self.count(8)?;
        let bytes = self.take(count * 8)?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
    }

    /// Words.
    ///
    /// # Errors
    /// As [`Decoder::take`].
    pub fn u64s(&mut self) -> Result<Vec<u64>, FormatError> {
        let count = self.count(8)?;
        let bytes = self.take(count * 8)?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).collect())
    }

    /// Whether everything has been read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Checks that everything has been read.
    ///
    /// # Errors
    /// As [`Decoder::take`].
    pub fn end(&self) -> Result<(), FormatError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.fault(format!("{} bytes are left over", self.rest.len()))) }
    }
}
