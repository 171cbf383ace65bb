//! Lists: a page of items and an opaque cursor to the next one. Cursors name a place in a stable order, not an
//! offset, so that rows that come or go in between are neither skipped nor repeated.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{IntoParams, ToSchema};

use crate::error::{ApiError, ApiResult, Faults};
use crate::extract::Query;

/// Items of a page when the caller names no number.
pub const DEFAULT_LIMIT: u32 = 50;
/// The most items a page may have.
pub const MAX_LIMIT: u32 = 200;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in the list's stable order.
    pub items: Vec<T>,
    /// Give it as `cursor` to get the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page out of up to `limit + 1` rows (see [`PageQuery::fetch`]): the extra row only tells that there is more.
    /// `key` names the last item's place.
    pub fn from_overfetch<K: Serialize>(mut rows: Vec<T>, query: &PageQuery, key: impl FnOnce(&T) -> K) -> Self {
        let limit = query.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more { rows.last().map(|last| cursor::encode(&key(last))) } else { None };
        Self { items: rows, next_cursor }
    }

    /// The page with each item turned into its wire form.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), next_cursor: self.next_cursor }
    }
}

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// How many items, 1 to [`MAX_LIMIT`].
    pub limit: u32,
    cursor: Option<String>,
}

impl Default for PageQuery {
    fn default() -> Self {
        Self { limit: DEFAULT_LIMIT, cursor: None }
    }
}

impl PageQuery {
    /// How many rows to fetch: one more than asked for, which tells whether there is a next page.
    #[must_use]
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// The place to go on from; `None` on the first page.
    ///
    /// # Errors
    /// `invalid_argument` when the cursor is not one of this list's.
    pub fn cursor<K: DeserializeOwned>(&self) -> ApiResult<Option<K>> {
        self.cursor.as_deref().map(cursor::decode).transpose()
    }
}

/// The parameters as they arrive.
#[derive(Deserialize)]
struct Raw {
    limit: Option<u32>,
    cursor: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for PageQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let Query(raw) = Query::<Raw>::from_request_parts(parts, state).await?;
        let limit = raw.limit.unwrap_or(DEFAULT_LIMIT);
        let mut faults = Faults::default();
        faults.check((1..=MAX_LIMIT).contains(&limit), "limit", "must be between 1 and 200");
        faults.finish()?;
        Ok(Self { limit, cursor: raw.cursor.filter(|cursor| !cursor.is_empty()) })
    }
}

/// Places in a list as opaque text.
pub mod cursor {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{ApiError, ApiResult, DeserializeOwned, Serialize};

    /// Leads every cursor, so that a later format can be told from this one.
    const VERSION: u8 = 1;

    /// Cursors longer than this were not made here.
    const MAX_LENGTH: usize = 4096;

    /// `place` as opaque text.
    pub fn encode<K: Serialize>(place: &K) -> String {
        let mut bytes = vec![VERSION];
        // Keys are plain data; one that cannot be written decodes to "not a cursor" instead of taking the list down.
        if serde_json::to_writer(&mut bytes, place).is_err() {
            bytes.truncate(1);
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place `text` stands for.
    ///
    /// # Errors
    /// `invalid_argument` at `cursor` when it was not made by [`encode`] for the same kind of place.
    pub fn decode<K: DeserializeOwned>(text: &str) -> ApiResult<K> {
        let bytes = (text.len() <= MAX_LENGTH).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten();
        let place = bytes.and_then(|bytes| match bytes.split_first() {
            Some((&VERSION, json)) => serde_json::from_slice(json).ok(),
            _ => None,
        });
        place.ok_or_else(|| {
            let fault =
                rhiza_kernel::FieldError::new("cursor", "is not a cursor of this list; start again without one");
            ApiError::invalid(vec![fault])
        })
    }
}

/// By hand, because the derived schema of a generic type repeats the item's whole schema in every page instead of
/// naming it, and clients are generated from the names.
impl<T: ToSchema> utoipa::__dev::ComposeSchema for Page<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let text_or_null = SchemaType::Array(vec![Type::String, Type::Null]);
        let cursor = ObjectBuilder::new()
            .schema_type(text_or_null)
            .description(Some("Give it as `cursor` to get the next page; `null` on the last one."));
        let items = ArrayBuilder::new()
            .items(Ref::from_schema_name(T::name()))
            .description(Some("The items, in the list's stable order."));
        ObjectBuilder::new()
            .property("items", items)
            .required("items")
            .property("next_cursor", cursor)
            .description(Some("A page of a list."))
            .into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        // The item's name is appended where the schema is used.
        "Page".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl IntoParams for PageQuery {
    fn into_params(
        _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        let limit = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .minimum(Some(1))
            .maximum(Some(MAX_LIMIT as usize))
            .default(Some(DEFAULT_LIMIT.into()))
            .build();
        let cursor = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).build();
        let parameter = |name: &str, about: &str, schema: utoipa::openapi::schema::Object| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .description(Some(about))
                .schema(Some(schema))
                .build()
        };
        vec![
            parameter("limit", "How many items to return.", limit),
            parameter("cursor", "The `next_cursor` of the page before.", cursor),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(limit: u32) -> PageQuery {
        PageQuery { limit, cursor: None }
    }

    #[test]
    fn the_extra_row_tells_of_a_next_page_and_is_not_shown() {
        let page = Page::from_overfetch(vec![1, 2, 3], &query(2), |last| *last);
        assert_eq!(page.items, [1, 2]);
        assert_eq!(cursor::decode::<i32>(&page.next_cursor.unwrap()).unwrap(), 2);
        assert_eq!(Page::from_overfetch(vec![1, 2], &query(2), |last| *last).next_cursor, None);
        assert_eq!(Page::from_overfetch(Vec::<i32>::new(), &query(2), |last| *last).next_cursor, None);
    }

    #[test]
    fn a_place_survives_its_cursor() {
        let place = (1_700_000_000_123_i64, "run/ü".to_owned(), None::<f64>);
        let decoded: (i64, String, Option<f64>) = cursor::decode(&cursor::encode(&place)).unwrap();
        assert_eq!(decoded, place);
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for bad in ["", "!", "AA", "eyJhIjoxfQ", &cursor::encode(&"text"), &"A".repeat(5000)] {
            let error = cursor::decode::<i64>(bad).unwrap_err();
            assert_eq!(error.field_errors()[0].pointer, "cursor", "{bad}");
        }
    }
}
