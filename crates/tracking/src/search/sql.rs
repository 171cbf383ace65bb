//! Conditions and their values on the way into a statement.

use rhiza_store::{Dialect, Value};

use super::TextTest;

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

    /// What ends the subquery of an `EXISTS`.
    pub(crate) const fn fence(&self) -> &'static str {
        self.dialect.fence()
    }

    /// Binds several values and gives their placeholders with commas.
    pub(crate) fn list<T: Into<Value>>(&mut self, values: impl IntoIterator<Item = T>) -> String {
        values.into_iter().map(|v| self.add(v)).collect::<Vec<_>>().join(", ")
    }

    /// The condition on a column that is never NULL. A text with a NUL character matches nothing that is stored.
    pub(crate) fn text(&mut self, column: &str, test: &TextTest) -> String {
        let clean = |text: &str| text.replace('\0', "\u{fffd}");
        match test {
            TextTest::Is(text) => format!("{column} = {}", self.add(clean(text))),
            TextTest::IsNot(text) => format!("{column} <> {}", self.add(clean(text))),
            TextTest::Like(text) => {
                let pattern = self.dialect.like_pattern(&clean(text));
                let placeholder = self.add(pattern);
                self.dialect.like(column, &placeholder)
            }
            TextTest::Ilike(text) => {
                let placeholder = self.add(clean(text));
                self.dialect.ilike(column, &placeholder)
            }
            TextTest::In(texts) => format!("{column} IN ({})", self.list(texts.iter().map(|t| clean(t)))),
            TextTest::NotIn(texts) => format!("{column} NOT IN ({})", self.list(texts.iter().map(|t| clean(t)))),
            TextTest::Missing => format!("{column} IS NULL"),
            TextTest::Present => format!("{column} IS NOT NULL"),
        }
    }

    pub(crate) fn into_values(self) -> Vec<Value> {
        self.values
    }
}
