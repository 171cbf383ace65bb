//! Dropping old entries leaves a signed checkpoint, and nothing else makes entries disappear unseen.

use std::time::Duration;

use rhiza_kernel::OrgScope;
use rhiza_platform::audit::{self, ChainFault, ChainReport, Entry, Filter, Retain, TrustedKeys};
use rhiza_platform::authz::Caller;
use rhiza_platform::jobs::JobError;
use rhiza_platform::secrets::Sealer;
use rhiza_store::binds;
use rhiza_testkit::TestDb;

use super::SETS;

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn append(db: &TestDb, scope: &OrgScope, count: usize) {
    for n in 0..count {
        let tx = db.write(scope).await;
        audit::record(&tx, scope, Entry::new(&Caller::system(), "thing.made", n.to_string()), &db.env).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// Five entries of forty days ago and three of today.
async fn old_chain(db: &TestDb) -> OrgScope {
    let scope = db.tenant().org_scope();
    append(db, &scope, 5).await;
    db.clock.advance(40 * DAY);
    append(db, &scope, 3).await;
    scope
}

async fn retain(db: &TestDb, sealer: &Sealer, days: u32) -> (i64, usize) {
    Retain::new(db.db.clone(), sealer.clone(), days).run_once(&db.env, || false).await.unwrap()
}

async fn check(db: &TestDb, sealer: &Sealer) -> ChainReport {
    let trusted = audit::trusted_keys(&db.db, sealer).await.unwrap();
    let mut reports = audit::verify_all_trusting(&db.db, &trusted).await.unwrap();
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

async fn change(db: &TestDb, scope: &OrgScope, sql: &str) -> u64 {
    let tx = db.write(scope).await;
    let changed = tx.execute(sql, binds![scope.org.uuid()]).await.unwrap();
    tx.commit().await.unwrap();
    changed
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn what_is_old_goes_and_the_chain_still_holds(db: TestDb) {
        let sealer = Sealer::ephemeral(&db.env);
        let scope = old_chain(&db).await;
        assert_eq!(retain(&db, &sealer, 0).await, (0, 0), "0 keeps for ever");
        assert_eq!(retain(&db, &sealer, 41).await, (0, 0));
        assert_eq!(retain(&db, &sealer, 30).await, (5, 0));
        assert_eq!(retain(&db, &sealer, 30).await, (0, 0), "once is enough");
        let report = check(&db, &sealer).await;
        assert_eq!((report.entries, report.dropped_to, report.faults.len()), (4, 5, 0), "{report}");
        let tx = db.read(&scope).await;
        let newest = audit::list(&tx, &scope, &Filter::default(), None, 1).await.unwrap().remove(0);
        assert_eq!((newest.action.as_str(), newest.actor_kind.as_str()), ("audit.entries.drop", "system"));
        let points = audit::checkpoints(&tx, &scope, None, 10).await.unwrap();
        assert_eq!((points.len(), points[0].seq, points[0].dropped, points[0].retention_days), (1, 5, 5, 30));
        drop(tx);
        // A second time, after more has grown old; and entries can still be added.
        db.clock.advance(31 * DAY);
        append(&db, &scope, 2).await;
        assert_eq!(retain(&db, &sealer, 30).await, (4, 0));
        let report = check(&db, &sealer).await;
        assert_eq!((report.entries, report.dropped_to, report.faults.len()), (3, 9, 0), "{report}");
    }

    async fn only_a_checkpoint_of_ones_own_is_believed(db: TestDb) {
        let sealer = Sealer::ephemeral(&db.env);
        let scope = old_chain(&db).await;
        assert_eq!(retain(&db, &sealer, 30).await, (5, 0));
        let untrusting = audit::verify_all_trusting(&db.db, &TrustedKeys::none()).await.unwrap().remove(0);
        assert_eq!(untrusting.faults[0], ChainFault::Checkpoint { seq: 5 });
        assert!(untrusting.faults.contains(&ChainFault::Deleted { seq: 1 }), "{untrusting}");
        let elsewhere = Sealer::ephemeral(&db.env);
        assert!(!check(&db, &elsewhere).await.is_intact(), "without the master key no signature can be judged");

        // Somebody drops two more and moves the checkpoint.
        let tx = db.read(&scope).await;
        let hash = audit::list(&tx, &scope, &Filter::default(), Some(8), 1).await.unwrap().remove(0).hash;
        drop(tx);
        let tx = db.write(&scope).await;
        tx.execute("DELETE FROM audit_entries WHERE org_id = $1 AND seq <= 7", binds![scope.org.uuid()]).await.unwrap();
        tx.execute("UPDATE audit_checkpoints SET seq = 7, hash = $2 WHERE org_id = $1", binds![scope.org.uuid(), hash])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let report = check(&db, &sealer).await;
        assert_eq!(report.faults[0], ChainFault::Checkpoint { seq: 7 }, "{report}");
        assert!(report.faults.contains(&ChainFault::Deleted { seq: 6 }), "{report}");
        // Without any checkpoint what is missing is missing.
        change(&db, &scope, "DELETE FROM audit_checkpoints WHERE org_id = $1").await;
        assert_eq!(check(&db, &sealer).await.faults.len(), 7);
    }

    async fn a_key_put_into_the_database_signs_nothing(db: TestDb) {
        let (own, forger) = (Sealer::ephemeral(&db.env), Sealer::ephemeral(&db.env));
        let scope = old_chain(&db).await;
        audit::ensure_key(&db.db, &own, &db.env).await.unwrap();
        // The forger's own key, checkpoint and all, made with our own code but another master key.
        let tx = db.db.system_write().await.unwrap();
        tx.execute("DELETE FROM audit_keys", Vec::new()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(retain(&db, &forger, 30).await, (5, 0));
        assert!(check(&db, &forger).await.is_intact());
        let report = check(&db, &own).await;
        assert_eq!(report.faults[0], ChainFault::Checkpoint { seq: 5 }, "{report}");
        // And our own server refuses to go on with such a key.
        let own = Retain::new(db.db.clone(), own, 30);
        assert!(matches!(own.run_once(&db.env, || false).await, Err(JobError::Retry(_))));
        assert_eq!(change(&db, &scope, "UPDATE audit_heads SET seq = seq WHERE org_id = $1").await, 1);
    }

    async fn a_broken_chain_is_not_dropped_from(db: TestDb) {
        let sealer = Sealer::ephemeral(&db.env);
        let scope = old_chain(&db).await;
        change(&db, &scope, "UPDATE audit_entries SET subject = 'x' WHERE org_id = $1 AND seq = 2").await;
        assert_eq!(retain(&db, &sealer, 30).await, (0, 1));
        assert_eq!(check(&db, &sealer).await.faults, [ChainFault::Altered { seq: 2 }], "dropping would have hidden it");
    }

    async fn what_was_dropped_does_not_come_back(db: TestDb) {
        let sealer = Sealer::ephemeral(&db.env);
        let scope = old_chain(&db).await;
        assert_eq!(retain(&db, &sealer, 30).await, (5, 0));
        change(
            &db,
            &scope,
            "INSERT INTO audit_entries (org_id, seq, audit_id, at, actor_kind, actor_id, actor_label, action, subject,
               prev_hash, hash)
             SELECT org_id, 3, audit_id, at, actor_kind, actor_id, actor_label, action, subject, prev_hash, hash
             FROM audit_entries WHERE org_id = $1 AND seq = 6",
        )
        .await;
        assert_eq!(check(&db, &sealer).await.faults, [ChainFault::Inserted { seq: 3 }]);
        assert_eq!(retain(&db, &sealer, 1).await, (0, 0), "nothing is old enough");
        db.clock.advance(10 * DAY);
        assert_eq!(retain(&db, &sealer, 1).await, (0, 1));
    }

    async fn two_processes_make_one_key(db: TestDb) {
        let sealer = Sealer::ephemeral(&db.env);
        let made = futures::future::join_all((0..6).map(|_| audit::ensure_key(&db.db, &sealer, &db.env))).await;
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        let tx = db.db.system_read().await.unwrap();
        let count: i64 = tx.fetch_scalar("SELECT COUNT(*) FROM audit_keys", Vec::new()).await.unwrap().unwrap();
        assert_eq!(count, 1);
    }
}
