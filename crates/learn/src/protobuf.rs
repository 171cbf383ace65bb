//! Protocol buffers, as far as ONNX needs them: fields one after the other, numbers in sevens of bits.

/// A field's value on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

/// A message's fields.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or("a number is cut off")?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number has too many bytes".to_owned())
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or("a number is cut off")?;
        self.rest = rest;
        Ok(*chunk)
    }

    fn field(&mut self) -> Result<(u64, Wire<'a>), String> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.chunk()?),
            2 => {
                let length = self.varint()?;
                let fits = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
                let (bytes, rest) = fits.ok_or_else(|| format!("a field claims {length} bytes"))?;
                self.rest = rest;
                Wire::Bytes(bytes)
            }
            5 => Wire::Fixed32(self.chunk()?),
            other => return Err(format!("a field has the kind {other}")),
        };
        Ok((tag >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            // Nothing sensible can follow.
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'a> Wire<'a> {
    pub(crate) fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => Err(format!("{other:?} where bytes must be")),
        }
    }

    pub(crate) fn text(self) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes()?).map_err(|_| "a text is not UTF-8".to_owned())
    }

    pub(crate) fn whole(self) -> Result<i64, String> {
        match self {
            #[expect(clippy::cast_possible_wrap, reason = "negative numbers are written so")]
            Self::Varint(value) => Ok(value as i64),
            other => Err(format!("{other:?} where a whole number must be")),
        }
    }

    /// Adds a repeated whole number, packed or not.
    pub(crate) fn push_whole(self, into: &mut Vec<i64>) -> Result<(), String> {
        let Self::Bytes(bytes) = self else {
            into.push(self.whole()?);
            return Ok(());
        };
        let mut packed = Fields::new(bytes);
        while !packed.rest.is_empty() {
            #[expect(clippy::cast_possible_wrap, reason = "negative numbers are written so")]
            into.push(packed.varint()? as i64);
        }
        Ok(())
    }

    /// Adds a repeated number of single precision, packed or not.
    pub(crate) fn push_float(self, into: &mut Vec<f64>) -> Result<(), String> {
        match self {
            Self::Fixed32(bytes) => into.push(f64::from(f32::from_le_bytes(bytes))),
            Self::Bytes(bytes) => {
                let (chunks, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err("a list of numbers is cut off".to_owned());
                }
                into.extend(chunks.iter().map(|chunk| f64::from(f32::from_le_bytes(*chunk))));
            }
            other => return Err(format!("{other:?} where a number must be")),
        }
        Ok(())
    }

    /// Adds a repeated number of double precision, packed or not.
    pub(crate) fn push_double(self, into: &mut Vec<f64>) -> Result<(), String> {
        match self {
            Self::Fixed64(bytes) => into.push(f64::from_le_bytes(bytes)),
            Self::Bytes(bytes) => {
                let (chunks, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err("a list of numbers is cut off".to_owned());
                }
                into.extend(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)));
            }
            other => return Err(format!("{other:?} where a number must be")),
        }
        Ok(())
    }
}

/// Writes a message.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(crate) fn whole(&mut self, field: u64, value: i64) {
        self.varint(field << 3);
        #[expect(clippy::cast_sign_loss, reason = "negative numbers are written so")]
        self.varint(value as u64);
    }

    pub(crate) fn bytes(&mut self, field: u64, value: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    pub(crate) fn text(&mut self, field: u64, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    pub(crate) fn message(&mut self, field: u64, value: Self) {
        self.bytes(field, &value.bytes);
    }

    pub(crate) fn float(&mut self, field: u64, value: f32) {
        self.varint(field << 3 | 5);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn wholes(&mut self, field: u64, values: &[i64]) {
        let mut packed = Self::default();
        #[expect(clippy::cast_sign_loss, reason = "negative numbers are written so")]
        values.iter().for_each(|value| packed.varint(*value as u64));
        self.message(field, packed);
    }
}
