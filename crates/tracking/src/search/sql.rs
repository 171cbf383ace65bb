//! Conditions and their values on the way into a statement.

use rhiza_store::{Dialect, Value};

use super::TextTest;
use crate::protocol::without_nul;

/// The values of a statement under construction; each gets the next placeholder.
#[derive(Debug)]
pub(crate) struct Binds {
    dialect: Dialect,
    values: Vec<Value>,
}

impl Binds {
    pub(crate) const fn new(dialect: Dialect) -> Self {
        Self { dialect, values: Vec::new() }
    }

    /// Binds a value and gives its placeholder.
    pub(crate) fn add(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Binds a text that a client sent. What is stored has no NUL characters, so a text with one matches nothing;
    /// PostgreSQL could not even be asked.
    pub(crate) fn word(&mut self, text: &str) -> String {
        self.add(without_nul(text))
    }

    /// Binds several texts that a client sent.
    pub(crate) fn words<'a>(&mut self, texts: impl IntoIterator<Item = &'a String>) -> String {
        self.list(texts.into_iter().map(|text| without_nul(text)))
    }

    /// `LIMIT` and `OFFSET` of a page.
    pub(crate) fn page(&mut self, offset: u64, limit: u64) -> String {
        let limit = self.add(i64::try_from(limit).unwrap_or(i64::MAX));
        let offset = self.add(i64::try_from(offset).unwrap_or(i64::MAX));
        format!("LIMIT {limit} OFFSET {offset}")
    }

    /// What ends the subquery of an `EXISTS`.
    pub(crate) const fn fence(&self) -> &'static str {
        self.dialect.fence()
    }

    /// Binds several values and gives their placeholders with commas.
    pub(crate) fn list<T: Into<Value>>(&mut self, values: impl IntoIterator<Item = T>) -> String {
        values.into_iter().map(|v| self.add(v)).collect::<Vec<_>>().join(", ")
    }

    /// The condition on a column that is never NULL.
    pub(crate) fn text(&mut self, column: &str, test: &TextTest) -> String {
        match test {
            TextTest::Is(text) => format!("{column} = {}", self.word(text)),
            TextTest::IsNot(text) => format!("{column} <> {}", self.word(text)),
            TextTest::Like(text) => {
                let pattern = self.dialect.like_pattern(&without_nul(text));
                let placeholder = self.add(pattern);
                self.dialect.like(column, &placeholder)
            }
            TextTest::Ilike(text) => {
                let placeholder = self.word(text);
                self.dialect.ilike(column, &placeholder)
            }
            TextTest::In(texts) => format!("{column} IN ({})", self.words(texts)),
            TextTest::NotIn(texts) => format!("{column} NOT IN ({})", self.words(texts)),
            TextTest::Missing => format!("{column} IS NULL"),
            TextTest::Present => format!("{column} IS NOT NULL"),
        }
    }

    pub(crate) fn into_values(self) -> Vec<Value> {
        self.values
    }
}
