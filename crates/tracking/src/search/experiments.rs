//! What filters and orders of experiments mean.

use super::grammar::{self, Clause, Operand, Stray};
use super::runs::text_test;
use super::{NumberTest, TextTest, View, python_set};
use crate::error::{TrackingError, TrackingResult};

/// A column of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Its name.
    Name,
    /// Its id.
    Id,
    /// When it was created.
    Created,
    /// When it last changed.
    Updated,
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// On the name.
    Name(TextTest),
    /// On the id: the ids, and whether it must be (or must not be) one of them.
    Id(Vec<i128>, bool),
    /// On a time.
    Time(Column, NumberTest, i64),
    /// On a tag.
    Tag(String, TextTest),
}

/// A parsed search.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Search {
    /// Conditions, all of which must hold.
    pub terms: Vec<Term>,
    /// The order, with whether it rises.
    pub order: Vec<(Column, bool)>,
    /// Which stage of life.
    pub view: View,
}

const KEYS: [&str; 4] = ["creation_time", "experiment_id", "last_update_time", "name"];
const TEXT_OPERATORS: [&str; 6] = ["!=", "=", "ILIKE", "IN", "LIKE", "NOT IN"];

fn identify(identifier: &str) -> Result<(bool, String), String> {
    let (prefix, key) = grammar::split(identifier);
    let tag = match prefix.unwrap_or("attribute") {
        "attribute" | "attributes" => false,
        "tag" | "tags" => true,
        other => {
            return Err(format!(
                "Invalid entity type '{other}'. Valid entity types are ('attribute', 'attributes', 'tag', 'tags')"
            ));
        }
    };
    let key = grammar::unquoted(grammar::unquoted(key, &['\'', '"']), &['`']).to_owned();
    if !tag && !KEYS.contains(&key.as_str()) {
        return Err(format!("Invalid attribute key '{key}' specified. Valid keys are '{}'", python_set(&KEYS)));
    }
    Ok((tag, key))
}

fn term(clause: &Clause) -> TrackingResult<Term> {
    let (tag, key) = identify(&clause.identifier).map_err(|m| clause.bad_name(m))?;
    let operator = clause.operator.as_str();
    if tag {
        let text = if clause.operand == Operand::Nothing { None } else { clause.text()? };
        if text.is_none() && clause.operand != Operand::Nothing {
            return Err(clause.bad_value(format!(
                "Expected a quoted string value for tag (e.g. 'my-value'). Got value {}",
                clause.raw
            )));
        }
        return text_test(operator, text, None)
            .map(|test| Term::Tag(key, test))
            .ok_or_else(|| clause.bad_operator(format!("Invalid comparator for tag: {operator}")));
    }
    if clause.operand == Operand::Nothing {
        return Err(
            clause.bad_operator(format!("IS NULL / IS NOT NULL is only supported for tags, not for attribute '{key}'"))
        );
    }
    match key.as_str() {
        "creation_time" | "last_update_time" => time(clause, &key),
        "experiment_id" => id(clause),
        _ => name(clause),
    }
}

fn time(clause: &Clause, key: &str) -> TrackingResult<Term> {
    let column = if key == "creation_time" { Column::Created } else { Column::Updated };
    let value = match &clause.operand {
        Operand::Integer(digits) => digits.parse().unwrap_or(i64::MAX),
        Operand::Float(digits) => {
            return Err(clause.bad_value(format!("Invalid value for numeric attribute '{key}': '{digits}'")));
        }
        _ => {
            return Err(clause
                .bad_value(format!("Expected numeric value type for numeric attribute: {key}. Found {}", clause.raw)));
        }
    };
    let test = NumberTest::of(&clause.operator).ok_or_else(|| {
        clause.bad_operator(format!(
            "Invalid comparator '{}' not one of '{}",
            clause.operator,
            python_set(&["!=", "<", "<=", "=", ">", ">="])
        ))
    })?;
    Ok(Term::Time(column, test, value))
}

fn no_text(clause: &Clause) -> TrackingError {
    clause.bad_value(format!("Expected a quoted string value for attributes. Got value {}", clause.raw))
}

fn id(clause: &Clause) -> TrackingResult<Term> {
    let texts = match &clause.operand {
        Operand::List(list) => clause.list(list)?,
        _ => vec![clause.text()?.ok_or_else(|| no_text(clause))?],
    };
    let is = match clause.operator.as_str() {
        "=" | "IN" => true,
        "!=" | "NOT IN" => false,
        other => return Err(clause.bad_operator(format!("Invalid comparator for experiment_id: {other}"))),
    };
    let ids = texts.iter().map(|text| crate::protocol::experiment_id(text)).collect::<TrackingResult<_>>()?;
    Ok(Term::Id(ids, is))
}

fn name(clause: &Clause) -> TrackingResult<Term> {
    if let Operand::List(_) = clause.operand {
        return Err(clause
            .bad_value("Only ['experiment_id'] attributes support comparison with a list of quoted string values."));
    }
    let text = clause.text()?.ok_or_else(|| no_text(clause))?;
    let test = text_test(&clause.operator, Some(text), None);
    test.map(Term::Name).ok_or_else(|| {
        clause.bad_operator(format!(
            "Invalid comparator '{}' not one of '{}'",
            clause.operator,
            python_set(&TEXT_OPERATORS)
        ))
    })
}

/// Parses a filter and an order.
///
/// # Errors
/// `INVALID_PARAMETER_VALUE` in MLflow's words, with the position of the fault.
pub fn parse(filter: &str, order_by: &[String], view: View) -> TrackingResult<Search> {
    let terms = grammar::clauses(filter, Stray::Bare)?.iter().map(term).collect::<Result<_, _>>()?;
    let mut order = Vec::with_capacity(order_by.len());
    for (i, item) in order_by.iter().enumerate() {
        let pointer = format!("/order_by/{i}");
        let refuse = |message: String| TrackingError::invalid(message).at(pointer.clone(), 0);
        let (identifier, rises) = grammar::order_item(item, &pointer)?;
        let (tag, key) = identify(&identifier).map_err(refuse)?;
        if tag {
            return Err(refuse("Invalid order_by entity: tag".to_owned()));
        }
        let column = match key.as_str() {
            "name" => Column::Name,
            "experiment_id" => Column::Id,
            "creation_time" => Column::Created,
            _ => Column::Updated,
        };
        order.push((column, rises));
    }
    Ok(Search { terms, order, view })
}
