//! Clauses of a filter and items of an order, before anyone asks what their names mean.

use super::lexer::{self, Kind, Token};
use crate::error::{TrackingError, TrackingResult};
use crate::protocol::repr_str;

/// How stray pieces are shown: the search of runs quotes them, the others do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stray {
    /// `'OR'`
    Quoted,
    /// `OR`
    Bare,
}

/// What stands on the right of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A text in quotes, without them.
    Text(String),
    /// A word without quotes, or in backticks: never valid as a value.
    Word(String),
    /// A whole number, as written.
    Integer(String),
    /// A number with a fraction or exponent, as written.
    Float(String),
    /// A list, as written.
    List(String),
    /// Anything else, as written.
    Other(String),
    /// Nothing: `IS NULL`.
    Nothing,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// The left side as written.
    pub identifier: String,
    /// The operator in capitals, inner blanks reduced to one.
    pub operator: String,
    /// The operator as written.
    pub written: String,
    /// The right side.
    pub operand: Operand,
    /// The right side as written.
    pub raw: String,
    /// Where the left side, the operator and the right side begin.
    pub offsets: [usize; 3],
}

/// The most conditions of a filter: each becomes a subquery, and planning a statement with hundreds costs a database
/// seconds and gigabytes.
const MAX_CLAUSES: usize = 100;
/// The most texts of a list.
const MAX_LIST: usize = 10_000;
/// How many stray pieces a message names.
const MAX_STRAYS: usize = 50;

/// The pointer of faults in a filter.
pub const FILTER: &str = "/filter";

/// Splits a filter into its clauses.
///
/// # Errors
/// `INVALID_PARAMETER_VALUE` in MLflow's words, with the position of the first stray piece.
pub fn clauses(filter: &str, stray: Stray) -> TrackingResult<Vec<Clause>> {
    if filter.is_empty() {
        return Ok(Vec::new());
    }
    if filter.trim().is_empty() {
        return Err(TrackingError::invalid(format!("Invalid filter '{filter}'. Could not be parsed.")).at(FILTER, 0));
    }
    let tokens = lexer::tokens(filter);
    if let Some(at) = tokens.iter().position(|t| t.text == ";")
        && at + 1 < tokens.len()
    {
        return Err(TrackingError::invalid(format!(
            "Search filter contained multiple expression {}. Provide AND-ed expression list.",
            repr_str(filter)
        ))
        .at(FILTER, tokens[at].offset));
    }
    let mut clauses = Vec::new();
    let mut strays: Vec<&Token> = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some(first) = rest.first() {
        if let Some((clause, used)) = clause(rest) {
            clauses.push(clause);
            rest = &rest[used..];
        } else {
            if !first.is_keyword("and") {
                strays.push(first);
            }
            rest = &rest[1..];
        }
    }
    if let Some(first) = strays.first() {
        let pieces: Vec<String> = strays
            .iter()
            .take(MAX_STRAYS)
            .map(|t| if stray == Stray::Quoted { format!("'{}'", t.text) } else { t.text.clone() })
            .collect();
        return Err(TrackingError::invalid(format!("Invalid clause(s) in filter string: {}", pieces.join(", ")))
            .at(FILTER, first.offset));
    }
    if let Some(bad) = clauses.iter().find(|(_, left)| *left != Kind::Identifier) {
        return Err(TrackingError::invalid(format!(
            "Invalid comparison clause. Expected 'Identifier' found '{}'",
            bad.0.identifier
        ))
        .at(FILTER, bad.0.offsets[0]));
    }
    if let Some((first_too_many, _)) = clauses.get(MAX_CLAUSES) {
        let message = format!("A filter may hold at most {MAX_CLAUSES} conditions.");
        return Err(TrackingError::invalid(message).at(FILTER, first_too_many.offsets[0]));
    }
    Ok(clauses.into_iter().map(|(clause, _)| clause).collect())
}

/// The clause at the beginning of the tokens, with the kind of its left side and the number of tokens it takes.
fn clause(tokens: &[Token]) -> Option<((Clause, Kind), usize)> {
    let left = tokens.first()?;
    let second = tokens.get(1)?;
    let is_value = |t: &Token| {
        matches!(t.kind, Kind::Identifier | Kind::Text | Kind::Integer | Kind::Float | Kind::List | Kind::Operation)
            || t.is_keyword("null")
    };
    let make = |operator: String, written: &str, value: Option<&Token>, used: usize| {
        let clause = Clause {
            identifier: left.text.clone(),
            operator,
            written: written.to_owned(),
            operand: value.map_or(Operand::Nothing, operand),
            raw: value.map(|v| v.text.clone()).unwrap_or_default(),
            offsets: [left.offset, second.offset, value.map_or(second.offset, |v| v.offset)],
        };
        Some(((clause, left.kind), used))
    };
    if second.kind == Kind::Operator && is_value(left) {
        let value = tokens.get(2).filter(|t| is_value(t))?;
        let operator = second.text.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_uppercase();
        return make(operator, &second.text, Some(value), 3);
    }
    if left.kind != Kind::Identifier {
        return None;
    }
    let third = tokens.get(2)?;
    if second.is_keyword("in") && third.kind == Kind::List {
        return make("IN".to_owned(), &second.text, Some(third), 3);
    }
    if second.is_keyword("is") && third.is_keyword("null") {
        return make("IS NULL".to_owned(), "IS NULL", None, 3);
    }
    let fourth = tokens.get(3)?;
    if second.is_keyword("is") && third.is_keyword("not") && fourth.is_keyword("null") {
        return make("IS NOT NULL".to_owned(), "IS NOT NULL", None, 4);
    }
    if second.is_keyword("not") && third.is_keyword("in") && fourth.kind == Kind::List {
        return make("NOT IN".to_owned(), "NOT IN", Some(fourth), 4);
    }
    None
}

fn operand(token: &Token) -> Operand {
    let inner = |text: &str| text[1..text.len() - 1].to_owned();
    let text = token.text.clone();
    match token.kind {
        Kind::Text => Operand::Text(inner(&text)),
        Kind::Identifier if text.len() >= 2 && text.starts_with('"') && text.ends_with('"') => {
            Operand::Text(inner(&text))
        }
        Kind::Identifier => Operand::Word(text),
        Kind::Integer => Operand::Integer(text),
        Kind::Float => Operand::Float(text),
        Kind::List => Operand::List(text),
        _ => Operand::Other(text),
    }
}

impl Clause {
    /// A refusal pointing at the left side.
    pub(crate) fn bad_name(&self, message: impl Into<String>) -> TrackingError {
        TrackingError::invalid(message).at(FILTER, self.offsets[0])
    }

    /// A refusal pointing at the operator.
    pub(crate) fn bad_operator(&self, message: impl Into<String>) -> TrackingError {
        TrackingError::invalid(message).at(FILTER, self.offsets[1])
    }

    /// A refusal pointing at the right side.
    pub(crate) fn bad_value(&self, message: impl Into<String>) -> TrackingError {
        TrackingError::invalid(message).at(FILTER, self.offsets[2])
    }

    /// The text on the right side, if there is one; a word without quotes is refused.
    pub(crate) fn text(&self) -> TrackingResult<Option<String>> {
        match &self.operand {
            Operand::Text(text) => Ok(Some(text.clone())),
            Operand::Word(word) => Err(self.bad_value(format!(
                "Parameter value is either not quoted or unidentified quote types used for string value {word}. Use \
                 either single or double quotes."
            ))),
            _ => Ok(None),
        }
    }

    /// The texts of the list on the right side.
    pub(crate) fn list(&self, written: &str) -> TrackingResult<Vec<String>> {
        list(written).map_err(|message| self.bad_value(message))
    }
}

/// The texts of a list written as a Python tuple.
fn list(written: &str) -> Result<Vec<String>, String> {
    const WHILE: &str = "While parsing a list in the query,";
    let ill = || format!("{WHILE} expected a non-empty list of string values, but got ill-formed list.");
    let inner = written.trim().strip_prefix('(').and_then(|t| t.strip_suffix(')')).ok_or_else(ill)?;
    let tokens = lexer::tokens(inner);
    if tokens.is_empty() {
        return Err(format!("{WHILE} expected a non-empty list of string values, but got empty list"));
    }
    let mut texts = Vec::new();
    let mut strange = false;
    let mut shown = Vec::new();
    let mut after_item = false;
    for token in &tokens {
        match (token.kind, token.text.as_str()) {
            (Kind::Stray, ",") if after_item => after_item = false,
            _ if after_item => return Err(ill()),
            (Kind::Text, text) | (Kind::Identifier, text) if text.len() >= 2 && text.starts_with(['\'', '"']) => {
                let text = text[1..text.len() - 1].to_owned();
                shown.push(repr_str(&text));
                texts.push(text);
                after_item = true;
            }
            (Kind::Integer | Kind::Float, number) => {
                shown.push(number.to_owned());
                strange = true;
                after_item = true;
            }
            _ => return Err(ill()),
        }
    }
    if texts.len() > MAX_LIST {
        return Err(format!("{WHILE} found more than {MAX_LIST} texts."));
    }
    if strange {
        let comma = if shown.len() == 1 { "," } else { "" };
        return Err(format!(
            "{WHILE} expected string value, punctuation, or whitespace, but got different type in list: ({}{comma})",
            shown.join(", ")
        ));
    }
    Ok(texts)
}

/// Takes the quotes off, whichever they are.
#[must_use]
pub fn unquoted<'a>(text: &'a str, quotes: &[char]) -> &'a str {
    for quote in quotes {
        if text.len() >= 2 && text.starts_with(*quote) && text.ends_with(*quote) {
            return &text[1..text.len() - 1];
        }
    }
    text
}

/// An identifier's prefix, if it has one, and its key, both as written.
#[must_use]
pub fn split(identifier: &str) -> (Option<&str>, &str) {
    // A dot inside backticks around the prefix cannot be: prefixes are words.
    identifier.split_once('.').map_or((None, identifier), |(prefix, key)| (Some(prefix), key))
}

/// One item of an order: what to sort by, and whether it rises.
///
/// # Errors
/// In MLflow's words, with `pointer` naming the item.
pub fn order_item(item: &str, pointer: &str) -> TrackingResult<(String, bool)> {
    let unparsable = |at: usize| {
        TrackingError::invalid(format!("Invalid order_by clause '{item}'. Could not be parsed.")).at(pointer, at)
    };
    let tokens = lexer::tokens(item);
    let first = tokens.first().ok_or_else(|| unparsable(0))?;
    let bare_timestamp = first.is_keyword("timestamp");
    if first.kind != Kind::Identifier && !bare_timestamp {
        return Err(unparsable(first.offset));
    }
    match tokens.get(1) {
        None => Ok((first.text.clone(), true)),
        Some(second) if tokens.len() == 2 && matches!(second.kind, Kind::Identifier | Kind::Keyword) => {
            match second.text.to_ascii_lowercase().as_str() {
                "asc" => Ok((first.text.clone(), true)),
                "desc" => Ok((first.text.clone(), false)),
                _ => Err(TrackingError::invalid(format!("Invalid ordering key in order_by clause '{item}'."))
                    .at(pointer, second.offset)),
            }
        }
        Some(second) => Err(unparsable(tokens.get(2).map_or(second.offset, |t| t.offset))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::TrackingError;

    fn message<T: std::fmt::Debug>(result: TrackingResult<T>) -> String {
        match result {
            Err(TrackingError::Refused { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn and_is_sloppy() {
        for text in ["a > 1 AND b < 2", "a>1 b<2", "and a > 1 AND AND b < 2 and"] {
            assert_eq!(clauses(text, Stray::Quoted).unwrap().len(), 2, "{text}");
        }
        assert!(clauses("AND", Stray::Quoted).unwrap().is_empty());
    }

    #[test]
    fn stray_pieces_are_named() {
        assert_eq!(message(clauses("a = 1 OR b = 2", Stray::Quoted)), "Invalid clause(s) in filter string: 'OR'");
        assert_eq!(
            message(clauses("params.pp = 'a", Stray::Quoted)),
            "Invalid clause(s) in filter string: 'params.pp', '=', ''', 'a'"
        );
        assert_eq!(message(clauses("   ", Stray::Bare)), "Invalid filter '   '. Could not be parsed.");
        assert_eq!(
            message(clauses("a = 1; b = 2", Stray::Bare)),
            "Search filter contained multiple expression 'a = 1; b = 2'. Provide AND-ed expression list."
        );
    }

    #[test]
    fn the_position_of_a_fault_is_known() {
        match clauses("metrics.a > 1 OR b = 2", Stray::Quoted) {
            Err(TrackingError::Refused { position: Some(p), .. }) => {
                assert_eq!((p.pointer.as_str(), p.offset), (FILTER, 14))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_left_side_must_be_a_name() {
        assert_eq!(
            message(clauses("'x' = params.pp", Stray::Quoted)),
            "Invalid comparison clause. Expected 'Identifier' found ''x''"
        );
        assert_eq!(
            message(clauses("tags.a.b-c = 'x'", Stray::Quoted)),
            "Invalid comparison clause. Expected 'Identifier' found 'tags.a.b-c'"
        );
    }

    #[test]
    fn lists_are_tuples_of_texts() {
        assert_eq!(list("('a', \"b\",)").unwrap(), ["a", "b"]);
        assert!(list("()").unwrap_err().ends_with("but got empty list"));
        assert!(list("(1, 2)").unwrap_err().ends_with("different type in list: (1, 2)"));
        assert!(list("('a' 'b')").unwrap_err().ends_with("ill-formed list."));
        assert!(list("(a)").unwrap_err().ends_with("ill-formed list."));
    }

    #[test]
    fn orders_have_a_name_and_maybe_a_direction() {
        assert_eq!(order_item("metrics.`a b` desc", "/order_by/0").unwrap(), ("metrics.`a b`".to_owned(), false));
        assert_eq!(order_item("timestamp", "/order_by/0").unwrap(), ("timestamp".to_owned(), true));
        assert_eq!(message(order_item("", "/o")), "Invalid order_by clause ''. Could not be parsed.");
        assert_eq!(message(order_item("a, b", "/o")), "Invalid order_by clause 'a, b'. Could not be parsed.");
        assert_eq!(
            message(order_item("metrics.acc FOO", "/o")),
            "Invalid ordering key in order_by clause 'metrics.acc FOO'."
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in ".{0,60}") {
            let _ = clauses(&text, Stray::Quoted);
            let _ = order_item(&text, "/o");
            let _ = list(&text);
        }
    }
}
