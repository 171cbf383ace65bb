//! How much work a table still needs: issues with advice, and one number.

use serde::{Deserialize, Serialize};

use super::columns::ColumnProfile;
use super::relations::Leak;
use crate::table::{Column, Kind, Table};

/// How much an issue matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Better models are likely if it is dealt with.
    Warning,
    /// A model is likely to be wrong, or cannot be learnt.
    Critical,
}

/// What an issue is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueKind {
    /// Too few rows to learn from.
    FewRows,
    /// Many values of a column are missing.
    Missing,
    /// A column has one value, or none.
    Constant,
    /// A column names its rows.
    Identifier,
    /// Rows repeat others.
    Duplicates,
    /// A column tells the target.
    Leak,
    /// A column holds infinite numbers.
    Infinite,
    /// A column is far from symmetric.
    Skewed,
    /// A category has very many levels.
    ManyLevels,
    /// Rows without a target.
    MissingTarget,
    /// One class is much rarer than the others.
    Imbalance,
}

/// Something that had better be looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Issue {
    /// What it is about.
    pub kind: IssueKind,
    /// How much it matters.
    pub severity: Severity,
    /// The column, if it is about one.
    pub column: Option<String>,
    /// What was found.
    pub message: String,
    /// What to do.
    pub advice: String,
}

/// How much work a table still needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// 0 to 100: 100 less 40 × the share of missing cells, 20 × the share of duplicate rows, 20 × the share of columns that are
    /// constant or identifiers, and 10 for each critical issue (at most 40).
    pub score: f64,
    /// The most severe first.
    pub issues: Vec<Issue>,
}

/// Fewer rows than this say little.
const FEW_ROWS: usize = 50;
/// Shares of missing values that are worth a word, and a warning.
const MISSING: [f64; 2] = [0.05, 0.5];
/// |skew| above this calls for a logarithm in linear models.
const SKEW: f64 = 3.0;
/// Levels above which one-hot columns are too many.
const LEVELS: usize = 100;
/// A class rarer than this share is easily overlooked.
const RARE: f64 = 0.05;

pub(super) fn judge(
    table: &Table,
    columns: &[ColumnProfile],
    duplicates: usize,
    leaks: &[Leak],
    target: Option<&Column>,
) -> Quality {
    let rows = table.rows();
    let mut issues = Vec::new();
    if rows < FEW_ROWS {
        let severity = if rows < 10 { Severity::Critical } else { Severity::Warning };
        let message = format!("there are {rows} rows");
        issues.push(issue(
            IssueKind::FewRows,
            severity,
            None,
            message,
            "Gather more rows, or take scores with caution.",
        ));
    }
    for column in columns {
        of_column(column, rows, &mut issues);
    }
    if duplicates > 0 {
        let severity = if share(duplicates, rows) > 0.01 { Severity::Warning } else { Severity::Info };
        let message = format!("{duplicates} rows repeat earlier ones");
        let advice = "Remove them unless they are separate observations: a copy in the test rows flatters every score.";
        issues.push(issue(IssueKind::Duplicates, severity, None, message, advice));
    }
    for leak in leaks {
        let message = format!("tells {:.1} % of the target by itself", leak.strength * 100.0);
        let advice = "Make sure that it is known before the target is; leave it out if it is not.";
        issues.push(issue(IssueKind::Leak, Severity::Critical, Some(&leak.column), message, advice));
    }
    if let Some(target) = target {
        of_target(target, columns, rows, &mut issues);
    }
    issues.sort_by_key(|issue| std::cmp::Reverse(issue.severity));
    Quality { score: score(columns, rows, duplicates, &issues), issues }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn issue(kind: IssueKind, severity: Severity, column: Option<&str>, message: String, advice: &str) -> Issue {
    Issue { kind, severity, column: column.map(str::to_owned), message, advice: advice.to_owned() }
}

fn of_column(column: &ColumnProfile, rows: usize, issues: &mut Vec<Issue>) {
    let mut say =
        |kind, severity, message, advice| issues.push(issue(kind, severity, Some(&column.name), message, advice));
    let missing = share(column.missing, rows);
    if column.constant {
        let message = if column.count == 0 { "has no value at all" } else { "has the same value in every row" };
        say(IssueKind::Constant, Severity::Warning, message.to_owned(), "Leave it out: nothing can be learnt from it.");
        return;
    }
    if missing > MISSING[0] {
        let severity = if missing > MISSING[1] { Severity::Warning } else { Severity::Info };
        let message = format!("{:.1} % of the values are missing", missing * 100.0);
        say(IssueKind::Missing, severity, message, "Find out why; whether a value is missing is itself learnt from.");
    }
    if column.identifier {
        let message = format!("{} different values in {} rows: it names the rows", column.distinct, column.count);
        say(IssueKind::Identifier, Severity::Warning, message, "Leave it out: names do not come again in new rows.");
    } else if column.kind == Kind::Categorical && column.distinct > LEVELS {
        let message = format!("{} levels", column.distinct);
        say(IssueKind::ManyLevels, Severity::Info, message, "Group rare levels if they mean the same.");
    }
    if column.infinite > 0 {
        let message = format!("{} values are infinite", column.infinite);
        say(
            IssueKind::Infinite,
            Severity::Warning,
            message,
            "Find the division by zero; they are cut to the largest seen.",
        );
    }
    if let Some(numbers) = column.numbers.as_ref().filter(|n| n.skew.abs() > SKEW && column.kind == Kind::Numeric) {
        let message = format!("skew {:.1}", numbers.skew);
        say(IssueKind::Skewed, Severity::Info, message, "Look at the largest values: errors of entry hide there.");
    }
}

fn of_target(target: &Column, columns: &[ColumnProfile], rows: usize, issues: &mut Vec<Issue>) {
    let Some(profile) = columns.iter().find(|column| column.name == target.name) else { return };
    if profile.missing > 0 {
        let message = format!("{} rows have no target", profile.missing);
        let advice = "They are left out of learning.";
        issues.push(issue(IssueKind::MissingTarget, Severity::Warning, Some(&target.name), message, advice));
    }
    if profile.constant {
        let message = "the target is the same in every row".to_owned();
        issues.push(issue(IssueKind::Constant, Severity::Critical, Some(&target.name), message, "Choose another one."));
    }
    // `top` lists at most ten: with more classes, rare ones are no surprise.
    if let Some(rarest) = profile.top.last().filter(|_| profile.top.len() == profile.distinct && !profile.constant)
        && share(rarest.count, rows) < RARE
    {
        let message = format!("{:?} is {:.2} % of the rows", rarest.value, share(rarest.count, rows) * 100.0);
        let advice = "Rank by PR AUC, balanced accuracy or MCC: accuracy hides that the rare class is never found.";
        issues.push(issue(IssueKind::Imbalance, Severity::Warning, Some(&target.name), message, advice));
    }
}

fn score(columns: &[ColumnProfile], rows: usize, duplicates: usize, issues: &[Issue]) -> f64 {
    let cells = rows * columns.len();
    let missing: usize = columns.iter().map(|column| column.missing).sum();
    let useless = columns.iter().filter(|column| column.constant || column.identifier).count();
    let critical = issues.iter().filter(|issue| issue.severity == Severity::Critical).count();
    #[expect(clippy::cast_precision_loss, reason = "a number of issues")]
    let critical = (10.0 * critical as f64).min(40.0);
    let lost = 40.0 * share(missing, cells) + 20.0 * share(duplicates, rows) + 20.0 * share(useless, columns.len());
    (100.0 - lost - critical).clamp(0.0, 100.0)
}
