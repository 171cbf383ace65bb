//! The searches of the registry in SQL.

use rhiza_kernel::ProjectScope;
use rhiza_store::{StoreError, Tx};

use super::model::IS_PROMPT;
use super::store::{ModelRow, VERSION_COLUMNS, VersionRow};
use crate::search::TextTest;
use crate::search::models::{Column, Key, Search, Term};
use crate::search::sql::Binds;

/// Names of columns and tags differ between the two searches, the conditions do not.
struct Table {
    tags: &'static str,
    same_owner: &'static str,
    created: &'static str,
    updated: &'static str,
}

const MODELS: Table = Table {
    tags: "registered_model_tags",
    same_owner: "t.registered_id = m.id",
    created: "m.created_ms",
    updated: "m.updated_ms",
};
const VERSIONS: Table = Table {
    tags: "model_version_tags",
    same_owner: "t.registered_id = v.registered_id AND t.version = v.version",
    created: "v.created_ms",
    updated: "v.updated_ms",
};

fn conditions(table: &Table, search: &Search, binds: &mut Binds) -> Vec<String> {
    let mut wheres = Vec::with_capacity(search.terms.len() + 1);
    for term in &search.terms {
        wheres.push(match term {
            Term::Text(Column::Name, test) => binds.text("m.name", test),
            Term::Text(Column::RunId, test) => binds.text("v.run_id", test),
            Term::Text(Column::Source, test) => binds.text("v.source", test),
            Term::Number(test, number) => format!("v.version {} {}", test.sql(), binds.add(*number)),
            Term::Tag(key, test) => {
                let key = binds.text("t.key", &TextTest::Is(key.clone()));
                let value = binds.text("t.value", test);
                let Table { tags, same_owner, .. } = table;
                let fence = binds.fence();
                format!("EXISTS (SELECT 1 FROM {tags} t WHERE {same_owner} AND {key} AND {value}{fence})")
            }
        });
    }
    if !search.prompts {
        // Every version of a model with one prompt among them is a prompt: MLflow looks at names.
        let (key, value) = (binds.add(IS_PROMPT), binds.add("true"));
        wheres.push(format!(
            "NOT EXISTS (SELECT 1 FROM {} t WHERE t.registered_id = m.id AND t.key = {key} AND t.value = {value})",
            table.tags
        ));
    }
    wheres
}

fn order(table: &Table, search: &Search) -> String {
    let items: Vec<String> = search
        .order
        .iter()
        .map(|(key, rises)| {
            let column = match key {
                Key::Name => "m.name",
                Key::Version => "v.version",
                Key::Created => table.created,
                Key::Updated => table.updated,
            };
            format!("{column} {}", if *rises { "ASC" } else { "DESC" })
        })
        .collect();
    items.join(", ")
}

fn project(scope: &ProjectScope, binds: &mut Binds) -> Vec<String> {
    vec![
        format!("m.org_id = {}", binds.add(scope.org.uuid())),
        format!("m.project_id = {}", binds.add(scope.project.uuid())),
    ]
}

/// One page of models.
pub(super) async fn models(
    tx: &Tx,
    scope: &ProjectScope,
    search: &Search,
    offset: u64,
    limit: u64,
) -> Result<Vec<ModelRow>, StoreError> {
    let mut binds = Binds::new(tx.dialect());
    let mut wheres = project(scope, &mut binds);
    wheres.extend(conditions(&MODELS, search, &mut binds));
    let page = binds.page(offset, limit);
    let sql = format!(
        "SELECT m.id, m.name, m.description, m.created_ms, m.updated_ms FROM registered_models m \
         WHERE {} ORDER BY {} {page}",
        wheres.join(" AND "),
        order(&MODELS, search)
    );
    tx.fetch_all(&sql, binds.into_values()).await
}

/// One page of versions that are not deleted.
pub(super) async fn versions(
    tx: &Tx,
    scope: &ProjectScope,
    search: &Search,
    offset: u64,
    limit: u64,
) -> Result<Vec<VersionRow>, StoreError> {
    let mut binds = Binds::new(tx.dialect());
    let mut wheres = project(scope, &mut binds);
    wheres.push("NOT v.deleted".to_owned());
    wheres.extend(conditions(&VERSIONS, search, &mut binds));
    let page = binds.page(offset, limit);
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM model_versions v JOIN registered_models m ON m.id = v.registered_id \
         WHERE {} ORDER BY {} {page}",
        wheres.join(" AND "),
        order(&VERSIONS, search)
    );
    tx.fetch_all(&sql, binds.into_values()).await
}
