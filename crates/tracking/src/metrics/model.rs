//! Points of a metric, their order, and the two blob formats that keep them: the log entry (all metrics of one
//! write) and the segment (many points of one metric). Pure.

use std::cmp::Ordering;

use crate::protocol::MetricValue;

/// One logged value. The value is finite or NaN: see [`MetricValue`].
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// The value.
    pub value: f64,
    /// When it was logged, in milliseconds since 1970.
    pub timestamp: i64,
    /// The training step.
    pub step: i64,
}

impl Point {
    /// A point as it is stored: infinities become the largest finite double.
    #[must_use]
    pub fn new(value: f64, timestamp: i64, step: i64) -> Self {
        Self { value: MetricValue::new(value).double(), timestamp, step }
    }

    /// The value as the database sees it.
    #[must_use]
    pub fn stored(&self) -> MetricValue {
        MetricValue::new(self.value)
    }

    /// The order of a history: time, step, value; a NaN counts as 0.
    #[must_use]
    pub fn history_order(&self, other: &Self) -> Ordering {
        (self.timestamp, self.step).cmp(&(other.timestamp, other.step)).then_with(|| self.value_order(other))
    }

    /// The order in which MLflow samples: step, time, value.
    #[must_use]
    pub fn step_order(&self, other: &Self) -> Ordering {
        (self.step, self.timestamp).cmp(&(other.step, other.timestamp)).then_with(|| self.value_order(other))
    }

    /// Whether `self` takes the place of `latest` as a series' latest value.
    #[must_use]
    pub fn supersedes(&self, latest: &Self) -> bool {
        (self.step, self.timestamp)
            .cmp(&(latest.step, latest.timestamp))
            .then_with(|| self.stored().value.total_cmp(&latest.stored().value))
            == Ordering::Greater
    }

    fn value_order(&self, other: &Self) -> Ordering {
        let (a, b) = (self.stored(), other.stored());
        a.value.total_cmp(&b.value).then(a.nan.cmp(&b.nan))
    }

    fn same(&self, other: &Self) -> bool {
        self.history_order(other) == Ordering::Equal
    }
}

impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

/// Sorts into the order of histories and drops exact duplicates, as MLflow's primary key does.
pub fn normalise(points: &mut Vec<Point>) {
    // Stable, because it recognises the sorted stretches that concatenated segments are.
    points.sort_by(Point::history_order);
    points.dedup_by(|a, b| a.same(b));
}

/// Why bytes are no blob of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a damaged metric blob: {0}")]
pub struct Damaged(&'static str);

/// Blobs begin with one of these, so that the format can change.
const PLAIN: u8 = 1;
const ZSTD: u8 = 2;
/// Below this compression costs more than it saves.
const COMPRESS_FROM: usize = 256;
/// No blob of ours unpacks to more: a limit for damaged lengths.
const MAX_UNPACKED: usize = 256 * 1024 * 1024;

/// One segment: points of one metric, already in order.
#[must_use]
pub fn encode_segment(points: &[Point]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(points.len() * 11 + 8);
    write_columns(points, &mut raw);
    pack(raw)
}

/// The points of a segment.
///
/// # Errors
/// When the bytes are damaged.
pub fn decode_segment(blob: &[u8]) -> Result<Vec<Point>, Damaged> {
    let raw = unpack(blob)?;
    let mut reader = Reader(&raw);
    read_columns(&mut reader)
}

/// One log entry: the points of each metric of a write.
#[must_use]
pub fn encode_log(series: &[(&str, &[Point])]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(series.len() * 32 + 8);
    write_varint(series.len() as u64, &mut raw);
    let mut columns = Vec::new();
    for (key, points) in series {
        write_varint(key.len() as u64, &mut raw);
        raw.extend_from_slice(key.as_bytes());
        columns.clear();
        write_columns(points, &mut columns);
        // The length lets a reader skip the metrics it does not want.
        write_varint(columns.len() as u64, &mut raw);
        raw.extend_from_slice(&columns);
    }
    pack(raw)
}

/// Calls `each` for every metric of a log entry which `wanted` accepts.
///
/// # Errors
/// When the bytes are damaged.
pub fn decode_log(
    blob: &[u8],
    wanted: impl Fn(&str) -> bool,
    mut each: impl FnMut(&str, Vec<Point>),
) -> Result<(), Damaged> {
    let raw = unpack(blob)?;
    let mut reader = Reader(&raw);
    for _ in 0..reader.varint()? {
        let length = reader.length()?;
        let key = std::str::from_utf8(reader.take(length)?).map_err(|_| Damaged("a key is no text"))?;
        let length = reader.length()?;
        let mut columns = Reader(reader.take(length)?);
        if wanted(key) {
            each(key, read_columns(&mut columns)?);
        }
    }
    Ok(())
}

fn pack(raw: Vec<u8>) -> Vec<u8> {
    if raw.len() >= COMPRESS_FROM
        && let Ok(packed) = zstd::bulk::compress(&raw, 1)
        && packed.len() + 8 < raw.len()
    {
        let mut blob = Vec::with_capacity(packed.len() + 8);
        blob.push(ZSTD);
        write_varint(raw.len() as u64, &mut blob);
        blob.extend_from_slice(&packed);
        return blob;
    }
    let mut blob = Vec::with_capacity(raw.len() + 1);
    blob.push(PLAIN);
    blob.extend_from_slice(&raw);
    blob
}

fn unpack(blob: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, Damaged> {
    match blob.split_first() {
        Some((&PLAIN, rest)) => Ok(rest.into()),
        Some((&ZSTD, rest)) => {
            let mut reader = Reader(rest);
            let length = usize::try_from(reader.varint()?).map_err(|_| Damaged("too long"))?;
            if length > MAX_UNPACKED {
                return Err(Damaged("too long"));
            }
            zstd::bulk::decompress(reader.0, length).map(Into::into).map_err(|_| Damaged("it does not unpack"))
        }
        _ => Err(Damaged("an unknown format")),
    }
}

/// Times and steps as differences (most are constant: the compressor reduces them to nothing), values as their bytes
/// sorted by significance, where slowly changing numbers repeat themselves.
fn write_columns(points: &[Point], out: &mut Vec<u8>) {
    write_varint(points.len() as u64, out);
    let (mut timestamp, mut step) = (0_i64, 0_i64);
    for point in points {
        write_varint(zigzag(point.timestamp.wrapping_sub(timestamp)), out);
        timestamp = point.timestamp;
    }
    for point in points {
        write_varint(zigzag(point.step.wrapping_sub(step)), out);
        step = point.step;
    }
    for byte in 0..8 {
        out.extend(points.iter().map(|p| p.value.to_bits().to_le_bytes()[byte]));
    }
}

fn read_columns(reader: &mut Reader<'_>) -> Result<Vec<Point>, Damaged> {
    let count = reader.length()?;
    let mut points = Vec::with_capacity(count);
    let mut timestamp = 0_i64;
    for _ in 0..count {
        timestamp = timestamp.wrapping_add(unzigzag(reader.varint()?));
        points.push(Point { value: 0.0, timestamp, step: 0 });
    }
    let mut step = 0_i64;
    for point in &mut points {
        step = step.wrapping_add(unzigzag(reader.varint()?));
        point.step = step;
    }
    let bytes = reader.take(count.checked_mul(8).ok_or(Damaged("too long"))?)?;
    for (i, point) in points.iter_mut().enumerate() {
        let mut bits = [0_u8; 8];
        for (byte, slot) in bits.iter_mut().enumerate() {
            *slot = bytes[byte * count + i];
        }
        point.value = f64::from_bits(u64::from_le_bytes(bits));
    }
    Ok(points)
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64, Damaged> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Damaged("it ends early"))?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged("a number has no end"))
    }

    /// A count of things of which each takes at least a byte.
    fn length(&mut self) -> Result<usize, Damaged> {
        let length = usize::try_from(self.varint()?).map_err(|_| Damaged("too long"))?;
        if length > self.0.len() { Err(Damaged("it ends early")) } else { Ok(length) }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Damaged("it ends early"))?;
        self.0 = rest;
        Ok(taken)
    }
}

/// The largest segment, in points: what one read of a page has to unpack at most.
pub const SEGMENT_POINTS: usize = 65_536;
/// So many segments of one level are merged into the next.
pub const MERGE_FANOUT: i64 = 16;
/// The level of full segments, which are merged no more.
pub const TOP_LEVEL: i16 = 4;

/// The level of a segment of so many points: 16-fold steps up to the full segment.
#[must_use]
pub const fn level(points: usize) -> i16 {
    match points {
        0..16 => 0,
        16..256 => 1,
        256..4_096 => 2,
        4_096..SEGMENT_POINTS => 3,
        _ => TOP_LEVEL,
    }
}

/// MLflow's sample of a history in step order: the first point of each of `buckets` even buckets, and always the last
/// point of all.
#[must_use]
pub fn sample(points: &[Point], buckets: usize) -> Vec<Point> {
    let buckets = buckets.max(1);
    let (count, Some(last)) = (points.len(), points.last()) else { return Vec::new() };
    if count <= buckets {
        return points.to_vec();
    }
    // As SQL's NTILE: the first `long` buckets have one more.
    let (size, long) = (count / buckets, count % buckets);
    let mut sampled: Vec<Point> = (0..buckets).map(|b| points[b * size + b.min(long)]).collect();
    if let Some(end) = sampled.last_mut() {
        *end = *last;
    }
    sampled
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = f64> {
        prop_oneof![
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
            Just(0.0),
            any::<f64>(),
            -1.0..1.0_f64
        ]
    }

    fn times() -> impl Strategy<Value = i64> {
        prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), any::<i64>(), 0..2000_i64]
    }

    fn points(max: usize) -> impl Strategy<Value = Vec<Point>> {
        proptest::collection::vec((values(), times(), times()).prop_map(|(v, t, s)| Point::new(v, t, s)), 0..max)
    }

    proptest! {
        #[test]
        fn a_segment_gives_back_what_went_in(points in points(300)) {
            let back = decode_segment(&encode_segment(&points)).unwrap();
            prop_assert_eq!(back.len(), points.len());
            for (a, b) in back.iter().zip(&points) {
                prop_assert_eq!((a.timestamp, a.step), (b.timestamp, b.step));
                prop_assert_eq!(a.value.to_bits(), b.value.to_bits());
            }
        }

        #[test]
        fn a_log_entry_gives_back_each_metric(a in points(40), b in points(40), key in ".{0,40}") {
            let blob = encode_log(&[(&key, &a), ("other", &b)]);
            let mut seen = Vec::new();
            decode_log(&blob, |k| k == "other", |k, points| seen.push((k.to_owned(), points.len()))).unwrap();
            if key != "other" {
                prop_assert_eq!(seen, vec![("other".to_owned(), b.len())]);
            }
        }

        #[test]
        fn damaged_blobs_are_refused_not_believed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_segment(&bytes);
            let _ = decode_log(&bytes, |_| true, |_, _| {});
        }

        #[test]
        fn a_cut_blob_is_refused(points in points(40), cut in 1..20_usize) {
            let blob = encode_segment(&points);
            let end = blob.len().saturating_sub(cut);
            prop_assert!(decode_segment(&blob[..end]).is_err());
        }

        #[test]
        fn a_history_is_sorted_and_without_duplicates(mut points in points(200)) {
            let twice: Vec<_> = points.iter().chain(&points).copied().collect();
            points = twice;
            normalise(&mut points);
            for pair in points.windows(2) {
                prop_assert_eq!(pair[0].history_order(&pair[1]), Ordering::Less);
            }
        }

        #[test]
        fn a_sample_keeps_order_and_the_last_point(count in 1..500_usize, buckets in 1..60_usize) {
            let points: Vec<_> = (0..count).map(|i| Point::new(0.0, 0, i as i64)).collect();
            let sampled = sample(&points, buckets);
            prop_assert_eq!(sampled.len(), count.min(buckets));
            prop_assert_eq!(sampled.last().unwrap().step, count as i64 - 1);
            prop_assert!(sampled.windows(2).all(|w| w[0].step < w[1].step));
        }
    }

    #[test]
    fn the_latest_value_is_by_step_then_time_then_value() {
        let p = Point::new;
        assert!(p(0.0, 0, 2).supersedes(&p(9.0, 9, 1)));
        assert!(p(0.0, 2, 1).supersedes(&p(9.0, 1, 1)));
        assert!(p(2.0, 1, 1).supersedes(&p(1.0, 1, 1)));
        assert!(!p(1.0, 1, 1).supersedes(&p(1.0, 1, 1)));
        assert!(!p(f64::NAN, 1, 1).supersedes(&p(0.0, 1, 1)));
        assert!(p(f64::INFINITY, 1, 1).supersedes(&p(1e300, 1, 1)));
    }

    #[test]
    fn a_nan_and_a_zero_at_one_spot_are_two_points() {
        let mut points = vec![Point::new(f64::NAN, 1, 1), Point::new(0.0, 1, 1), Point::new(f64::NAN, 1, 1)];
        normalise(&mut points);
        assert_eq!(points.len(), 2);
    }

    #[test]
    fn a_smooth_curve_takes_few_bytes() {
        let points: Vec<_> =
            (0..10_000_i64).map(|i| Point::new(1.0 / (1.0 + i as f64), 1_780_000_000_000 + i * 50, i)).collect();
        let bytes = encode_segment(&points).len();
        assert!(bytes < 10_000 * 9, "{bytes}");
    }
}
