//! What filters and orders of registered models and of their versions mean.

use super::grammar::{self, Clause, Operand, Stray};
use super::runs::text_test;
use super::{NumberTest, TextTest, python_set};
use crate::error::{TrackingError, TrackingResult};
use crate::protocol::{python_int, repr_float, repr_str};
use crate::registry::model::IS_PROMPT;

/// A text of a version that filters may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The model's name.
    Name,
    /// The run that made the version.
    RunId,
    /// What the client gave as the version's source.
    Source,
}

/// One condition on a model or a version.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// On a text.
    Text(Column, TextTest),
    /// On the version's number.
    Number(NumberTest, i64),
    /// On a tag.
    Tag(String, TextTest),
}

/// What to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The model's name.
    Name,
    /// The version's number.
    Version,
    /// When it was made.
    Created,
    /// When it last changed.
    Updated,
}

/// A parsed search.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Conditions, all of which must hold.
    pub terms: Vec<Term>,
    /// Whether prompts are looked for; else they are left out.
    pub prompts: bool,
    /// The order, with whether it rises.
    pub order: Vec<(Key, bool)>,
}

/// Which of the two searches is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Models,
    Versions,
}

impl Of {
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Models => &["name"],
            Self::Versions => &["name", "run_id", "source_path", "version_number"],
        }
    }

    const fn listable(self) -> &'static [&'static str] {
        match self {
            Self::Models => &["name"],
            Self::Versions => &["name", "run_id"],
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Models => "registered model",
            Self::Versions => "model version",
        }
    }
}

enum Value {
    Text(String),
    List(Vec<String>),
    Number(String),
}

struct Read<'a> {
    clause: &'a Clause,
    tag: bool,
    key: String,
    value: Value,
}

fn identify(of: Of, clause: &Clause) -> TrackingResult<(bool, String)> {
    let (prefix, key) = grammar::split(&clause.identifier);
    let tag = match prefix.unwrap_or("attribute") {
        "attribute" => false,
        "tag" | "tags" => true,
        other => {
            return Err(clause.bad_name(format!(
                "Invalid entity type '{other}'. Valid entity types are ('attribute', 'tag', 'tags')"
            )));
        }
    };
    // As in MLflow, an attribute is not found inside quotes.
    if !tag && !of.keys().contains(&key) {
        let keys = python_set(of.keys());
        return Err(clause.bad_name(format!("Invalid attribute key '{key}' specified. Valid keys are '{keys}'")));
    }
    Ok((tag, grammar::unquoted(grammar::unquoted(key, &['\'', '"']), &['`']).to_owned()))
}

fn value(of: Of, clause: &Clause, tag: bool, key: &str) -> TrackingResult<Value> {
    if let Some(text) = clause.text()? {
        return Ok(Value::Text(text));
    }
    if tag {
        return Err(clause
            .bad_value(format!("Expected a quoted string value for tag (e.g. 'my-value'). Got value {}", clause.raw)));
    }
    match &clause.operand {
        Operand::List(_) if !of.listable().contains(&key) => {
            let keys: Vec<String> = of.listable().iter().map(|k| repr_str(k)).collect();
            Err(clause.bad_value(format!(
                "Only [{}] attributes support comparison with a list of quoted string values.",
                keys.join(", ")
            )))
        }
        Operand::List(list) => Ok(Value::List(clause.list(list)?)),
        Operand::Integer(_) | Operand::Float(_) if of == Of::Versions && key != "version_number" => {
            let keys = python_set(&["creation_timestamp", "last_updated_timestamp", "version_number"]);
            Err(clause.bad_value(format!("Only the '{keys}' attributes support comparison with numeric values.")))
        }
        Operand::Integer(number) if of == Of::Versions => Ok(Value::Number(number.clone())),
        Operand::Float(number) if of == Of::Versions => {
            let shown = number.parse().map_or_else(|_| number.clone(), repr_float);
            Err(clause.bad_value(format!("Invalid value for numeric attribute '{key}': {shown}")))
        }
        _ => Err(clause.bad_value(format!(
            "Expected a quoted string value or a list of quoted string values for attributes. Got value {}",
            clause.raw
        ))),
    }
}

fn term(read: Read<'_>) -> TrackingResult<Term> {
    let Read { clause, tag, key, value } = read;
    let operator = clause.operator.as_str();
    if tag {
        let Value::Text(text) = value else { return Err(clause.bad_value("Expected a quoted string value for tag.")) };
        return text_test(operator, Some(text), None)
            .map(|test| Term::Tag(key, test))
            .ok_or_else(|| clause.bad_operator(format!("Invalid comparator for tag: {operator}")));
    }
    let column = match key.as_str() {
        "name" => Column::Name,
        "run_id" => Column::RunId,
        "source_path" => Column::Source,
        _ => return number(clause, &key, value),
    };
    let (text, list) = match value {
        Value::Text(text) | Value::Number(text) => (Some(text), None),
        Value::List(list) => (None, Some(list)),
    };
    text_test(operator, text, list)
        .map(|test| Term::Text(column, test))
        .ok_or_else(|| clause.bad_operator(format!("Invalid comparator for attribute: {operator}")))
}

fn number(clause: &Clause, key: &str, value: Value) -> TrackingResult<Term> {
    let test = NumberTest::of(&clause.operator)
        .ok_or_else(|| clause.bad_operator(format!("Invalid comparator for attribute {key}: {}", clause.operator)))?;
    let (Value::Text(text) | Value::Number(text)) = value else {
        return Err(clause.bad_value(format!("Invalid value for numeric attribute '{key}': {}", clause.raw)));
    };
    let number = python_int(&text)
        .ok_or_else(|| clause.bad_value(format!("Invalid value for numeric attribute '{key}': {}", repr_str(&text))))?;
    // A number beyond all versions compares as the last one would.
    Ok(Term::Number(test, i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })))
}

/// What the first condition on the prompt tag asks for. Without prompts, conditions on that tag say nothing more.
fn takes_prompts(terms: &mut Vec<Term>) -> bool {
    let wanted = terms.iter().find_map(|term| match term {
        Term::Tag(key, test) if key == IS_PROMPT => Some(match test {
            TextTest::Is(text) => text.eq_ignore_ascii_case("true"),
            TextTest::IsNot(text) => text.eq_ignore_ascii_case("false"),
            _ => false,
        }),
        _ => None,
    });
    let prompts = wanted.unwrap_or(false);
    if !prompts {
        terms.retain(|term| !matches!(term, Term::Tag(key, _) if key == IS_PROMPT));
    }
    prompts
}

fn parse(
    of: Of,
    filter: &str,
    order_by: &[String],
    order: impl Fn(&str) -> Result<Key, String>,
) -> TrackingResult<Search> {
    let clauses = grammar::clauses(filter, Stray::Bare)?;
    let mut read = Vec::with_capacity(clauses.len());
    for clause in &clauses {
        if clause.operand == Operand::Nothing {
            return Err(
                clause.bad_operator(format!("IS NULL / IS NOT NULL is not supported for {} search.", of.what()))
            );
        }
        let (tag, key) = identify(of, clause)?;
        let value = value(of, clause, tag, &key)?;
        read.push(Read { clause, tag, key, value });
    }
    // MLflow judges operators before the order of versions, but after the order of models.
    let (keys, mut terms) = if of == Of::Versions {
        let terms = read.into_iter().map(term).collect::<TrackingResult<Vec<_>>>()?;
        (order_keys(order_by, order)?, terms)
    } else {
        (order_keys(order_by, order)?, read.into_iter().map(term).collect::<TrackingResult<Vec<_>>>()?)
    };
    let prompts = takes_prompts(&mut terms);
    Ok(Search { terms, prompts, order: keys })
}

fn order_keys(order_by: &[String], order: impl Fn(&str) -> Result<Key, String>) -> TrackingResult<Vec<(Key, bool)>> {
    let mut keys: Vec<(Key, bool)> = Vec::with_capacity(order_by.len());
    for (i, item) in order_by.iter().enumerate() {
        let pointer = format!("/order_by/{i}");
        let refuse = |message: String| TrackingError::invalid(message).at(pointer.clone(), 0);
        let (identifier, rises) = grammar::order_item(item, &pointer)?;
        let key = order(&identifier).map_err(refuse)?;
        if keys.iter().any(|(known, _)| *known == key) {
            let all: Vec<String> = order_by.iter().map(|o| repr_str(o)).collect();
            return Err(refuse(format!("`order_by` contains duplicate fields: [{}]", all.join(", "))));
        }
        keys.push((key, rises));
    }
    Ok(keys)
}

/// Parses a filter and an order of registered models.
///
/// # Errors
/// `INVALID_PARAMETER_VALUE` in MLflow's words, with the position of the fault.
pub fn models(filter: &str, order_by: &[String]) -> TrackingResult<Search> {
    let mut search = parse(Of::Models, filter, order_by, |identifier| match identifier {
        "name" => Ok(Key::Name),
        "timestamp" | "last_updated_timestamp" => Ok(Key::Updated),
        other => Err(format!(
            "Invalid order by key '{other}' specified. Valid keys are '{}'",
            python_set(&["name", "timestamp"])
        )),
    })?;
    if !search.order.iter().any(|(key, _)| *key == Key::Name) {
        search.order.push((Key::Name, true));
    }
    Ok(search)
}

/// Parses a filter and an order of versions.
///
/// # Errors
/// As [`models`].
pub fn versions(filter: &str, order_by: &[String]) -> TrackingResult<Search> {
    const KEYS: [&str; 4] = ["creation_timestamp", "last_updated_timestamp", "name", "version_number"];
    let mut search = parse(Of::Versions, filter, order_by, |identifier| {
        let (prefix, key) = grammar::split(identifier);
        if !matches!(prefix.unwrap_or("attribute"), "attribute" | "attributes") {
            return Err(format!("Invalid order by key '{identifier}' specified. Valid keys are {}", python_set(&KEYS)));
        }
        match grammar::unquoted(grammar::unquoted(key, &['\'', '"']), &['`']) {
            "name" => Ok(Key::Name),
            "version_number" => Ok(Key::Version),
            "creation_timestamp" => Ok(Key::Created),
            "last_updated_timestamp" => Ok(Key::Updated),
            other => Err(format!("Invalid attribute key '{other}' specified. Valid keys are '{}'", python_set(&KEYS))),
        }
    })?;
    if search.order.is_empty() {
        search.order.push((Key::Updated, false));
    }
    for (key, rises) in [(Key::Name, true), (Key::Version, false)] {
        if !search.order.iter().any(|(known, _)| *known == key) {
            search.order.push((key, rises));
        }
    }
    Ok(search)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: TrackingResult<Search>) -> String {
        match result {
            Err(TrackingError::Refused { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn prompts_are_found_only_when_asked_for() {
        assert!(!models("", &[]).unwrap().prompts);
        assert!(models("tags.`mlflow.prompt.is_prompt` = 'TRUE'", &[]).unwrap().prompts);
        let search = models("tags.`mlflow.prompt.is_prompt` != 'true' AND name LIKE 'a%'", &[]).unwrap();
        assert!(!search.prompts);
        assert_eq!(search.terms, [Term::Text(Column::Name, TextTest::Like("a%".into()))]);
    }

    #[test]
    fn orders_are_completed() {
        assert_eq!(
            models("", &["timestamp DESC".to_owned()]).unwrap().order,
            [(Key::Updated, false), (Key::Name, true)]
        );
        assert_eq!(versions("", &[]).unwrap().order, [(Key::Updated, false), (Key::Name, true), (Key::Version, false)]);
        let twice = ["name".to_owned(), "name DESC".to_owned()];
        assert_eq!(message(models("", &twice)), "`order_by` contains duplicate fields: ['name', 'name DESC']");
    }

    #[test]
    fn refusals_are_mlflows() {
        assert_eq!(message(models("name > 'a'", &[])), "Invalid comparator for attribute: >");
        assert_eq!(
            message(models("attributes.name = 'a'", &[])),
            "Invalid entity type 'attributes'. Valid entity types are ('attribute', 'tag', 'tags')"
        );
        assert_eq!(
            message(models("name = 1", &[])),
            "Expected a quoted string value or a list of quoted string values for attributes. Got value 1"
        );
        assert_eq!(
            message(versions("version_number = 1.5", &[])),
            "Invalid value for numeric attribute 'version_number': 1.5"
        );
        assert_eq!(
            message(versions("source_path IN ('a')", &[])),
            "Only ['name', 'run_id'] attributes support comparison with a list of quoted string values."
        );
        assert_eq!(
            message(versions("run_id IS NULL", &[])),
            "IS NULL / IS NOT NULL is not supported for model version search."
        );
        assert_eq!(versions("version_number >= '2'", &[]).unwrap().terms, [Term::Number(NumberTest::AtLeast, 2)]);
    }
}
