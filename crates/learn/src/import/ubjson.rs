//! UBJSON (draft 12) read into the same values as JSON.

use serde_json::{Map, Value};

/// Deeper nesting than any model has.
const DEEPEST: usize = 64;

struct Reader<'a> {
    rest: &'a [u8],
}

/// The value a file holds.
pub(super) fn parse(file: &[u8]) -> Result<Value, String> {
    let mut reader = Reader { rest: file };
    let tag = reader.byte()?;
    let value = reader.value(tag, 0)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(format!("{} bytes are left over", reader.rest.len())) }
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("the file ends too early")?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    /// The whole number of type `tag`.
    fn whole(&mut self, tag: u8) -> Result<i64, String> {
        Ok(match tag {
            b'i' => i64::from(i8::from_be_bytes(self.array()?)),
            b'U' => i64::from(u8::from_be_bytes(self.array()?)),
            b'I' => i64::from(i16::from_be_bytes(self.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?),
            other => return Err(format!("byte {other} where a whole number must begin")),
        })
    }

    fn length(&mut self) -> Result<usize, String> {
        let tag = self.byte()?;
        let length = self.whole(tag)?;
        usize::try_from(length).map_err(|_| format!("a length of {length}"))
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        Ok(std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8")?.to_owned())
    }

    fn value(&mut self, tag: u8, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err("it is nested too deeply".to_owned());
        }
        Ok(match tag {
            b'{' => self.object(depth)?,
            b'[' => self.list(depth)?,
            b'S' => Value::String(self.text()?),
            b'C' => Value::String(char::from(self.byte()?).to_string()),
            b'H' => Value::String(self.text()?),
            b'd' => float(f64::from(f32::from_be_bytes(self.array()?))),
            b'D' => float(f64::from_be_bytes(self.array()?)),
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'Z' => Value::Null,
            other => Value::from(self.whole(other)?),
        })
    }

    /// The common type and the number of a container's items, where they are told.
    fn shape(&mut self) -> Result<(Option<u8>, Option<usize>), String> {
        let mut kind = None;
        if self.rest.first() == Some(&b'$') {
            self.byte()?;
            kind = Some(self.byte()?);
        }
        if self.rest.first() == Some(&b'#') {
            self.byte()?;
            let count = self.length()?;
            // Nulls, trues and falses of a common type take no bytes at all; nobody needs them.
            if count > self.rest.len() {
                return Err(format!("{count} items where {} bytes are left", self.rest.len()));
            }
            return Ok((kind, Some(count)));
        }
        if kind.is_some() { Err("a type without a count".to_owned()) } else { Ok((None, None)) }
    }

    /// Whether an item begins; eats the end where the count is not told, and what stands for nothing.
    fn more(&mut self, done: usize, count: Option<usize>, end: u8) -> Result<bool, String> {
        if let Some(count) = count {
            return Ok(done < count);
        }
        while self.rest.first() == Some(&b'N') {
            self.byte()?;
        }
        if self.rest.first() == Some(&end) {
            self.byte()?;
            return Ok(false);
        }
        Ok(true)
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        let (kind, count) = self.shape()?;
        let mut items = Vec::new();
        while self.more(items.len(), count, b']')? {
            let tag = kind.map_or_else(|| self.byte(), Ok)?;
            items.push(self.value(tag, depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        let (kind, count) = self.shape()?;
        let mut items = Map::new();
        let mut done = 0;
        while self.more(done, count, b'}')? {
            let key = self.text()?;
            let tag = kind.map_or_else(|| self.byte(), Ok)?;
            items.insert(key, self.value(tag, depth + 1)?);
            done += 1;
        }
        Ok(Value::Object(items))
    }
}

/// JSON has no number for what is not finite.
fn float(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}
