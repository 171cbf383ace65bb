//! What filters and orders of logged models mean. MLflow reads them with a parser of its own: texts lose only single
//! quotes, numbers may stand where texts are due, and identifiers need their entity's full name.

use super::grammar::{self, Clause, Operand, Stray};
use super::runs::text_test;
use super::{NumberTest, TextTest};
use crate::error::{TrackingError, TrackingResult};
use crate::logged_models::model::Status;
use crate::protocol::{experiment_id, repr_str};

/// A text of a logged model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// Its name.
    Name,
    /// Its id.
    Id,
    /// What sort of model it is.
    Type,
    /// The run that made it.
    SourceRun,
    /// The root of its files.
    Artifacts,
    /// `active`: deleted ones are never found.
    Lifecycle,
}

/// A time of a logged model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// When it was made.
    Created,
    /// When it last changed.
    Updated,
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// On a text.
    Text(Text, TextTest),
    /// On a time.
    Time(Time, NumberTest, f64),
    /// On the state: which it may be in.
    Status(Vec<Status>),
    /// On the experiment: the ids, and whether it must be (or must not be) one of them.
    Experiment(Vec<i128>, bool),
    /// On the latest value of a metric.
    Metric(String, NumberTest, f64),
    /// On a parameter.
    Param(String, TextTest),
    /// On a tag.
    Tag(String, TextTest),
}

/// A dataset that metrics were measured on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its name; any when absent.
    pub name: Option<String>,
    /// Its digest; any when absent.
    pub digest: Option<String>,
}

/// What to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A text.
    Text(Text),
    /// A time.
    Time(Time),
    /// The state.
    Status,
    /// The experiment.
    Experiment,
    /// The latest value of a metric, on that dataset.
    Metric(String, Dataset),
}

/// A parsed search.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Search {
    /// Conditions, all of which must hold.
    pub terms: Vec<Term>,
    /// The datasets whose metrics count; empty is all of them.
    pub datasets: Vec<Dataset>,
    /// The order, with whether it rises.
    pub order: Vec<(Key, bool)>,
}

const NUMBER_OPERATORS: &str = "('<', '<=', '>', '>=', '=', '!=')";
const TEXT_OPERATORS: &str = "('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN')";

/// A column of a logged model.
enum Column {
    Text(Text),
    Time(Time),
    Status,
    Experiment,
}

fn column(name: &str) -> Option<Column> {
    Some(match name {
        "name" => Column::Text(Text::Name),
        "model_id" => Column::Text(Text::Id),
        "model_type" => Column::Text(Text::Type),
        "source_run_id" => Column::Text(Text::SourceRun),
        "artifact_location" => Column::Text(Text::Artifacts),
        "lifecycle_stage" => Column::Text(Text::Lifecycle),
        "status" => Column::Status,
        "experiment_id" => Column::Experiment,
        "creation_time" | "creation_timestamp" | "creation_timestamp_ms" => Column::Time(Time::Created),
        "last_updated_timestamp" | "last_updated_timestamp_ms" => Column::Time(Time::Updated),
        _ => return None,
    })
}

/// The entity of an identifier and its key: `metrics.acc` is (`metrics`, `acc`), `name` is (`attributes`, `name`).
fn identify(clause: &Clause) -> TrackingResult<(&str, &str)> {
    let (prefix, key) = match grammar::split(&clause.identifier) {
        (Some(prefix), key)
            if !key.is_empty() && !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_lowercase()) =>
        {
            (prefix, key)
        }
        _ => ("attributes", clause.identifier.as_str()),
    };
    if !["attributes", "metrics", "params", "tags"].contains(&prefix) {
        return Err(clause.bad_name(format!(
            "Invalid entity type: {}. Expected one of ['attributes', 'metrics', 'params', 'tags'].",
            repr_str(prefix)
        )));
    }
    Ok((prefix, key.trim_matches('`')))
}

fn bad_operator(clause: &Clause, entity: &str, key: &str, valid: &str) -> TrackingError {
    clause.bad_operator(format!(
        "Invalid comparison operator for {entity}.{key}: {}. Expected one of {valid}.",
        repr_str(&clause.operator)
    ))
}

fn number(clause: &Clause, entity: &str, key: &str) -> TrackingResult<(NumberTest, f64)> {
    let test = NumberTest::of(&clause.operator).ok_or_else(|| bad_operator(clause, entity, key, NUMBER_OPERATORS))?;
    let number = clause.raw.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    let number = number.ok_or_else(|| {
        clause.bad_value(format!("Expected a number to compare {entity}.{key} with. Got value {}", clause.raw))
    })?;
    Ok((test, number))
}

/// The texts on the right side: one, or those of a list.
fn texts(clause: &Clause, filter: &str) -> TrackingResult<(Option<String>, Option<Vec<String>>)> {
    match &clause.operand {
        Operand::List(list) => Ok((None, Some(clause.list(list)?))),
        Operand::Word(_) => Err(no_comparisons(filter, clause.offsets[2])),
        _ => Ok((Some(clause.raw.trim_matches('\'').to_owned()), None)),
    }
}

fn no_comparisons(filter: &str, at: usize) -> TrackingError {
    TrackingError::invalid(format!(
        "Invalid filter string: {}. Expected a list of comparisons separated by 'AND' (e.g. 'metrics.loss > 0.1 AND \
         params.lr = 0.01').",
        repr_str(filter)
    ))
    .at(grammar::FILTER, at)
}

fn text(clause: &Clause, entity: &str, key: &str, filter: &str) -> TrackingResult<TextTest> {
    let valid = matches!(clause.operator.as_str(), "=" | "!=" | "LIKE" | "ILIKE" | "IN" | "NOT IN");
    let refuse = || bad_operator(clause, entity, key, TEXT_OPERATORS);
    if !valid {
        return Err(refuse());
    }
    let (text, list) = texts(clause, filter)?;
    let list = match (clause.operator.as_str(), list) {
        ("IN" | "NOT IN", None) => text.clone().map(|t| vec![t]),
        (_, list) => list,
    };
    let text = if list.is_some() { None } else { text };
    text_test(&clause.operator, text, list).ok_or_else(refuse)
}

fn status(clause: &Clause, filter: &str) -> TrackingResult<Term> {
    let is = match clause.operator.as_str() {
        "=" | "IN" => true,
        "!=" | "NOT IN" => false,
        "LIKE" | "ILIKE" => {
            let operator = &clause.operator;
            return Err(clause.bad_operator(format!("Invalid comparison operator for status: {operator}")));
        }
        _ => return Err(bad_operator(clause, "attributes", "status", TEXT_OPERATORS)),
    };
    let (text, list) = texts(clause, filter)?;
    let named = list.or_else(|| text.map(|t| vec![t])).unwrap_or_default();
    let mut states = Vec::with_capacity(named.len());
    for name in &named {
        states.push(
            Status::ALL
                .into_iter()
                .find(|s| s.as_str() == name)
                .ok_or_else(|| clause.bad_value(format!("Unknown model status in filter: {}", repr_str(name))))?,
        );
    }
    Ok(Term::Status(Status::ALL.into_iter().filter(|s| states.contains(s) == is).collect()))
}

fn term(clause: &Clause, filter: &str) -> TrackingResult<Term> {
    if clause.operand == Operand::Nothing {
        return Err(clause.bad_operator(format!(
            "Invalid comparison: {} {}. Expected a comparison with 3 tokens.",
            clause.identifier, clause.written
        )));
    }
    let (entity, key) = identify(clause)?;
    match entity {
        "metrics" => {
            let (test, value) = number(clause, entity, key)?;
            return Ok(Term::Metric(key.to_owned(), test, value));
        }
        "params" => return Ok(Term::Param(key.to_owned(), text(clause, entity, key, filter)?)),
        "tags" => return Ok(Term::Tag(key.to_owned(), text(clause, entity, key, filter)?)),
        _ => {}
    }
    match column(key) {
        None => Err(clause.bad_name(format!("Invalid attribute key '{key}' specified."))),
        Some(Column::Text(column)) => Ok(Term::Text(column, text(clause, entity, key, filter)?)),
        Some(Column::Time(column)) => {
            let (test, value) = number(clause, entity, key)?;
            Ok(Term::Time(column, test, value))
        }
        Some(Column::Status) => status(clause, filter),
        Some(Column::Experiment) => {
            let (list, is) = match text(clause, entity, key, filter)? {
                TextTest::Is(id) => (vec![id], true),
                TextTest::IsNot(id) => (vec![id], false),
                TextTest::In(ids) => (ids, true),
                TextTest::NotIn(ids) => (ids, false),
                _ => return Err(bad_operator(clause, entity, key, "('=', '!=', 'IN', 'NOT IN')")),
            };
            let ids = list.iter().map(|id| experiment_id(id)).collect::<TrackingResult<_>>()?;
            Ok(Term::Experiment(ids, is))
        }
    }
}

/// Parses a filter.
///
/// # Errors
/// `INVALID_PARAMETER_VALUE` in MLflow's words, with the position of the fault.
pub fn terms(filter: &str) -> TrackingResult<Vec<Term>> {
    if filter.trim().is_empty() {
        return Ok(Vec::new());
    }
    let clauses = grammar::clauses(filter, Stray::Bare).map_err(|error| match error {
        TrackingError::Refused { message, position, .. } => {
            let at = position.map_or(0, |p| p.offset);
            if message.starts_with("Search filter contained multiple") {
                let shown = repr_str(filter);
                TrackingError::invalid(format!("Invalid filter string: {shown}. Expected a single SQL expression."))
                    .at(grammar::FILTER, at)
            } else {
                no_comparisons(filter, at)
            }
        }
        other => other,
    })?;
    clauses.iter().map(|clause| term(clause, filter)).collect()
}

/// Reads one item of an order.
///
/// # Errors
/// When there is no such field, or it cannot be sorted by.
pub fn key(field: &str, dataset: Dataset) -> TrackingResult<Key> {
    match field.split_once('.') {
        Some(("metrics", name)) => Ok(Key::Metric(name.to_owned(), dataset)),
        Some(_) => {
            Err(TrackingError::invalid(format!("Invalid order by field name: {field}. Only metrics are supported.")))
        }
        None => match column(field) {
            Some(Column::Text(column)) => Ok(Key::Text(column)),
            Some(Column::Time(column)) => Ok(Key::Time(column)),
            Some(Column::Status) => Ok(Key::Status),
            Some(Column::Experiment) => Ok(Key::Experiment),
            None => Err(TrackingError::invalid(format!("Invalid order by field name: {field}"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(filter: &str) -> String {
        match terms(filter) {
            Err(TrackingError::Refused { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_entity_has_its_terms() {
        let read = terms(
            "name LIKE 'm%' AND metrics.`acc` >= 0.5 AND params.lr = 0.1 AND tags.a != 'x' AND status IN ('READY') \
             AND creation_time > 5 AND experiment_id = '1' AND attributes.model_id ilike 'M%'",
        )
        .unwrap();
        assert_eq!(read.len(), 8);
        assert_eq!(read[1], Term::Metric("acc".into(), NumberTest::AtLeast, 0.5));
        assert_eq!(read[2], Term::Param("lr".into(), TextTest::Is("0.1".into())));
        assert_eq!(read[4], Term::Status(vec![Status::Ready]));
        assert_eq!(read[6], Term::Experiment(vec![1], true));
    }

    #[test]
    fn refusals_are_mlflows() {
        assert_eq!(
            message("metric.acc > 1"),
            "Invalid entity type: 'metric'. Expected one of ['attributes', 'metrics', 'params', 'tags']."
        );
        assert_eq!(
            message("metrics.acc LIKE 'x'"),
            "Invalid comparison operator for metrics.acc: 'LIKE'. Expected one of ('<', '<=', '>', '>=', '=', '!=')."
        );
        assert_eq!(message("status = 'X'"), "Unknown model status in filter: 'X'");
        assert_eq!(message("status LIKE 'X'"), "Invalid comparison operator for status: LIKE");
        assert!(message("name = 'a' OR name = 'b'").contains("Expected a list of comparisons separated by 'AND'"));
        assert!(message("name = 'a'; name = 'b'").ends_with("Expected a single SQL expression."));
    }
}
