//! The audit chain holds, and tampering is found.

use rhiza_kernel::{OrgScope, TypedId as _};
use rhiza_platform::audit::{self, ChainFault, Entry, Filter};
use rhiza_platform::authz::{Actor, Caller};
use rhiza_store::{Tx, binds};
use rhiza_testkit::TestDb;
use serde_json::json;

use super::SETS;

fn caller() -> Caller {
    let id = rhiza_kernel::UserId::from_uuid(uuid::Uuid::from_u128(5));
    let session = rhiza_kernel::SessionId::from_uuid(uuid::Uuid::from_u128(6));
    Caller {
        actor: Actor::User { id, email: "ada@example.org".into(), session },
        address: Some("192.0.2.7".parse().unwrap()),
        request_id: Some("req_1".into()),
    }
}

async fn append(db: &TestDb, scope: &OrgScope, action: &str, subject: &str) {
    let tx = db.write(scope).await;
    let entry = Entry::new(&caller(), action, subject).before(&json!(null)).after(&json!({"n": 1.0, "a": "ü\u{0}"}));
    audit::record(&tx, scope, entry, &db.env).await.unwrap();
    tx.commit().await.unwrap();
}

async fn chain_of(db: &TestDb, length: usize) -> OrgScope {
    let scope = db.tenant().org_scope();
    for i in 1..=length {
        append(db, &scope, "thing.made", &format!("thing-{i}")).await;
    }
    scope
}

async fn faults(db: &TestDb, scope: &OrgScope) -> Vec<ChainFault> {
    let tx = db.read(scope).await;
    let report = audit::verify(&tx, scope).await.unwrap();
    tx.rollback().await.unwrap();
    report.faults
}

async fn tamper(db: &TestDb, scope: &OrgScope, sql: &str) {
    let tx: Tx = db.write(scope).await;
    assert_eq!(tx.execute(sql, binds![scope.org.uuid()]).await.unwrap(), 1, "{sql}");
    tx.commit().await.unwrap();
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn an_untouched_chain_verifies_and_reads_back(db: TestDb) {
        let scope = chain_of(&db, 3).await;
        assert_eq!(faults(&db, &scope).await, []);
        let tx = db.read(&scope).await;
        let listed = audit::list(&tx, &scope, &Filter::default(), None, 10).await.unwrap();
        assert_eq!(listed.iter().map(|e| e.seq).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(listed[0].actor_label, "ada@example.org");
        assert_eq!(listed[0].address.as_deref(), Some("192.0.2.7"));
        assert_eq!(listed[1].prev_hash, listed[2].hash);
        let older = audit::list(&tx, &scope, &Filter::default(), Some(2), 10).await.unwrap();
        assert_eq!(older.len(), 1);
    }

    async fn entries_are_found_by_action_subject_and_actor(db: TestDb) {
        let scope = db.tenant().org_scope();
        append(&db, &scope, "registry.alias.set", "m1").await;
        append(&db, &scope, "registry.alias", "m2").await;
        append(&db, &scope, "registryx.alias", "m1").await;
        let tx = db.read(&scope).await;
        let count = async |filter: Filter| audit::list(&tx, &scope, &filter, None, 10).await.unwrap().len();
        assert_eq!(count(Filter { action: Some("registry".into()), ..Filter::default() }).await, 2);
        assert_eq!(count(Filter { action: Some("registry.alias".into()), ..Filter::default() }).await, 2);
        assert_eq!(count(Filter { action: Some("registry.al".into()), ..Filter::default() }).await, 0);
        assert_eq!(count(Filter { subject: Some("m1".into()), ..Filter::default() }).await, 2);
        assert_eq!(count(Filter { actor: Some("ada@example.org".into()), ..Filter::default() }).await, 3);
        let all = Filter { action: Some("registry".into()), subject: Some("m1".into()), actor: Some("ada@example.org".into()), ..Filter::default() };
        assert_eq!(count(all).await, 1);
    }

    async fn entries_are_found_by_address_time_and_text(db: TestDb) {
        let scope = db.tenant().org_scope();
        append(&db, &scope, "registry.alias.set", "m%1").await;
        let later = db.env.now();
        db.clock.advance(std::time::Duration::from_secs(60));
        append(&db, &scope, "registry.alias.set", "Ordinary_Name\\x").await;
        let tx = db.write(&scope).await;
        audit::record(&tx, &scope, Entry::new(&Caller::system(), "a.b", "none"), &db.env).await.unwrap();
        tx.commit().await.unwrap();
        let tx = db.read(&scope).await;
        let count = async |filter: Filter| audit::list(&tx, &scope, &filter, None, 10).await.unwrap().len();
        assert_eq!(count(Filter { address: Some("192.0.2.7".into()), ..Filter::default() }).await, 2);
        assert_eq!(count(Filter { address: Some("192.0.2".into()), ..Filter::default() }).await, 0);
        let middle = later + std::time::Duration::from_secs(30);
        assert_eq!(count(Filter { since: Some(middle), ..Filter::default() }).await, 2);
        assert_eq!(count(Filter { until: Some(middle), ..Filter::default() }).await, 1);
        assert_eq!(count(Filter { since: Some(later), until: Some(middle), ..Filter::default() }).await, 1);
        for (text, found) in [
            ("ordinary", 1), ("ALIAS", 2), ("%", 1), ("y_n", 1), ("_1", 2), ("y_\\", 0), ("name\\x", 1), ("ada@", 2), ("req_1", 2), ("\"n\":1.0", 2), ("'", 0),
            ("nowhere", 0), ("system", 1),
        ] {
            assert_eq!(count(Filter { text: Some(text.into()), ..Filter::default() }).await, found, "{text}");
        }
    }

    async fn an_altered_row_is_found(db: TestDb) {
        let scope = chain_of(&db, 3).await;
        tamper(&db, &scope, "UPDATE audit_entries SET subject = 'other' WHERE org_id = $1 AND seq = 2").await;
        assert_eq!(faults(&db, &scope).await, [ChainFault::Altered { seq: 2 }]);
    }

    async fn a_deleted_row_is_found_also_at_the_end(db: TestDb) {
        let scope = chain_of(&db, 3).await;
        tamper(&db, &scope, "DELETE FROM audit_entries WHERE org_id = $1 AND seq = 3").await;
        assert_eq!(faults(&db, &scope).await, [ChainFault::Deleted { seq: 3 }]);
        tamper(&db, &scope, "DELETE FROM audit_entries WHERE org_id = $1 AND seq = 1").await;
        assert_eq!(faults(&db, &scope).await, [ChainFault::Deleted { seq: 1 }, ChainFault::Deleted { seq: 3 }]);
    }

    async fn an_inserted_row_is_found(db: TestDb) {
        let scope = chain_of(&db, 2).await;
        tamper(
            &db,
            &scope,
            "INSERT INTO audit_entries (org_id, seq, audit_id, at, actor_kind, actor_id, actor_label, action, subject,
               before_text, after_text, address, request_id, prev_hash, hash)
             SELECT org_id, 3, audit_id, at, actor_kind, actor_id, actor_label, action, subject, before_text,
               after_text, address, request_id, hash, hash FROM audit_entries WHERE org_id = $1 AND seq = 2",
        )
        .await;
        assert_eq!(faults(&db, &scope).await, [ChainFault::Altered { seq: 3 }]);
    }

    async fn a_removed_head_does_not_hide_a_chain(db: TestDb) {
        let scope = chain_of(&db, 1).await;
        tamper(&db, &scope, "DELETE FROM audit_heads WHERE org_id = $1").await;
        let reports = audit::verify_all(&db.db).await.unwrap();
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0].faults, [ChainFault::Inserted { seq: 1 }]);
    }

    async fn writers_at_the_same_time_make_one_chain(db: TestDb) {
        let scope = db.tenant().org_scope();
        futures::future::join_all((0..12).map(|i| append(&db, &scope, "thing.made", if i % 2 == 0 { "a" } else { "b" }))).await;
        assert_eq!(faults(&db, &scope).await, []);
        assert_eq!(audit::verify_all(&db.db).await.unwrap()[0].entries, 12);
    }

    async fn a_change_that_is_rolled_back_leaves_no_entry(db: TestDb) {
        let scope = chain_of(&db, 1).await;
        let tx = db.write(&scope).await;
        audit::record(&tx, &scope, Entry::new(&Caller::system(), "x", "y"), &db.env).await.unwrap();
        tx.rollback().await.unwrap();
        append(&db, &scope, "thing.made", "next").await;
        assert_eq!(faults(&db, &scope).await, []);
    }

    async fn chains_are_per_organisation(db: TestDb) {
        let one = chain_of(&db, 2).await;
        let two = chain_of(&db, 1).await;
        let tx = db.read(&two).await;
        assert_eq!(audit::list(&tx, &two, &Filter::default(), None, 10).await.unwrap().len(), 1);
        drop(tx);
        assert_eq!(faults(&db, &one).await, []);
        assert_eq!(faults(&db, &two).await, []);
    }
}
