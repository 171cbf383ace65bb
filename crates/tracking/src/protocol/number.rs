//! Metric values: how they arrive, are kept, and leave again.
//!
//! MLflow keeps a NaN as a flag beside 0, and infinities as the largest finite double; so do we, because filters
//! and orderings show it.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A metric's value as stored: always finite, with NaN as a flag beside 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricValue {
    /// The finite value; 0 when `nan`.
    pub value: f64,
    /// Whether the value is not a number.
    pub nan: bool,
}

impl MetricValue {
    /// What is kept of a double.
    #[must_use]
    pub fn new(value: f64) -> Self {
        if value.is_nan() {
            return Self { value: 0.0, nan: true };
        }
        // Adding 0.0 turns -0.0 into 0.0, as a database does on the way.
        Self { value: value.clamp(f64::MIN, f64::MAX) + 0.0, nan: false }
    }

    /// The double it stands for.
    #[must_use]
    pub const fn double(self) -> f64 {
        if self.nan { f64::NAN } else { self.value }
    }
}

impl Serialize for MetricValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.nan { serializer.serialize_str("NaN") } else { serializer.serialize_f64(self.value) }
    }
}

/// Reads a metric's value out of JSON: a number, or a text that names one.
#[must_use]
pub fn parse_metric(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        Value::String(text) => match text.trim() {
            "NaN" | "nan" => Some(f64::NAN),
            "Infinity" | "inf" | "+inf" => Some(f64::INFINITY),
            "-Infinity" | "-inf" => Some(f64::NEG_INFINITY),
            digits if digits.bytes().any(|b| b.is_ascii_digit()) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// Appends a stored value as JSON: the shortest digits that read back the same, or `"NaN"`.
pub fn write_metric(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.extend_from_slice(if value.is_nan() {
            b"\"NaN\""
        } else if value > 0.0 {
            b"\"Infinity\""
        } else {
            b"\"-Infinity\""
        });
    }
}

/// The double behind the bits a `series` row keeps beside the value.
#[must_use]
pub const fn read_metric_bits(bits: i64) -> f64 {
    f64::from_bits(bits.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_is_finite() {
        assert_eq!(MetricValue::new(f64::NAN), MetricValue { value: 0.0, nan: true });
        assert_eq!(MetricValue::new(f64::INFINITY).value, f64::MAX);
        assert_eq!(MetricValue::new(f64::NEG_INFINITY).value, f64::MIN);
        assert!(MetricValue::new(-0.0).value.is_sign_positive());
    }

    #[test]
    fn numbers_and_their_names_are_read() {
        assert_eq!(parse_metric(&json!(1)), Some(1.0));
        assert_eq!(parse_metric(&json!("1.5")), Some(1.5));
        assert_eq!(parse_metric(&json!("1e400")), Some(f64::INFINITY));
        assert!(parse_metric(&json!("NaN")).unwrap().is_nan());
        assert_eq!(parse_metric(&json!("-Infinity")), Some(f64::NEG_INFINITY));
        assert_eq!(parse_metric(&json!("infinity and beyond")), None);
        assert_eq!(parse_metric(&json!([])), None);
    }

    #[test]
    fn values_leave_as_they_came() {
        for value in [0.1, 1.0, -1e-300, f64::MAX, 1e22] {
            let mut out = Vec::new();
            write_metric(value, &mut out);
            assert_eq!(serde_json::from_slice::<f64>(&out).unwrap().to_bits(), value.to_bits());
        }
    }
}
