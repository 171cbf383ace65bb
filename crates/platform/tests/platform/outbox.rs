//! Events are written with the change and numbered per subject.

use rhiza_platform::outbox::{self, Event};
use serde_json::json;

use super::SETS;

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn events_of_a_subject_are_numbered_without_gaps(db: TestDb) {
        let scope = db.tenant().org_scope();
        for i in 0..3 {
            let tx = db.write(&scope).await;
            let event = Event::new("rhiza.tracking.run.updated", "run-1").data(&json!({"i": i}));
            outbox::emit(&tx, &scope, event, &db.env).await.unwrap();
            if i == 1 { tx.rollback().await.unwrap() } else { tx.commit().await.unwrap() }
        }
        let tx = db.write(&scope).await;
        outbox::emit(&tx, &scope, Event::new("rhiza.tracking.run.updated", "run-2"), &db.env).await.unwrap();
        tx.commit().await.unwrap();

        let tx = db.read(&scope).await;
        let events = outbox::of_subject(&tx, &scope, "run-1", 0, 10).await.unwrap();
        let seen: Vec<_> = events.iter().map(|e| (e.sequence.as_str(), e.data["i"].clone())).collect();
        assert_eq!(seen, [("1", json!(0)), ("2", json!(2))]);
        let body = serde_json::to_value(&events[0]).unwrap();
        assert_eq!(body["specversion"], "1.0");
        assert_eq!(body["type"], "rhiza.tracking.run.updated");
        assert_eq!(body["source"], format!("/organizations/{}", scope.org));
        assert_eq!(outbox::of_subject(&tx, &scope, "run-1", 1, 10).await.unwrap().len(), 1);
        assert_eq!(outbox::of_subject(&tx, &scope, "run-2", 0, 10).await.unwrap().len(), 1);
    }

    async fn events_at_the_same_time_keep_one_order(db: TestDb) {
        let scope = db.tenant().org_scope();
        let emit = async || {
            let tx = db.write(&scope).await;
            outbox::emit(&tx, &scope, Event::new("rhiza.a.b.c", "same"), &db.env).await.unwrap();
            tx.commit().await.unwrap();
        };
        futures::future::join_all((0..10).map(|_| emit())).await;
        let tx = db.read(&scope).await;
        let events = outbox::of_subject(&tx, &scope, "same", 0, 100).await.unwrap();
        let numbers: Vec<i64> = events.iter().map(|e| e.sequence.parse().unwrap()).collect();
        assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    }

    async fn another_organisation_sees_nothing(db: TestDb) {
        let (mine, other) = (db.tenant().org_scope(), db.tenant().org_scope());
        let tx = db.write(&mine).await;
        outbox::emit(&tx, &mine, Event::new("rhiza.a.b.c", "s"), &db.env).await.unwrap();
        tx.commit().await.unwrap();
        let tx = db.read(&other).await;
        assert_eq!(outbox::of_subject(&tx, &other, "s", 0, 10).await.unwrap(), []);
    }
}
