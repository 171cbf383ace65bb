//! Points in time as whole numbers, taken apart by the calendar: [`crate::table::datetime::parts`] on whole columns.

use crate::onnx::{Build, Element, Name};
use crate::table::NO_TIME;
use crate::table::datetime::{DAY, SECOND};

/// Parts of a point in time: those of `Time::parts`, the hour included.
pub(super) const PARTS: usize = 7;

/// A column of whole numbers.
struct Wholes<'a> {
    build: &'a mut Build,
}

impl Wholes<'_> {
    fn plus(&mut self, x: &str, number: i64) -> Name {
        self.build.with_whole("Add", x, number)
    }

    fn times(&mut self, x: &str, number: i64) -> Name {
        self.build.with_whole("Mul", x, number)
    }

    /// Towards zero; nothing here is negative.
    fn over(&mut self, x: &str, number: i64) -> Name {
        self.build.with_whole("Div", x, number)
    }

    /// What is left, never negative.
    fn rest(&mut self, x: &str, number: i64) -> Name {
        self.build.with_whole("Mod", x, number)
    }

    fn sum(&mut self, a: &str, b: &str) -> Name {
        self.build.op("Add", &[a, b])
    }

    fn less(&mut self, a: &str, b: &str) -> Name {
        self.build.op("Sub", &[a, b])
    }

    /// Quotient and rest, downwards.
    fn divided(&mut self, x: &str, number: i64) -> (Name, Name) {
        let rest = self.rest(x, number);
        let whole = self.less(x, &rest);
        (self.over(&whole, number), rest)
    }

    /// Days of `years` years of an era.
    fn days_of(&mut self, years: &str) -> Name {
        let days = self.times(years, 365);
        let leap = self.over(years, 4);
        let days = self.sum(&days, &leap);
        let not = self.over(years, 100);
        self.less(&days, &not)
    }
}

/// Year, month and day of days since 0000-03-01.
fn civil(days: &str, w: &mut Wholes<'_>) -> [Name; 3] {
    let (era, of_era) = w.divided(days, 146_097);
    let fours = w.over(&of_era, 1_460);
    let hundreds = w.over(&of_era, 36_524);
    let last = w.over(&of_era, 146_096);
    let years = w.less(&of_era, &fours);
    let years = w.sum(&years, &hundreds);
    let years = w.less(&years, &last);
    let years = w.over(&years, 365);
    let before = w.days_of(&years);
    let from_march = w.less(&of_era, &before);
    let month = w.times(&from_march, 5);
    let month = w.plus(&month, 2);
    let month_from_march = w.over(&month, 153);
    let first = w.times(&month_from_march, 153);
    let first = w.plus(&first, 2);
    let first = w.over(&first, 5);
    let day = w.less(&from_march, &first);
    let day = w.plus(&day, 1);
    let next_year = w.over(&month_from_march, 10);
    let wrapped = w.times(&next_year, 12);
    let month = w.plus(&month_from_march, 3);
    let month = w.less(&month, &wrapped);
    let past = w.times(&era, 400);
    let year = w.sum(&years, &past);
    [w.sum(&year, &next_year), month, day]
}

/// The day of the year, from 1, of days since 0000-03-01.
fn day_of_year(days: &str, year: &str, w: &mut Wholes<'_>) -> Name {
    let year_before = w.plus(year, -1);
    let (era, of_era) = w.divided(&year_before, 400);
    let in_era = w.days_of(&of_era);
    let era = w.times(&era, 146_097);
    let began = w.sum(&in_era, &era);
    let day = w.less(days, &began);
    // The first of January is 306 days after the first of March before.
    w.plus(&day, 1 - 306)
}

/// The parts of a column of microseconds since 1970-01-01T00:00:00Z, as numbers; NaN where there is no point in time.
pub(super) fn parts(micros: &str, build: &mut Build) -> Name {
    let none = build.wholes(&[NO_TIME]);
    let missing = build.op("Equal", &[micros, &none]);
    let zero = build.wholes(&[0]);
    let at = build.op("Where", &[&missing, &zero, micros]);
    let mut wholes = Wholes { build };
    let w = &mut wholes;
    let (days, of_day) = w.divided(&at, DAY);
    let seconds = w.over(&of_day, SECOND);
    let shifted = w.plus(&days, 719_468);
    let [year, month, day] = civil(&shifted, w);
    let day_of_year = day_of_year(&shifted, &year, w);
    let weekday = w.plus(&days, 3);
    let weekday = w.rest(&weekday, 7);
    let hour = w.over(&seconds, 3_600);
    let minute = w.over(&seconds, 60);
    let minute = w.rest(&minute, 60);
    let minute = build.cast(&minute, Element::Double);
    let minute = build.with("Div", &minute, 60.0);
    let hour = build.cast(&hour, Element::Double);
    let hour = build.op("Add", &[&hour, &minute]);
    let instant = build.cast(&at, Element::Double);
    let instant = build.with("Div", &instant, 1e6);
    let mut all = vec![instant];
    all.extend([&year, &month, &day, &weekday, &day_of_year].map(|part| build.cast(part, Element::Double)));
    all.push(hour);
    let all = build.beside(&all);
    let nothing = build.number(f64::NAN);
    build.op("Where", &[&missing, &nothing, &all])
}
