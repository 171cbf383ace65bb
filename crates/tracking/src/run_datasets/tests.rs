//! Finding datasets, on both databases.

use super::{DatasetSummary, service};
use crate::protocol::Caller;
use crate::runs::service::{self as runs, Draft};
use crate::runs::store::NewDataset;
use crate::tests::{caller, open};
use crate::{TrackingError, TrackingState, experiments};

/// A run in `experiment` that used datasets, each with its digest and purpose.
async fn run(state: &TrackingState, caller: &Caller, experiment: &str, used: &[(&str, Option<&str>)]) {
    let draft = Draft { experiment: experiment.into(), start_time: 1, ..Draft::default() };
    let answer = runs::create(state, caller, draft).await.expect("a run");
    let answer: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
    let id = answer["run"]["info"]["run_id"].as_str().expect("an id");
    let text = |t: &str| Some(t.to_owned());
    let datasets: Vec<NewDataset> = used
        .iter()
        .map(|(digest, context)| NewDataset {
            parts: [text("iris"), text(digest), text("local"), text("{}"), None, None],
            tags: context.iter().map(|c| ("mlflow.data.context".to_owned(), (*c).to_owned())).collect(),
        })
        .collect();
    runs::log_inputs(state, caller, id, &datasets, &[]).await.expect("logged");
}

async fn found(state: &TrackingState, caller: &Caller, experiments: &[&str]) -> Vec<(String, String, Option<String>)> {
    let experiments: Vec<String> = experiments.iter().map(|e| (*e).to_owned()).collect();
    let found = service::search(state, caller, &experiments).await.expect("an answer");
    let tell = |d: DatasetSummary| {
        assert_eq!(d.name, "iris");
        (d.experiment_id, d.digest, d.context)
    };
    found.into_iter().map(tell).collect()
}

fn row(experiment: &str, digest: &str, context: Option<&str>) -> (String, String, Option<String>) {
    (experiment.to_owned(), digest.to_owned(), context.map(str::to_owned))
}

rhiza_testkit::db_tests! {
    migrations = &[rhiza_platform::MIGRATIONS, crate::MIGRATIONS];

    async fn a_dataset_is_told_once_per_purpose_and_only_of_the_experiments_asked(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let other = experiments::service::create(&state, &us, "other", None, &[]).await.unwrap();
        run(&state, &us, "0", &[("d1", Some("train")), ("d2", None)]).await;
        run(&state, &us, "0", &[("d1", Some("train"))]).await;
        run(&state, &us, "0", &[("d1", Some("eval"))]).await;
        run(&state, &us, &other, &[("d1", Some("train"))]).await;
        let default = [row("0", "d1", Some("eval")), row("0", "d1", Some("train")), row("0", "d2", None)];
        assert_eq!(found(&state, &us, &["0", "999999"]).await, default);
        assert_eq!(found(&state, &us, &[&other]).await, [row(&other, "d1", Some("train"))]);
        assert_eq!(found(&state, &us, &["0", &other]).await.len(), 4);
        let them = caller(db.tenant());
        assert_eq!(found(&state, &them, &["0", &other]).await, []);
    }

    async fn one_to_twenty_experiments_are_asked(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        for (asked, says) in [
            (vec![], "SearchDatasets request must specify at least one experiment_id."),
            (
                vec!["0".to_owned(); 21],
                "SearchDatasets request cannot specify more than 20 experiment_ids. Received 21 experiment_ids.",
            ),
            (vec!["x".to_owned()], "Invalid experiment ID 'x'. Experiment ID must be a valid integer."),
        ] {
            match service::search(&state, &us, &asked).await {
                Err(TrackingError::Refused { message, .. }) => assert_eq!(message, says),
                other => panic!("{other:?}"),
            }
        }
        assert!(found(&state, &us, &["0"; 20]).await.is_empty());
    }
}
