//! The search of runs in SQL: first the numbers of the runs of a page, in order, then (in `view`) what they hold.

use rhiza_kernel::ProjectScope;
use rhiza_store::{FromQueryResult, StoreError, Tx, sea_orm};

use super::model::{NAME_TAG, RunStatus};
use crate::search::runs::{Attribute, DatasetColumn, Key, Search, Term};
use crate::search::sql::Binds;
use crate::search::{NumberTest, TextTest};

/// Counting stops here: beyond it an index on the order is the better guide than one on the filter.
const SELECTIVE: i64 = 5_000;

#[derive(serde::Deserialize)]
struct Id {
    id: i64,
}

const fn column(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::ArtifactUri => "(e.artifact_location || '/' || r.run_id || '/artifacts')",
        Attribute::RunId => "r.run_id",
        Attribute::RunName => "r.name",
        Attribute::Status => "r.status",
        Attribute::UserId => "r.user_id",
        Attribute::StartTime => "r.start_time",
        Attribute::EndTime => "r.end_time",
    }
}

/// The status as text: stored as a number.
fn status_case() -> String {
    let whens: Vec<String> =
        RunStatus::CHOICES.iter().map(|(name, number, _)| format!("WHEN {number} THEN '{name}'")).collect();
    format!("(CASE r.status {} END)", whens.join(" "))
}

fn expression(attribute: Attribute) -> String {
    if attribute == Attribute::Status { status_case() } else { column(attribute).to_owned() }
}

/// Whether an index can lead from this condition to the runs: then it also bounds how many there are.
fn leading(search: &Search) -> Option<(&str, NumberTest, f64)> {
    search.terms.iter().find_map(|term| match term {
        Term::Metric(key, test, value) if *test != NumberTest::IsNot => Some((key.as_str(), *test, *value)),
        _ => None,
    })
}

/// The numbers of the runs, in order.
pub(crate) async fn search(
    tx: &Tx,
    scope: &ProjectScope,
    experiments: &[i64],
    search: &Search,
    offset: u64,
    limit: u64,
) -> Result<Vec<i64>, StoreError> {
    if experiments.is_empty() {
        return Ok(Vec::new());
    }
    // An order by a metric that the filter demands can walk that metric's index, whatever the number of runs.
    if let Some((Key::Metric(key), _)) = search.order.first()
        && let Some((led, _, _)) = leading(search)
        && led == key
    {
        return fetch(tx, scope, experiments, search, offset, limit, Lead::Order).await;
    }
    if let Some((Key::Metric(_), _)) = search.order.first()
        && let Some(page) = ordered_page(tx, scope, experiments, search, offset, limit).await?
    {
        return Ok(page);
    }
    let lead = match leading(search) {
        Some(condition) if bounded_count(tx, experiments, condition).await? < SELECTIVE => Lead::Filter,
        _ => Lead::None,
    };
    fetch(tx, scope, experiments, search, offset, limit, lead).await
}

/// A page of an order by metric from that metric's index alone, when it is full: runs without the metric come last.
async fn ordered_page(
    tx: &Tx,
    scope: &ProjectScope,
    experiments: &[i64],
    search: &Search,
    offset: u64,
    limit: u64,
) -> Result<Option<Vec<i64>>, StoreError> {
    let page = fetch(tx, scope, experiments, search, offset, limit, Lead::Order).await?;
    Ok((page.len() as u64 == limit).then_some(page))
}

async fn bounded_count(tx: &Tx, experiments: &[i64], lead: (&str, NumberTest, f64)) -> Result<i64, StoreError> {
    let mut binds = Binds::new(tx.dialect());
    let (key, test, value) = lead;
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM metric_series m WHERE m.experiment_id IN ({}) AND m.metric_key = {} \
         AND m.is_nan = {} AND m.metric_value {} {} LIMIT {}) AS bounded",
        binds.list(experiments.iter().copied()),
        binds.add(key),
        binds.add(false),
        test.sql(),
        binds.add(value),
        binds.add(SELECTIVE)
    );
    Ok(tx.fetch_scalar::<i64>(&sql, binds.into_values()).await?.unwrap_or(0))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// The database decides.
    None,
    /// Begin with the runs that meet the metric condition.
    Filter,
    /// Walk the index of the metric that the order begins with; NaN and missing values are left out.
    Order,
}

async fn fetch(
    tx: &Tx,
    scope: &ProjectScope,
    experiments: &[i64],
    search: &Search,
    offset: u64,
    limit: u64,
    lead: Lead,
) -> Result<Vec<i64>, StoreError> {
    let mut binds = Binds::new(tx.dialect());
    let mut joins = String::new();
    let list = binds.list(experiments.iter().copied());
    let mut wheres = among(scope, &list, search, &mut binds);
    let mut order = Vec::with_capacity(search.order.len() + 2);
    for (i, (key, rises)) in search.order.iter().enumerate() {
        order_by(i, key, *rises, lead, &list, &mut binds, &mut joins, &mut wheres, &mut order);
    }
    if !search.order.iter().any(|(key, _)| *key == Key::Attribute(Attribute::StartTime)) {
        order.push("r.start_time DESC".to_owned());
    }
    order.push("r.run_id ASC".to_owned());
    wheres.extend(conditions(search, lead, &list, &mut binds));
    let page = binds.page(offset, limit);
    let uri = needs_location(search);
    let experiments = if uri { " JOIN experiments e ON e.id = r.experiment_id" } else { "" };
    // CROSS JOIN: SQLite keeps the order of the tables, so the index that was chosen leads.
    let from = if lead == Lead::Order { "metric_series o0 CROSS JOIN runs r" } else { "runs r" };
    let sql = format!(
        "SELECT r.id FROM {from}{experiments}{joins} WHERE {} ORDER BY {} {page}",
        wheres.join(" AND "),
        order.join(", ")
    );
    Ok(tx.fetch_packed::<Id>(&["id"], &sql, binds.into_values()).await?.into_iter().map(|row| row.id).collect())
}

/// The runs that are looked at: of these experiments, in that stage of life, not newer than the first page.
fn among(scope: &ProjectScope, experiments: &str, search: &Search, binds: &mut Binds) -> Vec<String> {
    let mut wheres = vec![
        format!("r.experiment_id IN ({experiments})"),
        format!("r.project_id = {}", binds.add(scope.project.uuid())),
        format!("r.org_id = {}", binds.add(scope.org.uuid())),
    ];
    if let Some(deleted) = search.view.deleted() {
        wheres.push(format!("r.deleted = {}", binds.add(deleted)));
    }
    if let Some(newest) = search.newest {
        wheres.push(format!("r.id <= {}", binds.add(newest)));
    }
    wheres
}

/// The search's conditions, the one that leads in the form that an index can begin with.
fn conditions(search: &Search, lead: Lead, experiments: &str, binds: &mut Binds) -> Vec<String> {
    let mut led = lead == Lead::Filter;
    let ordered_by = match search.order.first() {
        Some((Key::Metric(key), _)) if lead == Lead::Order => Some(key),
        _ => None,
    };
    let mut wheres = Vec::with_capacity(search.terms.len());
    for term in &search.terms {
        wheres.push(match term {
            // The index that gives the order also knows where this condition begins to hold.
            Term::Metric(key, test, value) if ordered_by == Some(key) && *test != NumberTest::IsNot => {
                format!("o0.metric_value {} {}", test.sql(), binds.add(*value))
            }
            Term::Metric(key, test, value) if led && *test != NumberTest::IsNot => {
                led = false;
                metric_in(key, *test, *value, experiments, binds)
            }
            term => condition(term, binds),
        });
    }
    wheres
}

/// How many runs a search finds, and the newest row among them.
#[derive(Debug, FromQueryResult)]
pub(crate) struct Extent {
    pub(crate) runs: i64,
    pub(crate) newest: Option<i64>,
}

/// Counts what the search finds, in whatever order.
pub(crate) async fn extent(
    tx: &Tx,
    scope: &ProjectScope,
    experiments: &[i64],
    search: &Search,
) -> Result<Extent, StoreError> {
    if experiments.is_empty() {
        return Ok(Extent { runs: 0, newest: None });
    }
    let mut binds = Binds::new(tx.dialect());
    let list = binds.list(experiments.iter().copied());
    let mut wheres = among(scope, &list, search, &mut binds);
    // A metric's index leads to few runs faster than all runs lead to their metrics.
    wheres.extend(conditions(search, Lead::Filter, &list, &mut binds));
    let location = if needs_location(search) { " JOIN experiments e ON e.id = r.experiment_id" } else { "" };
    let sql =
        format!("SELECT COUNT(*) AS runs, MAX(r.id) AS newest FROM runs r{location} WHERE {}", wheres.join(" AND "));
    tx.fetch_one(&sql, binds.into_values()).await
}

fn needs_location(search: &Search) -> bool {
    search.terms.iter().any(|t| matches!(t, Term::Text(Attribute::ArtifactUri, _)))
        || search.order.iter().any(|(key, _)| *key == Key::Attribute(Attribute::ArtifactUri))
}

#[expect(clippy::too_many_arguments, reason = "one step of assembling a statement, used once")]
fn order_by(
    i: usize,
    key: &Key,
    rises: bool,
    lead: Lead,
    experiments: &str,
    binds: &mut Binds,
    joins: &mut String,
    wheres: &mut Vec<String>,
    order: &mut Vec<String>,
) {
    let direction = if rises { "ASC" } else { "DESC" };
    let mut pair = |table: &str, key_column: &str, key: &str, binds: &mut Binds| {
        let key = binds.word(key);
        joins.push_str(&format!(" LEFT JOIN {table} o{i} ON o{i}.run_pk = r.id AND o{i}.{key_column} = {key}"));
    };
    match key {
        Key::Metric(key) if i == 0 && lead == Lead::Order => {
            let key = binds.word(key);
            wheres.push("o0.run_pk = r.id".to_owned());
            wheres.push(format!("o0.experiment_id IN ({experiments})"));
            wheres.push(format!("o0.metric_key = {key}"));
            wheres.push(format!("o0.is_nan = {}", binds.add(false)));
            order.push(format!("o0.metric_value {direction}"));
        }
        Key::Metric(key) => {
            pair("metric_series", "metric_key", key, binds);
            let nan = binds.add(true);
            order
                .push(format!("(CASE WHEN o{i}.metric_key IS NULL THEN 2 WHEN o{i}.is_nan = {nan} THEN 1 ELSE 0 END)"));
            order.push(format!("o{i}.metric_value {direction}"));
        }
        Key::Param(key) => {
            pair("run_params", "param_key", key, binds);
            order.push(format!("(CASE WHEN o{i}.param_value IS NULL THEN 1 ELSE 0 END)"));
            order.push(format!("o{i}.param_value {direction}"));
        }
        Key::Tag(key) => {
            pair("run_tags", "tag_key", key, binds);
            order.push(format!("(CASE WHEN o{i}.tag_value IS NULL THEN 1 ELSE 0 END)"));
            order.push(format!("o{i}.tag_value {direction}"));
        }
        // Never NULL: the plain column lets the index on it give the order.
        Key::Attribute(Attribute::StartTime) => order.push(format!("r.start_time {direction}")),
        Key::Attribute(attribute) => {
            let expr = expression(*attribute);
            order.push(format!("(CASE WHEN {expr} IS NULL THEN 1 ELSE 0 END)"));
            order.push(format!("{expr} {direction}"));
        }
    }
}

fn metric_in(key: &str, test: NumberTest, value: f64, experiments: &str, binds: &mut Binds) -> String {
    format!(
        "r.id IN (SELECT m.run_pk FROM metric_series m WHERE m.experiment_id IN ({experiments}) AND m.metric_key = {} \
         AND m.is_nan = {} AND m.metric_value {} {})",
        binds.word(key),
        binds.add(false),
        test.sql(),
        binds.add(value)
    )
}

fn condition(term: &Term, binds: &mut Binds) -> String {
    match term {
        Term::Metric(key, test, value) => {
            let key = binds.word(key);
            let nan = binds.add(false);
            let value = binds.add(*value);
            // A NaN is different from every number, and neither more nor less than any.
            let holds = if *test == NumberTest::IsNot {
                format!("(m.is_nan <> {nan} OR m.metric_value <> {value})")
            } else {
                format!("m.is_nan = {nan} AND m.metric_value {} {value}", test.sql())
            };
            let fence = binds.fence();
            format!(
                "EXISTS (SELECT 1 FROM metric_series m WHERE m.run_pk = r.id AND m.metric_key = {key} AND {holds}{fence})"
            )
        }
        Term::Param(key, test) => pair("run_params", "param", key, test, binds),
        Term::Tag(key, test) => pair("run_tags", "tag", key, test, binds),
        // The name is the tag of that name: a run without it never matches.
        Term::Text(Attribute::RunName, test) => pair("run_tags", "tag", NAME_TAG, test, binds),
        Term::Text(attribute, test) => binds.text(&expression(*attribute), test),
        Term::Number(attribute, test, value) => {
            format!("{} {} {}", expression(*attribute), test.sql(), binds.add(*value))
        }
        Term::Dataset(column, test) => {
            let column = match column {
                DatasetColumn::Name => "d.name",
                DatasetColumn::Digest => "d.digest",
                DatasetColumn::Context => "i.context",
            };
            format!(
                "EXISTS (SELECT 1 FROM run_datasets i JOIN datasets d ON d.id = i.dataset_pk WHERE i.run_pk = r.id AND {}{})",
                binds.text(column, test),
                binds.fence()
            )
        }
    }
}

fn pair(table: &str, what: &str, key: &str, test: &TextTest, binds: &mut Binds) -> String {
    let negate = if *test == TextTest::Missing { "NOT " } else { "" };
    let key = binds.word(key);
    let value = match test {
        TextTest::Missing | TextTest::Present => String::new(),
        test => format!(" AND {}", binds.text(&format!("p.{what}_value"), test)),
    };
    let fence = binds.fence();
    format!("{negate}EXISTS (SELECT 1 FROM {table} p WHERE p.run_pk = r.id AND p.{what}_key = {key}{value}{fence})")
}
