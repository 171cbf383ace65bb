//! The slice against both databases, without HTTP; and what the tests of its folders begin with.

use rhiza_kernel::ProjectScope;
use rhiza_platform::authz::Access;
use rhiza_testkit::TestDb;
use serde_json::Value;

use crate::logged_models::store::ModelMetric;
use crate::logged_models::{LoggedModels, ModelDraft};
use crate::metrics::Point;
use crate::protocol::Caller;
use crate::runs::ingest::Write;
use crate::runs::service::{self as runs, Draft};
use crate::search::View;
use crate::{TrackingError, TrackingState, experiments, metrics, search};

/// Tracking over a test database, its blobs in the test's folder.
pub(crate) async fn open(db: &TestDb) -> TrackingState {
    let options = rhiza_store::BlobOptions::Local(db.folder.path().join("blobs"));
    let blobs = rhiza_store::Blobs::open(&options).await.expect("blobs");
    let (state, worker) = TrackingState::new(db.db.clone(), db.env.clone(), blobs);
    #[expect(clippy::disallowed_methods, reason = "the test's runtime ends with the test")]
    tokio::spawn(worker.run());
    state
}

/// Somebody who may do everything in the project.
pub(crate) fn caller(scope: ProjectScope) -> Caller {
    Access::system(scope, "default").into()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("the answer is JSON")
}

async fn run(state: &TrackingState, caller: &Caller, name: &str) -> String {
    let draft = Draft { experiment: "0".into(), name: name.into(), start_time: 1, ..Draft::default() };
    let answer = json(&runs::create(state, caller, draft).await.expect("a run"));
    answer["run"]["info"]["run_id"].as_str().expect("an id").to_owned()
}

/// Logs points of one metric as a client does, in batches.
pub(crate) async fn log(state: &TrackingState, caller: &Caller, run: &str, key: &str, points: &[Point]) {
    for chunk in points.chunks(1_000) {
        let mut write = Write::new(caller.scope, run.to_owned());
        write.metrics = chunk.iter().map(|p| (key.to_owned(), *p)).collect();
        runs::write(state, write).await.expect("the points are stored");
    }
}

async fn history(state: &TrackingState, caller: &Caller, run: &str, key: &str, from: u64, most: Option<u64>) -> Value {
    let stretches = metrics::service::history(state, caller, run, key, from, most).await.expect("a history");
    let bytes: Vec<u8> = stretches.flat_map(|s| s.expect("a stretch")).collect();
    json(&bytes)
}

async fn found(state: &TrackingState, caller: &Caller, filter: &str, order: &[&str]) -> Vec<String> {
    let order: Vec<String> = order.iter().map(|o| (*o).to_owned()).collect();
    let search = search::runs::parse(filter, &order, View::Active).expect("a filter");
    let bytes = runs::search(state, caller, &["0".to_owned()], &search, 0, 100).await.expect("a page");
    let answer = json(&bytes);
    let list = answer["runs"].as_array().cloned().unwrap_or_default();
    list.iter().map(|r| r["info"]["run_name"].as_str().expect("a name").to_owned()).collect()
}

fn message<T: std::fmt::Debug>(result: Result<T, TrackingError>) -> String {
    match result {
        Err(TrackingError::Refused { message, .. }) => message,
        other => panic!("{other:?}"),
    }
}

rhiza_testkit::db_tests! {
    migrations = &[rhiza_platform::MIGRATIONS, crate::MIGRATIONS];

    async fn a_project_has_a_default_experiment_called_0(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let default = experiments::service::get(&state, &us, "0").await.unwrap();
        assert_eq!((default.experiment_id.as_str(), default.name.as_str()), ("0", "Default"));
        let id = experiments::service::create(&state, &us, "other", None, &[]).await.unwrap();
        assert_ne!(id, "0");
        assert!(message(experiments::service::create(&state, &us, "other", None, &[]).await).contains("already exists"));
        let them = caller(db.tenant());
        assert_eq!(
            message(experiments::service::get(&state, &them, &id).await),
            format!("No Experiment with id={id} exists")
        );
    }

    async fn a_long_history_comes_back_sorted_and_in_pages(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let id = run(&state, &us, "r").await;
        let points: Vec<Point> = (0..70_000_i64).map(|i| Point::new(i as f64, 1_000 + i, i)).collect();
        log(&state, &us, &id, "loss", &points).await;
        log(&state, &us, &id, "loss", &points[..1_000]).await;
        let all = history(&state, &us, &id, "loss", 0, None).await;
        let all = all["metrics"].as_array().unwrap();
        assert_eq!(all.len(), 70_000, "exact duplicates are dropped");
        assert!(all.iter().zip(0_i64..).all(|(p, i)| p["step"] == i));
        let page = history(&state, &us, &id, "loss", 69_990, Some(5)).await;
        assert_eq!(page["metrics"].as_array().unwrap().len(), 5);
        assert_eq!(page["metrics"][0]["step"], 69_990);
        assert!(page["next_page_token"].is_string());
        let last = history(&state, &us, &id, "loss", 69_995, Some(5)).await;
        assert!(last.get("next_page_token").is_none());
    }

    async fn a_refused_write_leaves_nothing(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let id = run(&state, &us, "r").await;
        let mut first = Write::new(us.scope, id.clone());
        first.params.push(("p".into(), "1".into()));
        runs::write(&state, first).await.unwrap();
        let mut second = Write::new(us.scope, id.clone());
        second.params.push(("p".into(), "2".into()));
        second.metrics.push(("m".into(), Point::new(1.0, 1, 1)));
        assert_eq!(
            message(runs::write(&state, second).await),
            format!(
                "Changing param values is not allowed. Param with key='p' was already logged with value='1' for run \
                 ID='{id}'. Attempted logging new value '2'."
            )
        );
        let answer = json(&runs::get(&state, &us, &id).await.unwrap());
        assert!(answer["run"]["data"].get("metrics").is_none());
        let them = caller(db.tenant());
        let mut foreign = Write::new(them.scope, id.clone());
        foreign.tags.push(("t".into(), "x".into()));
        assert_eq!(message(runs::write(&state, foreign).await), format!("Run with id={id} not found"));
    }

    async fn searches_filter_and_order(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        for (name, value) in [("a", 0.1), ("b", 0.9), ("c", f64::NAN), ("d", f64::INFINITY)] {
            let id = run(&state, &us, name).await;
            log(&state, &us, &id, "acc", &[Point::new(value, 1, 1)]).await;
            let mut write = Write::new(us.scope, id);
            write.params.push(("model".into(), format!("Tree_{name}")));
            runs::write(&state, write).await.unwrap();
        }
        run(&state, &us, "e").await;
        assert_eq!(found(&state, &us, "metrics.acc > 0.5", &["metrics.acc DESC"]).await, ["d", "b"]);
        assert_eq!(found(&state, &us, "", &["metrics.acc ASC"]).await, ["a", "b", "d", "c", "e"]);
        assert_eq!(found(&state, &us, "", &["metrics.acc DESC"]).await, ["d", "b", "a", "c", "e"]);
        assert_eq!(found(&state, &us, "params.model LIKE 'Tree%' AND metrics.acc < 0.5", &[]).await, ["a"]);
        assert_eq!(found(&state, &us, "params.model LIKE 'tree%'", &[]).await, [""; 0]);
        assert_eq!(found(&state, &us, "params.model ILIKE 'tree_B'", &["params.model ASC"]).await, ["b"]);
        assert_eq!(found(&state, &us, "params.model ILIKE 'tree%B'", &[]).await, ["b"]);
        assert_eq!(found(&state, &us, "params.model IS NULL", &[]).await, ["e"]);
        assert_eq!(found(&state, &us, "metrics.acc != 0.1", &["attributes.run_name ASC"]).await, ["b", "c", "d"]);
        assert_eq!(found(&state, &us, "status = 'RUNNING' AND start_time >= 1", &["run_name DESC"]).await.len(), 5);
    }

    // A planner that turned each condition into a join would take minutes and gigabytes over this.
    async fn a_search_takes_as_many_conditions_as_a_filter_may_have(db: TestDb) {
        let state = open(&db).await;
        let us = caller(db.tenant());
        let one = run(&state, &us, "one").await;
        log(&state, &us, &one, "acc", &[Point::new(0.5, 1, 1)]).await;
        let every = |n: usize| match n % 3 {
            0 => "metrics.acc > 0.1",
            1 => "tags.mlflow.runName = 'one'",
            _ => "params.absent IS NULL",
        };
        let filter: Vec<&str> = (0..100).map(every).collect();
        assert_eq!(found(&state, &us, &filter.join(" AND "), &["metrics.acc DESC"]).await, ["one"]);
        assert_eq!(found(&state, &us, &filter.join(" AND "), &[]).await, ["one"]);
        let filter: Vec<&str> = (0..101).map(every).collect();
        assert!(search::runs::parse(&filter.join(" AND "), &[], View::Active).is_err());
    }

    async fn a_point_of_a_logged_model_has_one_value(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let id = run(&state, &us, "fit").await;
        let models = LoggedModels::new(&state);
        let draft = ModelDraft { experiment_id: "0".into(), ..ModelDraft::default() };
        let model = models.create(&us, draft).await.unwrap().model_id;
        let batch = |values: &[(i64, f64)]| {
            let mut write = Write::new(us.scope, id.clone());
            write.models = values
                .iter()
                .map(|(step, value)| ModelMetric {
                    model_id: model.clone(),
                    key: "acc".into(),
                    point: Point::new(*value, 1, *step),
                    dataset_name: None,
                    dataset_digest: None,
                })
                .collect();
            runs::write(&state, write)
        };
        // More than one statement looks them up.
        let many: Vec<(i64, f64)> = (0..1_000).map(|step| (step, 0.5)).collect();
        batch(&many).await.unwrap();
        batch(&many[400..]).await.unwrap();
        assert!(batch(&[(2_000, 0.1), (999, 0.6)]).await.is_err());
        assert!(batch(&[(2_000, 0.1), (2_000, 0.2)]).await.is_err());
        batch(&[(2_000, 0.1), (2_000, 0.1)]).await.unwrap();
        assert_eq!(models.get(&us, &model, false).await.unwrap().metrics.len(), 1_001);
    }

    async fn a_dataset_that_went_in_is_found_again(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let id = run(&state, &us, "r").await;
        let part = |text: &str| Some(text.to_owned());
        let dataset = crate::runs::store::NewDataset {
            parts: [part("iris"), part("d1"), part("local"), part("{}"), None, None],
            tags: vec![("mlflow.data.context".into(), "train".into())],
        };
        for _ in 0..2 {
            runs::log_inputs(&state, &us, &id, std::slice::from_ref(&dataset), &[]).await.unwrap();
        }
        let answer = json(&runs::get(&state, &us, &id).await.unwrap());
        let inputs = answer["run"]["inputs"]["dataset_inputs"].as_array().unwrap();
        assert_eq!(inputs.len(), 1);
        assert_eq!(inputs[0]["tags"][0]["value"], "train");
        assert_eq!(inputs[0]["dataset"]["name"], "iris");
        assert_eq!(found(&state, &us, "dataset.name = 'iris' AND dataset.context != 'eval'", &[]).await, ["r"]);
    }
}
