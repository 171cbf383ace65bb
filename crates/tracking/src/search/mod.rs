//! MLflow's search grammar: filters and orders, parsed into typed terms. Pure: the `store_search` files turn them into SQL.
//!
//! The grammar is what MLflow makes of a general SQL tokenizer, so its complaints follow from tokens; every one of them also
//! knows where in the text it arose, which the native API tells and MLflow's wire format does not.

pub mod experiments;
pub mod grammar;
pub(crate) mod lexer;
pub mod logged_models;
pub mod models;
pub mod runs;
pub(crate) mod sql;

use crate::error::TrackingResult;
use crate::protocol::Fields;

/// Which stage of life to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// What is not deleted.
    #[default]
    Active,
    /// What is deleted.
    Deleted,
    /// Both.
    All,
}

impl View {
    /// Reads a `ViewType` field.
    ///
    /// # Errors
    /// When it names no view.
    pub fn of(fields: &Fields, name: &str) -> TrackingResult<Self> {
        const CHOICES: [(&str, i64, View); 4] = [
            ("ACTIVE_ONLY", 1, View::Active),
            ("DELETED_ONLY", 2, View::Deleted),
            ("ALL", 3, View::All),
            ("", 0, View::Active),
        ];
        Ok(fields.choice(name, &CHOICES)?.unwrap_or_default())
    }

    /// The value the `deleted` column must have, if it matters.
    #[must_use]
    pub const fn deleted(self) -> Option<bool> {
        match self {
            Self::Active => Some(false),
            Self::Deleted => Some(true),
            Self::All => None,
        }
    }
}

/// How two texts are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// `=`
    Is(String),
    /// `!=`
    IsNot(String),
    /// `LIKE`: `%` and `_` stand for anything and any character, case counts.
    Like(String),
    /// `ILIKE`: as `LIKE`, case does not count.
    Ilike(String),
    /// `IN`
    In(Vec<String>),
    /// `NOT IN`
    NotIn(Vec<String>),
    /// `IS NULL`
    Missing,
    /// `IS NOT NULL`
    Present,
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberTest {
    /// `=`
    Is,
    /// `!=`
    IsNot,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl NumberTest {
    /// The operator's meaning, if it is one of these.
    #[must_use]
    pub fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            "=" => Self::Is,
            "!=" => Self::IsNot,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::More,
            ">=" => Self::AtLeast,
            _ => return None,
        })
    }

    /// The operator in SQL.
    #[must_use]
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "<>",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// Cuts off the row that was read beyond `limit` to see whether more follow; tells whether they do.
pub(crate) fn cut<T>(rows: &mut Vec<T>, limit: u64) -> bool {
    let more = rows.len() as u64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    more
}

/// A Python set of texts as it prints, in a fixed order.
pub(crate) fn python_set(items: &[&str]) -> String {
    let quoted: Vec<String> = items.iter().map(|i| crate::protocol::repr_str(i)).collect();
    format!("{{{}}}", quoted.join(", "))
}
