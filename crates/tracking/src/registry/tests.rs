//! Lineage against both databases.

use super::{Registry, VersionDraft};
use crate::TrackingState;
use crate::console::wire::{RunDataset, RunModel, RunStatus};
use crate::logged_models::{LoggedModels, ModelDraft};
use crate::protocol::Caller;
use crate::runs::service::{self as runs, Draft};
use crate::runs::store::NewDataset;
use crate::runs::wire::OneRun;
use crate::tests::{caller, open};

async fn run(state: &TrackingState, us: &Caller) -> String {
    let draft = Draft { experiment: "0".into(), name: "fit".into(), start_time: 1, ..Draft::default() };
    let answer = runs::create(state, us, draft).await.expect("a run");
    serde_json::from_slice::<OneRun>(&answer).expect("as described").run.info.run_id
}

fn dataset(name: &str) -> NewDataset {
    let part = |text: &str| Some(text.to_owned());
    NewDataset {
        parts: [part(name), part("d1"), part("local"), part("{}"), None, None],
        tags: vec![("mlflow.data.context".into(), "training".into())],
    }
}

fn draft(name: &str, source: &str, run_id: Option<&str>, model_id: Option<&str>) -> VersionDraft {
    VersionDraft {
        name: name.into(),
        source: source.into(),
        run_id: run_id.map(str::to_owned),
        model_id: model_id.map(str::to_owned),
        run_link: String::new(),
        description: String::new(),
        tags: Vec::new(),
    }
}

rhiza_testkit::db_tests! {
    migrations = &[rhiza_platform::MIGRATIONS, crate::MIGRATIONS];

    async fn a_version_tells_its_data_run_and_model(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let run_id = run(&state, &us).await;
        runs::log_inputs(&state, &us, &run_id, &[dataset("wine")], &[]).await.unwrap();
        let logged = ModelDraft {
            experiment_id: "0".into(),
            name: Some("net".into()),
            source_run_id: run_id.clone(),
            ..ModelDraft::default()
        };
        let model_id = LoggedModels::new(&state).create(&us, logged).await.unwrap().model_id;
        let registry = Registry::new(&state);
        registry.create(&us, "wine", "", Vec::new()).await.unwrap();
        let source = format!("models:/{model_id}");
        registry.create_version(&us, draft("wine", &source, Some(&run_id), Some(&model_id))).await.unwrap();

        let lineage = registry.lineage(&us, "wine", "1").await.unwrap();
        let origin = lineage.run.as_ref().unwrap();
        assert_eq!((lineage.run_id.as_deref(), origin.run_id.as_str()), (Some(run_id.as_str()), run_id.as_str()));
        assert_eq!((origin.run_name.as_str(), origin.status), ("fit", RunStatus::Running));
        assert_eq!((origin.experiment_id.as_str(), origin.experiment_name.as_str()), ("0", "Default"));
        let wine = RunDataset { name: "wine".into(), digest: "d1".into(), context: Some("training".into()) };
        assert_eq!(lineage.datasets, [wine]);
        assert_eq!(lineage.model, Some(RunModel { model_id: model_id.clone(), name: "net".into() }));
        let found = registry.registrations(&us, &[model_id.clone(), "m-none".into()]).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].model_id.as_str(), found[0].name.as_str(), found[0].version.as_str()), (model_id.as_str(), "wine", "1"));

        runs::set_deleted(&state, &us, &run_id, true).await.unwrap();
        let lineage = registry.lineage(&us, "wine", "1").await.unwrap();
        assert_eq!(lineage.run.unwrap().lifecycle_stage, "deleted");

        let them = caller(db.tenant());
        assert!(registry.lineage(&them, "wine", "1").await.is_err());
        assert!(registry.registrations(&them, std::slice::from_ref(&model_id)).await.unwrap().is_empty());
        registry.delete_version(&us, "wine", "1").await.unwrap();
        assert!(registry.lineage(&us, "wine", "1").await.is_err());
        assert!(registry.registrations(&us, &[model_id]).await.unwrap().is_empty());
    }

    async fn a_version_of_nothing_that_is_here_says_so(db: TestDb) {
        let (state, us) = (open(&db).await, caller(db.tenant()));
        let registry = Registry::new(&state);
        registry.create(&us, "wine", "", Vec::new()).await.unwrap();
        registry.create_version(&us, draft("wine", "s3://elsewhere/wine", Some(""), None)).await.unwrap();
        let lineage = registry.lineage(&us, "wine", "1").await.unwrap();
        assert_eq!((lineage.run_id, lineage.run, lineage.model), (None, None, None));
        assert!(lineage.datasets.is_empty());
    }
}
