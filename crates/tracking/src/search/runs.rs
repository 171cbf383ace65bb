//! What filters and orders of runs mean.

use super::grammar::{self, Clause, Operand, Stray};
use super::{NumberTest, TextTest, View, python_set};
use crate::error::{TrackingError, TrackingResult};
use crate::protocol::repr_float;

/// A column of a run that filters and orders may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// Where its artifacts are.
    ArtifactUri,
    /// Its id.
    RunId,
    /// Its name.
    RunName,
    /// Its status.
    Status,
    /// Who made it.
    UserId,
    /// When it began.
    StartTime,
    /// When it ended.
    EndTime,
}

/// A column of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetColumn {
    /// Its name.
    Name,
    /// Its digest.
    Digest,
    /// What the run used it for.
    Context,
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// On the latest value of a metric.
    Metric(String, NumberTest, f64),
    /// On a parameter.
    Param(String, TextTest),
    /// On a tag.
    Tag(String, TextTest),
    /// On a text of the run itself.
    Text(Attribute, TextTest),
    /// On a time of the run itself.
    Number(Attribute, NumberTest, f64),
    /// On some dataset that went in.
    Dataset(DatasetColumn, TextTest),
}

/// What to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The latest value of a metric.
    Metric(String),
    /// A parameter.
    Param(String),
    /// A tag.
    Tag(String),
    /// The run itself.
    Attribute(Attribute),
}

/// A parsed search.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Search {
    /// Conditions, all of which must hold.
    pub terms: Vec<Term>,
    /// The order, with whether it rises.
    pub order: Vec<(Key, bool)>,
    /// Which stage of life.
    pub view: View,
    /// Only runs up to this row: what comes later does not shift the pages of a list that is being read.
    pub newest: Option<i64>,
}

const ENTITIES: &str = "['metric', 'parameter', 'tag', 'attribute', 'dataset']";
const ORDER_KEYS: [&str; 9] =
    ["Created", "artifact_uri", "created", "end_time", "run_id", "run_name", "start_time", "status", "user_id"];
const FILTER_KEYS: [&str; 12] = [
    "Created",
    "Run Name",
    "Run name",
    "artifact_uri",
    "created",
    "end_time",
    "run name",
    "run_id",
    "run_name",
    "start_time",
    "status",
    "user_id",
];
const TEXT_OPERATORS: [&str; 6] = ["!=", "=", "ILIKE", "IN", "LIKE", "NOT IN"];
const PAIR_OPERATORS: [&str; 6] = ["!=", "=", "ILIKE", "IS NOT NULL", "IS NULL", "LIKE"];
const NUMBER_OPERATORS: [&str; 6] = ["!=", "<", "<=", "=", ">", ">="];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entity {
    Metric,
    Param,
    Tag,
    Attribute,
    Dataset,
}

impl Entity {
    const fn name(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::Param => "parameter",
            Self::Tag => "tag",
            Self::Attribute => "attribute",
            Self::Dataset => "dataset",
        }
    }
}

fn attribute(key: &str) -> Option<Attribute> {
    Some(match key {
        "artifact_uri" => Attribute::ArtifactUri,
        "run_id" => Attribute::RunId,
        "run_name" | "run name" | "Run name" | "Run Name" => Attribute::RunName,
        "status" => Attribute::Status,
        "user_id" => Attribute::UserId,
        "start_time" | "created" | "Created" => Attribute::StartTime,
        "end_time" => Attribute::EndTime,
        _ => return None,
    })
}

fn identify(identifier: &str, valid: &[&str]) -> Result<(Entity, String), String> {
    let (prefix, key) = grammar::split(identifier);
    let prefix = grammar::unquoted(prefix.unwrap_or("attribute"), &['`']);
    let entity = match prefix {
        "metric" | "metrics" => Entity::Metric,
        "parameter" | "parameters" | "param" | "params" => Entity::Param,
        "tag" | "tags" => Entity::Tag,
        "attribute" | "attributes" | "attr" | "run" => Entity::Attribute,
        "dataset" | "datasets" => Entity::Dataset,
        other => return Err(format!("Invalid entity type '{other}'. Valid values are {ENTITIES}")),
    };
    let key = grammar::unquoted(grammar::unquoted(key, &['\'', '"']), &['`']).to_owned();
    if entity == Entity::Attribute && !valid.contains(&key.as_str()) {
        return Err(format!("Invalid attribute key '{key}' specified. Valid keys are '{}'", python_set(valid)));
    }
    if entity == Entity::Dataset && !["name", "digest", "context"].contains(&key.as_str()) {
        let keys = python_set(&["context", "digest", "name"]);
        return Err(format!("Invalid dataset key '{key}' specified. Valid keys are '{keys}'"));
    }
    Ok((entity, key))
}

enum Value {
    Number(f64),
    Text(String),
    List(Vec<String>),
    Nothing,
}

fn value(clause: &Clause, entity: Entity, key: &str) -> TrackingResult<Value> {
    if clause.operand == Operand::Nothing {
        if matches!(entity, Entity::Tag | Entity::Param) {
            return Ok(Value::Nothing);
        }
        return Err(clause.bad_operator(format!(
            "IS NULL / IS NOT NULL is only supported for tags and params, not for '{}' '{key}'",
            entity.name()
        )));
    }
    let number = || match &clause.operand {
        Operand::Integer(digits) | Operand::Float(digits) => digits.parse::<f64>().ok(),
        _ => None,
    };
    let numeric = matches!(key, "start_time" | "end_time" | "created" | "Created");
    match entity {
        Entity::Metric => number()
            .map(Value::Number)
            .ok_or_else(|| clause.bad_value(format!("Expected numeric value type for metric. Found {}", clause.raw))),
        Entity::Attribute if numeric => number().map(Value::Number).ok_or_else(|| {
            clause.bad_value(format!("Expected numeric value type for numeric attribute: {key}. Found {}", clause.raw))
        }),
        Entity::Param | Entity::Tag => match clause.text()? {
            Some(text) => Ok(Value::Text(text)),
            None => Err(clause.bad_value(format!(
                "Expected a quoted string value for {} (e.g. 'my-value'). Got value {}",
                entity.name(),
                clause.raw
            ))),
        },
        Entity::Attribute | Entity::Dataset => {
            if let Operand::List(list) = &clause.operand {
                if entity == Entity::Attribute && key != "run_id" {
                    return Err(clause.bad_value(
                        "Only ['run_id'] attributes support comparison with a list of quoted string values.",
                    ));
                }
                return Ok(Value::List(clause.list(list)?));
            }
            let what = if entity == Entity::Dataset { "dataset attributes" } else { "attributes" };
            match clause.text()? {
                Some(text) => Ok(Value::Text(text)),
                None => {
                    Err(clause
                        .bad_value(format!("Expected a quoted string value for {what}. Got value {}", clause.raw)))
                }
            }
        }
    }
}

/// The test of a text, if the operator and the value fit.
pub(crate) fn text_test(operator: &str, text: Option<String>, list: Option<Vec<String>>) -> Option<TextTest> {
    Some(match (operator, text, list) {
        ("=", Some(text), _) => TextTest::Is(text),
        ("!=", Some(text), _) => TextTest::IsNot(text),
        ("LIKE", Some(text), _) => TextTest::Like(text),
        ("ILIKE", Some(text), _) => TextTest::Ilike(text),
        ("IN" | "=", None, Some(list)) => TextTest::In(list),
        ("NOT IN" | "!=", None, Some(list)) => TextTest::NotIn(list),
        ("IS NULL", None, None) => TextTest::Missing,
        ("IS NOT NULL", None, None) => TextTest::Present,
        _ => return None,
    })
}

fn term(clause: &Clause, entity: Entity, key: String, value: Value) -> TrackingResult<Term> {
    let operator = clause.operator.as_str();
    let refuse = |valid: &[&str], closing: &str| {
        clause.bad_operator(format!("Invalid comparator '{operator}' not one of '{}{closing}", python_set(valid)))
    };
    if let Value::Number(number) = value {
        let test = NumberTest::of(operator);
        return match (entity, attribute(&key)) {
            (Entity::Metric, _) => Ok(Term::Metric(key, test.ok_or_else(|| refuse(&NUMBER_OPERATORS, ""))?, number)),
            (_, Some(attribute)) => {
                Ok(Term::Number(attribute, test.ok_or_else(|| refuse(&TEXT_OPERATORS, "'"))?, number))
            }
            (_, None) => Err(clause.bad_name(format!("Invalid attribute key '{key}' specified."))),
        };
    }
    let (text, list) = match value {
        Value::Text(text) => (Some(text), None),
        Value::List(list) => (None, Some(list)),
        _ => (None, None),
    };
    let (valid, closing) = match entity {
        Entity::Param => (&PAIR_OPERATORS, "'"),
        Entity::Tag => (&PAIR_OPERATORS, ""),
        Entity::Dataset => (&TEXT_OPERATORS, ""),
        _ => (&TEXT_OPERATORS, "'"),
    };
    if !valid.contains(&operator) {
        return Err(refuse(valid, closing));
    }
    // A text behind IN: MLflow then looks for its single characters; one text is meant.
    let list = if matches!(operator, "IN" | "NOT IN") { list.or_else(|| text.clone().map(|t| vec![t])) } else { list };
    let text = if list.is_some() { None } else { text };
    let test = text_test(operator, text, list).ok_or_else(|| refuse(valid, closing))?;
    Ok(match entity {
        Entity::Param => Term::Param(key, test),
        Entity::Tag => Term::Tag(key, test),
        Entity::Dataset => {
            let column = match key.as_str() {
                "name" => DatasetColumn::Name,
                "digest" => DatasetColumn::Digest,
                _ => DatasetColumn::Context,
            };
            Term::Dataset(column, test)
        }
        _ => Term::Text(attribute(&key).unwrap_or(Attribute::RunName), test),
    })
}

/// Most columns to order by.
const MAX_ORDER: usize = 40;

/// Parses a filter and an order.
///
/// # Errors
/// `INVALID_PARAMETER_VALUE` in MLflow's words, with the position of the fault.
pub fn parse(filter: &str, order_by: &[String], view: View) -> TrackingResult<Search> {
    let clauses = grammar::clauses(filter, Stray::Quoted)?;
    let mut read = Vec::with_capacity(clauses.len());
    for clause in &clauses {
        let (entity, key) = identify(&clause.identifier, &FILTER_KEYS).map_err(|m| clause.bad_name(m))?;
        let value = value(clause, entity, &key)?;
        read.push((clause, entity, key, value));
    }
    let order = order(order_by)?;
    let terms: Vec<Term> = read
        .into_iter()
        .map(|(clause, entity, key, value)| term(clause, entity, key, value))
        .collect::<Result<_, _>>()?;
    // Every one is a join of its own: databases plan some dozens in no time, and hundreds never.
    if order.len() > MAX_ORDER {
        return Err(TrackingError::invalid(format!(
            "A search may be ordered by at most {MAX_ORDER} columns. Got {}.",
            order.len()
        )));
    }
    Ok(Search { terms, order, view, newest: None })
}

fn order(items: &[String]) -> TrackingResult<Vec<(Key, bool)>> {
    let mut order: Vec<(Key, bool)> = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let pointer = format!("/order_by/{i}");
        let refuse = |message: String| TrackingError::invalid(message).at(pointer.clone(), 0);
        let (identifier, rises) = grammar::order_item(item, &pointer)?;
        let (entity, key) = identify(&identifier, &ORDER_KEYS).map_err(refuse)?;
        let key = match entity {
            Entity::Metric => Key::Metric(key),
            Entity::Param => Key::Param(key),
            Entity::Tag => Key::Tag(key),
            Entity::Attribute => Key::Attribute(attribute(&key).unwrap_or(Attribute::StartTime)),
            Entity::Dataset => return Err(refuse("Invalid identifier type 'dataset'".to_owned())),
        };
        if order.iter().any(|(known, _)| *known == key) {
            return Err(refuse(format!("`order_by` contains duplicate fields: [{}]", crate::protocol::repr_str(item))));
        }
        order.push((key, rises));
    }
    Ok(order)
}

/// The number as a message shows it.
#[must_use]
pub fn shown(number: f64) -> String {
    repr_float(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(filter: &str, order: &[&str]) -> String {
        let order: Vec<String> = order.iter().map(|o| (*o).to_owned()).collect();
        match parse(filter, &order, View::Active) {
            Err(TrackingError::Refused { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_entity_has_its_terms() {
        let search = parse(
            "metrics.acc > 0.5 AND params.lr = '0.1' and tags.`a b` IS NULL AND status != 'FAILED' AND run_id IN ('a', 'b') \
             AND start_time >= 5 AND dataset.name ILIKE 'x%'",
            &["metrics.acc DESC".to_owned(), "created".to_owned()],
            View::All,
        )
        .unwrap();
        assert_eq!(search.terms.len(), 7);
        assert_eq!(search.terms[0], Term::Metric("acc".into(), NumberTest::More, 0.5));
        assert_eq!(search.terms[2], Term::Tag("a b".into(), TextTest::Missing));
        assert_eq!(search.order[1], (Key::Attribute(Attribute::StartTime), true));
    }

    #[test]
    fn refusals_are_mlflows() {
        assert_eq!(message("foo.a = 'x'", &[]), format!("Invalid entity type 'foo'. Valid values are {ENTITIES}"));
        assert_eq!(message("metrics.a = 'x'", &[]), "Expected numeric value type for metric. Found 'x'");
        assert_eq!(
            message("params.a = 1", &[]),
            "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 1"
        );
        assert_eq!(
            message("metrics.a LIKE 1", &[]),
            "Invalid comparator 'LIKE' not one of '{'!=', '<', '<=', '=', '>', '>='}"
        );
        assert_eq!(
            message("status IN ('a')", &[]),
            "Only ['run_id'] attributes support comparison with a list of quoted string values."
        );
        assert_eq!(message("", &["dataset.name"]), "Invalid identifier type 'dataset'");
    }
}
