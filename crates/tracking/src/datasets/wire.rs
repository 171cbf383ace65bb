//! What is told of a dataset's content: by the child that read it, to the server that keeps it, to whoever asks.
//!
//! Numbers that JSON cannot write (of columns near the largest double) are absent.

use rhiza_learn::profile;
use rhiza_learn::table::Kind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the values of a column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Numbers with an order and a distance.
    Numeric,
    /// True or false.
    Boolean,
    /// One of a set of names.
    Categorical,
    /// A point in time.
    Datetime,
    /// Words.
    Text,
}

impl From<Kind> for ColumnType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Numeric => Self::Numeric,
            Kind::Boolean => Self::Boolean,
            Kind::Categorical => Self::Categorical,
            Kind::Datetime => Self::Datetime,
            Kind::Text => Self::Text,
        }
    }
}

impl From<ColumnType> for Kind {
    fn from(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Numeric => Self::Numeric,
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Categorical => Self::Categorical,
            ColumnType::Datetime => Self::Datetime,
            ColumnType::Text => Self::Text,
        }
    }
}

/// The columns of a version and how its file is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatasetSchema {
    /// In the order of the file.
    pub columns: Vec<DatasetColumn>,
    /// How the CSV file is written.
    pub dialect: Option<CsvDialect>,
    /// What there is to say about the reading: columns that got another name, words among numbers.
    pub notes: Vec<String>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatasetColumn {
    /// Its name, unique in the table.
    pub name: String,
    /// How its values are read.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether somebody chose the type; otherwise it was found out.
    pub chosen: bool,
}

/// How a CSV file is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CsvDialect {
    /// Between fields.
    #[schema(example = ",")]
    pub delimiter: String,
    /// Around fields that hold a delimiter.
    pub quote: String,
    /// Whether the first row holds names.
    pub header: bool,
    /// Whether numbers are written `3,14`.
    pub decimal_comma: bool,
    /// How its text is stored.
    #[schema(example = "utf-8")]
    pub encoding: String,
}

/// The first rows of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatasetPreview {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// Rows of cells as text, long ones cut; null where a value is missing.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What a version holds, before anything is learnt from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatasetProfile {
    /// Rows.
    pub rows: usize,
    /// Rows that quantiles, histograms and relations come from.
    pub sampled_rows: usize,
    /// In the order of the file.
    pub columns: Vec<ColumnProfile>,
    /// Rows that repeat an earlier one.
    pub duplicate_rows: usize,
    /// How columns go together, strongest first; those below 0.1 are left out.
    pub relations: Vec<ColumnRelation>,
    /// Columns that tell the target almost by themselves, when the profile looks at one.
    pub leaks: Vec<LeakSuspect>,
    /// How little work the data still needs.
    pub quality: DatasetQuality,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// How its values are read.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Rows with a value.
    pub count: usize,
    /// Rows without.
    pub missing: usize,
    /// Different values.
    pub distinct: usize,
    /// Infinite numbers.
    pub infinite: usize,
    /// All values are the same, or there is none.
    pub constant: bool,
    /// Nearly every row has a value of its own, as names and numbers of things have.
    pub identifier: bool,
    /// The most frequent values of a column that is not of numbers or dates.
    pub top: Vec<ValueCount>,
    /// Of numbers, dates (in seconds since 1970) and texts (their length in characters).
    pub numbers: Option<NumberProfile>,
    /// The first date.
    pub first: Option<String>,
    /// The last date.
    pub last: Option<String>,
}

/// A value and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValueCount {
    /// The value, cut if it is long.
    pub value: String,
    /// Rows that hold it.
    pub count: usize,
}

/// The shape of finite numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NumberProfile {
    /// Mean.
    pub mean: Option<f64>,
    /// Standard deviation.
    pub deviation: Option<f64>,
    /// Smallest.
    pub minimum: Option<f64>,
    /// Largest.
    pub maximum: Option<f64>,
    /// Quantiles, smallest first.
    pub quantiles: Vec<Quantile>,
    /// Skewness: 0 for symmetric numbers.
    pub skew: Option<f64>,
    /// Excess kurtosis: 0 for normally distributed numbers.
    pub kurtosis: Option<f64>,
    /// Rows that are exactly zero.
    pub zeros: usize,
    /// Rows below zero.
    pub negative: usize,
    /// Equal steps from the smallest to the largest.
    pub histogram: Vec<HistogramBin>,
}

/// A quantile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quantile {
    /// Which, 0 to 1.
    pub at: f64,
    /// Its value.
    pub value: Option<f64>,
}

/// A bar of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistogramBin {
    /// Where it begins; the last includes its end.
    pub from: Option<f64>,
    /// Where it ends.
    pub to: Option<f64>,
    /// Rows of the sample in it.
    pub count: usize,
}

/// How a relation is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RelationMeasure {
    /// Numbers with numbers, −1 to 1: straight lines.
    Pearson,
    /// Numbers with numbers, −1 to 1: ranks.
    Spearman,
    /// Categories with categories, 0 to 1.
    CramersV,
    /// Categories with numbers, 0 to 1.
    CorrelationRatio,
}

/// How two columns go together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnRelation {
    /// One column.
    pub a: String,
    /// The other.
    pub b: String,
    /// How it is measured.
    pub measure: RelationMeasure,
    /// How strong it is.
    pub value: f64,
}

/// A column that tells the target almost by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LeakSuspect {
    /// The column.
    pub column: String,
    /// Share of what there is to know that it tells, 0 to 1.
    pub strength: f64,
}

/// How little work a version still needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatasetQuality {
    /// 0 to 100, less for missing cells, repeated rows, useless columns and critical issues.
    pub score: f64,
    /// The most severe first.
    pub issues: Vec<DatasetIssue>,
}

/// How much an issue matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IssueSeverity {
    /// Good to know.
    Info,
    /// Better models are likely if it is dealt with.
    Warning,
    /// A model is likely to be wrong, or cannot be learnt.
    Critical,
}

/// What an issue is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatasetIssue {
    /// What it is about.
    pub kind: IssueKind,
    /// How much it matters.
    pub severity: IssueSeverity,
    /// The column, if it is about one.
    pub column: Option<String>,
    /// What was found.
    pub message: String,
    /// What to do.
    pub advice: String,
}

/// The quantiles that a profile tells, in the order of the library.
const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
/// Longest value of a list or a first row, in characters.
const VALUE_MAX: usize = 200;

/// A value as it is shown: not more than a few lines of it, and nothing that a database cannot keep.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(VALUE_MAX).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect();
    if shown.len() < text.len() && text.chars().nth(VALUE_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

impl From<profile::Profile> for DatasetProfile {
    fn from(profile: profile::Profile) -> Self {
        let relation = |relation: profile::Relation| ColumnRelation {
            a: relation.a,
            b: relation.b,
            measure: relation.measure.into(),
            value: relation.value,
        };
        let leak = |leak: profile::Leak| LeakSuspect { column: leak.column, strength: leak.strength };
        Self {
            rows: profile.rows,
            sampled_rows: profile.sampled_rows,
            columns: profile.columns.into_iter().map(ColumnProfile::from).collect(),
            duplicate_rows: profile.duplicate_rows,
            relations: profile.relations.into_iter().filter(|r| r.value.is_finite()).map(relation).collect(),
            leaks: profile.leaks.into_iter().map(leak).collect(),
            quality: DatasetQuality {
                score: profile.quality.score,
                issues: profile.quality.issues.into_iter().map(DatasetIssue::from).collect(),
            },
        }
    }
}

impl From<profile::ColumnProfile> for ColumnProfile {
    fn from(column: profile::ColumnProfile) -> Self {
        let (first, last) = column.range.unzip();
        let top = |top: profile::TopValue| ValueCount { value: shown(&top.value), count: top.count };
        Self {
            name: column.name,
            kind: column.kind.into(),
            count: column.count,
            missing: column.missing,
            distinct: column.distinct,
            infinite: column.infinite,
            constant: column.constant,
            identifier: column.identifier,
            top: column.top.into_iter().map(top).collect(),
            numbers: column.numbers.map(NumberProfile::from),
            first,
            last,
        }
    }
}

impl From<profile::NumberProfile> for NumberProfile {
    fn from(numbers: profile::NumberProfile) -> Self {
        let quantile = |(at, value): (f64, f64)| Quantile { at, value: finite(value) };
        let bin = |bin: profile::Bin| HistogramBin { from: finite(bin.from), to: finite(bin.to), count: bin.count };
        Self {
            mean: finite(numbers.mean),
            deviation: finite(numbers.deviation),
            minimum: finite(numbers.minimum),
            maximum: finite(numbers.maximum),
            quantiles: QUANTILES.into_iter().zip(numbers.quantiles).map(quantile).collect(),
            skew: finite(numbers.skew),
            kurtosis: finite(numbers.kurtosis),
            zeros: numbers.zeros,
            negative: numbers.negative,
            histogram: numbers.histogram.into_iter().map(bin).collect(),
        }
    }
}

impl From<profile::Measure> for RelationMeasure {
    fn from(measure: profile::Measure) -> Self {
        match measure {
            profile::Measure::Pearson => Self::Pearson,
            profile::Measure::Spearman => Self::Spearman,
            profile::Measure::CramersV => Self::CramersV,
            profile::Measure::CorrelationRatio => Self::CorrelationRatio,
        }
    }
}

impl From<profile::Issue> for DatasetIssue {
    fn from(issue: profile::Issue) -> Self {
        let kind = match issue.kind {
            profile::IssueKind::FewRows => IssueKind::FewRows,
            profile::IssueKind::Missing => IssueKind::Missing,
            profile::IssueKind::Constant => IssueKind::Constant,
            profile::IssueKind::Identifier => IssueKind::Identifier,
            profile::IssueKind::Duplicates => IssueKind::Duplicates,
            profile::IssueKind::Leak => IssueKind::Leak,
            profile::IssueKind::Infinite => IssueKind::Infinite,
            profile::IssueKind::Skewed => IssueKind::Skewed,
            profile::IssueKind::ManyLevels => IssueKind::ManyLevels,
            profile::IssueKind::MissingTarget => IssueKind::MissingTarget,
            profile::IssueKind::Imbalance => IssueKind::Imbalance,
        };
        let severity = match issue.severity {
            profile::Severity::Info => IssueSeverity::Info,
            profile::Severity::Warning => IssueSeverity::Warning,
            profile::Severity::Critical => IssueSeverity::Critical,
        };
        Self { kind, severity, column: issue.column, message: shown(&issue.message), advice: issue.advice }
    }
}
