//! Copies thing by thing: broken off, repeated, and into projects where ids and names are taken.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::model::{Experiment, Model, Output, OwnerKind, Registered, Run, Version};
use super::{Reserved, Transfer, VersionOutcome};
use crate::logged_models::model::Status;
use crate::metrics::{Point, history};
use crate::protocol::Caller;
use crate::registry::model::Stage;
use crate::runs::RunStatus;
use crate::tests::{caller, open};
use crate::{TrackingState, logged_models, registry, runs};

async fn begin(state: &TrackingState, caller: &Caller) -> Transfer {
    Transfer::open(state, caller, "mlflow:http://there").await.expect("a copy")
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn experiment() -> Experiment {
    Experiment {
        id: "7".to_owned(),
        name: "e".to_owned(),
        created_ms: 1,
        updated_ms: 2,
        tags: texts(&[("team", "a")]),
        deleted: false,
    }
}

fn id(digit: char) -> String {
    digit.to_string().repeat(32)
}

fn run(digit: char, tags: &[(&str, &str)]) -> Run {
    Run {
        id: id(digit),
        experiment: "7".to_owned(),
        name: format!("run {digit}"),
        user: "ann".to_owned(),
        status: RunStatus::Finished,
        start_ms: 10,
        end_ms: Some(20),
        params: texts(&[("lr", "0.1")]),
        tags: texts(tags),
        metrics: BTreeMap::new(),
        datasets: Vec::new(),
        models_in: Vec::new(),
        models_out: vec![Output { id: format!("m-{}", id('c')), step: 3 }],
        deleted: false,
    }
}

fn model() -> Model {
    Model {
        id: format!("m-{}", id('c')),
        experiment: "7".to_owned(),
        name: "net".to_owned(),
        kind: String::new(),
        run: id('a'),
        status: Status::Ready,
        created_ms: 5,
        updated_ms: 6,
        params: texts(&[("depth", "3")]),
        tags: BTreeMap::new(),
        metrics: Vec::new(),
    }
}

fn version(number: i64) -> Version {
    Version {
        version: number,
        description: None,
        stage: Stage::Production,
        source: format!("mlflow-artifacts:/1/{}/artifacts/net", id('a')),
        location: None,
        run: id('a'),
        model: String::new(),
        created_ms: 7,
        updated_ms: 8,
        tags: BTreeMap::new(),
    }
}

fn registered() -> Registered {
    Registered {
        name: "best".to_owned(),
        description: None,
        created_ms: 7,
        updated_ms: 8,
        tags: BTreeMap::new(),
        aliases: BTreeMap::new(),
        versions: Vec::new(),
    }
}

fn points() -> Vec<Point> {
    (0..3_000).map(|i| Point::new(if i == 5 { f64::NAN } else { i as f64 / 7.0 }, 100 + i, i)).collect()
}

/// The whole copy, in the order in which a source is walked through. The child comes before its parent.
async fn copy(state: &TrackingState, caller: &Caller) -> Vec<Reserved> {
    let mut transfer = begin(state, caller).await;
    let mut outcomes = vec![transfer.experiment(&experiment()).await.expect("an experiment")];
    let parent = id('a');
    let runs = [run('b', &[("mlflow.parentRunId", &parent)]), run('a', &[])];
    outcomes.extend(transfer.reserve_runs(&runs).await.expect("runs"));
    outcomes.extend(transfer.reserve_models(&[model()]).await.expect("models"));
    for run in &runs {
        transfer.run(run).await.expect("a run");
        transfer.history(&run.id, "loss", points()).await.expect("a history");
        let place = transfer.place_for(OwnerKind::Run, &run.id, "net/f.txt", Some(3)).await.expect("a place");
        if let Some(place) = place {
            let body = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"abc"))]);
            transfer.file(&place, body).await.expect("a file");
        }
        transfer.finish(OwnerKind::Run, &run.id).await.expect("the end");
    }
    transfer.model(&model()).await.expect("a model");
    transfer.finish(OwnerKind::Model, &model().id).await.expect("the end");
    outcomes.push(transfer.registered(&registered()).await.expect("a model"));
    let brought = transfer.version("best", &version(1), &["champion"]).await.expect("a version");
    assert!(matches!(brought, VersionOutcome::Brought { has_files: true } | VersionOutcome::There), "{brought:?}");
    transfer.close(json!({})).await.expect("the end");
    outcomes
}

async fn run_json(state: &TrackingState, caller: &Caller, run_id: &str) -> Value {
    let bytes = runs::service::get(state, caller, run_id).await.expect("the run");
    serde_json::from_slice(&bytes).expect("JSON")
}

async fn history_of(state: &TrackingState, caller: &Caller, run_id: &str) -> Vec<Point> {
    let org = caller.scope.org_scope();
    let tx = state.db.read(&org).await.expect("a transaction");
    let head = runs::store::require_run(&tx, &caller.scope, run_id).await.expect("a run");
    history::read(&tx, &org, head.id, "loss", 0, usize::MAX).await.expect("a history").all().expect("points")
}

rhiza_testkit::db_tests! {
    migrations = &[rhiza_platform::MIGRATIONS, crate::MIGRATIONS];

    async fn a_repeated_copy_adds_nothing(db: TestDb) {
        let state = open(&db).await;
        let caller = caller(db.tenant());
        assert_eq!(copy(&state, &caller).await, vec![Reserved::New; 5]);
        let before = run_json(&state, &caller, &id('b')).await;
        assert_eq!(copy(&state, &caller).await, vec![Reserved::There; 5]);
        assert_eq!(run_json(&state, &caller, &id('b')).await, before);
        assert_eq!(history_of(&state, &caller, &id('b')).await, points());
        assert_eq!(before["run"]["outputs"]["model_outputs"].as_array().map(Vec::len), Some(1));
        let org = caller.scope.org_scope();
        let tx = state.db.read(&org).await.expect("a transaction");
        let stored: Option<i64> = tx
            .fetch_scalar("SELECT CAST(SUM(points) AS BIGINT) FROM metric_segments WHERE org_id = $1", rhiza_store::binds![org.org.uuid()])
            .await
            .expect("a count");
        assert_eq!(stored, Some(6_000));
    }

    async fn what_broke_off_is_continued(db: TestDb) {
        let state = open(&db).await;
        let caller = caller(db.tenant());
        {
            let mut transfer = begin(&state, &caller).await;
            transfer.experiment(&experiment()).await.expect("an experiment");
            transfer.reserve_runs(&[run('a', &[]), run('b', &[])]).await.expect("runs");
            transfer.reserve_models(&[model()]).await.expect("models");
            transfer.run(&run('a', &[])).await.expect("a run");
            transfer.history(&id('a'), "loss", points()[..1_000].to_vec()).await.expect("half a history");
        }
        let outcomes = copy(&state, &caller).await;
        assert_eq!(outcomes[..4], [Reserved::There, Reserved::Unfinished, Reserved::Unfinished, Reserved::Unfinished]);
        assert_eq!(history_of(&state, &caller, &id('a')).await, points());
        let mut transfer = begin(&state, &caller).await;
        assert_eq!(transfer.reserve_runs(&[run('a', &[])]).await.expect("runs"), [Reserved::There]);
        assert_eq!(transfer.reserve_models(&[model()]).await.expect("models"), [Reserved::There]);
        assert!(transfer.knows_version("best", 1) && !transfer.knows_version("best", 2));
    }

    async fn taken_ids_are_others_here_and_mentions_follow(db: TestDb) {
        let state = open(&db).await;
        copy(&state, &caller(db.tenant())).await;
        let caller = caller(db.tenant());
        copy(&state, &caller).await;
        let tx = state.db.read(&caller.scope.org_scope()).await.expect("a transaction");
        let version = registry::store::find_version(&tx, &caller.scope, "best", 1).await;
        let version = version.expect("a query").expect("the version");
        let parent = version.run_id.clone().expect("a run");
        assert_ne!(parent, id('a'));
        assert!(version.storage_location.ends_with(&format!("/{parent}/artifacts/net")), "{}", version.storage_location);
        assert_eq!(version.source, version.storage_location);
        let model = logged_models::store::find(&tx, &caller.scope, &model().id).await.expect("a query").expect("a model");
        assert_eq!(model.source_run_id, parent);
        drop(tx);
        let transfer = begin(&state, &caller).await;
        let child = transfer.known.run_id(&id('b'));
        assert_ne!(child, id('b'));
        let tags = &run_json(&state, &caller, &child).await["run"]["data"]["tags"];
        let named = tags.as_array().into_iter().flatten().find(|t| t["key"] == "mlflow.parentRunId");
        assert_eq!(named.map(|t| &t["value"]), Some(&Value::from(parent)));
    }

    async fn one_bad_thing_does_not_end_the_copy(db: TestDb) {
        let state = open(&db).await;
        let caller = caller(db.tenant());
        let mut transfer = begin(&state, &caller).await;
        transfer.experiment(&experiment()).await.expect("an experiment");
        let (mut foreign, mut nul) = (run('a', &[]), run('b', &[]));
        foreign.id = "../up".to_owned();
        nul.name = "a\0b".to_owned();
        let outcomes = transfer.reserve_runs(&[foreign, nul, run('c', &[])]).await.expect("runs");
        assert!(matches!(outcomes[0], Reserved::Refused(_)) && matches!(outcomes[1], Reserved::Refused(_)));
        assert_eq!(outcomes[2], Reserved::New);
        transfer.run(&run('c', &[("k", "a\0b")])).await.expect_err("a refusal");
        for path in ["../up", "", "a/../../b"] {
            transfer.place_for(OwnerKind::Run, &id('c'), path, None).await.expect_err(path);
        }
        transfer.run(&run('c', &[])).await.expect("the mended run");
        // A version whose number is taken here, and one whose files were not brought.
        transfer.registered(&registered()).await.expect("a model");
        let lone = transfer.version("best", &version(1), &[]).await.expect("a version");
        assert_eq!(lone, VersionOutcome::Brought { has_files: false });
        let tx = state.db.write(&caller.scope.org_scope()).await.expect("a transaction");
        let row = registry::store::find_model(&tx, &caller.scope, "best").await.expect("a query").expect("a model").id;
        let mut own = registry::store::find_version(&tx, &caller.scope, "best", 1).await.expect("a query").expect("it").bare().expect("it");
        own.version = 2;
        registry::store::insert_version(&tx, &caller.scope, row, &own).await.expect("a version of our own");
        tx.commit().await.expect("the end");
        let taken = transfer.version("best", &version(2), &[]).await.expect("an answer");
        assert_eq!(taken, VersionOutcome::NumberTaken);
    }
}
