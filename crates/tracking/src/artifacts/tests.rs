//! How much an organisation may store.

use std::sync::Arc;

use futures::stream;
use rhiza_platform::config;
use rhiza_platform::limits::Plans;
use rhiza_platform::limits::quota::{Quota, Quotas};
use rhiza_store::MigrationSet;
use rhiza_testkit::TestDb;

use super::service::Artifacts;
use crate::error::{Code, TrackingResult};
use crate::protocol::Caller;
use crate::tests::{caller, open};

const SETS: &[MigrationSet] = &[rhiza_platform::MIGRATIONS, crate::MIGRATIONS];
const KIB: u64 = 1024;

/// A project whose organisation may store one MiB.
struct Project {
    artifacts: Artifacts,
    caller: Caller,
    quotas: Quotas,
}

impl Project {
    async fn new(db: &TestDb) -> Self {
        let settings = "[limits.plans.standard]\nstorage_mib = 1\n";
        let config = config::load(Some(("test", settings)), &Default::default(), &[]).expect("settings");
        let quotas = Quotas::new(db.db.clone(), db.env.clone(), Arc::new(Plans::new(&config.limits)));
        let state = open(db).await.with_quotas(quotas.clone());
        Self { artifacts: Artifacts::new(&state), caller: caller(db.tenant()), quotas }
    }

    async fn put(&self, path: &str, kib: u64, announced: bool) -> TrackingResult<()> {
        let chunks = (0..kib).map(|_| Ok::<_, std::io::Error>(vec![7_u8; 1024].into()));
        let announced = announced.then_some(kib * KIB);
        self.artifacts.upload(&self.caller, path, announced, stream::iter(chunks)).await.map(|_| ())
    }

    async fn stored(&self) -> u64 {
        let usage = self.quotas.usage(self.caller.scope.org, "").await.expect("the usage");
        usage.into_iter().find(|usage| usage.name == Quota::Storage).expect("storage").used
    }
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn an_upload_beyond_the_plan_is_refused_before_and_while_it_arrives(db: TestDb) {
        let project = Project::new(&db).await;
        project.put("a", 1000, true).await.expect("room");
        for announced in [true, false] {
            let refused = project.put("b", 25, announced).await.expect_err("no room");
            assert_eq!(refused.mlflow_code(), Code::QuotaExceeded, "{refused}");
            assert_eq!(refused.mlflow_code().http_status(), 402);
            assert_eq!(project.stored().await, 1000 * KIB, "nothing is counted that is not kept");
        }
        project.put("b", 24, false).await.expect("exactly all of it");
        assert_eq!(project.stored().await, 1024 * KIB);
        assert!(project.put("c", 1, true).await.is_err());
    }

    async fn what_is_deleted_or_replaced_is_given_back(db: TestDb) {
        let project = Project::new(&db).await;
        project.put("folder/a", 600, true).await.expect("room");
        project.put("folder/b", 400, true).await.expect("room");
        // The same file again, larger and smaller: only the difference counts.
        project.put("folder/a", 620, true).await.expect("the difference fits");
        assert!(project.put("folder/a", 625, true).await.is_err());
        project.put("folder/a", 100, true).await.expect("smaller always fits");
        assert_eq!(project.stored().await, 500 * KIB);
        project.artifacts.delete(&project.caller, "folder").await.expect("deleted");
        assert_eq!(project.stored().await, 0);
        project.artifacts.delete(&project.caller, "folder").await.expect("nothing there is no error");
        assert_eq!(project.stored().await, 0);
        project.put("c", 1024, true).await.expect("all of it again");
    }

    async fn of_uploads_at_the_same_time_only_those_stay_that_fit(db: TestDb) {
        let project = Project::new(&db).await;
        let paths = ["a", "b", "c", "d", "e"];
        let outcomes = futures::future::join_all(paths.map(|path| project.put(path, 300, true))).await;
        let kept = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(kept, 3, "{outcomes:?}");
        assert_eq!(project.stored().await, 900 * KIB);
        let again = futures::future::join_all(["a"; 4].map(|path| project.put(path, 100, true))).await;
        assert!(again.iter().all(Result::is_ok), "{again:?}");
        let first = project.artifacts.file(&project.caller, "a").await.map_or(0, |file| file.size);
        let rest: u64 = project.stored().await - first;
        assert!(rest == 600 * KIB || rest == 900 * KIB, "replacing one path at once gives back once: {rest}");
    }
}
