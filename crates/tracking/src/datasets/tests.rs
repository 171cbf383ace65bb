//! Datasets on both databases, with the job that reads them and without HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use rhiza_kernel::ProjectScope;
use rhiza_learn::table::Kind;
use rhiza_platform::child::{ChildLimits, Children, Workshop};
use rhiza_platform::config::OutboundConfig;
use rhiza_platform::events::Hub;
use rhiza_platform::jobs::{self, Job, JobState, Listing, RetryPolicy, Worker, WorkerOptions};
use rhiza_platform::outbound::{Outbound, Purpose};
use rhiza_platform::runtime::{Tasks, system_env};
use rhiza_store::{FromQueryResult, binds, sea_orm};
use rhiza_testkit::TestDb;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::service::DatasetChange;
use super::{
    Added, Dataset, Datasets, Format, Import, Origin, Profiled, ReadDataset, ReadTable, Source, State, Version,
};
use crate::TrackingState;
use crate::artifacts::Artifacts;
use crate::error::{Code, TrackingError, TrackingResult};
use crate::protocol::Caller;
use crate::runs::service::{self as runs, Draft};
use crate::tests::{caller, open};

const SETS: &[rhiza_store::MigrationSet] = &[rhiza_platform::MIGRATIONS, crate::MIGRATIONS];

const IRIS: &str = "sepal,petal,species\n5.1,1.4,setosa\n4.9,1.5,setosa\n6.3,4.9,versicolor\n5.8,,versicolor\n";

/// A project, and who reads its files.
struct Lab<'a> {
    db: &'a TestDb,
    state: TrackingState,
    datasets: Datasets,
    us: Caller,
}

impl<'a> Lab<'a> {
    async fn new(db: &'a TestDb) -> Self {
        let state = open(db).await;
        Self { db, datasets: Datasets::new(&state), us: caller(db.tenant()), state }
    }

    async fn try_upload(&self, name: &str, format: Option<Format>, bytes: &[u8]) -> TrackingResult<Added> {
        let pieces: Vec<Result<bytes::Bytes, std::io::Error>> =
            bytes.chunks(7).map(|piece| Ok(piece.to_vec().into())).collect();
        self.datasets.upload(&self.us, name, Some("data.csv".to_owned()), format, None, stream::iter(pieces)).await
    }

    async fn upload(&self, name: &str, text: &str) -> Added {
        self.try_upload(name, None, text.as_bytes()).await.expect("an upload")
    }

    /// Uploads and reads.
    async fn read(&self, name: &str, text: &str) -> (Dataset, Version) {
        let added = self.upload(name, text).await;
        self.work().await;
        self.datasets.get(&self.us, added.dataset.id).await.expect("the dataset")
    }

    /// Lets the jobs of the project be done.
    async fn work(&self) {
        let limits = ChildLimits {
            memory: 1 << 30,
            processor: Duration::from_secs(60),
            file: 1 << 20,
            open_files: 64,
            threads: 1,
        };
        let root = self.db.folder.path().join("work");
        let workshop =
            Workshop::open(&root, Children::threads(&[&ReadTable]), limits, system_env()).expect("a workshop");
        let rules = OutboundConfig { allow: vec!["127.0.0.1".to_owned()], blocked_ports: Vec::new() };
        let client = Outbound::new(&rules, system_env()).expect("rules").client(Purpose::Other(Default::default()));
        let options = WorkerOptions {
            poll: Duration::from_millis(5),
            retry: RetryPolicy { base: Duration::from_millis(1), cap: Duration::from_millis(2) },
            ..WorkerOptions::default()
        };
        let worker = Worker::new(self.db.db.clone(), system_env(), Hub::new(), options)
            .register(Arc::new(ReadDataset::new(&self.state, workshop, client.expect("a client"))));
        let tasks = Tasks::new();
        tasks.spawn("worker", worker.run(tasks.clone()));
        for _ in 0..1_000 {
            if self.jobs().await.iter().all(|job| job.state.is_final()) {
                assert!(tasks.shutdown(Duration::from_secs(10)).await, "the worker did not stop");
                assert_eq!(std::fs::read_dir(&root).expect("work").count(), 3, "a door, a lock and an empty folder");
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the jobs do not end: {:?}", self.jobs().await);
    }

    async fn jobs(&self) -> Vec<Job> {
        let tx = self.db.read(&self.us.scope.org_scope()).await;
        jobs::list(&tx, &self.us.scope, &Listing::default(), 100).await.expect("jobs")
    }

    async fn run(&self) -> String {
        let draft = Draft { experiment: "0".into(), start_time: 1, ..Draft::default() };
        let answer = runs::create(&self.state, &self.us, draft).await.expect("a run");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        answer["run"]["info"]["run_id"].as_str().expect("an id").to_owned()
    }

    /// What the audit chain says happened, in order.
    async fn actions(&self) -> Vec<String> {
        #[derive(FromQueryResult)]
        struct Row {
            action: String,
        }
        let tx = self.db.read(&self.us.scope.org_scope()).await;
        let sql = "SELECT action FROM audit_entries WHERE org_id = $1 ORDER BY seq";
        let rows: Vec<Row> = tx.fetch_all(sql, binds![self.us.scope.org.uuid()]).await.expect("entries");
        let count = "SELECT COUNT(*) FROM outbox WHERE org_id = $1";
        let events: Option<i64> = tx.fetch_scalar(count, binds![self.us.scope.org.uuid()]).await.expect("events");
        assert_eq!(events, i64::try_from(rows.len()).ok(), "an event for each entry");
        rows.into_iter().map(|row| row.action).collect()
    }

    async fn stored(&self) -> i64 {
        let tx = self.db.read(&self.us.scope.org_scope()).await;
        let sql = "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM artifacts WHERE project_id = $1";
        tx.fetch_scalar(sql, binds![self.us.scope.project.uuid()]).await.expect("a sum").unwrap_or(0)
    }
}

fn refusal<T: std::fmt::Debug>(result: TrackingResult<T>) -> (Code, String) {
    match result {
        Err(TrackingError::Refused { code, message, .. }) => (code, message),
        other => panic!("{other:?}"),
    }
}

fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// An address that answers every request with this.
async fn serve(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    #[expect(clippy::disallowed_methods, reason = "the test's runtime ends with the test")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok() {
                stream.write_all(&answer).await.ok();
                stream.shutdown().await.ok();
            }
        }
    });
    format!("http://{address}/files/iris.csv")
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}

fn from_url(name: &str, url: &str) -> Import {
    let (shown, _) = url.split_once('?').unwrap_or((url, ""));
    let from = Origin::Url { url: url.to_owned(), shown: shown.to_owned() };
    Import { name: name.to_owned(), format: None, from }
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn a_file_becomes_a_version_that_tells_its_columns_profile_and_rows(db: TestDb) {
        let lab = Lab::new(&db).await;
        let added = lab.upload("iris", IRIS).await;
        assert!(added.fresh && added.version.state == State::Reading && added.version.job.is_some());
        lab.work().await;
        let details = lab.datasets.details(&lab.us, added.dataset.id, None).await.unwrap();
        let version = &details.version;
        assert_eq!((version.state, version.rows, version.columns), (State::Ready, Some(4), Some(3)));
        assert_eq!((version.format, version.digest.as_deref()), (Some(Format::Csv), Some(digest(IRIS).as_str())));
        assert_eq!(version.source, Source::Upload { file: Some("data.csv".to_owned()) });
        let schema = details.schema.unwrap();
        assert_eq!(schema["columns"][2], json!({"name": "species", "type": "categorical", "chosen": false}));
        assert_eq!(schema["dialect"]["delimiter"], ",");
        let profile = details.profile.unwrap();
        assert_eq!((&profile["rows"], &profile["columns"][1]["missing"]), (&json!(4), &json!(1)));
        assert!(profile["columns"][0]["numbers"]["histogram"].as_array().unwrap().len() > 1);
        assert!(version.quality.unwrap() < 100.0 && !profile["quality"]["issues"].as_array().unwrap().is_empty());
        let preview = lab.datasets.preview(&lab.us, added.dataset.id, Some(1)).await.unwrap();
        assert_eq!(preview["rows"][3], json!(["5.8", null, "versicolor"]));
        let (file, name) = lab.datasets.file(&lab.us, added.dataset.id, None).await.unwrap();
        assert_eq!((file.size, file.checksum, name.as_str()), (IRIS.len() as u64, digest(IRIS), "iris-v1.csv"));
        let told = ["dataset_version.created", "dataset.created", "dataset_version.ready"];
        let mut told = told.map(|what| format!("tracking.{what}"));
        let mut actions = lab.actions().await;
        told.sort();
        actions.sort();
        assert_eq!(actions, told);
    }

    async fn the_same_bytes_are_the_same_version_and_other_bytes_the_next(db: TestDb) {
        let lab = Lab::new(&db).await;
        let first = lab.upload("iris", IRIS).await;
        let again = lab.upload("iris", IRIS).await;
        assert!(!again.fresh && again.version.number == 1 && again.version.job == first.version.job);
        let (_, ready) = lab.read("iris", IRIS).await;
        assert_eq!((ready.number, ready.state), (1, State::Ready));
        let other = IRIS.replace("4.9", "4.8");
        let (dataset, second) = lab.read("iris", &other).await;
        assert_eq!((dataset.id, dataset.latest, second.number), (first.dataset.id, 2, 2));
        // What came before the newest is a version again, but no second file.
        let (_, third) = lab.read("iris", IRIS).await;
        assert_eq!((third.number, third.path == ready.path), (3, true));
        assert_eq!(lab.stored().await, i64::try_from(IRIS.len() + other.len()).unwrap());
        let numbers = lab.datasets.versions(&lab.us, dataset.id, Some(3), 10).await.unwrap();
        assert_eq!(numbers.iter().map(|version| version.number).collect::<Vec<_>>(), [2, 1]);
    }

    async fn uploads_to_one_name_at_once_make_one_dataset(db: TestDb) {
        let lab = Lab::new(&db).await;
        let texts: Vec<String> = (0..4).map(|n| format!("a\n{n}\n")).collect();
        let added = futures::future::join_all(texts.iter().map(|text| lab.upload("one", text))).await;
        let mut numbers: Vec<i64> = added.iter().map(|added| added.version.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert!(added.iter().all(|one| one.dataset.id == added[0].dataset.id));
        lab.work().await;
    }

    async fn what_cannot_be_read_says_where_and_is_not_tried_again(db: TestDb) {
        let lab = Lab::new(&db).await;
        let (dataset, broken) = lab.read("broken", "a,b\n1,2\n3\n").await;
        assert_eq!(broken.state, State::Failed);
        assert!(broken.error.as_ref().unwrap().starts_with("line 3: 1 fields where 2 are expected"), "{broken:?}");
        let jobs = lab.jobs().await;
        assert_eq!((jobs.len(), jobs[0].attempts, jobs[0].state), (1, 1, JobState::Failed));
        let (code, message) = refusal(lab.datasets.preview(&lab.us, dataset.id, None).await);
        assert_eq!(code, Code::ResourceConflict);
        assert!(message.contains("line 3"), "{message}");
        // The same bytes may be of another format.
        let added = lab.try_upload("broken", Some(Format::Parquet), b"a,b\n1,2\n3\n").await.unwrap();
        assert_eq!(added.version.number, 2);
        lab.work().await;
        let version = lab.datasets.version(&lab.us, dataset.id, None).await.unwrap();
        assert!(version.error.unwrap().starts_with("this is not Parquet"));
        let (_, empty) = lab.read("empty", "").await;
        assert_eq!(empty.error.as_deref(), Some("the file is empty"));
        assert!(lab.actions().await.contains(&"tracking.dataset_version.failed".to_owned()));
    }

    async fn chosen_types_make_a_version_of_the_same_bytes(db: TestDb) {
        let lab = Lab::new(&db).await;
        let (dataset, first) = lab.read("codes", "code,word\n1,a\n2,b\n").await;
        let set = |number, types: &[(&str, Kind)]| {
            let types: BTreeMap<String, Kind> = types.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
            lab.datasets.set_types(&lab.us, dataset.id, number, types)
        };
        let added = set(Some(1), &[("code", Kind::Categorical)]).await.unwrap();
        assert_eq!((added.version.number, added.version.parent), (2, Some(1)));
        assert_eq!(refusal(set(None, &[]).await).0, Code::ResourceConflict, "it is still being read");
        lab.work().await;
        let details = lab.datasets.details(&lab.us, dataset.id, None).await.unwrap();
        let column = &details.schema.unwrap()["columns"][0];
        assert_eq!(column, &json!({"name": "code", "type": "categorical", "chosen": true}));
        assert_eq!((details.version.digest, details.version.path), (first.digest, first.path));
        assert_eq!(lab.stored().await, 18, "one file");
        assert!(!set(None, &[("code", Kind::Categorical)]).await.unwrap().fresh, "it is read like that already");
        assert_eq!(refusal(set(None, &[("none", Kind::Text)]).await).1, "There is no column \"none\".");
        // A type that does not fit is told with its place, and can be taken back.
        set(None, &[("word", Kind::Numeric)]).await.unwrap();
        lab.work().await;
        let wrong = lab.datasets.version(&lab.us, dataset.id, None).await.unwrap();
        assert_eq!(wrong.error.as_deref(), Some("column word, row 1: \"a\" is not numeric"));
        set(None, &[]).await.unwrap();
        lab.work().await;
        let right = lab.datasets.version(&lab.us, dataset.id, None).await.unwrap();
        assert_eq!((right.number, right.parent, right.state), (4, Some(3), State::Ready));
    }

    async fn bytes_are_counted_and_out_of_reach_of_artifact_paths(db: TestDb) {
        let lab = Lab::new(&db).await;
        let (dataset, version) = lab.read("iris", IRIS).await;
        let artifacts = Artifacts::new(&lab.state);
        assert!(artifacts.list(&lab.us, "").await.unwrap().is_empty());
        let path = version.path.unwrap();
        for raw in [path.clone(), path.replace('#', "%23"), path.replace('#', "%2523"), "#datasets".to_owned()] {
            let (code, message) = refusal(artifacts.locate(&lab.us, &raw).await);
            assert_eq!((code, message.as_str()), (Code::InvalidParameterValue, "Invalid path"), "{raw}");
        }
        let place = format!("mlflow-artifacts:/{path}");
        assert_eq!(artifacts.folder_of_uri(&lab.us, &place).await.unwrap(), None);
        lab.datasets.delete(&lab.us, dataset.id).await.unwrap();
        assert_eq!(lab.stored().await, 0);
        let (code, _) = refusal(lab.datasets.get(&lab.us, dataset.id).await);
        assert_eq!(code, Code::ResourceDoesNotExist);
    }

    async fn another_project_has_none_of_it(db: TestDb) {
        let lab = Lab::new(&db).await;
        let (dataset, _) = lab.read("iris", IRIS).await;
        let neighbour = ProjectScope::new(lab.us.scope.org, db.tenant().project);
        for them in [caller(neighbour), caller(db.tenant())] {
            assert!(lab.datasets.page(&them, None, None, 10).await.unwrap().is_empty());
            for code in [
                refusal(lab.datasets.get(&them, dataset.id).await).0,
                refusal(lab.datasets.details(&them, dataset.id, Some(1)).await).0,
                refusal(lab.datasets.preview(&them, dataset.id, Some(1)).await).0,
                refusal(lab.datasets.file(&them, dataset.id, Some(1)).await).0,
                refusal(lab.datasets.profile(&them, dataset.id, Some(1), "petal").await).0,
                refusal(lab.datasets.set_types(&them, dataset.id, Some(1), BTreeMap::new()).await).0,
                refusal(lab.datasets.delete(&them, dataset.id).await).0,
            ] {
                assert_eq!(code, Code::ResourceDoesNotExist);
            }
        }
    }

    async fn names_are_found_by_a_part_and_changed_by_who_saw_them(db: TestDb) {
        let lab = Lab::new(&db).await;
        for name in ["Iris", "wine %", "digits"] {
            lab.upload(name, "a\n1\n").await;
        }
        let named = async |part: &str| {
            let found = lab.datasets.page(&lab.us, Some(part), None, 10).await.unwrap();
            // All are of the same millisecond of a clock that stands still: they have no order.
            found.into_iter().map(|(dataset, _)| dataset.name).collect::<BTreeSet<_>>()
        };
        let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(named("I").await, of(&["digits", "wine %", "Iris"]));
        assert_eq!(named("%").await, of(&["wine %"]));
        let all = lab.datasets.page(&lab.us, None, None, 2).await.unwrap();
        let rest = lab.datasets.page(&lab.us, None, Some(all[1].0.id), 2).await.unwrap();
        let pages = all.iter().chain(&rest).map(|(dataset, _)| dataset.name.clone()).collect::<BTreeSet<_>>();
        assert_eq!((all.len(), rest.len(), pages), (2, 1, of(&["digits", "wine %", "Iris"])));
        let id = all.iter().chain(&rest).find(|(dataset, _)| dataset.name == "Iris").unwrap().0.id;
        let change = |name: &str| DatasetChange { name: Some(name.to_owned()), description: Some("flowers".to_owned()) };
        let changed = lab.datasets.update(&lab.us, id, change("iris"), |revision| revision == 1).await.unwrap().0;
        assert_eq!((changed.name.as_str(), changed.description.as_str(), changed.revision), ("iris", "flowers", 2));
        let stale = lab.datasets.update(&lab.us, id, change("other"), |revision| revision == 1).await;
        assert_eq!(refusal(stale).0, Code::Stale);
        let taken = lab.datasets.update(&lab.us, id, change("digits"), |_| true).await;
        assert_eq!(refusal(taken).0, Code::ResourceConflict);
        lab.work().await;
    }

    async fn a_file_is_fetched_from_an_address(db: TestDb) {
        let lab = Lab::new(&db).await;
        let url = format!("{}?signature=secret", serve(answer("200 OK", IRIS)).await);
        let added = lab.datasets.import(&lab.us, &from_url("iris", &url)).await.unwrap();
        assert_eq!((added.version.digest.as_ref(), added.version.size), (None, None));
        lab.work().await;
        let (_, version) = lab.datasets.get(&lab.us, added.dataset.id).await.unwrap();
        assert_eq!((version.state, version.digest, version.rows), (State::Ready, Some(digest(IRIS)), Some(4)));
        let Source::Url { url } = version.source else { panic!("{:?}", version.source) };
        assert!(url.ends_with("/files/iris.csv"), "{url}");
    }

    async fn an_address_without_a_file_says_so(db: TestDb) {
        let lab = Lab::new(&db).await;
        let missing = serve(answer("404 Not Found", "nothing")).await;
        let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: close\r\n\r\na,b\n".to_vec();
        let cases = [
            ("missing", missing, 1, "the address answered 404 Not Found"),
            ("cut", serve(cut).await, 3, "the connection to the other side failed"),
            // A private address that the operator has not allowed.
            ("private", "http://10.255.255.1/a.csv".to_owned(), 1, "it has no public address"),
        ];
        for (name, url, attempts, says) in cases {
            let added = lab.datasets.import(&lab.us, &from_url(name, &url)).await.unwrap();
            lab.work().await;
            let (_, version) = lab.datasets.get(&lab.us, added.dataset.id).await.unwrap();
            assert_eq!((version.state, &version.path), (State::Failed, &None), "{name}");
            assert!(version.error.as_ref().unwrap().contains(says), "{name}: {version:?}");
            let jobs = lab.jobs().await;
            let job = jobs.iter().find(|job| Some(job.id) == version.job).unwrap();
            assert_eq!(job.attempts, attempts, "{name}");
        }
    }

    async fn a_runs_file_becomes_a_version_without_being_copied(db: TestDb) {
        let lab = Lab::new(&db).await;
        let (run_id, artifacts) = (lab.run().await, Artifacts::new(&lab.state));
        let folder = artifacts.run_folder(&lab.us, &run_id).await.unwrap().1.unwrap();
        let body = stream::iter([Ok::<_, std::io::Error>(IRIS.as_bytes().into())]);
        let file = artifacts.upload(&lab.us, &format!("{folder}/data/iris.csv"), None, body).await.unwrap();
        let import = |path: &str| {
            let from = Origin::Artifact { run_id: run_id.clone(), path: path.to_owned() };
            Import { name: "iris".to_owned(), format: None, from }
        };
        let added = lab.datasets.import(&lab.us, &import("data//iris.csv")).await.unwrap();
        lab.work().await;
        let (kept, _) = lab.datasets.file(&lab.us, added.dataset.id, None).await.unwrap();
        assert_eq!(kept.blob, file.blob);
        assert!(!lab.datasets.import(&lab.us, &import("data/iris.csv")).await.unwrap().fresh);
        // It outlives the run's own.
        artifacts.delete(&lab.us, &folder).await.unwrap();
        let (_, version) = lab.datasets.get(&lab.us, added.dataset.id).await.unwrap();
        assert_eq!(version.state, State::Ready);
        assert!(lab.datasets.file(&lab.us, added.dataset.id, None).await.is_ok());
        for path in ["data/iris.csv", "../iris.csv", ""] {
            assert!(lab.datasets.import(&lab.us, &import(path)).await.is_err(), "{path}");
        }
    }

    async fn what_tells_the_target_is_found(db: TestDb) {
        let lab = Lab::new(&db).await;
        let rows: String = (0..200).map(|n| format!("{n},{},{}\n", n % 7, u8::from(n % 7 > 3))).collect();
        let (dataset, _) = lab.read("leaky", &format!("row,cause,effect\n{rows}")).await;
        let ask = || lab.datasets.profile(&lab.us, dataset.id, None, "effect");
        assert_eq!(lab.datasets.profile_for(&lab.us, dataset.id, None, "effect").await.unwrap(), None);
        let (Profiled::Soon(first), Profiled::Soon(second)) = (ask().await.unwrap(), ask().await.unwrap()) else {
            panic!("there is no such profile yet");
        };
        assert_eq!(first, second);
        lab.work().await;
        let Profiled::There(profile) = ask().await.unwrap() else { panic!("it has been made") };
        assert_eq!(profile["leaks"][0]["column"], "cause");
        assert_eq!(lab.datasets.profile_for(&lab.us, dataset.id, Some(1), "effect").await.unwrap(), Some(profile));
        let plain = lab.datasets.details(&lab.us, dataset.id, None).await.unwrap().profile.unwrap();
        assert_eq!(plain["leaks"], json!([]));
        let unknown = lab.datasets.profile(&lab.us, dataset.id, None, "none").await;
        assert_eq!(refusal(unknown).0, Code::InvalidParameterValue);
    }

    async fn a_version_is_seen_among_a_runs_inputs(db: TestDb) {
        let lab = Lab::new(&db).await;
        let (run_id, (dataset, version)) = (lab.run().await, lab.read("iris", IRIS).await);
        for _ in 0..2 {
            lab.datasets.log_input(&lab.us, &run_id, dataset.id, version.number, Some("training")).await.unwrap();
        }
        let run: Value = serde_json::from_slice(&runs::get(&lab.state, &lab.us, &run_id).await.unwrap()).unwrap();
        let inputs = run["run"]["inputs"]["dataset_inputs"].as_array().unwrap();
        assert_eq!((inputs.len(), &inputs[0]["tags"][0]["value"]), (1, &json!("training")));
        let told = &inputs[0]["dataset"];
        assert_eq!((&told["name"], &told["source_type"]), (&json!("iris"), &json!("rhiza")));
        assert_eq!(told["digest"].as_str().unwrap(), &digest(IRIS)[..36]);
        let part = |name: &str| serde_json::from_str::<Value>(told[name].as_str().unwrap()).unwrap();
        assert_eq!(part("source")["version"], 1);
        assert_eq!(part("profile"), json!({"num_rows": 4, "num_elements": 12}));
        assert_eq!(part("schema")["mlflow_colspec"][1], json!({"type": "double", "name": "petal", "required": false}));
        let unread = lab.upload("other", "a\n1\n").await.dataset.id;
        let early = lab.datasets.log_input(&lab.us, &run_id, unread, 1, None).await;
        assert_eq!(refusal(early).0, Code::ResourceConflict);
    }

    async fn a_cancelled_reading_is_told_and_begun_anew_by_the_same_bytes(db: TestDb) {
        let lab = Lab::new(&db).await;
        let added = lab.upload("iris", IRIS).await;
        let tx = db.write(&lab.us.scope.org_scope()).await;
        jobs::cancel(&tx, &lab.us.scope, added.version.job.unwrap(), &db.env).await.unwrap();
        tx.commit().await.unwrap();
        let (_, version) = lab.datasets.get(&lab.us, added.dataset.id).await.unwrap();
        assert_eq!((version.state, version.error.as_deref()), (State::Failed, Some("reading it was cancelled")));
        let (_, version) = lab.read("iris", IRIS).await;
        assert_eq!((version.number, version.state), (1, State::Ready));
        // A job that comes late, or finds its dataset gone, does nothing.
        let late = lab.upload("gone", "a\n1\n").await;
        lab.datasets.delete(&lab.us, late.dataset.id).await.unwrap();
        lab.work().await;
        assert!(lab.jobs().await.iter().all(|job| job.state != JobState::Failed));
    }
}
