//! Dates and times as tables write them, to microseconds since 1970-01-01T00:00:00Z and back to calendar parts.
//!
//! The calendar is the proleptic Gregorian one (Howard Hinnant, "chrono-compatible low-level date algorithms").

/// Microseconds in a second.
pub(crate) const SECOND: i64 = 1_000_000;
/// Microseconds in a day.
pub(crate) const DAY: i64 = 86_400 * SECOND;

/// The order of day and month where a date is written with slashes or dashes and the year comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    DayFirst,
    MonthFirst,
}

/// A point in time as a calendar and a clock show it (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: u32,
    /// 1 to 31.
    pub(crate) day: u32,
    /// 0 to 23.
    pub(crate) hour: u32,
    /// 0 to 59.
    pub(crate) minute: u32,
    /// 0 (Monday) to 6.
    pub(crate) weekday: u32,
    /// 1 to 366.
    pub(crate) day_of_year: u32,
}

/// Days since 1970-01-01.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The calendar's view of `micros`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "all are small non-negative numbers")]
pub(crate) fn parts(micros: i64) -> Parts {
    let days = micros.div_euclid(DAY);
    let seconds = micros.rem_euclid(DAY) / SECOND;
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * from_march + 2) / 153;
    let day = from_march - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Parts {
        year,
        month: month as u32,
        day: day as u32,
        hour: (seconds / 3600) as u32,
        minute: (seconds / 60 % 60) as u32,
        weekday: (days + 3).rem_euclid(7) as u32,
        day_of_year: (days - days_from_civil(year, 1, 1) + 1) as u32,
    }
}

/// `micros` as ISO 8601 in UTC; the time of day is left out at midnight.
pub(crate) fn display(micros: i64) -> String {
    let at = parts(micros);
    let date = format!("{:04}-{:02}-{:02}", at.year, at.month, at.day);
    let rest = micros.rem_euclid(DAY);
    if rest == 0 {
        return date;
    }
    let seconds = rest / SECOND % 60;
    match rest % SECOND {
        0 => format!("{date}T{:02}:{:02}:{seconds:02}Z", at.hour, at.minute),
        fraction => format!("{date}T{:02}:{:02}:{seconds:02}.{fraction:06}Z", at.hour, at.minute),
    }
}

/// Reads a date, or a date and a time: `2024-03-01`, `2024/03/01`, `20240301T101500Z` is not one; `2024-03-01 10:15[:30[.5]]`
/// with `T` or a blank, `Z`, `+02:00` or nothing (UTC); `01.03.2024`; `01/03/2024` and `01-03-2024` in the order given.
pub(crate) fn parse(text: &str, order: Order) -> Option<i64> {
    let text = text.trim();
    let bytes = text.as_bytes();
    // Shorter than 1/1/2000 or not beginning with a digit: most cells leave here.
    if bytes.len() < 8 || !bytes[0].is_ascii_digit() || !text.is_ascii() {
        return None;
    }
    let end = bytes.iter().position(|b| matches!(b, b'T' | b't' | b' ')).unwrap_or(bytes.len());
    let date = parse_date(&text[..end], order)?;
    let time = if end == bytes.len() { 0 } else { parse_time(text[end + 1..].trim_start())? };
    date.checked_mul(DAY)?.checked_add(time)
}

/// Whether the text is a date in which the first number can only be a day (`Some(true)`) or the second (`Some(false)`).
pub(crate) fn tells_order(text: &str) -> Option<bool> {
    let date = text.trim().split(['T', ' ']).next()?;
    let mut numbers = date.split(['/', '-']).map(|part| part.parse::<u32>().ok());
    match (numbers.next()??, numbers.next()??) {
        (first, second) if first > 12 && first <= 31 && second <= 12 => Some(true),
        (first, second) if first <= 12 && second > 12 && second <= 31 => Some(false),
        _ => None,
    }
}

/// Days since 1970-01-01.
fn parse_date(text: &str, order: Order) -> Option<i64> {
    let separator = text.bytes().find(|b| !b.is_ascii_digit())?;
    if !matches!(separator, b'-' | b'/' | b'.') {
        return None;
    }
    let mut parts = text.split(char::from(separator));
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || ![a, b, c].iter().all(|p| p.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let (year, month, day) = match (a.len(), b.len(), c.len()) {
        (4, 1..=2, 1..=2) => (a, b, c),
        (1..=2, 1..=2, 4) if separator == b'.' || order == Order::DayFirst => (c, b, a),
        (1..=2, 1..=2, 4) => (c, a, b),
        _ => return None,
    };
    let (year, month, day) = (year.parse::<i64>().ok()?, month.parse::<u32>().ok()?, day.parse::<u32>().ok()?);
    (1..=12).contains(&month).then_some(())?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=length).contains(&day).then(|| days_from_civil(year, month, day))
}

/// Microseconds since midnight UTC; an offset may lead to the day before or after.
fn parse_time(text: &str) -> Option<i64> {
    let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
        Some(at) if text[at..].eq_ignore_ascii_case("z") => (&text[..at], 0),
        Some(at) => (&text[..at], parse_offset(&text[at..])?),
        None => (text, 0),
    };
    let mut parts = clock.trim_end().split(':');
    let hour = two_digits(parts.next()?)?;
    let minute = two_digits(parts.next()?)?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once(['.', ',']) {
            None => (two_digits(seconds)?, 0),
            Some((whole, fraction)) => (two_digits(whole)?, parse_fraction(fraction)?),
        },
    };
    // 60 is a leap second: it is counted as the first second of the next minute.
    if parts.next().is_some() || hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    Some((i64::from(hour * 3600 + minute * 60 + second) - offset) * SECOND + fraction)
}

/// Seconds east of Greenwich, of `+02:00`, `+0200` or `+02`.
fn parse_offset(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match digits.len() {
        2 => (two_digits(&digits)?, 0),
        4 => (two_digits(&digits[..2])?, two_digits(&digits[2..])?),
        _ => return None,
    };
    (hours <= 18 && minutes <= 59).then(|| sign * i64::from(hours * 3600 + minutes * 60))
}

/// Microseconds of the digits after the decimal point; what is finer is cut off.
fn parse_fraction(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let micros = digits.bytes().chain(std::iter::repeat(b'0')).take(6);
    Some(micros.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

fn two_digits(text: &str) -> Option<u32> {
    let fits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}
