//! The answers that are written by hand are what the document says, on both databases.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ingest::Write;
use super::model::RunStatus;
use super::service::{self, Draft};
use super::store::NewDataset;
use super::wire::{ChangedRun, OneRun, RunPage};
use crate::metrics::Point;
use crate::metrics::service::{self as metrics, SampleQuery};
use crate::metrics::wire::{BulkPage, HistoryPage, SamplePage};
use crate::protocol::Caller;
use crate::search::View;
use crate::tests::{caller, open};
use crate::{TrackingState, search};

/// Reads an answer as the document describes it, and checks that nothing was lost or made up on the way.
#[track_caller]
fn described<T: DeserializeOwned + Serialize>(answer: &[u8]) -> T {
    let said: Value = serde_json::from_slice(answer).expect("JSON");
    let read: T = serde_json::from_value(said.clone()).expect("what the document describes");
    assert_eq!(serde_json::to_value(&read).expect("JSON"), said);
    read
}

async fn full_run(state: &TrackingState, us: &Caller) -> String {
    let draft = Draft {
        experiment: "0".into(),
        name: "fit".into(),
        start_time: 1,
        tags: vec![("team".into(), "a\"b".into())],
        ..Draft::default()
    };
    let answer = service::create(state, us, draft).await.unwrap();
    let run_id = described::<OneRun>(&answer).run.info.run_id;
    let mut write = Write::new(us.scope, run_id.clone());
    write.metrics = vec![
        ("loss".into(), Point::new(0.5, 10, 0)),
        ("loss".into(), Point::new(f64::NAN, 11, 1)),
        ("rate".into(), Point::new(f64::INFINITY, 12, 0)),
    ];
    write.params = vec![("depth".into(), "3".into())];
    service::write(state, write).await.unwrap();
    let part = |text: &str| Some(text.to_owned());
    let dataset = NewDataset {
        parts: [part("wine"), part("d1"), part("local"), part("{}"), part("{\"cols\":2}"), part("{\"num_rows\":9}")],
        tags: vec![("mlflow.data.context".into(), "training".into())],
    };
    let bare = NewDataset { parts: [part("oil"), part("d2"), part("local"), part("{}"), None, None], tags: Vec::new() };
    service::log_inputs(state, us, &run_id, &[dataset, bare], &[("m-in".into(), 0)]).await.unwrap();
    service::log_outputs(state, us, &run_id, &[("m-out".into(), 4)]).await.unwrap();
    run_id
}

rhiza_testkit::db_tests! {
    migrations = &[rhiza_platform::MIGRATIONS, crate::MIGRATIONS];

    async fn runs_are_what_the_document_describes(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let run_id = full_run(&state, &us).await;
        let run = described::<OneRun>(&service::get(&state, &us, &run_id).await.unwrap()).run;
        assert_eq!((run.data.metrics.len(), run.data.params.len(), run.data.tags.len()), (2, 1, 2));
        assert_eq!(run.data.metrics[0].value, "NaN");
        assert_eq!((run.inputs.dataset_inputs.len(), run.inputs.model_inputs.len()), (2, 1));
        assert_eq!(run.outputs.unwrap().model_outputs[0].step, 4);
        assert_eq!(run.info.end_time, None);
        let status = Some(RunStatus::Finished);
        let changed = service::update(&state, &us, &run_id, status, Some(20), Some("fit 2")).await.unwrap();
        let info = described::<ChangedRun>(&changed).run_info;
        assert_eq!((info.end_time, info.status.as_str(), info.run_name.as_str()), (Some(20), "FINISHED", "fit 2"));
        full_run(&state, &us).await;
        let all = search::runs::parse("", &[], View::Active).unwrap();
        let page = described::<RunPage>(&service::search(&state, &us, &["0".into()], &all, 0, 1).await.unwrap());
        assert_eq!((page.runs.len(), page.next_page_token.is_some()), (1, true));
        assert_eq!(page.runs[0].inputs.model_inputs.len(), 0);
        let none = search::runs::parse("params.depth = 'none'", &[], View::Active).unwrap();
        let page = described::<RunPage>(&service::search(&state, &us, &["0".into()], &none, 0, 1).await.unwrap());
        assert!(page.runs.is_empty());
    }

    async fn metric_points_are_what_the_document_describes(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let run_id = full_run(&state, &us).await;
        for (key, limit, points, more) in [("loss", None, 2, false), ("loss", Some(1), 1, true), ("none", None, 0, false)] {
            let stretches = metrics::history(&state, &us, &run_id, key, 0, limit).await.unwrap();
            let bytes: Vec<u8> = stretches.flat_map(Result::unwrap).collect();
            let page = described::<HistoryPage>(&bytes);
            assert_eq!((page.metrics.len(), page.next_page_token.is_some()), (points, more), "{key}");
        }
        for (key, points) in [("loss", 2), ("rate", 1), ("none", 0)] {
            let query = SampleQuery { run_ids: vec![run_id.clone()], key: key.into(), steps: None, buckets: 10 };
            let page = described::<SamplePage>(&metrics::sample(&state, &us, &query).await.unwrap());
            assert_eq!(page.metrics.len(), points, "{key}");
            let bulk = metrics::bulk(&state, &us, std::slice::from_ref(&run_id), key, 10).await.unwrap();
            assert_eq!(described::<BulkPage>(&bulk).metrics.len(), points, "{key}");
        }
    }
}
