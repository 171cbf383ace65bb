//! The search of logged models in SQL.

use rhiza_kernel::ProjectScope;
use rhiza_store::{StoreError, Tx, Value};

use super::store::{COLUMNS, Row};
use crate::experiments::ids::ExperimentIds;
use crate::search::TextTest;
use crate::search::logged_models::{Dataset, Key, Search, Term, Text, Time};
use crate::search::sql::Binds;

const fn text_column(text: Text) -> &'static str {
    match text {
        Text::Name => "m.name",
        Text::Id => "m.model_id",
        Text::Type => "m.model_type",
        Text::SourceRun => "m.source_run_id",
        Text::Artifacts => "m.artifact_uri",
        Text::Lifecycle => "'active'",
    }
}

const fn time_column(time: Time) -> &'static str {
    match time {
        Time::Created => "m.created_ms",
        Time::Updated => "m.updated_ms",
    }
}

/// The condition that a metric row was measured on one of the datasets.
fn on_datasets(datasets: &[Dataset], binds: &mut Binds) -> Option<String> {
    let each: Vec<String> = datasets
        .iter()
        .filter_map(|dataset| {
            let name = dataset.name.as_deref().map(|n| format!("x.dataset_name = {}", binds.word(n)));
            let digest = dataset.digest.as_deref().map(|d| format!("x.dataset_digest = {}", binds.word(d)));
            let both: Vec<String> = name.into_iter().chain(digest).collect();
            (!both.is_empty()).then(|| format!("({})", both.join(" AND ")))
        })
        .collect();
    (!each.is_empty()).then(|| format!("({})", each.join(" OR ")))
}

/// The latest value of a model's metric, NULL when it has none.
fn latest(key: &str, datasets: &[&[Dataset]], binds: &mut Binds) -> String {
    let mut wheres = vec![
        "x.org_id = m.org_id AND x.project_id = m.project_id AND x.model_id = m.model_id".to_owned(),
        format!("x.key = {}", binds.word(key)),
    ];
    wheres.extend(datasets.iter().filter_map(|list| on_datasets(list, binds)));
    format!(
        "(SELECT x.value FROM logged_model_metrics x WHERE {} ORDER BY x.step DESC, x.timestamp_ms DESC, x.value DESC \
         LIMIT 1)",
        wheres.join(" AND ")
    )
}

fn pair(table: &str, key: &str, test: &TextTest, binds: &mut Binds) -> String {
    let key = binds.word(key);
    let value = binds.text("p.value", test);
    let fence = binds.fence();
    format!(
        "EXISTS (SELECT 1 FROM {table} p WHERE p.project_id = m.project_id AND p.model_id = m.model_id \
         AND p.key = {key} AND {value}{fence})"
    )
}

fn condition(term: &Term, datasets: &[Dataset], ids: ExperimentIds, binds: &mut Binds) -> String {
    match term {
        Term::Text(text, test) => binds.text(text_column(*text), test),
        Term::Time(time, test, value) => format!("{} {} {}", time_column(*time), test.sql(), binds.add(*value)),
        Term::Status(states) if states.is_empty() => "1 = 0".to_owned(),
        Term::Status(states) => format!("m.status IN ({})", binds.list(states.iter().map(|s| s.rank()))),
        Term::Experiment(wanted, is) => {
            // Ids beyond the database's numbers are nobody's.
            let rows: Vec<Value> =
                wanted.iter().filter_map(|id| i64::try_from(*id).ok()).map(|id| ids.row(id).into()).collect();
            match (rows.is_empty(), *is) {
                (true, true) => "1 = 0".to_owned(),
                (true, false) => "1 = 1".to_owned(),
                (false, true) => format!("m.experiment_id IN ({})", binds.list(rows)),
                (false, false) => format!("m.experiment_id NOT IN ({})", binds.list(rows)),
            }
        }
        Term::Metric(key, test, value) => {
            let latest = latest(key, &[datasets], binds);
            format!("{latest} {} {}", test.sql(), binds.add(*value))
        }
        Term::Param(key, test) => pair("logged_model_params", key, test, binds),
        Term::Tag(key, test) => pair("logged_model_tags", key, test, binds),
    }
}

/// The order's items; what a model lacks comes last, whichever the direction.
fn order(search: &Search, binds: &mut Binds) -> Vec<String> {
    let mut items = Vec::with_capacity(search.order.len() + 2);
    for (key, rises) in &search.order {
        let direction = if *rises { "ASC" } else { "DESC" };
        let expression = match key {
            Key::Text(text) => text_column(*text).to_owned(),
            Key::Time(time) => time_column(*time).to_owned(),
            Key::Status => "m.status".to_owned(),
            Key::Experiment => "m.experiment_id".to_owned(),
            Key::Metric(name, dataset) => {
                let value = latest(name, &[&search.datasets, std::slice::from_ref(dataset)], binds);
                items.push(format!("{value} {direction} NULLS LAST"));
                continue;
            }
        };
        items.push(format!("{expression} {direction}"));
    }
    if !search.order.iter().any(|(key, _)| *key == Key::Time(Time::Created)) {
        items.push("m.created_ms DESC".to_owned());
    }
    if !search.order.iter().any(|(key, _)| *key == Key::Text(Text::Id)) {
        items.push("m.model_id ASC".to_owned());
    }
    items
}

/// One page of the models of these experiments.
pub(super) async fn search(
    tx: &Tx,
    scope: &ProjectScope,
    ids: ExperimentIds,
    experiments: &[i64],
    search: &Search,
    offset: u64,
    limit: u64,
) -> Result<Vec<Row>, StoreError> {
    if experiments.is_empty() {
        return Ok(Vec::new());
    }
    let mut binds = Binds::new(tx.dialect());
    let mut wheres = vec![
        format!("m.org_id = {}", binds.add(scope.org.uuid())),
        format!("m.project_id = {}", binds.add(scope.project.uuid())),
        format!("m.experiment_id IN ({})", binds.list(experiments.iter().copied())),
        "NOT m.deleted".to_owned(),
    ];
    for term in &search.terms {
        wheres.push(condition(term, &search.datasets, ids, &mut binds));
    }
    let metrics = search.terms.iter().any(|term| matches!(term, Term::Metric(..)));
    if !metrics && let Some(on) = on_datasets(&search.datasets, &mut binds) {
        wheres.push(format!(
            "EXISTS (SELECT 1 FROM logged_model_metrics x WHERE x.project_id = m.project_id \
             AND x.model_id = m.model_id AND {on})"
        ));
    }
    let order = order(search, &mut binds);
    let page = binds.page(offset, limit);
    let sql = format!(
        "SELECT {COLUMNS} FROM logged_models m WHERE {} ORDER BY {} {page}",
        wheres.join(" AND "),
        order.join(", ")
    );
    tx.fetch_all(&sql, binds.into_values()).await
}
