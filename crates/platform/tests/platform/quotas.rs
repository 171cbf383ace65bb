//! Quotas: counted durably, once, by all processes together.

use std::sync::Arc;

use rhiza_kernel::{Coded as _, ErrorCode, OrgId, OrgScope};
use rhiza_platform::config;
use rhiza_platform::jobs::{self, NewJob};
use rhiza_platform::limits::Plans;
use rhiza_platform::limits::quota::{Quota, QuotaError, Quotas, change_storage};
use rhiza_testkit::TestDb;
use serde_json::Value;

use super::SETS;

/// A process with a plan of 100 tokens, 1 MiB and 2 jobs.
fn process(db: &TestDb) -> Quotas {
    let settings = "[limits.plans.small]\ntokens_per_month = 100\nstorage_mib = 1\njobs = 2\n";
    let config = config::load(Some(("test", settings)), &Default::default(), &[]).unwrap();
    Quotas::new(db.db.clone(), db.env.clone(), Arc::new(Plans::new(&config.limits)))
}

async fn used(quotas: &Quotas, org: OrgId, quota: Quota) -> u64 {
    let usage = quotas.usage(org, "small").await.unwrap();
    usage.into_iter().find(|usage| usage.name == quota).unwrap().used
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn two_processes_count_together_and_write_each_use_once(db: TestDb) {
        let org = db.tenant().org;
        let (one, two) = (process(&db), process(&db));
        one.charge(org, "small", Quota::Tokens, 40).await.unwrap();
        two.charge(org, "small", Quota::Tokens, 30).await.unwrap();
        one.flush().await.unwrap();
        two.flush().await.unwrap();
        for _ in 0..5 {
            one.flush().await.unwrap();
        }
        assert_eq!(used(&one, org, Quota::Tokens).await, 70);
        let refused = one.charge(org, "small", Quota::Tokens, 31).await.unwrap_err();
        assert_eq!((refused.used, refused.limit), (70, 100));
        assert_eq!(refused.code(), ErrorCode::QuotaExceeded);
        one.charge(org, "small", Quota::Tokens, 30).await.unwrap();
        assert!(one.charge(org, "small", Quota::Tokens, 1).await.is_err());
        // The other learns of it with its next writing down.
        one.flush().await.unwrap();
        two.flush().await.unwrap();
        assert!(two.charge(org, "small", Quota::Tokens, 1).await.is_err());
        assert!(two.charge(org, "small", Quota::Requests, 1).await.is_ok(), "another quota");
        assert!(two.charge(db.tenant().org, "small", Quota::Tokens, 100).await.is_ok(), "another organisation");
        assert!(two.charge(org, "a plan the settings no longer know", Quota::Tokens, 1).await.is_ok());
    }

    async fn what_was_counted_survives_a_restart(db: TestDb) {
        let org = db.tenant().org;
        let quotas = process(&db);
        quotas.charge(org, "small", Quota::Tokens, 100).await.unwrap();
        quotas.flush().await.unwrap();
        drop(quotas);
        let quotas = process(&db);
        assert!(quotas.charge(org, "small", Quota::Tokens, 1).await.is_err());
        assert_eq!(used(&quotas, org, Quota::Tokens).await, 100);
    }

    async fn many_at_once_are_counted_exactly(db: TestDb) {
        let org = db.tenant().org;
        let (one, two) = (process(&db), process(&db));
        let calls = (0..400).map(|n| {
            let quotas = if n % 2 == 0 { one.clone() } else { two.clone() };
            async move {
                quotas.charge(org, "", Quota::Tokens, 1).await.unwrap();
                if n % 20 == 0 {
                    quotas.flush().await.unwrap();
                }
            }
        });
        futures::future::join_all(calls).await;
        one.flush().await.unwrap();
        two.flush().await.unwrap();
        assert_eq!(used(&one, org, Quota::Tokens).await, 400);
    }

    async fn storage_changes_with_the_transaction_that_changes_it(db: TestDb) {
        let scope = OrgScope::new(db.tenant().org);
        let quotas = process(&db);
        let mib = 1024 * 1024;
        let tx = db.write(&scope).await;
        assert_eq!(change_storage(&tx, &scope, mib - 10).await.unwrap(), 1024 * 1024 - 10);
        tx.commit().await.unwrap();
        let tx = db.write(&scope).await;
        change_storage(&tx, &scope, 5).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(quotas.room_for_bytes(scope.org, "small", 10).await.unwrap(), Some(10));
        let refused = quotas.room_for_bytes(scope.org, "small", 11).await.unwrap_err();
        assert!(matches!(refused, QuotaError::Exceeded(e) if e.used == 1024 * 1024 - 10), "a rolled back change counts nothing");
        assert_eq!(quotas.room_for_bytes(scope.org, "", u64::MAX).await.unwrap(), None);
        let tx = db.write(&scope).await;
        change_storage(&tx, &scope, -mib).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(used(&quotas, scope.org, Quota::Storage).await, 0, "less than nothing is nothing");
    }

    async fn unfinished_jobs_are_limited_and_finding_one_is_not(db: TestDb) {
        let scope = db.tenant();
        let org = scope.org_scope();
        let job = |key: &str| NewJob::new("test.nothing", Value::Null).scope(scope).dedupe(key);
        for key in ["a", "b"] {
            let tx = db.write(&org).await;
            jobs::enqueue_within(&tx, job(key), Some(2), &db.env).await.unwrap();
            tx.commit().await.unwrap();
        }
        let tx = db.write(&org).await;
        assert!(!jobs::enqueue_within(&tx, job("a"), Some(2), &db.env).await.unwrap().fresh);
        let refused = jobs::enqueue_within(&tx, job("c"), Some(2), &db.env).await.unwrap_err();
        tx.rollback().await.unwrap();
        assert!(matches!(refused, QuotaError::Exceeded(e) if e.used == 2 && e.limit == 2));
        let quotas = process(&db);
        assert_eq!(used(&quotas, scope.org, Quota::Jobs).await, 2);
        let tx = db.write(&org).await;
        jobs::enqueue_within(&tx, job("c"), None, &db.env).await.unwrap();
        tx.commit().await.unwrap();
        let other = db.tenant();
        let tx = db.write(&other.org_scope()).await;
        let theirs = NewJob::new("test.nothing", Value::Null).scope(other);
        jobs::enqueue_within(&tx, theirs, Some(1), &db.env).await.unwrap();
        tx.commit().await.unwrap();
    }
}
