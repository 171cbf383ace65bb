//! The console's reads against both databases.

use std::time::Duration;

use futures::StreamExt as _;

use super::follow::Follow;
use super::series::{self, SeriesRequest};
use super::service::{self, RunPage, RunQuery, SummaryFilter};
use super::wire::{LivePoint, RunColumns, RunEvent, SeriesAxis, SeriesResult};
use crate::metrics::Point;
use crate::protocol::Caller;
use crate::registry::Registry;
use crate::runs::ingest::Write;
use crate::runs::model::{PARENT_TAG, RunStatus};
use crate::runs::service::{self as runs, Draft};
use crate::runs::store::NewDataset;
use crate::search::View;
use crate::tests::{caller, log, open};
use crate::{TrackingError, TrackingState, experiments, search};

async fn run_at(state: &TrackingState, us: &Caller, name: &str, start: i64, parent: Option<&str>) -> String {
    let tags = parent.map(|parent| (PARENT_TAG.to_owned(), parent.to_owned())).into_iter().collect();
    let draft = Draft { experiment: "0".into(), name: name.into(), start_time: start, tags, ..Draft::default() };
    let answer = runs::create(state, us, draft).await.expect("a run");
    let answer: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
    answer["run"]["info"]["run_id"].as_str().expect("an id").to_owned()
}

async fn set(state: &TrackingState, us: &Caller, run: &str, params: &[(&str, &str)], tags: &[(&str, &str)]) {
    let own = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut write = Write::new(us.scope, run.to_owned());
    write.params = own(params);
    write.tags = own(tags);
    runs::write(state, write).await.expect("params and tags are stored");
}

fn query(filter: &str, limit: u64) -> RunQuery {
    RunQuery {
        experiments: Vec::new(),
        search: search::runs::parse(filter, &[], View::Active).expect("a filter"),
        columns: RunColumns::default(),
        limit,
        place: None,
    }
}

fn names(page: &RunPage) -> Vec<&str> {
    page.items.iter().map(|row| row.run_name.as_str()).collect()
}

fn curves(run_ids: &[&String], keys: &[&str], axis: SeriesAxis) -> SeriesRequest {
    SeriesRequest {
        run_ids: run_ids.iter().map(|id| (*id).clone()).collect(),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        axis,
        most: 100,
        from: None,
        to: None,
    }
}

fn values(result: &SeriesResult, at: usize) -> Vec<f64> {
    result.items[at].y.iter().map(|y| y.0).collect()
}

/// All names that a document refers to.
fn references(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            found.extend(map.get("$ref").and_then(|r| r.as_str()).map(str::to_owned));
            map.values().for_each(|value| references(value, found));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_shape_that_a_route_names_is_described() {
    let frame = rhiza_web::openapi::document("Rhiza", "1");
    let document = utoipa_axum::router::OpenApiRouter::with_openapi(frame).merge(crate::router()).into_openapi();
    let document = serde_json::to_value(document).unwrap();
    let mut names = Vec::new();
    references(&document, &mut names);
    assert!(names.contains(&"#/components/schemas/RunRow".to_owned()));
    names.retain(|name| document.pointer(name.trim_start_matches('#')).is_none());
    assert!(names.is_empty(), "{names:?}");
    let search = &document["paths"]["/api/v1/tracking/runs/search"]["post"];
    assert_eq!(search["operationId"], "searchRunRows");
}

rhiza_testkit::db_tests! {
    migrations = &[rhiza_platform::MIGRATIONS, crate::MIGRATIONS];

    async fn a_row_carries_all_of_a_run(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let id = run_at(&state, &us, "parent", 1_000, None).await;
        for name in ["a", "b", "c"] {
            run_at(&state, &us, name, 500, Some(&id)).await;
        }
        log(&state, &us, &id, "acc", &[Point::new(0.5, 1, 1), Point::new(f64::NAN, 2, 2)]).await;
        log(&state, &us, &id, "loss", &[Point::new(f64::INFINITY, 1, 1)]).await;
        set(&state, &us, &id, &[("lr", "0.1"), ("depth", "3")], &[("team", "fungi")]).await;
        let part = |text: &str| Some(text.to_owned());
        let dataset = NewDataset {
            parts: [part("iris"), part("d1"), part("local"), part("{}"), None, None],
            tags: vec![("mlflow.data.context".into(), "train".into())],
        };
        runs::log_inputs(&state, &us, &id, &[dataset], &[]).await.unwrap();
        runs::log_outputs(&state, &us, &id, &[("m-1".into(), 0)]).await.unwrap();
        runs::update(&state, &us, &id, Some(RunStatus::Finished), Some(61_000), None).await.unwrap();

        let page = service::search(&state, &us, query("", 10)).await.unwrap();
        assert_eq!(names(&page)[0], "parent", "the latest start comes first");
        assert_eq!((page.total, page.next), (Some(4), None));
        let row = serde_json::to_value(&page.items[0]).unwrap();
        assert_eq!(row["experiment_id"], "0");
        assert_eq!(row["status"], "FINISHED");
        assert_eq!(row["lifecycle_stage"], "active");
        assert_eq!((&row["started_at"], &row["ended_at"]), (&"1970-01-01T00:00:01Z".into(), &"1970-01-01T00:01:01Z".into()));
        assert_eq!(row["child_count"], 3);
        assert_eq!(row["metrics"], serde_json::json!({"acc": "NaN", "loss": "Infinity"}));
        assert_eq!(row["params"], serde_json::json!({"lr": "0.1", "depth": "3"}));
        assert_eq!(row["tags"]["team"], "fungi");
        assert_eq!(row["datasets"], serde_json::json!([{"name": "iris", "digest": "d1", "context": "train"}]));
        assert_eq!(row["models"], serde_json::json!([{"model_id": "m-1", "name": "m-1"}]));
        assert_eq!(page.items[1].parent_run_id.as_deref(), Some(id.as_str()));

        let mut narrow = query("", 10);
        let only = |key: &str| Some(vec![key.to_owned()]);
        narrow.columns = RunColumns { metrics: Some(Vec::new()), params: only("lr"), tags: only("team") };
        narrow.only(vec![id.clone()]);
        let page = service::search(&state, &us, narrow).await.unwrap();
        let row = serde_json::to_value(&page.items[0]).unwrap();
        assert_eq!((&row["metrics"], &row["params"]), (&serde_json::json!({}), &serde_json::json!({"lr": "0.1"})));
        assert_eq!(row["tags"], serde_json::json!({"team": "fungi"}));

        let mut nothing = query("", 10);
        nothing.only(Vec::new());
        assert!(service::search(&state, &us, nothing).await.unwrap().items.is_empty());
        let them = caller(db.tenant());
        assert!(service::search(&state, &them, query("", 10)).await.unwrap().items.is_empty());
    }

    async fn roots_and_children_are_told_apart(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let root = run_at(&state, &us, "root", 3, None).await;
        let gone = run_at(&state, &us, "gone", 2, Some(&root)).await;
        run_at(&state, &us, "child", 1, Some(&root)).await;
        runs::set_deleted(&state, &us, &gone, true).await.unwrap();
        let mut roots = query("", 10);
        roots.only_roots();
        let page = service::search(&state, &us, roots).await.unwrap();
        assert_eq!(names(&page), ["root"]);
        assert_eq!(page.items[0].child_count, 1, "a deleted child does not count");
        let mut children = query("", 10);
        children.only_children_of(root);
        assert_eq!(names(&service::search(&state, &us, children).await.unwrap()), ["child"]);
    }

    async fn pages_do_not_shift_when_runs_are_added(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        for i in 0..7_i64 {
            run_at(&state, &us, &format!("r{i}"), 100 + i, None).await;
        }
        let first = service::search(&state, &us, query("", 3)).await.unwrap();
        assert_eq!((names(&first), first.total), (vec!["r6", "r5", "r4"], Some(7)));
        run_at(&state, &us, "newcomer", 1_000, None).await;
        let mut next = query("", 3);
        next.place = first.next;
        let second = service::search(&state, &us, next).await.unwrap();
        assert_eq!((names(&second), second.total), (vec!["r3", "r2", "r1"], None));
        let mut last = query("", 3);
        last.place = second.next;
        let third = service::search(&state, &us, last).await.unwrap();
        assert_eq!((names(&third), third.next), (vec!["r0"], None));
        log(&state, &us, &first.items[0].run_id, "acc", &[Point::new(0.9, 1, 1)]).await;
        let found = service::search(&state, &us, query("metrics.acc > 0.5", 3)).await.unwrap();
        assert_eq!((names(&found), found.total), (vec!["r6"], Some(1)));
    }

    async fn a_registered_version_is_seen_at_its_run(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let id = run_at(&state, &us, "r", 1, None).await;
        Registry::new(&state).create(&us, "boletus", "", Vec::new()).await.unwrap();
        let draft = crate::registry::VersionDraft {
            name: "boletus".into(),
            source: format!("mlflow-artifacts:/0/{id}/artifacts/model"),
            run_id: Some(id.clone()),
            ..Default::default()
        };
        Registry::new(&state).create_version(&us, draft).await.unwrap();
        let page = service::search(&state, &us, query("", 3)).await.unwrap();
        let row = serde_json::to_value(&page.items[0]).unwrap();
        assert_eq!(row["registered"], serde_json::json!([{"name": "boletus", "version": "1"}]));
    }

    async fn experiments_are_listed_by_activity(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let far = db.env.now_ms() + 1_000_000;
        let quiet = experiments::service::create(&state, &us, "Quiet 100%", None, &[("k".into(), "v".into())]).await.unwrap();
        run_at(&state, &us, "r", far, None).await;
        let done = run_at(&state, &us, "done", far - 1, None).await;
        runs::update(&state, &us, &done, Some(RunStatus::Failed), Some(far), None).await.unwrap();
        let list = async |part: Option<&str>, view: View, after: Option<(i64, i64)>, limit: u32| {
            service::summaries(&state, &us, SummaryFilter { view, part, after, limit }).await.unwrap()
        };
        let page = list(None, View::Active, None, 10).await;
        assert_eq!(page.items.iter().map(|e| e.experiment_id.as_str()).collect::<Vec<_>>(), ["0", quiet.as_str()]);
        let default = &page.items[0];
        assert_eq!((default.run_count, default.running_count), (2, 1));
        assert_eq!(default.last_run_at.unwrap().timestamp_millis(), far);
        assert_eq!((page.items[1].run_count, page.items[1].last_run_at), (0, None));
        assert_eq!(page.items[1].tags["k"], "v");
        let first = list(None, View::Active, None, 1).await;
                let second = list(None, View::Active, first.next, 1).await;
        assert_eq!((second.items[0].experiment_id.as_str(), second.next), (quiet.as_str(), None));
        assert_eq!(list(Some("qUIET 1"), View::Active, None, 9).await.items.len(), 1);
        assert_eq!(list(Some("%"), View::Active, None, 9).await.items.len(), 1, "a percent sign is no wildcard");
        assert!(list(None, View::Deleted, None, 9).await.items.is_empty());
        experiments::service::set_deleted(&state, &us, &quiet, true).await.unwrap();
        assert_eq!(list(None, View::Deleted, None, 9).await.items[0].lifecycle_stage, "deleted");
    }

    async fn columns_are_the_names_runs_use(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        for (name, metric) in [("a", "loss"), ("b", "acc"), ("c", "loss")] {
            let id = run_at(&state, &us, name, 1, None).await;
            log(&state, &us, &id, metric, &[Point::new(1.0, 1, 1)]).await;
            set(&state, &us, &id, &[("lr", "1")], &[("team", "x")]).await;
        }
        let columns = service::columns(&state, &us, "0").await.unwrap();
        assert_eq!(columns.metrics, ["acc", "loss"]);
        assert_eq!(columns.params, ["lr"]);
        assert_eq!(columns.tags, ["mlflow.runName", "team"]);
        assert!(columns.attributes.contains(&"start_time".to_owned()) && !columns.truncated);
        for id in ["999999", "x", "-1"] {
            let refused = service::columns(&state, &us, id).await;
            assert!(matches!(refused, Err(TrackingError::Refused { code: crate::Code::ResourceDoesNotExist, .. })), "{id}");
        }
    }

    async fn a_long_curve_is_thinned_and_keeps_its_peaks(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let id = run_at(&state, &us, "r", 1_000, None).await;
        let mut points: Vec<Point> = (0..70_000_i64).map(|i| Point::new((i % 10) as f64, 1_000 + i, i)).collect();
        points[33_333].value = 99.0;
        points[44_444].value = -99.0;
        log(&state, &us, &id, "loss", &points).await;
        log(&state, &us, &id, "odd", &[Point::new(f64::NAN, 5_000, 1), Point::new(2.0, 4_000, 2)]).await;
        let result = series::query(&state, &us, curves(&[&id], &["loss"], SeriesAxis::Step)).await.unwrap();
        let curve = &result.items[0];
        assert_eq!((curve.count, curve.downsampled), (70_000, true));
        assert!(curve.x.len() <= 100 && curve.x.is_sorted());
        assert_eq!((curve.x[0], *curve.x.last().unwrap()), (0, 69_999));
        assert!(values(&result, 0).contains(&99.0) && values(&result, 0).contains(&-99.0));

        let mut zoomed = curves(&[&id], &["loss"], SeriesAxis::Relative);
        (zoomed.from, zoomed.to) = (Some(99.5), Some(110.2));
        let result = series::query(&state, &us, zoomed).await.unwrap();
        assert_eq!(result.items[0].x, (100..=110).collect::<Vec<i64>>());
        assert!(!result.items[0].downsampled);

        let all = series::query(&state, &us, curves(&[&id], &[], SeriesAxis::Time)).await.unwrap();
        assert_eq!(all.items.iter().map(|s| s.key.as_str()).collect::<Vec<_>>(), ["loss", "odd"]);
        assert_eq!(all.items[1].x, [4_000, 5_000]);
        let odd = series::query(&state, &us, curves(&[&id], &["odd", "none"], SeriesAxis::Step)).await.unwrap();
        assert_eq!(odd.items.len(), 1);
        assert_eq!(serde_json::to_value(&odd.items[0].y).unwrap(), serde_json::json!(["NaN", 2.0]));
        let them = caller(db.tenant());
        let foreign = series::query(&state, &them, curves(&[&id], &[], SeriesAxis::Step)).await.unwrap();
        assert!(foreign.items.is_empty());
    }

    async fn a_follower_hears_every_point_once(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let id = run_at(&state, &us, "r", 1, None).await;
        log(&state, &us, &id, "loss", &[Point::new(7.0, 1, 1)]).await;
        let mut events = Box::pin(Follow::begin(&state, &us, &id).await.unwrap().events());
        let Some(RunEvent::Run { run }) = events.next().await else { panic!("the run comes first") };
        assert_eq!(run.metrics["loss"].0, 7.0);
        // Far more writes than a log keeps, with late points among them: most are never seen in the log.
        let mut sent = Vec::new();
        let writing = async {
            for i in 0..400_i64 {
                let at = if i % 7 == 3 { 5_000 - i } else { 10_000 + i };
                for key in ["loss", "acc"] {
                    log(&state, &us, &id, key, &[Point::new(i as f64, at, i)]).await;
                    sent.push((key.to_owned(), at, i));
                }
            }
            runs::update(&state, &us, &id, Some(RunStatus::Finished), Some(9), None).await.unwrap();
        };
        let mut heard: Vec<LivePoint> = Vec::new();
        let hearing = async {
            loop {
                let event = tokio::time::timeout(Duration::from_secs(30), events.next()).await.expect("in time");
                match event.expect("the stream goes on") {
                    RunEvent::Run { run } => break run,
                    RunEvent::Metrics { points } => heard.extend(points),
                    RunEvent::Artifacts => panic!("no file was touched"),
                }
            }
        };
        let ((), run) = futures::join!(writing, hearing);
        assert_eq!(serde_json::to_value(run.status).unwrap(), "FINISHED");
        let mut got: Vec<_> = heard.into_iter().map(|p| (p.key, p.timestamp_ms, p.step)).collect();
        got.sort();
        sent.sort();
        assert_eq!(got.len(), sent.len());
        assert_eq!(got, sent);
    }

    async fn a_follower_hears_every_point_once_while_segments_are_merged(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let id = run_at(&state, &us, "r", 1, None).await;
        let scope = us.scope.org_scope();
        let tx = db.read(&scope).await;
        let run_pk = crate::runs::store::require_run(&tx, &us.scope, &id).await.unwrap().id;
        tx.rollback().await.unwrap();
        let write = async |i: i64| {
            log(&state, &us, &id, "loss", &[Point::new(0.5, 100 + i, i)]).await;
            let tx = db.write(&scope).await;
            crate::metrics::store::fold(&tx, &scope, run_pk).await.unwrap();
            tx.commit().await.unwrap();
        };
        // Old segments for the new ones to be merged with.
        for i in 0..10 {
            write(i).await;
        }
        let mut events = Box::pin(Follow::begin(&state, &us, &id).await.unwrap().events());
        assert!(matches!(events.next().await, Some(RunEvent::Run { .. })));
        for i in 10..60 {
            write(i).await;
        }
        let mut heard = Vec::new();
        while heard.len() < 50 {
            let event = tokio::time::timeout(Duration::from_secs(30), events.next()).await.expect("in time");
            let Some(RunEvent::Metrics { points }) = event else { panic!("nothing but points came") };
            heard.extend(points.into_iter().map(|p| p.step));
        }
        assert_eq!(heard, (10..60).collect::<Vec<i64>>());
    }

    async fn a_follower_of_a_foreign_run_is_refused(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let id = run_at(&state, &us, "r", 1, None).await;
        assert!(Follow::begin(&state, &caller(db.tenant()), &id).await.is_err());
    }
}
