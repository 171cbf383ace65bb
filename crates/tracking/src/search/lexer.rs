//! Words of a filter: what a general SQL tokenizer sees in it, as far as MLflow's grammar cares.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name, possibly dotted, its parts possibly in backticks or double quotes.
    Identifier,
    /// A text in single quotes.
    Text,
    /// A whole number.
    Integer,
    /// A number with a fraction or an exponent.
    Float,
    /// `=`, `!=`, `LIKE`, …
    Operator,
    /// A word of SQL.
    Keyword,
    /// Something in parentheses.
    List,
    /// An arithmetic expression: never valid, but one piece in messages.
    Operation,
    /// Anything else.
    Stray,
}

/// A token with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// As written.
    pub(crate) text: String,
    /// 0-based offset in characters.
    pub(crate) offset: usize,
}

impl Token {
    pub(crate) fn is_keyword(&self, word: &str) -> bool {
        self.kind == Kind::Keyword && self.text.eq_ignore_ascii_case(word)
    }
}

/// Words that the tokenizer takes for SQL where a name could stand alone.
const KEYWORDS: &[&str] = &[
    "all",
    "and",
    "any",
    "as",
    "asc",
    "begin",
    "between",
    "by",
    "case",
    "cast",
    "column",
    "create",
    "date",
    "delete",
    "desc",
    "distinct",
    "drop",
    "else",
    "end",
    "exists",
    "false",
    "for",
    "from",
    "group",
    "having",
    "in",
    "index",
    "insert",
    "into",
    "is",
    "join",
    "key",
    "limit",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "primary",
    "select",
    "set",
    "table",
    "then",
    "time",
    "timestamp",
    "true",
    "union",
    "unique",
    "update",
    "user",
    "using",
    "values",
    "view",
    "when",
    "where",
    "with",
];

/// How many characters quotes and parentheses may look ahead in one filter. Real filters need little more than their
/// own length; ten thousand opening parentheses would need the square of it.
const LOOK_AHEAD: usize = 2_000_000;

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
    fuel: usize,
}

/// Splits a filter into tokens, blanks left out.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0, fuel: LOOK_AHEAD };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next() {
        tokens.push(token);
    }
    join_operations(&chars, tokens)
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '#')
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn token(&self, kind: Kind, from: usize) -> Token {
        Token { kind, text: self.chars[from..self.at].iter().collect(), offset: from }
    }

    fn next(&mut self) -> Option<Token> {
        while self.peek(0).is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let from = self.at;
        let first = self.peek(0)?;
        let kind = match first {
            '\'' => self.quoted('\'').then_some(Kind::Text),
            '"' | '`' => self.name(),
            '(' => self.list().then_some(Kind::List),
            '<' | '>' | '=' | '!' | '~' => {
                while self.peek(0).is_some_and(|c| matches!(c, '<' | '>' | '=' | '!' | '~')) {
                    self.at += 1;
                }
                Some(Kind::Operator)
            }
            c if c.is_ascii_digit() || c == '.' || c == '-' => self.number(),
            c if c.is_alphabetic() || c == '_' => self.word(),
            _ => None,
        };
        if kind.is_none() {
            self.at = from + 1;
        }
        Some(self.token(kind.unwrap_or(Kind::Stray), from))
    }

    /// Takes a quoted stretch; doubled quotes and quotes behind a backslash do not end it, unless nothing else does.
    fn quoted(&mut self, quote: char) -> bool {
        for escapes in [true, false] {
            let mut i = self.at + 1;
            while let Some(c) = self.chars.get(i) {
                if self.fuel == 0 {
                    return false;
                }
                self.fuel -= 1;
                let next_is_quote = self.chars.get(i + 1) == Some(&quote);
                if escapes && next_is_quote && (*c == '\\' || *c == quote) {
                    i += 2;
                } else if *c == quote {
                    self.at = i + 1;
                    return true;
                } else {
                    i += 1;
                }
            }
        }
        false
    }

    /// Takes everything up to the parenthesis that closes this one.
    fn list(&mut self) -> bool {
        let start = self.at;
        self.at += 1;
        let mut depth = 1;
        while let Some(c) = self.peek(0) {
            if self.fuel == 0 {
                break;
            }
            self.fuel -= 1;
            match c {
                '\'' | '"' if self.quoted(c) => continue,
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return true;
            }
        }
        self.at = start;
        false
    }

    fn digits(&self, mut i: usize) -> usize {
        while self.chars.get(i).is_some_and(char::is_ascii_digit) {
            i += 1;
        }
        i
    }

    fn number(&mut self) -> Option<Kind> {
        let start = if self.peek(0) == Some('-') { self.at + 1 } else { self.at };
        let whole = self.digits(start);
        let mut end = whole;
        let mut kind = Kind::Integer;
        if self.chars.get(whole) == Some(&'.') {
            end = self.digits(whole + 1);
            kind = Kind::Float;
            if end == whole + 1 && whole == start {
                return None;
            }
        } else if whole == start {
            return None;
        }
        if matches!(self.chars.get(end), Some('e' | 'E')) && whole > start {
            let sign = usize::from(self.chars.get(end + 1) == Some(&'-'));
            let exponent = self.digits(end + 1 + sign);
            if exponent > end + 1 + sign {
                end = exponent;
                kind = Kind::Float;
            }
        }
        if self.chars.get(end).is_some_and(|c| is_name(*c)) {
            return None;
        }
        self.at = end;
        Some(kind)
    }

    /// A word: an operator, a keyword, or the beginning of a dotted name.
    fn word(&mut self) -> Option<Kind> {
        let from = self.at;
        while self.peek(0).is_some_and(is_name) {
            self.at += 1;
        }
        let word: String = self.chars[from..self.at].iter().collect::<String>().to_ascii_lowercase();
        if self.peek(0) != Some('.') {
            if matches!(word.as_str(), "like" | "ilike" | "rlike") {
                return Some(Kind::Operator);
            }
            if word == "not" && self.negated_like() {
                return Some(Kind::Operator);
            }
            if KEYWORDS.contains(&word.as_str()) {
                return Some(Kind::Keyword);
            }
        }
        self.tail();
        Some(Kind::Identifier)
    }

    /// `NOT` followed by `LIKE` and its kin is one operator.
    fn negated_like(&mut self) -> bool {
        let mut i = self.at;
        while self.chars.get(i).is_some_and(|c| c.is_whitespace()) {
            i += 1;
        }
        let end = (i..).find(|j| !self.chars.get(*j).is_some_and(|c| is_name(*c))).unwrap_or(i);
        let word = self.chars[i..end].iter().collect::<String>().to_ascii_lowercase();
        let found = matches!(word.as_str(), "like" | "ilike" | "rlike");
        if found {
            self.at = end;
        }
        found
    }

    /// A name that begins with a quoted part.
    fn name(&mut self) -> Option<Kind> {
        let quote = self.peek(0)?;
        if !self.quoted(quote) {
            return None;
        }
        self.tail();
        Some(Kind::Identifier)
    }

    /// The parts after the first one.
    fn tail(&mut self) {
        while self.peek(0) == Some('.') {
            self.at += 1;
            match self.peek(0) {
                Some(quote @ ('`' | '"' | '\'')) => {
                    if !self.quoted(quote) {
                        return;
                    }
                }
                _ => {
                    while self.peek(0).is_some_and(is_name) {
                        self.at += 1;
                    }
                }
            }
        }
    }
}

/// Joins `a - b` and the like into one token, as the tokenizer groups them.
fn join_operations(chars: &[char], tokens: Vec<Token>) -> Vec<Token> {
    let operand = |t: &Token| matches!(t.kind, Kind::Identifier | Kind::Integer | Kind::Float | Kind::Operation);
    let end = |t: &Token| t.offset + t.text.chars().count();
    let mut joined: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let arithmetic = token.kind == Kind::Stray && matches!(token.text.as_str(), "-" | "+" | "*" | "/" | "%" | "||");
        let between = arithmetic && joined.last().is_some_and(operand) && rest.peek().is_some_and(operand);
        if let (true, Some(left)) = (between, joined.last_mut())
            && let Some(right) = rest.next()
        {
            left.text = chars[left.offset..end(&right)].iter().collect();
            left.kind = Kind::Operation;
            continue;
        }
        // "a-1": the minus went to the number.
        let glued = matches!(token.kind, Kind::Integer | Kind::Float) && token.text.starts_with('-');
        if glued
            && let Some(left) = joined.last_mut()
            && operand(left)
            && end(left) == token.offset
        {
            left.text.push_str(&token.text);
            left.kind = Kind::Operation;
            continue;
        }
        joined.push(token);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, String)> {
        tokens(text).into_iter().map(|t| (t.kind, t.text)).collect()
    }

    #[test]
    fn a_clause_is_three_tokens_with_or_without_blanks() {
        for text in ["metrics.acc>=0.5", "metrics.acc >= 0.5"] {
            let tokens = kinds(text);
            assert_eq!(
                tokens,
                [(Kind::Identifier, "metrics.acc".into()), (Kind::Operator, ">=".into()), (Kind::Float, "0.5".into())]
            );
        }
    }

    #[test]
    fn numbers_are_what_sql_calls_numbers() {
        for (text, kind) in [
            ("1", Kind::Integer),
            ("-1", Kind::Integer),
            (".5", Kind::Float),
            ("5.", Kind::Float),
            ("1e-3", Kind::Float),
            ("1.5e10", Kind::Float),
        ] {
            assert_eq!(kinds(text), [(kind, text.to_owned())]);
        }
        assert_ne!(kinds("0x10").len(), 1);
    }

    #[test]
    fn keys_may_be_quoted_and_keep_their_dots() {
        for text in ["tags.`a b`", "tags.\"a b\"", "tags.'a b'", "`tags`.x", "tags.mlflow.runName", "params.order"] {
            assert_eq!(kinds(text), [(Kind::Identifier, text.to_owned())]);
        }
        assert_eq!(kinds("order")[0].0, Kind::Keyword);
    }

    #[test]
    fn a_dash_makes_an_operation() {
        assert_eq!(kinds("tags.a.b-c"), [(Kind::Operation, "tags.a.b-c".into())]);
        assert_eq!(kinds("metrics.a-1"), [(Kind::Operation, "metrics.a-1".into())]);
    }

    #[test]
    fn texts_keep_doubled_quotes_and_an_open_one_falls_apart() {
        assert_eq!(kinds("'it''s'"), [(Kind::Text, "'it''s'".into())]);
        assert_eq!(kinds("'a\\'"), [(Kind::Text, "'a\\'".into())]);
        assert_eq!(kinds("'a").iter().map(|t| t.1.as_str()).collect::<Vec<_>>(), ["'", "a"]);
    }

    #[test]
    fn offsets_count_characters() {
        assert_eq!(tokens("tags.ä = 'ü' x")[3].offset, 13);
    }

    #[test]
    fn like_may_be_negated() {
        assert_eq!(kinds("a NOT  LIKE 'x'")[1], (Kind::Operator, "NOT  LIKE".into()));
        assert_eq!(kinds("a NOT IN ('x')")[1], (Kind::Keyword, "NOT".into()));
        assert_eq!(kinds("a NOT IN ('x', ')')")[3], (Kind::List, "('x', ')')".into()));
    }
}
