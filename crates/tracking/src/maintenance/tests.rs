//! What goes, what stays, and when, on both databases.

use std::time::Duration;

use bytes::Bytes;
use rhiza_kernel::{BlobId, ProjectScope};
use rhiza_store::binds;
use rhiza_testkit::TestDb;

use super::{Purged, purge, store, system};
use crate::TrackingState;
use crate::artifacts::{self, Artifacts, path};
use crate::experiments::service as experiments;
use crate::logged_models::{LoggedModels, ModelDraft};
use crate::metrics::Point;
use crate::protocol::Caller;
use crate::registry::{Registry, VersionDraft};
use crate::runs::ingest::Write;
use crate::runs::service::{self as runs, Draft};
use crate::tests::{caller, open};

const DAY: Duration = Duration::from_secs(24 * 3600);
const GRACE: Duration = Duration::from_secs(30 * 24 * 3600);

/// A tenant at work.
struct Team {
    state: TrackingState,
    caller: Caller,
}

impl Team {
    async fn new(db: &TestDb) -> Self {
        Self { state: open(db).await, caller: caller(db.tenant()) }
    }

    fn scope(&self) -> ProjectScope {
        self.caller.scope
    }

    async fn experiment(&self, name: &str, location: Option<&str>) -> String {
        experiments::create(&self.state, &self.caller, name, location, &[]).await.expect("an experiment")
    }

    /// A run with something of every kind.
    async fn run(&self, experiment: &str) -> String {
        let draft = Draft { experiment: experiment.into(), start_time: 1, ..Draft::default() };
        let answer = runs::create(&self.state, &self.caller, draft).await.expect("a run");
        let answer: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
        let id = answer["run"]["info"]["run_id"].as_str().expect("an id").to_owned();
        let mut write = Write::new(self.scope(), id.clone());
        write.params.push(("p".into(), "1".into()));
        write.metrics.push(("m".into(), Point::new(1.0, 1, 1)));
        runs::write(&self.state, write).await.expect("written");
        id
    }

    /// The place of a file in a run's folder.
    async fn place(&self, run: &str, file: &str) -> String {
        let (_, folder) = Artifacts::new(&self.state).run_folder(&self.caller, run).await.expect("a folder");
        path::join(&folder.expect("a folder of ours"), file)
    }

    async fn upload(&self, place: &str) -> BlobId {
        let body = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"bytes"))]);
        Artifacts::new(&self.state).upload(&self.caller, place, None, body).await.expect("uploaded").blob
    }

    async fn has_file(&self, place: &str) -> bool {
        Artifacts::new(&self.state).file(&self.caller, place).await.is_ok()
    }

    async fn delete(&self, run: &str) {
        runs::set_deleted(&self.state, &self.caller, run, true).await.expect("deleted");
    }

    async fn restore(&self, run: &str) {
        runs::set_deleted(&self.state, &self.caller, run, false).await.expect("restored");
    }

    async fn has_run(&self, run: &str) -> bool {
        runs::get(&self.state, &self.caller, run).await.is_ok()
    }

    async fn has_experiment(&self, id: &str) -> bool {
        experiments::get(&self.state, &self.caller, id).await.is_ok()
    }

    async fn model(&self, experiment: &str) -> (String, String) {
        let draft = ModelDraft { experiment_id: experiment.to_owned(), ..ModelDraft::default() };
        let models = LoggedModels::new(&self.state);
        let model = models.create(&self.caller, draft).await.expect("a logged model");
        let folder = path::of_uri(&model.artifact_uri).expect("a folder of ours");
        (model.model_id, path::join(&folder, "MLmodel"))
    }

    async fn register(&self, run: &str) -> Registry {
        let registry = Registry::new(&self.state);
        registry.create(&self.caller, "m", "", Vec::new()).await.expect("a registered model");
        let draft = VersionDraft {
            name: "m".into(),
            source: "s3://bucket/model".into(),
            run_id: Some(run.to_owned()),
            ..VersionDraft::default()
        };
        registry.create_version(&self.caller, draft).await.expect("a version");
        registry
    }
}

async fn sweep(db: &TestDb) -> Purged {
    purge(&db.db, &db.env, GRACE, || true).await.expect("a purge")
}

async fn rows(db: &TestDb, table: &str) -> i64 {
    let tx = db.db.system_read().await.expect("a transaction");
    tx.fetch_scalar(&format!("SELECT COUNT(*) FROM {table}"), Vec::new()).await.expect("a count").expect("a row")
}

rhiza_testkit::db_tests! {
    migrations = &[rhiza_platform::MIGRATIONS, crate::MIGRATIONS];

    async fn deleted_runs_go_after_the_grace_period_with_all_that_is_theirs(db: TestDb) {
        let (us, them) = (Team::new(&db).await, Team::new(&db).await);
        let (gone, kept, theirs) = (us.run("0").await, us.run("0").await, them.run("0").await);
        let (gone_file, kept_file) = (us.place(&gone, "a/b.txt").await, us.place(&kept, "a/b.txt").await);
        let (gone_blob, kept_blob) = (us.upload(&gone_file).await, us.upload(&kept_file).await);
        us.delete(&gone).await;
        them.delete(&theirs).await;
        db.clock.advance(29 * DAY);
        assert_eq!(sweep(&db).await, Purged::default(), "within the grace period nothing goes");
        db.clock.advance(2 * DAY);
        assert_eq!(sweep(&db).await, Purged { runs: 2, ..Purged::default() }, "those of every organisation go");
        assert!(!us.has_run(&gone).await && !them.has_run(&theirs).await && us.has_run(&kept).await);
        assert!(!us.has_file(&gone_file).await && us.has_file(&kept_file).await);
        for table in ["run_params", "metric_series", "run_tags"] {
            assert_eq!(rows(&db, table).await, 1, "{table}: only the kept run's");
        }
        assert_eq!(sweep(&db).await, Purged::default());

        let blobs = &us.state.blobs;
        let hours = Duration::from_secs(24 * 3600);
        let collected = artifacts::system::collect(&db.db, blobs, &db.env, hours, || true).await.unwrap();
        assert_eq!(collected.removed, 0, "a download that began before may finish");
        db.clock.advance(2 * DAY);
        let collected = artifacts::system::collect(&db.db, blobs, &db.env, hours, || true).await.unwrap();
        assert_eq!(collected.removed, 1);
        assert!(blobs.head(gone_blob).await.is_err() && blobs.head(kept_blob).await.is_ok());
    }

    async fn what_was_restored_stays(db: TestDb) {
        let us = Team::new(&db).await;
        let run = us.run("0").await;
        us.delete(&run).await;
        db.clock.advance(40 * DAY);
        us.restore(&run).await;
        assert_eq!(sweep(&db).await, Purged::default());
        us.delete(&run).await;
        assert_eq!(sweep(&db).await, Purged::default(), "the grace period begins anew");

        // Found due, then restored before its turn came: the transaction that removes looks again.
        db.clock.advance(40 * DAY);
        let before = db.env.now_ms();
        let due = system::runs(&db.db, before, 0, 10).await.unwrap();
        assert_eq!(due.len(), 1);
        us.restore(&run).await;
        let tx = db.write(&us.scope().org_scope()).await;
        assert!(store::lock_runs(&tx, &us.scope(), &[due[0].key], before).await.unwrap().is_empty());
    }

    async fn another_tenant_s_scope_removes_nothing(db: TestDb) {
        let (us, them) = (Team::new(&db).await, Team::new(&db).await);
        let run = us.run("0").await;
        us.delete(&run).await;
        db.clock.advance(40 * DAY);
        let before = db.env.now_ms();
        let due = system::runs(&db.db, before, 0, 10).await.unwrap();
        let tx = db.write(&them.scope().org_scope()).await;
        assert!(store::lock_runs(&tx, &them.scope(), &[due[0].key], before).await.unwrap().is_empty());
        drop(tx);
        assert!(us.has_run(&run).await);
    }

    async fn a_deleted_experiment_goes_with_runs_models_and_files_but_not_its_neighbour_s(db: TestDb) {
        let us = Team::new(&db).await;
        let id = us.experiment("old", None).await;
        let run = us.run(&id).await;
        let run_file = us.place(&run, "a.txt").await;
        let (_, model_file) = us.model(&id).await;
        let stray = format!("{id}/notes.txt");
        for place in [&run_file, &model_file, &stray] {
            us.upload(place).await;
        }
        let neighbour = us.experiment("inside", Some(&format!("mlflow-artifacts:/{id}/inside"))).await;
        let neighbour_run = us.run(&neighbour).await;
        let neighbour_file = us.place(&neighbour_run, "a.txt").await;
        us.upload(&neighbour_file).await;
        experiments::set_deleted(&us.state, &us.caller, &id, true).await.unwrap();
        db.clock.advance(31 * DAY);
        assert_eq!(sweep(&db).await, Purged { runs: 1, models: 0, experiments: 1 });
        assert!(!us.has_experiment(&id).await && us.has_experiment(&neighbour).await);
        assert!(!us.has_file(&run_file).await && !us.has_file(&model_file).await);
        assert!(us.has_file(&neighbour_file).await);
        assert!(us.has_file(&stray).await, "a folder that is not the experiment's alone is not cleared");
        assert_eq!(rows(&db, "logged_models").await, 0);
        let again = us.experiment("old", None).await;
        assert_ne!(again, id, "the name is free, the number is not given again");

        let stray = format!("{again}/notes.txt");
        us.upload(&stray).await;
        experiments::set_deleted(&us.state, &us.caller, &again, true).await.unwrap();
        db.clock.advance(31 * DAY);
        assert_eq!(sweep(&db).await, Purged { experiments: 1, ..Purged::default() });
        assert!(!us.has_file(&stray).await);
    }

    async fn a_run_restored_inside_a_deleted_experiment_keeps_it(db: TestDb) {
        let us = Team::new(&db).await;
        let id = us.experiment("old", None).await;
        let (kept, gone) = (us.run(&id).await, us.run(&id).await);
        experiments::set_deleted(&us.state, &us.caller, &id, true).await.unwrap();
        us.restore(&kept).await;
        db.clock.advance(31 * DAY);
        assert_eq!(sweep(&db).await, Purged { runs: 1, ..Purged::default() });
        assert!(us.has_run(&kept).await && !us.has_run(&gone).await && us.has_experiment(&id).await);
    }

    async fn the_default_experiment_loses_its_runs_only(db: TestDb) {
        let us = Team::new(&db).await;
        let run = us.run("0").await;
        experiments::set_deleted(&us.state, &us.caller, "0", true).await.unwrap();
        db.clock.advance(31 * DAY);
        assert_eq!(sweep(&db).await, Purged { runs: 1, ..Purged::default() });
        assert!(!us.has_run(&run).await);
        experiments::set_deleted(&us.state, &us.caller, "0", false).await.unwrap();
        us.run("0").await;
    }

    async fn what_a_live_version_came_from_stays_as_long_as_it_lives(db: TestDb) {
        let us = Team::new(&db).await;
        let id = us.experiment("old", None).await;
        let run = us.run(&id).await;
        let file = us.place(&run, "model/MLmodel").await;
        us.upload(&file).await;
        let registry = us.register(&run).await;
        experiments::set_deleted(&us.state, &us.caller, &id, true).await.unwrap();
        db.clock.advance(31 * DAY);
        assert_eq!(sweep(&db).await, Purged::default());
        assert!(us.has_file(&file).await);
        registry.delete_version(&us.caller, "m", "1").await.unwrap();
        assert_eq!(sweep(&db).await, Purged { runs: 1, models: 0, experiments: 1 });
        assert!(!us.has_file(&file).await);
    }

    async fn deleted_logged_models_go(db: TestDb) {
        let us = Team::new(&db).await;
        let ((gone, gone_file), (kept, kept_file)) = (us.model("0").await, us.model("0").await);
        us.upload(&gone_file).await;
        us.upload(&kept_file).await;
        let models = LoggedModels::new(&us.state);
        models.delete(&us.caller, &gone).await.unwrap();
        db.clock.advance(31 * DAY);
        assert_eq!(sweep(&db).await, Purged { models: 1, ..Purged::default() });
        assert!(models.get(&us.caller, &gone, true).await.is_err());
        assert!(models.get(&us.caller, &kept, false).await.is_ok());
        assert!(!us.has_file(&gone_file).await && us.has_file(&kept_file).await);
    }

    async fn a_purge_goes_on_past_its_batches_and_is_in_the_audit_chain(db: TestDb) {
        let us = Team::new(&db).await;
        let id = us.experiment("many", None).await;
        for _ in 0..45 {
            us.run(&id).await;
        }
        experiments::set_deleted(&us.state, &us.caller, &id, true).await.unwrap();
        db.clock.advance(31 * DAY);
        let stopped = purge(&db.db, &db.env, GRACE, || false).await.unwrap();
        assert_eq!(stopped, Purged::default(), "a cancelled job stops between transactions");
        assert_eq!(sweep(&db).await, Purged { runs: 45, models: 0, experiments: 1 });
        for (action, times) in [("tracking.runs.purged", 3), ("tracking.experiment.purged", 1)] {
            let tx = db.db.system_read().await.unwrap();
            let sql = "SELECT COUNT(*) FROM audit_entries WHERE action = $1";
            assert_eq!(tx.fetch_scalar::<i64>(sql, binds![action]).await.unwrap(), Some(times), "{action}");
        }
    }
}
