//! The search of experiments in SQL.

use rhiza_kernel::ProjectScope;
use rhiza_store::{StoreError, Tx};

use super::ids::ExperimentIds;
use super::store::{COLUMNS, ExperimentRow};
use crate::search::TextTest;
use crate::search::experiments::{Column, Search, Term};
use crate::search::sql::Binds;

const fn column(column: Column) -> &'static str {
    match column {
        Column::Name => "e.name",
        Column::Id => "e.id",
        Column::Created => "e.created_ms",
        Column::Updated => "e.updated_ms",
    }
}

pub(crate) async fn search(
    tx: &Tx,
    scope: &ProjectScope,
    ids: ExperimentIds,
    search: &Search,
    offset: u64,
    limit: u64,
) -> Result<Vec<ExperimentRow>, StoreError> {
    let mut binds = Binds::new(tx.dialect());
    let mut wheres = vec![
        format!("e.project_id = {}", binds.add(scope.project.uuid())),
        format!("e.org_id = {}", binds.add(scope.org.uuid())),
    ];
    if let Some(deleted) = search.view.deleted() {
        wheres.push(format!("e.deleted = {}", binds.add(deleted)));
    }
    for term in &search.terms {
        wheres.push(condition(term, ids, &mut binds));
    }
    let order = if search.order.is_empty() {
        "e.created_ms DESC, e.id ASC".to_owned()
    } else {
        let mut parts: Vec<String> = Vec::with_capacity(search.order.len() + 1);
        for (by, rises) in &search.order {
            // "0" sorts before all others, whatever its row.
            let expr = match by {
                Column::Id => format!("CASE WHEN e.id = {} THEN 0 ELSE e.id END", binds.add(ids.default_row())),
                other => column(*other).to_owned(),
            };
            parts.push(format!("{expr} {}", if *rises { "ASC" } else { "DESC" }));
        }
        parts.push(format!("CASE WHEN e.id = {} THEN 0 ELSE e.id END DESC", binds.add(ids.default_row())));
        parts.join(", ")
    };
    let page = binds.page(offset, limit);
    let sql = format!("SELECT {COLUMNS} FROM experiments e WHERE {} ORDER BY {order} {page}", wheres.join(" AND "));
    tx.fetch_all(&sql, binds.into_values()).await
}

fn condition(term: &Term, ids: ExperimentIds, binds: &mut Binds) -> String {
    match term {
        Term::Name(test) => binds.text("e.name", test),
        Term::Id(wanted, is) => {
            let rows = wanted.iter().map(|id| ids.row(i64::try_from(*id).unwrap_or(-1)));
            format!("e.id {} ({})", if *is { "IN" } else { "NOT IN" }, binds.list(rows))
        }
        Term::Time(by, test, value) => format!("{} {} {}", column(*by), test.sql(), binds.add(*value)),
        Term::Tag(key, test) => {
            let negate = if *test == TextTest::Missing { "NOT " } else { "" };
            let key = binds.word(key);
            let value = match test {
                TextTest::Missing | TextTest::Present => String::new(),
                test => format!(" AND {}", binds.text("t.tag_value", test)),
            };
            let fence = binds.fence();
            format!(
                "{negate}EXISTS (SELECT 1 FROM experiment_tags t WHERE t.experiment_id = e.id AND t.tag_key = {key}{value}{fence})"
            )
        }
    }
}
